"""Show results to a person on a terminal: a table of the first rows, and sentences that say what they mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import singledispatch
from typing import Any

from rich.console import Console, ConsoleRenderable
from rich.markup import escape
from rich.table import Table

from nextlabel.core.kinds.agreement import AgreementResult
from nextlabel.core.kinds.audit import AuditResult
from nextlabel.core.kinds.label_check import LabelCheckResult
from nextlabel.core.kinds.learning_curve import LearningCurveResult
from nextlabel.core.kinds.map import MapResult, MultilabelMapResult
from nextlabel.core.kinds.registry import JobResult
from nextlabel.core.kinds.selection import SelectionResult

ROWS = 20


def show(result: JobResult, console: Console) -> None:
    for table in tables_of(result):
        console.print(table)
    for sentence in result.sentences():
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


@singledispatch
def tables_of(result: JobResult) -> Iterable[ConsoleRenderable]:
    """Make the tables of a result: the first rows of its csv, where nothing below knows better."""
    rows = list(result.rows())
    yield table(result.header(), rows[:ROWS], more=len(rows) - ROWS)


@tables_of.register
def _(result: SelectionResult) -> Iterable[ConsoleRenderable]:
    rows = [(i.rank, i.name, i.predicted, i.confidence, i.reason) for i in result.items]
    yield table(("rank", "name", "predicted", "confidence", "reason"), rows[:ROWS], more=len(rows) - ROWS)


@tables_of.register
def _(result: MapResult) -> Iterable[ConsoleRenderable]:
    """Count the images of each class: nobody reads coordinates."""
    counts = Counter(result.class_names[class_] if class_ >= 0 else "(unlabelled)" for class_ in result.classes)
    yield table(("class", "images"), counts.most_common())


@tables_of.register
def _(result: MultilabelMapResult) -> Iterable[ConsoleRenderable]:
    """Count the images of each class; one that has several counts for each."""
    counts = Counter(result.class_names[c] for classes in result.classes for c in classes or ())
    yield table(("class", "images"), counts.most_common())


@tables_of.register
def _(result: LearningCurveResult) -> Iterable[ConsoleRenderable]:
    now = [(result.now, "now"), *((forecast, f"{forecast.extra} more") for forecast in result.forecast)]
    measured = [(p.labels, p.f1_macro, min(p.repeats), max(p.repeats), "measured") for p in result.points]
    forecast = [(f.labels, f.f1_macro, f.low, f.high, f"forecast: {which}") for f, which in now]
    yield table(("labels", "macro F1", "from", "to", ""), [*measured, *forecast])


@tables_of.register
def _(result: AuditResult) -> Iterable[ConsoleRenderable]:
    rows = [
        (
            arm.method,
            arm.f1_macro[-1] if arm.f1_macro else None,
            _range(arm.gain, arm.gain_interval, 1, "+.3f"),
            _range(arm.saved, arm.saved_interval, 100, ".0f", " %"),
            arm.verdict,
        )
        for arm in result.arms
    ]
    yield table(("method", "macro F1 at the end", "gain over random (95 %)", "labels saved (95 %)", ""), rows)


@tables_of.register
def _(result: LabelCheckResult) -> Iterable[ConsoleRenderable]:
    columns = ("rank", "name", "given", "suggested", "confidence", "reason")
    items = [(i.rank, i.name, i.given, i.suggested, i.confidence, i.reason) for i in result.items]
    if items:
        yield table(columns, items[:ROWS], more=len(items) - ROWS)
    if result.conflicts:
        pairs = [
            (one.name, ", ".join(f"{name} ({at})" for name, at in one.classes.items())) for one in result.conflicts
        ]
        yield table(("name", "its classes"), pairs[:ROWS], more=len(pairs) - ROWS)
    if result.copies_that_disagree:
        rows = [(", ".join(one.names), ", ".join(one.classes)) for one in result.copies_that_disagree]
        yield table(("near-copies", "their classes"), rows[:ROWS], more=len(rows) - ROWS)
    if result.leaks:
        leaks = [(one.name, one.class_name, one.validation_name, one.validation_class) for one in result.leaks]
        yield table(("labelled", "class", "validation", "its class"), leaks[:ROWS], more=len(leaks) - ROWS)


@tables_of.register
def _(result: AgreementResult) -> Iterable[ConsoleRenderable]:
    people = [
        (one.person, one.labels, one.images, one.with_consensus, _range(one.alpha, one.alpha_interval, 1, ".2f"))
        for one in result.people
    ]
    yield table(("person", "labels", "shared", "are the consensus", "alpha (95 %)"), people)
    classes = [
        (one.class_name, one.images, _range(one.alpha, one.alpha_interval, 1, ".2f"), one.mixed_up_with)
        for one in result.per_class
    ]
    yield table(("class", "shared", "alpha (95 %)", "mixed up with"), classes)
    open_ = [one for one in result.items if one.settled is None and len(set(one.labels.values())) > 1]
    rows = [
        (
            one.name,
            ", ".join(f"{c} ({person})" for person, c in one.labels.items()),
            one.consensus,
            one.quality,
        )
        for one in open_
    ]
    if rows:
        yield table(("to be settled", "labels", "consensus", "sure"), rows[:ROWS], more=len(rows) - ROWS)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], more: int = 0) -> Table:
    """Make a table. `more` rows are not shown, which the caption says."""
    made = Table(caption=f"and {more} more; --output FILE has them all" if more > 0 else None)
    for column in columns:
        made.add_column(column, overflow="fold")  # half a file's name is none
    for row in rows:
        made.add_row(*map(_cell, row))
    return made


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else escape(str(value))


def _range(value: float | None, ends: tuple[float, float] | None, times: int, form: str, unit: str = "") -> str:
    if value is None:
        return ""
    shown = f"{value * times:{form}}{unit}"
    return f"{shown} ({ends[0] * times:{form}} to {ends[1] * times:{form}})" if ends else shown

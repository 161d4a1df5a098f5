"""Show results to a person on a terminal: a table of the first rows, and sentences that say what they mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import singledispatch
from gettext import gettext as _
from typing import Any

from rich.console import Console, ConsoleRenderable
from rich.markup import escape
from rich.table import Table

from nextlabel.client.terminal import harmless
from nextlabel.core.kinds.agreement import AgreementResult
from nextlabel.core.kinds.audit import AuditResult
from nextlabel.core.kinds.label_check import LabelCheckResult
from nextlabel.core.kinds.learning_curve import LearningCurveResult
from nextlabel.core.kinds.map import MapResult, MultilabelMapResult
from nextlabel.core.kinds.registry import JobResult
from nextlabel.core.kinds.results import first_rows
from nextlabel.core.kinds.selection import SelectionResult

ROWS = 20


def show(result: JobResult, console: Console) -> None:
    for table in tables_of(result):
        console.print(table)
    for sentence in result.sentences():
        console.print(harmless(sentence), markup=False, highlight=False, soft_wrap=True)


@singledispatch
def tables_of(result: JobResult) -> Iterable[ConsoleRenderable]:
    """Make the tables of a result: the first rows of its csv, where nothing below knows better."""
    rows, count = first_rows(result, ROWS)
    yield table(result.header(), rows, more=count - ROWS)


@tables_of.register
def _of_selection(result: SelectionResult) -> Iterable[ConsoleRenderable]:
    rows = [(i.rank, i.name, i.predicted, i.confidence, i.reason) for i in result.items]
    yield table(
        (_("rank"), _("name"), _("predicted"), _("confidence"), _("reason")), rows[:ROWS], more=len(rows) - ROWS
    )


@tables_of.register
def _of_map(result: MapResult) -> Iterable[ConsoleRenderable]:
    """Count the images of each class: nobody reads coordinates."""
    counts = Counter(result.class_names[class_] if class_ >= 0 else _("(unlabelled)") for class_ in result.classes)
    yield table((_("class"), _("images")), counts.most_common())


@tables_of.register
def _of_several(result: MultilabelMapResult) -> Iterable[ConsoleRenderable]:
    """Count the images of each class; one that has several counts for each."""
    counts = Counter(result.class_names[c] for classes in result.classes for c in classes or ())
    yield table((_("class"), _("images")), counts.most_common())


@tables_of.register
def _of_curve(result: LearningCurveResult) -> Iterable[ConsoleRenderable]:
    more = _("forecast: {count} more")
    now = [
        (result.now, _("forecast: now")),
        *((forecast, more.format(count=forecast.extra)) for forecast in result.forecast),
    ]
    measured = [(p.labels, p.f1_macro, min(p.repeats), max(p.repeats), _("measured")) for p in result.points]
    forecast = [(f.labels, f.f1_macro, f.low, f.high, which) for f, which in now]
    yield table((_("labels"), _("macro F1"), _("from"), _("to"), ""), [*measured, *forecast])


@tables_of.register
def _of_audit(result: AuditResult) -> Iterable[ConsoleRenderable]:
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
    yield table(
        (_("method"), _("macro F1 at the end"), _("gain over random (95 %)"), _("labels saved (95 %)"), ""), rows
    )


@tables_of.register
def _of_check(result: LabelCheckResult) -> Iterable[ConsoleRenderable]:
    columns = (_("rank"), _("name"), _("given"), _("suggested"), _("confidence"), _("reason"))
    items = [(i.rank, i.name, i.given, i.suggested, i.confidence, i.reason) for i in result.items]
    if items:
        yield table(columns, items[:ROWS], more=len(items) - ROWS)
    if result.conflicts:
        pairs = [
            (one.name, ", ".join(f"{name} ({at})" for name, at in one.classes.items())) for one in result.conflicts
        ]
        yield table((_("name"), _("its classes")), pairs[:ROWS], more=len(pairs) - ROWS)
    if result.copies_that_disagree:
        rows = [(", ".join(one.names), ", ".join(one.classes)) for one in result.copies_that_disagree]
        yield table((_("near-copies"), _("their classes")), rows[:ROWS], more=len(rows) - ROWS)
    if result.leaks:
        leaks = [(one.name, one.class_name, one.validation_name, one.validation_class) for one in result.leaks]
        yield table((_("labelled"), _("class"), _("validation"), _("its class")), leaks[:ROWS], more=len(leaks) - ROWS)


@tables_of.register
def _of_agreement(result: AgreementResult) -> Iterable[ConsoleRenderable]:
    people = [
        (one.person, one.labels, one.images, one.with_consensus, _range(one.alpha, one.alpha_interval, 1, ".2f"))
        for one in result.people
    ]
    yield table((_("person"), _("labels"), _("shared"), _("are the consensus"), _("alpha (95 %)")), people)
    classes = [
        (one.class_name, one.images, _range(one.alpha, one.alpha_interval, 1, ".2f"), one.mixed_up_with)
        for one in result.per_class
    ]
    yield table((_("class"), _("shared"), _("alpha (95 %)"), _("mixed up with")), classes)
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
        yield table((_("to be settled"), _("labels"), _("consensus"), _("sure")), rows[:ROWS], more=len(rows) - ROWS)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], more: int = 0) -> Table:
    """Make a table. `more` rows are not shown, which the caption says."""
    rest = _("and {count} more; --output FILE has them all").format(count=more)
    made = Table(caption=rest if more > 0 else None)
    for column in columns:
        made.add_column(column, overflow="fold")  # half a file's name is none
    for row in rows:
        made.add_row(*map(_cell, row))
    return made


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else escape(harmless(str(value)))


def _range(value: float | None, ends: tuple[float, float] | None, times: int, form: str, unit: str = "") -> str:
    if value is None:
        return ""
    shown = f"{value * times:{form}}{unit}"
    if ends is None:
        return shown
    words = _("{value} ({low} to {high})")
    low, high = (f"{end * times:{form}}" for end in ends)
    return words.format(value=shown, low=low, high=high)

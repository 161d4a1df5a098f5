"""A report to mail: one file of HTML made of results, that asks no host and stays under 5 MB.

What no result tells is said to be missing, with how to have it told.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from statistics import median
from typing import Any, TypeVar

from nextlabel.core.data.looks import Look
from nextlabel.core.jobs.hand_outs import HandOut
from nextlabel.core.kinds.agreement import AgreementResult
from nextlabel.core.kinds.f1 import F1Result
from nextlabel.core.kinds.label_check import LabelCheckResult
from nextlabel.core.kinds.learning_curve import LearningCurveResult
from nextlabel.core.kinds.map import MapResult
from nextlabel.core.kinds.results import Leak, Result
from nextlabel.core.kinds.selection import SelectionResult
from nextlabel.core.reports.charts import confusion, f1_by_class, learning_curve, map_of_pool

MOST_PICTURES = 24  # of a section
MOST_ROWS = 50
MOST_BYTES = 5_000_000
#: Below these an image is told to be dark, or blurred: of 1 that is white; of the sharpness of the image in the middle.
DARK, BLURRED = 0.15, 0.1
Picture = Callable[[str], bytes | None]
R = TypeVar("R", bound=Result)

STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; border-top: 1px solid #8884; padding-top: 1rem }
table { border-collapse: collapse } th, td { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top }
td { border-top: 1px solid #8883; overflow-wrap: anywhere }
svg { max-width: 100%; height: auto } .missing { opacity: .75 }
ul.pictures { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none }
ul.pictures li { width: 160px; font-size: .85rem; overflow-wrap: anywhere } img { max-width: 160px; max-height: 160px }
"""


@dataclass(frozen=True)
class About:
    """What a report is about. labels_by_person: how many each has given. looks: of an even draw of the `images`."""

    pool: str
    made_at: datetime
    labels: int
    labels_by_person: Mapping[str, int]
    disputed: int
    settled: int
    images: int
    looks: Mapping[str, Look]


def report(results: Sequence[Result], hand_outs: Sequence[HandOut], about: About, picture: Picture) -> str:
    """Write the report. Of several results of a kind the last counts. picture: a small JPEG of an image; None: none."""
    check, quality = _last(results, LabelCheckResult), _last(results, F1Result)
    pictures = _Pictures(picture)
    parts = [
        _head(about),
        _curve(_last(results, LearningCurveResult)),
        _quality(quality),
        _suspicious(check, pictures),
        _batch(_last(results, SelectionResult), pictures),
        _map(_last(results, MapResult)),
        _doubled(check, quality),
        _people(_last(results, AgreementResult), hand_outs),
        _dark_and_blurred(about, pictures),
    ]
    title = f"nextlabel: {about.pool}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _last(results: Sequence[Result], kind: type[R]) -> R | None:
    return next((one for one in reversed(results) if isinstance(one, kind)), None)


class _Pictures:
    """Writes pictures into the file as long as there is room."""

    def __init__(self, picture: Picture) -> None:
        self._picture, self._room = picture, MOST_BYTES // 2

    def list_of(self, items: Sequence[tuple[str, str]]) -> str:
        """Write the first (name, what is said of it), each with its picture where it can be had."""
        listed = "".join(
            f"<li>{self._image(name)}<br><b>{escape(name)}</b><br>{escape(said)}</li>"
            for name, said in items[:MOST_PICTURES]
        )
        more = f"<p>and {len(items) - MOST_PICTURES:,} more</p>" if len(items) > MOST_PICTURES else ""
        return f'<ul class="pictures">{listed}</ul>{more}'

    def _image(self, name: str) -> str:
        data = self._picture(name)
        if data is None or len(data) * 4 / 3 > self._room:
            return "(no picture)"
        self._room -= len(data) * 4 // 3
        return f'<img alt="{escape(name)}" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">'


# --- sections ---------------------------------------------------------------------------------------------------


def _head(about: About) -> str:
    people = ", ".join(f"{name} {count:,}" for name, count in about.labels_by_person.items())
    return (
        f"<h1>{escape(about.pool)}</h1><p>{about.made_at:%d %B %Y, %H:%M} UTC. {about.labels:,} labelled images"
        f"{f' ({escape(people)})' if people else ''}; {about.disputed:,} about which people contradict each other, "
        f"{about.settled:,} settled.</p>"
    )


def _curve(result: LearningCurveResult | None) -> str:
    if result is None:
        return _section("Is it worth labelling more?", _not_told("a learning curve"))
    rows = [
        (
            f"{one.extra:,} more",
            "can't be told" if one.f1_macro is None else f"{one.f1_macro:.3f}",
            _range(one.low, one.high),
        )
        for one in result.forecast
    ]
    body = learning_curve(result) + _table(("labels", "macro F1 expected", "95 %"), rows)
    return _section("Is it worth labelling more?", _told(result) + body)


def _quality(result: F1Result | None) -> str:
    if result is None:
        return _section("How good is the classifier?", _not_told("a quality measured on a validation set"))
    rows = [
        (
            c.class_name,
            f"{c.f1:.3f}",
            "" if c.f1_interval is None else _range(*c.f1_interval),
            f"{c.precision:.3f}",
            f"{c.recall:.3f}",
            c.support,
        )
        for c in result.per_class
    ]
    scores = _table(("class", "F1", "95 %", "precision", "recall", "images"), rows)
    return _section("How good is the classifier?", _told(result) + f1_by_class(result) + scores) + _section(
        "What is taken for what", confusion(result)
    )


def _suspicious(result: LabelCheckResult | None, pictures: _Pictures) -> str:
    if result is None:
        return _section("Suspicious labels", _not_told("a check of the labels"))
    items = [(one.name, one.reason) for one in result.items]
    return _section("Suspicious labels", _told(result) + (pictures.list_of(items) if items else ""))


def _batch(result: SelectionResult | None, pictures: _Pictures) -> str:
    if result is None:
        return _section("The next batch", _not_told("a batch"))
    return _section("The next batch", _told(result) + pictures.list_of([(i.name, i.reason) for i in result.items]))


def _map(result: MapResult | None) -> str:
    return _section("Map", _not_told("a map") if result is None else map_of_pool(result))


def _doubled(check: LabelCheckResult | None, quality: F1Result | None) -> str:
    body = ""
    if check is not None:
        pairs = [(", ".join(one.names), ", ".join(one.classes)) for one in check.copies_that_disagree]
        body += f"<p>Near-copies with different labels: {len(pairs):,}.</p>" + _table(("images", "labels"), pairs)
    leaks: Sequence[Leak] = quality.leaks if quality is not None else check.leaks if check is not None else ()
    if quality is not None or leaks:
        rows = [
            (one.name, one.validation_name, "the same file" if one.identical else "nearly the same") for one in leaks
        ]
        body += f"<p>In training and validation both: {len(rows):,}. Scores on them say nothing.</p>"
        body += _table(("labelled", "validation", ""), rows)
    return _section("Doubled images and leaks", body or _not_told("a check of the labels, or a quality"))


def _dark_and_blurred(about: About, pictures: _Pictures) -> str:
    looks = about.looks
    dark = sorted((one.brightness, name) for name, one in looks.items() if one.brightness < DARK)
    least = BLURRED * median(one.sharpness for one in looks.values()) if looks else 0.0
    blurred = sorted((one.sharpness, name) for name, one in looks.items() if one.sharpness < least)
    body = f"<p>Looked at {len(looks):,} of {about.images:,} images, an even draw.</p>"
    body += f"<p>Dark: {len(dark):,}.</p>"
    body += pictures.list_of([(name, f"{_percent(bright)} bright") for bright, name in dark])
    body += f"<p>Blurred, or without any edge, beside the others: {len(blurred):,}.</p>"
    body += pictures.list_of([(name, f"{_percent(sharp / least * BLURRED)} as sharp") for sharp, name in blurred])
    return _section("Dark and blurred images", body)


def _people(result: AgreementResult | None, hand_outs: Sequence[HandOut]) -> str:
    out = [(one.person, len(one.left), len(one.labelled), f"{one.ends_at:%H:%M} UTC") for one in hand_outs if one.left]
    body = f"<p>Images that are with people: {sum(row[1] for row in out):,}.</p>"
    body += _table(("person", "to be labelled", "labelled", "until"), out)
    if result is None:
        return _section("People", body + _not_told("an agreement of people"))
    people = [
        (one.person, one.labels, one.images, _percent(one.with_consensus), one.worst_class or "")
        for one in result.people
    ]
    body += _told(result) + _table(("person", "labels", "shared", "are the consensus", "differs most in"), people)
    classes = [
        (
            one.class_name,
            one.images,
            "" if one.alpha is None else f"{one.alpha:.2f}",
            "" if one.alpha_interval is None else _range(*one.alpha_interval),
            one.mixed_up_with or "",
        )
        for one in result.per_class
    ]
    return _section("People", body + _table(("class", "shared", "alpha", "95 %", "mixed up with"), classes))


# --- parts ------------------------------------------------------------------------------------------------------


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _told(result: Result) -> str:
    return "".join(f"<p>{escape(one)}</p>" for one in result.sentences())


def _not_told(what: str) -> str:
    return _missing(f"Not told: {what} was not asked for, or not for one class an image.")


def _missing(words: str) -> str:
    return f'<p class="missing">{escape(words)}</p>'


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(one)}</th>" for one in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows[:MOST_ROWS])
    more = f"<p>and {len(rows) - MOST_ROWS:,} more</p>" if len(rows) > MOST_ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _range(low: float, high: float) -> str:
    return f"{low:.3f} to {high:.3f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"

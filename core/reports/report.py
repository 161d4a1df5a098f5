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
from typing import Any

from nextlabel.core.counting import counted
from nextlabel.core.data.looks import Look
from nextlabel.core.jobs.hand_outs import HandOut
from nextlabel.core.jobs.record import JobWarning
from nextlabel.core.kinds.agreement import AgreementResult
from nextlabel.core.kinds.f1 import DetectionF1Result, F1Result, MultilabelF1Result
from nextlabel.core.kinds.label_check import DetectionLabelCheckResult, LabelCheckResult, MultilabelLabelCheckResult
from nextlabel.core.kinds.learning_curve import DetectionLearningCurveResult, LearningCurveResult
from nextlabel.core.kinds.map import DetectionMapResult, MapResult, MultilabelMapResult
from nextlabel.core.kinds.requests import AnyTask
from nextlabel.core.kinds.results import Leak, Result
from nextlabel.core.kinds.selection import DetectionSelectionResult, MultilabelSelectionResult, SelectionResult
from nextlabel.core.reports.charts import confusion, f1_by_class, learning_curve, map_of_pool, precision_by_class

MOST_PICTURES = 24  # of a section
MOST_ROWS = 50
MOST_BYTES = 5_000_000
#: Below these an image is told to be dark, or blurred: of 1 that is white; of the sharpness of the image in the middle.
DARK, BLURRED = 0.15, 0.1
MISSES = {
    "class": "of another class",
    "place": "badly placed",
    "both": "of another class, and badly placed",
    "double": "found once already",
    "background": "nothing is there",
    "missed": "missed",
}
Box = tuple[float, float, float, float]
Boxes = Sequence[Box | None]  # each place has its colour; None: there is no box of that colour
#: Of an image by its name, a small JPEG; with boxes, these cut out of it. None: it can't be had.
Picture = Callable[[str, Boxes], bytes | None]
Curve = LearningCurveResult | DetectionLearningCurveResult
ClassQuality = F1Result | MultilabelF1Result
Quality = ClassQuality | DetectionF1Result
ClassCheck = LabelCheckResult | MultilabelLabelCheckResult
Check = ClassCheck | DetectionLabelCheckResult
NextBatch = SelectionResult | MultilabelSelectionResult | DetectionSelectionResult
Map = MapResult | MultilabelMapResult | DetectionMapResult

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
    """What a report is about. labels: labelled images, on which are `boxes`, where labels are boxes.

    labels_by_person: how many images each has labelled. looks: of an even draw of the `images`. warnings: of the jobs
    whose results it is made of.
    """

    pool: str
    made_at: datetime
    labels: int
    labels_by_person: Mapping[str, int]
    disputed: int
    settled: int
    images: int
    looks: Mapping[str, Look]
    task: AnyTask = "classification"
    boxes: int = 0
    warnings: Sequence[JobWarning] = ()


def report(results: Sequence[Result], hand_outs: Sequence[HandOut], about: About, picture: Picture) -> str:
    """Write the report. All results are of the task that it is about; of several of a kind the last counts."""
    last: dict[str, Any] = {one.kind: one for one in results}
    check, quality = last.get("label_check"), last.get("f1")
    pictures = _Pictures(picture)
    parts = [
        _head(about),
        _warned(about.warnings),
        _curve(last.get("learning_curve")),
        _quality(quality),
        _suspicious(check, pictures),
        _batch(last.get("selection"), pictures),
        _map(last.get("map")),
        "" if about.task == "detection" else _doubled(check, quality),
        _people(last.get("agreement"), hand_outs, about.task),
        _dark_and_blurred(about, pictures),
    ]
    title = f"nextlabel: {about.pool}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


class _Pictures:
    """Writes pictures into the file as long as there is room."""

    def __init__(self, picture: Picture) -> None:
        self._picture, self._room = picture, MOST_BYTES // 2

    def list_of(self, items: Sequence[tuple[str, str]], boxes: Sequence[Boxes] = ()) -> str:
        """Write the first (name, what is said of it), each with its picture where it can be had.

        boxes: of each, what is cut out of its picture; empty: each is shown whole.
        """
        cuts: Sequence[Boxes] = boxes or [()] * len(items)
        listed = "".join(
            f"<li>{self._image(name, cut)}<br><b>{escape(name)}</b><br>{escape(said)}</li>"
            for (name, said), cut in zip(items[:MOST_PICTURES], cuts, strict=False)
        )
        more = f"<p>and {len(items) - MOST_PICTURES:,} more</p>" if len(items) > MOST_PICTURES else ""
        return f'<ul class="pictures">{listed}</ul>{more}'

    def _image(self, name: str, boxes: Boxes) -> str:
        data = self._picture(name, boxes)
        if data is None or len(data) * 4 / 3 > self._room:
            return "(no picture)"
        self._room -= len(data) * 4 // 3
        return f'<img alt="{escape(name)}" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">'


# --- sections ---------------------------------------------------------------------------------------------------


def _head(about: About) -> str:
    people = ", ".join(f"{name} {count:,}" for name, count in about.labels_by_person.items())
    boxes = f" with {counted(about.boxes, 'box', 'boxes', ',')}" if about.task == "detection" else ""
    images = counted(about.labels, "labelled image", spec=",")
    return (
        f"<h1>{escape(about.pool)}</h1><p>{about.made_at:%d %B %Y, %H:%M} UTC. {images}{boxes}"
        f"{f' ({escape(people)})' if people else ''}; {about.disputed:,} about which people contradict each other, "
        f"{about.settled:,} settled.</p>"
    )


def _warned(warnings: Sequence[JobWarning]) -> str:
    """Tell each warning once: several jobs that read the same labels have the same."""
    if not warnings:
        return ""
    lines = dict.fromkeys(one.told() for one in warnings)
    return _section("To be known beforehand", f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>")


def _curve(result: Curve | None) -> str:
    if result is None:
        return _section("Is it worth labelling more?", _not_told("a learning curve"))
    if isinstance(result, LearningCurveResult):
        header = ("labels", "macro F1 expected", "95 %")
        ahead = [(one.extra, one.f1_macro, one.low, one.high) for one in result.forecast]
    else:
        header = ("images", "mAP@50 expected", "95 %")
        ahead = [(one.extra, one.map50, one.low, one.high) for one in result.forecast]
    rows = [
        (f"{extra:,} more", "can't be told" if value is None else f"{value:.3f}", _range(low, high))
        for extra, value, low, high in ahead
    ]
    body = learning_curve(result) + _table(header, rows)
    return _section("Is it worth labelling more?", _told(result) + body)


def _quality(result: Quality | None) -> str:
    if result is None:
        return _section("How good is the model?", _not_told("a quality measured on a validation set"))
    if isinstance(result, DetectionF1Result):
        return _quality_of_boxes(result)
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
    body = _section("How good is the model?", _told(result) + f1_by_class(result) + scores)
    if isinstance(result, MultilabelF1Result):
        return body
    return body + _section("What is taken for what", confusion(result))


def _quality_of_boxes(result: DetectionF1Result) -> str:
    rows = [
        (
            c.class_name,
            "" if c.ap50 is None else f"{c.ap50:.3f}",
            "" if c.ap50_interval is None else _range(*c.ap50_interval),
            "" if c.average_precision is None else f"{c.average_precision:.3f}",
            f"{c.f1:.3f}",
            c.objects,
        )
        for c in result.per_class
    ]
    scores = _table(("class", "AP at IoU 0.5", "95 %", "AP at 0.5 to 0.95", "F1", "boxes"), rows)
    misses = [(MISSES[kind], count) for kind, count in result.misses_by_kind.items()]
    return (
        _section("How good is the detector?", _told(result) + precision_by_class(result) + scores)
        + _section("What it does wrong", _table(("miss", "boxes"), misses))
        + _section("What is taken for what", confusion(result))
    )


def _suspicious(result: Check | None, pictures: _Pictures) -> str:
    if result is None:
        return _section("Suspicious labels", _not_told("a check of the labels"))
    items = [(one.name, one.reason) for one in result.items]
    if not isinstance(result, DetectionLabelCheckResult):
        return _section("Suspicious labels", _told(result) + (pictures.list_of(items) if items else ""))
    cuts = [(one.box, one.predicted_box) for one in result.items]
    told = _told(result) + "<p>Red: as it was drawn; blue: as it is predicted.</p>"
    return _section("Suspicious boxes", told + (pictures.list_of(items, cuts) if items else ""))


def _batch(result: NextBatch | None, pictures: _Pictures) -> str:
    if result is None:
        return _section("The next batch", _not_told("a batch"))
    return _section("The next batch", _told(result) + pictures.list_of([(i.name, i.reason) for i in result.items]))


def _map(result: Map | None) -> str:
    return _section("Map", _not_told("a map") if result is None else map_of_pool(result))


def _doubled(check: ClassCheck | None, quality: ClassQuality | None) -> str:
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
    body = f"<p>Looked at {len(looks):,} of {counted(about.images, 'image', spec=',')}, an even draw.</p>"
    body += f"<p>Dark: {len(dark):,}.</p>"
    body += pictures.list_of([(name, f"{_percent(bright)} bright") for bright, name in dark])
    body += f"<p>Blurred, or without any edge, beside the others: {len(blurred):,}.</p>"
    body += pictures.list_of([(name, f"{_percent(sharp / least * BLURRED)} as sharp") for sharp, name in blurred])
    return _section("Dark and blurred images", body)


def _people(result: AgreementResult | None, hand_outs: Sequence[HandOut], task: AnyTask) -> str:
    out = [(one.person, len(one.left), len(one.labelled), f"{one.ends_at:%H:%M} UTC") for one in hand_outs if one.left]
    body = f"<p>Images that are with people: {sum(row[1] for row in out):,}.</p>"
    body += _table(("person", "to be labelled", "labelled", "until"), out)
    if result is None:
        untold = _not_told("an agreement of people") if task == "classification" else ""
        return _section("People", body + untold)
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
    return _missing(f"Not told: {what} was not asked for.")


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

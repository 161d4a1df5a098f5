"""Charts of results as SVG: text that any browser or office draws, made without a library. No host is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

from nextlabel.core.kinds.agreement import AgreementResult
from nextlabel.core.kinds.audit import AuditArm, AuditResult, BoxAuditArm, DetectionAuditResult
from nextlabel.core.kinds.f1 import DetectionF1Result, F1Result, MultilabelF1Result
from nextlabel.core.kinds.learning_curve import DetectionLearningCurveResult, LearningCurveResult
from nextlabel.core.kinds.map import DetectionMapResult, MapResult, MultilabelMapResult
from nextlabel.core.kinds.results import Result

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 350, 56, 44, 44
MOST_POINTS = 5_000  # of a map: 0.3 MB
MOST_CLASSES = 40  # of a matrix: more can't be read
NO_LABEL, NONE_APPLIES, SEVERAL = -1, -2, -3
GREYS = {NO_LABEL: "#9996", NONE_APPLIES: "#666", SEVERAL: "#d4a"}
HUES = (205, 28, 145, 340, 265, 50, 180, 0, 310, 95, 225, 75)
FONTS = "system-ui, 'DejaVu Sans', 'Liberation Sans', 'Noto Sans', Helvetica, Arial, sans-serif"
Interval = tuple[float, float]
Bar = tuple[str, float | None, Interval | None, int]  #: name, value, its 95 %, of how many


def chart_of(result: Result) -> str | None:
    """Draw what a kind of result looks like as a file of SVG, on white; None: nothing is drawn of that kind."""
    for kind, draw in _CHARTS:
        if isinstance(result, kind):
            head, end, rest = draw(result).partition(">")
            return f'{head}{end}<rect width="100%" height="100%" fill="#fff"/>{rest}'
    return None


def is_drawn(kind: type[Result]) -> bool:
    """Tell whether anything is drawn of that kind of result."""
    return any(issubclass(kind, one) for one, _ in _CHARTS)


def learning_curve(result: LearningCurveResult | DetectionLearningCurveResult) -> str:
    """Draw what was measured, and the forecast with its range."""
    if isinstance(result, LearningCurveResult):
        measured = [(one.labels, one.f1_macro, one.repeats) for one in result.points]
        ahead = [(one.labels, one.f1_macro, one.low, one.high) for one in (result.now, *result.forecast)]
        of, score = "labels", "macro F1"
    else:
        measured = [(one.images, one.map50, one.repeats) for one in result.points]
        ahead = [(one.images, one.map50, one.low, one.high) for one in (result.now, *result.forecast)]
        of, score = "labelled images", "mAP@50"
    told = [(labels, value, low, high) for labels, value, low, high in ahead if value is not None]
    right = max([*(labels for labels, *_ in measured), *(labels for labels, *_ in told)], default=1)
    x, y = _scale(0, right, LEFT, WIDTH - 16), _scale(0, 1, HEIGHT - BOTTOM, TOP)
    parts = [*_grid(x, y, right, of, score)]
    if told:
        band = [*((labels, high) for labels, _, _, high in told), *((labels, low) for labels, _, low, _ in told[::-1])]
        parts.append(_shape("polygon", band, x, y, 'fill="#3b82c4" fill-opacity="0.2"'))
        line = [(labels, value) for labels, value, *_ in told]
        parts.append(_shape("polyline", line, x, y, 'fill="none" stroke="#3b82c4" stroke-dasharray="5 4"'))
    line = [(labels, value) for labels, value, _ in measured]
    parts.append(_shape("polyline", line, x, y, 'fill="none" stroke="#1f5f99" stroke-width="2"'))
    for labels, value, repeats in measured:
        low, high = min([value, *repeats]), max([value, *repeats])  # folds together may come to less than each
        parts.append(f'<path d="M{x(labels):.1f} {y(low):.1f}V{y(high):.1f}" stroke="#1f5f99"/>')
        parts.append(f'<circle cx="{x(labels):.1f}" cy="{y(value):.1f}" r="3" fill="#1f5f99"/>')
    title = f"{score} by the number of {of}: measured, with its repeats"
    return _svg(WIDTH, HEIGHT, parts, f"{title}, and forecast with its 95 % range" if told else title)


def audit(result: AuditResult | DetectionAuditResult) -> str:
    """Draw a line a method: what its labels, or its boxes, would have given."""
    if isinstance(result, AuditResult):
        lines = [list(zip(arm.labels, arm.f1_macro, strict=True)) for arm in result.arms]
        of, score, gained = "labels", "macro F1", "mean F1"
    else:
        lines = [list(zip(arm.boxes, arm.map50, strict=True)) for arm in result.arms]
        of, score, gained = "boxes", "mAP@50", "mean mAP@50 at as many boxes"
    right = max((drawn for line in lines for drawn, _ in line), default=1)
    x, y = _scale(0, right, LEFT, WIDTH - 16), _scale(0, 1, HEIGHT - BOTTOM, TOP)
    parts, arms = [*_grid(x, y, right, of, score)], list[AuditArm | BoxAuditArm](result.arms)
    for at, (arm, line) in enumerate(zip(arms, lines, strict=True)):
        parts.append(_shape("polyline", line, x, y, f'fill="none" stroke="{_hue(at)}" stroke-width="2"'))
        low, high = arm.gain_interval
        said = f"{arm.method}: {arm.gain:+.3f} ({low:+.3f} to {high:+.3f})" if at else arm.method
        parts.append(f'<circle cx="{WIDTH - 290}" cy="{HEIGHT - BOTTOM - 12 - 18 * at}" r="5" fill="{_hue(at)}"/>')
        parts.append(_text(WIDTH - 280, HEIGHT - BOTTOM - 8 - 18 * at, said, anchor="start"))
    return _svg(WIDTH, HEIGHT, parts, f"Methods replayed {result.repeats} times: gain in {gained}, with its 95 %")


def f1_by_class(result: F1Result | MultilabelF1Result) -> str:
    """Draw the F1 of each class as a bar with its interval, in the order of the result."""
    rows = [(one.class_name, one.f1, one.f1_interval, one.support) for one in result.per_class]
    low, high = result.f1_macro_interval
    title = f"Macro F1 {result.f1_macro:.3f} (95 %: {low:.3f} to {high:.3f})"
    return _bars(f"{title} on {result.validation_images:,} images", "F1 by class", "images", rows)


def precision_by_class(result: DetectionF1Result) -> str:
    """Draw the average precision of each class of boxes as a bar with its interval."""
    rows = [(one.class_name, one.ap50, one.ap50_interval, one.objects) for one in result.per_class]
    title = f"mAP@50 on {result.validation_boxes:,} boxes of {result.validation_images:,} images"
    if result.map50 is not None and result.map50_interval is not None:
        low, high = result.map50_interval
        title = f"mAP@50 {result.map50:.3f} (95 %: {low:.3f} to {high:.3f}){title.removeprefix('mAP@50')}"
    return _bars(title, "average precision at an IoU of 0.5", "boxes", rows)


def agreement(result: AgreementResult) -> str:
    """Draw Krippendorff's alpha of each class, and of each person with the others, as bars with their intervals."""
    classes = [(one.class_name, one.alpha, one.alpha_interval, one.images) for one in result.per_class]
    people = [(one.person, one.alpha, one.alpha_interval, one.images) for one in result.people]
    alpha = "Krippendorff's alpha: 1 is full agreement, 0 that of chance"
    return _stacked(
        _bars("Agreement by class", alpha, "shared images", classes),
        _bars("Agreement of each person with the others", alpha, "shared images", people),
        title="Agreement by class and by person",
    )


def confusion(result: F1Result | DetectionF1Result) -> str:
    """Draw the matrix: a row a class as labelled, a column a class as predicted; darker is more of the row."""
    rows, columns, matrix = _matrix(result)
    side = max(14, min(34, 520 // max(1, len(rows))))
    left, top = (24 + min(210, 7 * max((len(name) for name in names), default=0)) for names in (rows, columns))
    top += TOP - 24
    parts = [
        _text(left + at * side + side / 2 + 4, top - 6, _cut(name), turned=True) for at, name in enumerate(columns)
    ]
    for row, name in enumerate(rows):
        middle, total = top + row * side + side / 2 + 4, sum(matrix[row])
        parts.append(_text(left - 6, middle, _cut(name), anchor="end"))
        for column, count in enumerate(matrix[row][: len(columns)]):
            hue = "#1f5f99" if row == column else "#b3471d"
            opacity = count / total if total else 0
            words = f"{escape(name)} called {escape(columns[column])}: {count}"
            at = f'x="{left + column * side}" y="{top + row * side}"'
            parts.append(
                f'<rect {at} width="{side - 1}" height="{side - 1}" fill="{hue}" fill-opacity="{opacity:.2f}" '
                f'stroke="#8884"><title>{words}</title></rect>'
            )
            if count and side >= 20:
                colour = "#fff" if opacity > 0.5 else "currentColor"
                parts.append(_text(left + column * side + side / 2, middle, str(count), size=10, fill=colour))
    title = "Confusion, counted: rows as labelled, columns as predicted"
    return _svg(max(left + side * len(columns) + 8, 420), top + 8 + side * len(rows), parts, title)


def map_of_pool(result: MapResult | MultilabelMapResult | DetectionMapResult) -> str:
    """Draw images, or boxes, as points where they lie, coloured by label, grey without one; an even part of many."""
    step = max(1, -(-len(result.names) // MOST_POINTS))
    rows = range(0, len(result.names), step)
    classes = [_coloured_as(one) for one in result.classes]
    x = _scale(min(result.x, default=0), max(result.x, default=1), 12, WIDTH - 150)
    y = _scale(min(result.y, default=0), max(result.y, default=1), TOP + WIDTH - 166, TOP)
    parts = [
        f'<circle cx="{x(result.x[i]):.0f}" cy="{y(result.y[i]):.0f}" r="2.5" fill="{_hue(classes[i])}"/>'
        for i in sorted(rows, key=lambda i: classes[i])
    ]
    named = [(NO_LABEL, "no label"), *enumerate(result.class_names)]
    if isinstance(result, MultilabelMapResult):
        named[1:1] = [(NONE_APPLIES, "none applies"), (SEVERAL, "several")]
    for at, (class_, name) in enumerate(named[:24]):
        parts.append(f'<circle cx="{WIDTH - 132}" cy="{TOP + 8 + 18 * at}" r="5" fill="{_hue(class_)}"/>')
        parts.append(_text(WIDTH - 122, TOP + 12 + 18 * at, _cut(name, 16), anchor="start"))
    if len(named) > 24:
        parts.append(_text(WIDTH - 122, TOP + 12 + 18 * 24, f"and {len(named) - 24} more", anchor="start"))
    things = "boxes" if isinstance(result, DetectionMapResult) else "images"
    title = f"{len(rows):,} {things} in a plane (no units): what looks alike lies close"
    return _svg(WIDTH, TOP + WIDTH - 158, parts, title)


def _quality(result: F1Result) -> str:
    return _stacked(f1_by_class(result), confusion(result), title="F1 by class, and what is taken for what")


def _quality_of_boxes(result: DetectionF1Result) -> str:
    drawn = precision_by_class(result), confusion(result)
    return _stacked(*drawn, title="Average precision by class, and what is taken for what")


_CHARTS: tuple[tuple[type[Result], Callable[[Any], str]], ...] = (
    (LearningCurveResult, learning_curve),
    (DetectionLearningCurveResult, learning_curve),
    (F1Result, _quality),
    (MultilabelF1Result, f1_by_class),
    (DetectionF1Result, _quality_of_boxes),
    (AuditResult, audit),
    (DetectionAuditResult, audit),
    (AgreementResult, agreement),
    (MapResult, map_of_pool),
    (MultilabelMapResult, map_of_pool),
    (DetectionMapResult, map_of_pool),
)


# --- shapes -----------------------------------------------------------------------------------------------------


def _bars(title: str, unit: str, counted: str, bars: Sequence[Bar]) -> str:
    """Draw a bar a row, a line across its end from the low to the high end of its interval, and the numbers."""
    row, left = 20, min(260, 24 + 7 * max((len(name) for name, *_ in bars), default=0))
    lowest = min([0.0, *(interval[0] for *_, interval, _ in bars if interval), *(bar[1] or 0.0 for bar in bars)])
    x, bottom = _scale(lowest, 1, left, left + 300), TOP + 6 + row * len(bars)
    parts = []
    for tick in (lowest, *(one for one in (0, 0.25, 0.5, 0.75, 1) if one - lowest > 0.1 or one == lowest == 0)):
        parts.append(f'<path d="M{x(tick):.1f} {TOP}V{bottom}" stroke="#8884"/>')
        parts.append(_text(x(tick), bottom + 16, f"{tick:.2g}"))
    for at, (name, value, interval, count) in enumerate(bars):
        top = TOP + 6 + at * row
        parts.append(_text(left - 6, top + 11, _cut(name), anchor="end"))
        said = "can't be told" if value is None else f"{value:.2f}"
        if value is not None:
            begin, end = sorted((x(0), x(value)))
            parts.append(
                f'<rect x="{begin:.1f}" y="{top}" width="{end - begin:.1f}" height="{row - 6}" fill="#3b82c4">'
                f"<title>{escape(name)}: {value:.3f}, {count:,} {counted}</title></rect>"
            )
        if interval is not None:
            low, high = interval
            parts.append(f'<path d="M{x(low):.1f} {top + 7}H{x(high):.1f}" stroke="#b3471d" stroke-width="2"/>')
            said += f" ({low:.2f} to {high:.2f})"
        parts.append(_text(left + 308, top + 11, f"{said}, {count:,} {counted}", anchor="start"))
    parts.append(_text(left, bottom + 34, f"{unit}; the red line is its 95 % interval", anchor="start"))
    return _svg(left + 550, bottom + 44, parts, title)


def _stacked(*charts: str, title: str) -> str:
    """Put charts below each other into one file."""
    parts, below, width = [], 0.0, 0.0
    for one in charts:
        wide, high = (float(size) for size in one.partition('viewBox="0 0 ')[2].partition('"')[0].split())
        parts.append(one.replace("<svg ", f'<svg y="{below:.0f}" ', 1))
        below, width = below + high + 12, max(width, wide)
    return _svg(width, below, parts, title, shown=False)


def _matrix(result: F1Result | DetectionF1Result) -> tuple[list[str], list[str], Sequence[Sequence[int]]]:
    """Return what the rows and the columns are, and counts; of boxes, what is drawn or predicted alone, too."""
    told = result.confusion
    classes = list(told.classes[:MOST_CLASSES])
    if isinstance(result, F1Result) or len(told.classes) > MOST_CLASSES:
        return classes, classes, told.matrix
    return [*classes, "nothing there"], [*classes, "missed"], told.matrix


def _coloured_as(label: int | tuple[int, ...] | None) -> int:
    """Return the class whose colour a point has, or one of NO_LABEL, NONE_APPLIES, SEVERAL."""
    if isinstance(label, int):
        return label
    if label is None:
        return NO_LABEL
    return label[0] if len(label) == 1 else SEVERAL if label else NONE_APPLIES


def _scale(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1
    return lambda value: begin + (value - low) / span * (end - begin)


def _grid(
    x: Callable[[float], float], y: Callable[[float], float], right: int, across: str, upwards: str
) -> Iterable[str]:
    for value in (0, 0.25, 0.5, 0.75, 1):
        yield f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - 16}" stroke="#8884"/>'
        yield _text(LEFT - 6, y(value) + 4, f"{value:g}", anchor="end")
    for labels in _ticks(right):
        yield _text(x(labels), HEIGHT - BOTTOM + 18, f"{labels:,}")
    yield _text((LEFT + WIDTH) / 2, HEIGHT - 8, across)
    yield _text(14, (TOP + HEIGHT - BOTTOM) / 2 + 20, upwards, turned=True)


def _ticks(most: int) -> list[int]:
    step = next(one * 10**power for power in range(12) for one in (1, 2, 5) if most <= 6 * one * 10**power)
    return list(range(0, most + 1, step))


def _shape(
    tag: str,
    points: Sequence[tuple[float, float]],
    x: Callable[[float], float],
    y: Callable[[float], float],
    how: str,
) -> str:
    return f'<{tag} points="{" ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)}" {how}/>'


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "middle",
    size: int = 12,
    fill: str = "currentColor",
    turned: bool = False,
) -> str:
    """Write text; turned: upwards, from there."""
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{"start" if turned else anchor}" font-size="{size}" fill="{fill}"'
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return f"<text {where}{turn}>{escape(text)}</text>"


def _svg(width: float, height: float, parts: Iterable[str], title: str, *, shown: bool = True) -> str:
    """Put parts together. shown: the title is written at the top, and not for a screen reader alone."""
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    style = f'font-family="{FONTS}" role="img"'
    head = _text(8, 20, title, anchor="start", size=13) if shown else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}><title>{escape(title)}</title>'
        f"{head}{''.join(parts)}</svg>"
    )


def _hue(class_: int) -> str:
    return GREYS.get(class_) or f"hsl({HUES[class_ % len(HUES)]} 60% 48%)"


def _cut(text: str, most: int = 32) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"

"""Charts of results as SVG: text that any browser or office draws, made without a library. No host is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

from nextlabel.core.kinds.f1 import F1Result
from nextlabel.core.kinds.learning_curve import LearningCurveResult
from nextlabel.core.kinds.map import MapResult
from nextlabel.core.kinds.results import Result

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 320, 56, 44, 16
MOST_POINTS = 5_000  # of a map: 0.3 MB
MOST_CLASSES = 40  # of a matrix: more can't be read
HUES = (205, 28, 145, 340, 265, 50, 180, 0, 310, 95, 225, 75)


def chart_of(result: Result) -> str | None:
    """Draw what a kind of result looks like as a file of SVG; None: nothing is drawn of that kind."""
    for kind, draw in _CHARTS:
        if isinstance(result, kind):
            return draw(result)
    return None


def is_drawn(kind: type[Result]) -> bool:
    """Tell whether anything is drawn of that kind of result."""
    return any(issubclass(kind, one) for one, _ in _CHARTS)


def learning_curve(result: LearningCurveResult) -> str:
    """Draw what was measured, and the forecast with its range."""
    ahead = [one for one in (result.now, *result.forecast) if one.f1_macro is not None]
    right = max([*(one.labels for one in result.points), *(one.labels for one in ahead)], default=1)
    x, y = _scale(0, right, LEFT, WIDTH - 16), _scale(0, 1, HEIGHT - BOTTOM, TOP)
    parts = [*_grid(x, y, right)]
    if ahead:
        band = [*((one.labels, one.high) for one in ahead), *((one.labels, one.low) for one in reversed(ahead))]
        parts.append(_shape("polygon", band, x, y, 'fill="#3b82c4" fill-opacity="0.2"'))
        told = [(one.labels, one.f1_macro or 0.0) for one in ahead]
        parts.append(_shape("polyline", told, x, y, 'fill="none" stroke="#3b82c4" stroke-dasharray="5 4"'))
    measured = [(one.labels, one.f1_macro) for one in result.points]
    parts.append(_shape("polyline", measured, x, y, 'fill="none" stroke="#1f5f99" stroke-width="2"'))
    for one in result.points:
        low, high = min(one.repeats, default=one.f1_macro), max(one.repeats, default=one.f1_macro)
        parts.append(f'<path d="M{x(one.labels):.1f} {y(low):.1f}V{y(high):.1f}" stroke="#1f5f99"/>')
        parts.append(f'<circle cx="{x(one.labels):.1f}" cy="{y(one.f1_macro):.1f}" r="3" fill="#1f5f99"/>')
    parts += [_text((LEFT + WIDTH) / 2, HEIGHT - 6, "labels"), _text(14, TOP + 4, "F1", anchor="start")]
    return _svg(WIDTH, HEIGHT, parts, "Macro F1 by the number of labels")


def f1_by_class(result: F1Result) -> str:
    """Draw the F1 of each class as a bar, in the order of the result."""
    scores = result.per_class
    row, longest = 18, max((len(one.class_name) for one in scores), default=0)
    left = min(260, 24 + 7 * longest)
    x = _scale(0, 1, left, WIDTH - 56)
    parts = []
    for at, one in enumerate(scores):
        top = 6 + at * row
        parts.append(_text(left - 6, top + 12, _cut(one.class_name), anchor="end"))
        parts.append(
            f'<rect x="{left}" y="{top}" width="{x(one.f1) - left:.1f}" height="{row - 5}" fill="#3b82c4">'
            f"<title>{escape(one.class_name)}: F1 {one.f1:.3f}, {one.support} images</title></rect>"
        )
        parts.append(_text(x(one.f1) + 4, top + 12, f"{one.f1:.2f}", anchor="start"))
    return _svg(WIDTH, 12 + row * len(scores), parts, "F1 by class")


def confusion(result: F1Result) -> str:
    """Draw the matrix: a row a class as labelled, a column a class as predicted; darker is more of the row."""
    classes, matrix = result.confusion.classes[:MOST_CLASSES], result.confusion.matrix
    side = max(14, min(34, 520 // max(1, len(classes))))
    left = min(220, 16 + 7 * max((len(name) for name in classes), default=0))
    parts = []
    for row, name in enumerate(classes):
        parts.append(_text(left - 6, row * side + side / 2 + 4, _cut(name), anchor="end"))
        total = sum(matrix[row])
        for column, count in enumerate(matrix[row][: len(classes)]):
            hue = "#1f5f99" if row == column else "#b3471d"
            opacity = count / total if total else 0
            words = f"{escape(name)} called {escape(classes[column])}: {count}"
            at = f'x="{left + column * side}" y="{row * side}"'
            parts.append(
                f'<rect {at} width="{side - 1}" height="{side - 1}" fill="{hue}" fill-opacity="{opacity:.2f}" '
                f'stroke="#8884"><title>{words}</title></rect>'
            )
            if count and side >= 20:
                colour = "#fff" if opacity > 0.5 else "currentColor"
                parts.append(
                    _text(left + column * side + side / 2, row * side + side / 2 + 4, str(count), size=10, fill=colour)
                )
    return _svg(
        left + side * len(classes) + 8, side * len(classes) + 8, parts, "Confusion: rows labelled, columns predicted"
    )


def map_of_pool(result: MapResult) -> str:
    """Draw images as points where they lie, coloured by label, grey without one; an even part of very many."""
    step = max(1, -(-len(result.names) // MOST_POINTS))
    rows = range(0, len(result.names), step)
    x = _scale(min(result.x, default=0), max(result.x, default=1), 8, WIDTH - 150)
    y = _scale(min(result.y, default=0), max(result.y, default=1), WIDTH - 158, 8)
    parts = [
        f'<circle cx="{x(result.x[i]):.0f}" cy="{y(result.y[i]):.0f}" r="2.5" fill="{_hue(result.classes[i])}"/>'
        for i in sorted(rows, key=lambda i: result.classes[i])
    ]
    shown = [(-1, "no label"), *enumerate(result.class_names)][:24]
    for at, (class_, name) in enumerate(shown):
        parts.append(f'<circle cx="{WIDTH - 132}" cy="{16 + 18 * at}" r="5" fill="{_hue(class_)}"/>')
        parts.append(_text(WIDTH - 122, 20 + 18 * at, _cut(name, 16), anchor="start"))
    return _svg(WIDTH, WIDTH - 150, parts, "The pool in a plane: what looks alike lies close")


_CHARTS: tuple[tuple[type[Result], Callable[[Any], str]], ...] = (
    (LearningCurveResult, learning_curve),
    (F1Result, f1_by_class),
    (MapResult, map_of_pool),
)


# --- shapes -----------------------------------------------------------------------------------------------------


def _scale(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1
    return lambda value: begin + (value - low) / span * (end - begin)


def _grid(x: Callable[[float], float], y: Callable[[float], float], right: int) -> Iterable[str]:
    for value in (0, 0.25, 0.5, 0.75, 1):
        yield f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - 16}" stroke="#8884"/>'
        yield _text(LEFT - 6, y(value) + 4, f"{value:g}", anchor="end")
    for labels in _ticks(right):
        yield _text(x(labels), HEIGHT - BOTTOM + 18, f"{labels:,}")


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


def _text(x: float, y: float, text: str, *, anchor: str = "middle", size: int = 12, fill: str = "currentColor") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}"'
    return f"<text {where}>{escape(text)}</text>"


def _svg(width: float, height: float, parts: Iterable[str], title: str) -> str:
    head = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
    style = 'font-family="system-ui, sans-serif" role="img"'
    return f"<svg {head} {style}><title>{escape(title)}</title>{''.join(parts)}</svg>"


def _hue(class_: int) -> str:
    return "#9996" if class_ < 0 else f"hsl({HUES[class_ % len(HUES)]} 60% 48%)"


def _cut(text: str, most: int = 32) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"

"""Corners, turned boxes and polygons as upright boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nextlabel.core.exchange.boxes.found import BoxReading

Place: TypeAlias = tuple[float, float, float, float]


def corners_to_place(corners: Sequence[float], reading: BoxReading) -> Place:
    """Return x, y, width, height of x1, y1, x2, y2; count corners that stand the other way round."""
    left, top, right, bottom = corners
    if right < left or bottom < top:
        reading.repaired["boxes had their corners exchanged, and were put right"] += 1
        left, right, top, bottom = min(left, right), max(left, right), min(top, bottom), max(top, bottom)
    return left, top, right - left, bottom - top


def rotated_hull(place: Place, degrees: float, around: tuple[float, float]) -> Place:
    """Return the upright box around one that was turned clockwise around a point."""
    x, y, w, h = place
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [(px - around[0], py - around[1]) for px in (x, x + w) for py in (y, y + h)]
    xs = [around[0] + dx * cos - dy * sin for dx, dy in corners]
    ys = [around[1] + dx * sin + dy * cos for dx, dy in corners]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


@dataclass(frozen=True)
class Hulls:
    """Takes the upright box around another shape, and counts it, where a person allowed that."""

    reading: BoxReading
    allowed: bool

    def of(self, place: str, what: str, hull: Place) -> Place | None:
        if self.allowed:
            self.reading.repaired[f"boxes were put around {what}, upright"] += 1
            return hull
        self.reading.faults.note(place, f"{what} is there; --hull takes the upright box around it")
        return None

"""Boxes that were drawn on an image as it is stored, or on a smaller copy of it, in pixels of the upright image.

A camera held on its side stores the picture lying and says in EXIF how to turn it. Some tools turn it, others don't:
the width and height that they write down tell which.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from nextlabel.core.data.boxes import Floats
from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import Misconfigured, UnreadableImage

LYING = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
TURNED = "images are stored turned, and nothing tells how their boxes were drawn: taken for upright"


class Shape(NamedTuple):
    """Width and height of the upright image, and the EXIF orientation in which it is stored."""

    width: int
    height: int
    orientation: int = 1

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def stored(self) -> tuple[int, int]:
        return (self.height, self.width) if self.orientation in LYING else self.size


class Fitted(NamedTuple):
    """Boxes (n, 4) in pixels of the upright image, and what was done to them or is unsure; or None, and why."""

    places: Floats | None
    said: str = ""


def that_reads_images(module: str) -> Any:
    """Import a module that needs Pillow, without which the client does as long as it can. Raises Misconfigured."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise Misconfigured("the sizes of images are read with Pillow: pip install 'nextlabel[api]'") from None


def shape_of(pool: Pool, name: str, max_pixels: int) -> Shape:
    """Read an image's header. Raises UnreadableImage, Misconfigured."""
    read_shape = that_reads_images("nextlabel.core.data.images").read_shape
    (row,) = pool.rows_of([name])
    try:
        with pool.open(int(row)) as stream:
            return Shape(*read_shape(stream, max_pixels=max_pixels))
    except OSError as error:
        raise UnreadableImage(error.strerror or str(error)) from None


def fitted(places: Floats, size: tuple[int, int], shape: Shape) -> Fitted:
    """Move boxes (n, 4) in pixels of an image of that size onto the upright image of that shape."""
    lies = shape.orientation in LYING
    if size == shape.size:
        unsure = shape.orientation != 1 and len(places) and (not lies or shape.width == shape.height)
        return Fitted(places, TURNED if unsure else "")
    if lies and size == shape.stored:
        return Fitted(turned(places, shape), "images had their boxes drawn on them as they are stored: turned upright")
    for target, is_lying in ((shape.size, False), *([(shape.stored, True)] if lies else [])):
        if _same_form(size, target):
            scaled = places * np.tile(np.array(target) / np.array(size), 2)
            upright = turned(scaled, shape) if is_lying else scaled
            return Fitted(upright, "images had their boxes drawn on a copy of another size: scaled")
    what = f"the file says {size[0]} x {size[1]}, and the image in the pool is {shape.width} x {shape.height}"
    return Fitted(None, f"{what}; is it another image? Mend its size in the file, or name another pool")


def _same_form(size: tuple[int, int], target: tuple[int, int]) -> bool:
    """Whether one is the other at another scale, but for rounding to whole pixels."""
    (w, h), (W, H) = size, target
    return abs(h * W / w - H) <= max(1, W / w) and abs(w * H / h - W) <= max(1, H / h)


def turned(places: Floats, shape: Shape) -> Floats:
    """Turn boxes (n, 4) from the stored image to the upright one, as its EXIF orientation says."""
    width, height = shape.stored
    x, y, w, h = places.T
    right, below = width - x - w, height - y - h  # the distance from the opposite edge
    moved = {
        1: (x, y, w, h),
        2: (right, y, w, h),
        3: (right, below, w, h),
        4: (x, below, w, h),
        5: (y, x, h, w),
        6: (below, x, h, w),
        7: (below, right, h, w),
        8: (y, right, h, w),
    }
    return np.stack(moved[shape.orientation], axis=1)

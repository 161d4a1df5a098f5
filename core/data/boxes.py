"""Boxes on images, and the lines of a file of them: what people drew, and what a detector says.

A box is x, y, width and height in pixels of the image as it is shown: upright by its EXIF orientation. x grows to the
right and y down, from 0 at the outer edge of the first pixel; numbers need not be whole.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.label_text import clean_name, writable, writable_class
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import LabelsMalformed
from nextlabel.core.faults import KeyTwice, object_of

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
BEYOND = 0.01  # pixels that a box may reach beyond its image: what rounding leaves
LARGEST = 1 << 24  # pixels of a side
#: The end of a sentence about images that have another size than their boxes were drawn on.
SCALING = "of smaller or larger copies, `nextlabel export coco` and `import coco --pool` scale the boxes"
SAME_OBJECT = 0.5  # from this IoU on, two boxes are about the same object
SHOWN_FAULTS = 3  # of one line


class Box(NamedTuple):
    """A box around an object. crowd: around many that nobody counted, which is neither learnt from nor scored by."""

    class_name: str
    x: float
    y: float
    width: float
    height: float
    crowd: bool = False

    def in_words(self) -> str:
        x, y, width, height = (f"{number:g}" for number in self[1:5])
        return f"{self.class_name} at {x}, {y} ({width} x {height})"


#: Of boxes that lie within the first pixel of their images, all of them.
SHARES = (
    "so their numbers seem to be shares of the image's width and height, from 0 to 1, and pixels belong there: "
    "multiply them by its width and height"
)


@dataclass(frozen=True)
class BoxedImage:
    """What somebody drew on an image of width x height pixels. No box: they looked, and nothing is there.

    unfinished: they are still at it, and what is not there says nothing.
    """

    width: int
    height: int
    boxes: tuple[Box, ...] = ()
    unfinished: bool = False

    @cached_property
    def places(self) -> Floats:
        """(n, 4) x, y, width, height"""
        return np.array([box[1:5] for box in self.boxes], np.float64).reshape(-1, 4)

    @cached_property
    def crowds(self) -> NDArray[np.bool_]:
        """(n,)"""
        return np.array([box.crowd for box in self.boxes], np.bool_)

    @property
    def has_objects(self) -> bool:
        """Whether one of the boxes is around an object, and not around a crowd: of crowds alone nothing is learnt."""
        return any(not box.crowd for box in self.boxes)

    def in_words(self) -> str:
        classes = [box.class_name for box in self.boxes]
        return " + ".join(f"{classes.count(name)} {name}" for name in dict.fromkeys(classes)) or NOTHING_HERE


NOTHING_HERE = "nothing here"


# --- geometry ---------------------------------------------------------------------------------------------------


def iou(A: Floats, B: Floats) -> Floats:
    """Return (n, m): the intersection over the union of boxes A (n, 4) and B (m, 4)."""
    inner = intersection(A, B)
    areas = (A[:, 2] * A[:, 3])[:, None] + (B[:, 2] * B[:, 3])[None, :]
    found: Floats = inner / (areas - inner)
    return found


def intersection(A: Floats, B: Floats) -> Floats:
    """Return (n, m) areas. A, B: (n, 4), (m, 4)."""
    sides = [
        np.minimum((A[:, i] + A[:, i + 2])[:, None], (B[:, i] + B[:, i + 2])[None, :])
        - np.maximum(A[:, i][:, None], B[:, i][None, :])
        for i in (0, 1)
    ]
    found: Floats = np.maximum(sides[0], 0) * np.maximum(sides[1], 0)
    return found


def pair_up(likeness: Floats, least: float) -> list[tuple[int, int]]:
    """Pair rows and columns of (n, m), each once, the most alike first; none that is less alike than `least`."""
    pairs: list[tuple[int, int]] = []
    left = likeness.copy()
    while left.size and (best := int(left.argmax())) >= 0 and left.flat[best] >= least:
        i, j = divmod(best, left.shape[1])
        pairs.append((i, j))
        left[i, :] = left[:, j] = -1
    return pairs


def same_boxes(one: BoxedImage, other: BoxedImage) -> list[tuple[int, int]]:
    """Pair the boxes of two drawings of one image that are about the same object, and of one class."""
    mine, theirs = (np.array([(box.class_name, box.crowd) for box in said.boxes], object) for said in (one, other))
    if not (len(mine) and len(theirs)):
        return []
    alike = (mine[:, None] == theirs[None, :]).all(axis=2)
    return pair_up(np.where(alike, iou(one.places, other.places), -1), SAME_OBJECT)


class Said(NamedTuple):
    """What one line says. `place`: its file and number."""

    place: str
    image: BoxedImage


def contested(said: Sequence[Said]) -> dict[str, str]:
    """Return each thing that not all lines about one image say, and where it stands; nothing where they agree."""
    if all(one.image == said[0].image for one in said[1:]):
        return {}
    sizes = {(one.image.width, one.image.height): one.place for one in reversed(said)}
    if len(sizes) > 1:
        return {f"an image of {width} x {height}": place for (width, height), place in sizes.items()}
    contested: dict[str, str] = {}
    for one in said:
        others = [other for other in said if other is not one]
        seen = [{i for i, _ in same_boxes(one.image, other.image)} for other in others]
        for i, box in enumerate(one.image.boxes):
            without = [other.place for other, found in zip(others, seen, strict=True) if i not in found]
            if without:
                contested.setdefault(box.in_words(), f"{one.place}, and not in {', '.join(without)}")
    return contested


def fault_of(place: Sequence[float], width: float, height: float) -> str | None:
    """Say what is wrong with x, y, width, height on an image of that size; None: nothing."""
    x, y, w, h = place
    if not all(map(math.isfinite, place)):
        return "its numbers are not all finite"
    if not (x + w > x and y + h > y and w * h > 0):  # what floats can't tell from nothing is nothing, too
        return f"it has no area ({w:g} x {h:g})"
    if x < -BEYOND or y < -BEYOND or x + w > width + BEYOND or y + h > height + BEYOND:
        return f"it ends at {x + w:g}, {y + h:g}, beyond its image of {width:g} x {height:g}"
    return None


class LineMalformed(ValueError):
    """Says what is wrong with a line."""


# --- lines ------------------------------------------------------------------------------------------------------


def parse_line(line: str) -> tuple[str, BoxedImage] | None:
    """Read (name, what was drawn) from a line of JSON; None from a blank one. Unknown fields are passed over.

    Raises LineMalformed.
    """
    if not line or line.isspace():
        return None
    try:
        fields = json.loads(line, object_pairs_hook=object_of)
    except KeyTwice as error:
        raise LineMalformed(str(error)) from None
    except (ValueError, RecursionError):
        raise LineMalformed(f"it is no JSON: {shown(line[:60])}{_other_task(line)}") from None
    if not isinstance(fields, dict):
        raise LineMalformed(f"it is no object with `name`, `width`, `height`, `boxes`: {shown(line[:60])}")
    name = fields.get("name")
    if not isinstance(name, str):
        raise LineMalformed("it has no text `name`")
    width, height = (size_in(fields, side) for side in ("width", "height"))
    boxes = fields.get("boxes")
    if not isinstance(boxes, list):
        raise LineMalformed(f"{shown(name)}: it has no list `boxes`; where nothing is there, write []")
    faults: list[str] = []
    read = [box for at, one in enumerate(boxes) if (box := _box(one, at, width, height, faults)) is not None]
    if faults:
        more = f"; and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
        raise LineMalformed(f"{shown(name)}: {'; '.join(faults[:SHOWN_FAULTS])}{more}")
    unfinished = fields.get("unfinished") is True
    return _text(clean_name(name), "name"), BoxedImage(width, height, tuple(read), unfinished)


def format_line(name: str, image: BoxedImage) -> str:
    """Write the line that `parse_line` reads. Raises LabelsMalformed for a name or class that none can hold."""
    boxes = [
        {
            "class": writable_class(box.class_name),
            "box": [_short(number) for number in box[1:5]],
            **({"crowd": True} if box.crowd else {}),
        }
        for box in image.boxes
    ]
    fields = {"name": writable(clean_name(name)), "width": image.width, "height": image.height, "boxes": boxes}
    if image.unfinished:
        fields["unfinished"] = True
    return json.dumps(fields, ensure_ascii=False)


def size_in(fields: dict[str, Any], side: str) -> int:
    """Return a whole number of pixels. Raises LineMalformed."""
    value = fields.get(side)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < LARGEST or value != int(value):
        raise LineMalformed(f"`{side}` is {value!r}, and not a whole number of pixels")
    return int(value)


def numbers_in(value: Any) -> tuple[float, float, float, float] | None:
    """Return four numbers; None: it is no list of such."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
        return None
    try:
        x, y, width, height = map(float, value)
    except OverflowError:
        return None
    return x, y, width, height


def _box(value: Any, at: int, width: int, height: int, faults: list[str]) -> Box | None:
    place = numbers_in(value.get("box")) if isinstance(value, dict) else None
    if place is None:
        faults.append(f"boxes[{at}] has no `box` of four numbers x, y, width, height")
        return None
    try:
        class_name = _text(value.get("class"), "class")
    except LineMalformed as error:
        faults.append(f"boxes[{at}]: {error}")
        return None
    if (fault := fault_of(place, width, height)) is not None:
        faults.append(f"boxes[{at}], {shown(class_name)}: {fault}")
        return None
    return Box(class_name, *place, value.get("crowd") is True)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise LineMalformed(f"its `{what}` is no text")
    try:
        return as_seen(writable_class(value.strip()) if what == "class" else writable(value))
    except LabelsMalformed as error:
        raise LineMalformed(error.detail) from None


def _other_task(line: str) -> str:
    return ' (a line of a class, for "task": "classification"?)' if "\t" in line else ""


def _short(number: float) -> float | int:
    return int(number) if number == int(number) else number


# --- what a detector says ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Detected:
    """What a detector says of one image: n boxes, in any order.

    places: (n, 4) x, y, width, height. classes: (n,) indices. scores: (n,) from 0 to 1.
    """

    places: Floats
    classes: Rows
    scores: Floats

    def __len__(self) -> int:
        return len(self.scores)

    def from_score(self, least: float) -> Detected:
        """Leave out boxes of a lower score."""
        return self.at(np.flatnonzero(self.scores >= least))

    def at(self, rows: Rows) -> Detected:
        return Detected(self.places[rows], self.classes[rows], self.scores[rows])

    def within(self, width: int, height: int) -> Detected:
        """Cut boxes at the edges of their image, and leave out those that lie beyond it."""
        ends = np.concatenate([self.places[:, :2], self.places[:, :2] + self.places[:, 2:]], axis=1)
        ends = np.clip(ends, 0, [width, height] * 2)
        places = np.concatenate([ends[:, :2], ends[:, 2:] - ends[:, :2]], axis=1)
        kept = (places[:, 2:] > 0).all(axis=1)
        return Detected(places[kept], self.classes[kept], self.scores[kept])

    @classmethod
    def nothing(cls) -> Detected:
        return cls(np.empty((0, 4)), np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector says of images: by name, composed (`as_seen`). An image that is not there was not looked at.

    classes: what the indices of `Detected.classes` count.
    """

    classes: tuple[str, ...]
    by_name: dict[str, Detected]

    def in_space_of(self, classes: Sequence[str]) -> Detections:
        """Put the boxes into another space of classes, which has all of these."""
        index = np.array([classes.index(name) for name in self.classes], np.int64)
        moved = {
            name: Detected(one.places, index[one.classes], one.scores) if len(one) else one
            for name, one in self.by_name.items()
        }
        return Detections(tuple(classes), moved)


def write_lines(images: Iterable[tuple[str, BoxedImage]]) -> str:
    """Write the text of a file of boxes."""
    return "".join(f"{format_line(name, image)}\n" for name, image in images)

"""What a file of another tool says about boxes, and the one check that stands between that and a file of boxes.

Every reader returns a `BoxReading`. Labels are made of it by `labels_of` alone: so no reader can forget a check. What
is repaired is counted and told; what could be one thing or another is refused, with what a person has to say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.boxes import BEYOND, SHARES, Box, BoxedImage, Floats, Said, contested
from nextlabel.core.data.label_text import new_class
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import ExchangeMalformed, LabelsMalformed, UnreadableImage
from nextlabel.core.exchange.answers import names_of
from nextlabel.core.exchange.boxes.upright import Shape, fitted, shape_of
from nextlabel.core.exchange.files import Faults

EmptyMeans = Literal["looked-at", "unknown"]
DIGITS = 4  # after the point of a pixel: beyond these, percent and shares leave the noise of their arithmetic
MOSTLY_BEYOND = 0.5  # share of a box's area beyond its image from which on it is refused
CORNERS = 0.05  # share of boxes beyond their images from which on the numbers are taken for corners
NAMED = 3


@dataclass(eq=False)
class FoundImage:
    """What a file says of one image, at one place.

    name: as it stands there. size: width and height as the file has them; None: it doesn't say.
    places: (n, 4) x, y, width, height: in pixels of that size or, with `shares`, in shares of it (0 to 1).
    classes: n of them. crowd, by_model: (n,), whether it is around many; whether a model proposes it.
    looked_at: somebody did, even where there is no box. None: the file doesn't tell.
    """

    place: str
    name: str
    size: tuple[int, int] | None
    places: Floats
    classes: Sequence[str]
    crowd: NDArray[np.bool_] | None = None
    by_model: NDArray[np.bool_] | None = None
    shares: bool = False
    looked_at: bool | None = None


@dataclass(eq=False)
class BoxReading:
    """All that was read from a file or folder. format: as a person knows it.

    repaired: what the reader put right or left out, in words, and how often.
    """

    file: Path
    format: str
    faults: Faults
    images: list[FoundImage] = field(default_factory=list)
    repaired: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    settled_by: str = ""

    @classmethod
    def of(cls, file: Path, format_: str) -> BoxReading:
        return cls(file, format_, Faults(file))


@dataclass(frozen=True)
class ImportedBoxes:
    """The labels by name, in the file's order; notes: what was repaired, left out or taken for something else."""

    images: dict[str, BoxedImage]
    notes: list[str]

    @property
    def boxes(self) -> int:
        return sum(len(image.boxes) for image in self.images.values())


def labels_of(
    reading: BoxReading,
    pool: Pool | None = None,
    *,
    max_pixels: int,
    take_predictions: bool = False,
    empty_means: EmptyMeans = "unknown",
) -> ImportedBoxes:
    """Make labels of what was read, in pixels of the upright images.

    pool: the images that there are: a name that is none of theirs is a fault, and their sizes are compared.
    max_pixels: of an image whose header is read.
    take_predictions: take what a model proposed, too, where no person said anything; else it is left out.
    empty_means: what an image without a box says, where the file doesn't tell.

    Raises:
        ExchangeMalformed: lists all faults of the file, or there is nothing in it.
    """
    return _Making(reading, pool, max_pixels, take_predictions, empty_means).labels()


class _Making:
    """Labels in the making: what is repaired is counted by the way."""

    def __init__(
        self, reading: BoxReading, pool: Pool | None, max_pixels: int, take_predictions: bool, empty_means: EmptyMeans
    ) -> None:
        self._reading, self._pool, self._max_pixels = reading, pool, max_pixels
        self._take_predictions, self._empty_means = take_predictions, empty_means
        self._repaired: dict[str, list[str]] = defaultdict(list)  # what was done -> the names it was done to
        self._beyond = self._checked = self._like_corners = self._like_shares = 0

    def labels(self) -> ImportedBoxes:
        reading = self._reading
        pool_names = None if self._pool is None else self._pool.names
        found, notes = names_of(dict.fromkeys(image.name for image in reading.images), pool_names)
        said: dict[str, list[Said]] = {}
        spelt: dict[str, str] = {}
        for image in reading.images:
            name, fault = found[image.name]
            if fault:
                reading.faults.note(image.place, fault)
                continue
            drawn = self._drawn(image, name)
            if drawn is not None:
                said.setdefault(spelt.setdefault(as_seen(name), name), []).append(Said(image.place, drawn))
        images = {name: all_[0].image for name, all_ in said.items() if self._agreed(name, all_)}
        self._note_corners()
        reading.faults.check()
        notes = [f"read as {reading.format}", *reading.notes, *notes, *self._told()]
        if not images:
            raise ExchangeMalformed("\n".join([f"{shown(reading.file)}: no label found in it.", *notes]))
        return ImportedBoxes(images, notes)

    def _drawn(self, image: FoundImage, name: str) -> BoxedImage | None:
        """Return what was drawn on one image; None where nothing says that anybody looked at it, or it has faults."""
        kept = self._by_people(image, name)
        if kept is None:
            return None
        shape = self._shape(image, name)
        if shape is None:
            return None
        size, places = image.size or shape.size, image.places[kept].astype(np.float64)
        places = places * np.tile(size, 2) if image.shares else places
        if not np.isfinite(places).all():
            self._reading.faults.note(image.place, f"{shown(name)}: a box has a number that is not finite")
            return None
        placed = fitted(places, size, shape)
        if placed.places is None:
            self._reading.faults.note(image.place, f"{shown(name)}: {placed.said}")
            return None
        if placed.said:
            self._repaired[placed.said].append(name)
        return self._boxed(image, name, placed.places, shape, kept)

    def _by_people(self, image: FoundImage, name: str) -> NDArray[np.int64] | None:
        """Return which boxes count; None: the image has no label."""
        n = len(image.classes)
        by_model = np.zeros(n, bool) if image.by_model is None else image.by_model
        if self._take_predictions and by_model.all():
            by_model = np.zeros(n, bool)
        kept: NDArray[np.int64] = np.flatnonzero(~by_model)
        if by_model.any():
            self._repaired["boxes that a model proposed were left out; --take-predictions takes them"] += [name] * int(
                by_model.sum()
            )
        looked_at = image.looked_at if image.looked_at is not None else self._empty_means == "looked-at"
        if len(kept) or looked_at:
            return kept
        if image.looked_at is None and not n:
            what = "images without a box were left out, as nothing tells whether anybody looked; "
            self._repaired[f"{what}--empty-means looked-at says so"].append(name)
        return None

    def _shape(self, image: FoundImage, name: str) -> Shape | None:
        """Return the shape of the image in the pool; without one, what the file says. Note it where nobody knows."""
        if self._pool is not None:
            try:
                return shape_of(self._pool, name, self._max_pixels)
            except UnreadableImage as error:
                self._reading.faults.note(image.place, f"{shown(name)} can't be read: {error.detail}")
                return None
        if image.size is None:
            self._reading.faults.note(
                image.place, f"{shown(name)}: the file doesn't say how large it is; name the images (--pool)"
            )
            return None
        return Shape(*image.size)

    def _boxed(
        self, image: FoundImage, name: str, places: Floats, shape: Shape, kept: NDArray[np.int64]
    ) -> BoxedImage | None:
        width, height = shape.size
        boxes: dict[Box, None] = {}
        crowd = np.zeros(len(image.classes), bool) if image.crowd is None else image.crowd
        sound = True
        for at, (x, y, w, h) in zip(kept.tolist(), places.tolist(), strict=True):
            class_name = self._class(image, at)
            place = self._clipped(image, name, (x, y, w, h), width, height) if class_name else None
            sound = sound and class_name is not None
            if class_name is None or place is None:
                continue
            box = Box(class_name, *place, bool(crowd[at]))
            if box in boxes:
                self._repaired["boxes that stand there twice were taken once"].append(name)
            if box.crowd:
                self._repaired["boxes around a crowd were marked so: they are neither learnt nor scored"].append(name)
            boxes[box] = None
        return BoxedImage(width, height, tuple(boxes)) if sound else None

    def _class(self, image: FoundImage, at: int) -> str | None:
        try:
            return as_seen(new_class(image.classes[at]))
        except LabelsMalformed as error:
            self._reading.faults.note(image.place, error.detail)
            return None

    def _clipped(
        self, image: FoundImage, name: str, place: tuple[float, float, float, float], width: int, height: int
    ) -> tuple[float, float, float, float] | None:
        """Return the part of a box on its image; None: there is none, which is counted or is a fault."""
        x, y, w, h = place
        self._checked += 1
        self._like_shares += not image.shares and x + w <= 1 and y + h <= 1 and min(w, h) < 1
        if w < 0 or h < 0:
            self._reading.faults.note(image.place, f"{shown(name)}: a box of {w:g} x {h:g}, below 0")
            return None
        if w == 0 or h == 0:
            self._repaired["boxes without an area were left out"].append(name)
            return None
        left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, width), min(y + h, height)
        if max(-x, -y, x + w - width, y + h - height) > 1:
            self._beyond += 1
            self._like_corners += w <= width + 1 and h <= height + 1 and w > x >= 0 and h > y >= 0
        inside = max(right - left, 0.0) * max(bottom - top, 0.0)
        if inside < (1 - MOSTLY_BEYOND) * w * h:
            what = f"a box at {x:g}, {y:g} ({w:g} x {h:g}) lies mostly beyond its {width} x {height}"
            self._reading.faults.note(image.place, f"{shown(name)}: {what}")
            return None
        if max(-x, -y, x + w - width, y + h - height) > BEYOND:
            self._repaired["boxes that reach beyond their image were cut at its edge"].append(name)
        left, top = round(left, DIGITS), round(top, DIGITS)
        clipped = (
            left,
            top,
            min(round(right - left, DIGITS), width - left),
            min(round(bottom - top, DIGITS), height - top),
        )
        if clipped[2] <= 0 or clipped[3] <= 0:
            self._repaired["boxes without an area were left out"].append(name)
            return None
        return clipped

    def _agreed(self, name: str, said: Sequence[Said]) -> bool:
        contradictions = contested(said)
        if contradictions:
            places = " and ".join(dict.fromkeys(one.place for one in said))
            more = f", or {self._reading.settled_by}" if self._reading.settled_by else ""
            what = "; ".join(f"{thing} in {place}" for thing, place in list(contradictions.items())[:NAMED])
            self._reading.faults.note(places, f"{shown(name)} is there several times: {what}; settle it{more}")
        return not contradictions

    def _note_corners(self) -> None:
        beyond, checked = self._beyond, self._checked
        if self._like_corners and self._like_corners == beyond and beyond > CORNERS * checked:
            what = (
                f"{beyond} of {checked} boxes reach beyond their images, and would not if their numbers were corners "
                "(x1, y1, x2, y2) where x, y, width, height belong; write them so"
            )
            self._reading.faults.note_of_all(what)
        if checked and self._like_shares == checked:
            self._reading.faults.note_of_all(f"its boxes lie within one pixel, {SHARES}")

    def _told(self) -> Iterable[str]:
        yield from (f"{what} ({count})" for what, count in self._reading.repaired.items())
        for what, names in self._repaired.items():
            distinct = list(dict.fromkeys(names))
            more = ", ..." if len(distinct) > NAMED else ""
            yield f"{what} ({len(names)}: {', '.join(distinct[:NAMED])}{more})"

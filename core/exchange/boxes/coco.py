"""COCO files of boxes, and files of results: annotations with a `bbox` of x, y, width, height in pixels."""

from __future__ import annotations

import zipfile
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.boxes import BoxedImage, numbers_in
from nextlabel.core.data.json_stream import elements
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import ExchangeMalformed, PathNotReadable
from nextlabel.core.exchange.boxes.found import BoxReading, FoundImage
from nextlabel.core.exchange.boxes.proposed import ProposedImage
from nextlabel.core.exchange.files import MAX_LISTED, file_in

LOOKED_AT = "looked_at"  # in `info` of what we write: somebody looked at each of the images
FILES = ("annotations/instances_*.json", "annotations/*.json", "*.json")  # in a folder: the first that are there
MOST_NUMBER = 1 << 62


def document(images: Mapping[str, BoxedImage], classes: Iterable[str] = ()) -> dict[str, Any]:
    """Make the document. `classes`: further ones, which no box has."""
    names = sorted_classes([*classes, *(box.class_name for image in images.values() for box in image.boxes)])
    ids = {name: at for at, name in enumerate(names, start=1)}
    annotations: list[dict[str, Any]] = []
    for at, image in enumerate(images.values(), start=1):
        for box in image.boxes:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": at,
                    "category_id": ids[box.class_name],
                    "bbox": list(box[1:5]),
                    "area": box.width * box.height,
                    "iscrowd": int(box.crowd),
                    "segmentation": [],
                }
            )
    return {
        "licenses": [],
        "info": {"description": "nextlabel", LOOKED_AT: True},
        "categories": [{"id": id_, "name": name, "supercategory": ""} for name, id_ in ids.items()],
        "images": [
            {"id": at, "file_name": name, "width": image.width, "height": image.height}
            for at, (name, image) in enumerate(images.items(), start=1)
        ],
        "annotations": annotations,
    }


def proposals(images: Mapping[str, ProposedImage], classes: Iterable[str] = ()) -> dict[str, Any]:
    """Make the document of what a model proposes: each annotation has its `score`, and nobody has looked."""
    made = document({name: one.image for name, one in images.items()}, classes)
    scores = [score for one in images.values() for score in one.scores]
    for annotation, score in zip(made["annotations"], scores, strict=True):
        annotation["score"] = score
    return {**made, "info": {"description": "nextlabel"}}


def read(path: Path) -> BoxReading:
    """Read the boxes of images, in the order of the images' numbers, in memory that doesn't grow with masks and text.

    path: the file, or a folder that has one in `annotations`. An annotation with a `score` is a model's, as in COCO's
    own files of results.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    file = file_in(path, FILES, "COCO")
    reading = BoxReading.of(file, "COCO")
    content = _Content(reading)
    with _opened(file) as stream:
        for key, value in elements(file, stream, ExchangeMalformed):
            content.take(key, value)
    if not content.is_whole:
        raise ExchangeMalformed(f"{shown(file)} is no COCO file: it has no list of `images`.")
    reading.images = content.found()
    return reading


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    """Open the file, or the one JSON file in a zip. Raises ExchangeMalformed, PathNotReadable."""
    try:
        if not zipfile.is_zipfile(file):
            with file.open("rb") as stream:
                yield stream
            return
        with zipfile.ZipFile(file) as packed:
            inside = [one for one in packed.namelist() if one.lower().endswith(".json") and "__MACOSX" not in one]
            if len(inside) != 1:
                there = ", ".join(inside[:MAX_LISTED]) or "no .json"
                raise ExchangeMalformed(f"{shown(file)} is a zip with {there} in it: unpack it, and name the one file.")
            with packed.open(inside[0]) as stream:
                yield stream
    except zipfile.BadZipFile as error:
        raise ExchangeMalformed(f"{shown(file)} is a zip that can't be unpacked: {error}. Export it anew.") from None
    except OSError as error:
        raise PathNotReadable(f"{shown(file)} can't be read: {error.strerror or error}.") from None


class _Content:
    """What stands in the lists of the file: its images and categories by id, its annotations in columns."""

    def __init__(self, reading: BoxReading) -> None:
        self._reading = reading
        self._images: dict[int, tuple[str, tuple[int, int] | None]] = {}
        self._categories: dict[int, str] = {}
        self._counts = {"images": 0, "categories": 0, "annotations": 0}
        self._lists: set[str] = set()
        self._looked_at: bool | None = None
        self._ids: dict[int, int] = {}  # of annotations -> which of them
        self._at, self._image, self._category = array("q"), array("q"), array("q")
        self._places, self._flags = array("d"), array("b")

    @property
    def is_whole(self) -> bool:
        return "images" in self._lists

    def take(self, key: str, value: Any) -> None:
        if key == "info" and isinstance(value, dict) and value.get(LOOKED_AT) is True:
            self._looked_at = True
        if key not in self._counts:
            return
        self._lists.add(key)
        at = self._counts[key]
        self._counts[key] += 1
        {"images": self._take_image, "categories": self._take_category, "annotations": self._take_box}[key](at, value)

    def _take_image(self, at: int, row: Any) -> None:
        number, name = _number(row, "id"), row.get("file_name") if isinstance(row, dict) else None
        if number is None or not isinstance(name, str):
            self._reading.faults.note(f"images[{at}]", "it needs a number `id` and a text `file_name`")
            return
        width, height = _number(row, "width"), _number(row, "height")
        said = (name, (width, height) if width and height else None)
        first = self._images.setdefault(number, said)
        if first != said:
            what = f"the id {number} stands for {shown(first[0])} and {shown(name)}; give each an id of its own"
            self._reading.faults.note(f"images[{at}]", what)

    def _take_category(self, at: int, row: Any) -> None:
        number, name = _number(row, "id"), row.get("name") if isinstance(row, dict) else None
        if number is None or not isinstance(name, str) or not name.strip():
            self._reading.faults.note(f"categories[{at}]", "it needs a number `id` and a text `name`")
        elif (first := self._categories.setdefault(number, name)) != name:
            what = f"the id {number} stands for {shown(first)} and {shown(name)}; give each an id of its own"
            self._reading.faults.note(f"categories[{at}]", what)

    def _take_box(self, at: int, row: Any) -> None:
        place, image, category = f"annotations[{at}]", _number(row, "image_id"), _number(row, "category_id")
        if not isinstance(row, dict) or image is None or category is None:
            self._reading.faults.note(place, "it needs numbers `image_id` and `category_id`")
            return
        box = numbers_in(row.get("bbox"))
        if box is None:
            what = "has no `bbox` of x, y, width, height"
            if isinstance(row.get("bbox"), list) and len(row["bbox"]) == 5:
                what = "has a `bbox` of 5 numbers, which is a turned box: write it upright"
            elif not row.get("bbox"):
                what += "; if it is of a whole image, leave --task detection out"
            self._reading.faults.note(place, f"it {what}")
            return
        number = _number(row, "id")
        if number is not None and self._ids.setdefault(number, len(self._at)) != len(self._at):
            if self._is_same(self._ids[number], image, category, box):
                self._reading.repaired["annotations that stand there twice were taken once"] += 1
            else:
                self._reading.faults.note(place, f"the id {number} stands for two annotations; give each its own")
            return
        self._at.append(at)
        self._image.append(image)
        self._category.append(category)
        self._places.extend(box)
        self._flags.append((row.get("iscrowd") in (1, True)) + 2 * (row.get("score") is not None))

    def _is_same(self, index: int, image: int, category: int, box: tuple[float, ...]) -> bool:
        before = (self._image[index], self._category[index], tuple(self._places[4 * index : 4 * index + 4]))
        return before == (image, category, box)

    def found(self) -> list[FoundImage]:
        """List the images by number, each with its boxes."""
        self._note_names()
        of_image: NDArray[np.int64] = np.array(self._image, np.int64)
        places = np.array(self._places, np.float64).reshape(-1, 4)
        flags = np.array(self._flags, np.int8)
        order = np.argsort(of_image, kind="stable")
        numbers, starts = np.unique(of_image[order], return_index=True)
        parts = dict(zip(numbers.tolist(), np.split(order, starts[1:]), strict=True)) if len(order) else {}
        for number in parts.keys() - self._images.keys():
            place = f"annotations[{self._at[parts[number][0]]}]"
            self._reading.faults.note(place, f"its `image_id` {number} names no image of the file")
        nothing = np.empty(0, np.int64)
        return [self._image_of(number, parts.get(number, nothing), places, flags) for number in sorted(self._images)]

    def _image_of(
        self, number: int, rows: NDArray[np.int64], places: NDArray[np.float64], flags: NDArray[np.int8]
    ) -> FoundImage:
        name, size = self._images[number]
        for row in rows.tolist():
            if self._category[row] not in self._categories:
                what = f"its `category_id` {self._category[row]} names no category of the file"
                self._reading.faults.note(f"annotations[{self._at[row]}]", what)
        return FoundImage(
            place=f"image {number}",
            name=name,
            size=size,
            places=places[rows],
            classes=[self._categories.get(self._category[row], "?") for row in rows.tolist()],
            crowd=(flags[rows] & 1).astype(bool),
            by_model=(flags[rows] & 2).astype(bool),
            looked_at=self._looked_at,
        )

    def _note_names(self) -> None:
        """Tell of categories of one name: they become one class."""
        by_name: dict[str, list[int]] = {}
        for number, name in self._categories.items():
            by_name.setdefault(as_seen(name.strip()), []).append(number)
        for name, numbers in by_name.items():
            if len(numbers) > 1:
                self._reading.notes.append(
                    f"the categories {', '.join(map(str, numbers))} are all called {shown(name)}: taken for one class"
                )


def _number(row: Any, field: str) -> int | None:
    """Return the whole number in a field, 0 or more; None where there is none."""
    value = row.get(field) if isinstance(row, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MOST_NUMBER:
        return None
    return int(value) if value == int(value) else None

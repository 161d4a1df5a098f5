"""Read what a detector said of images that was made elsewhere: boxes with a class and a score each.

Three forms: a csv of `name,class,x,y,width,height,score`; a COCO file whose annotations have a `score`; lines of JSON
as labels of boxes are, with a `score` in each box. The last two also name images on which nothing was found.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Hashable, Iterable
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.core.data.boxes import LARGEST, Detected, Detections, numbers_in
from nextlabel.core.data.encodings import other_than_utf_8
from nextlabel.core.data.json_stream import elements
from nextlabel.core.data.label_text import clean_name
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.roots import open_existing, shown
from nextlabel.core.data.spelling import as_seen, shows
from nextlabel.core.errors import PredictionsMalformed
from nextlabel.core.faults import KeyTwice, object_of

COLUMNS = ("name", "class", "x", "y", "width", "height", "score")
HEAD = 1 << 16  # bytes at the door


def check_detections(path: str, roots: Iterable[Path]) -> None:
    """Check what form the file has, and its first line. Raises as `read_detections` does."""
    file, stream = open_existing(path, tuple(roots))
    with stream:
        if _form(file, stream) == "csv":
            with TextIOWrapper(stream, "utf-8-sig", newline="") as text:
                _header(file, text)


def read_detections(path: str, roots: Iterable[Path]) -> Detections:
    """Read all boxes by image, however many there are of one.

    Raises:
        PredictionsMalformed: names the place and what is wrong there.
        PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind
    """
    file, stream = open_existing(path, tuple(roots))
    gathered = _Gathered(file)
    with stream:
        match _form(file, stream):
            case "csv":
                _read_csv(file, stream, gathered)
            case "coco":
                _read_coco(file, stream, gathered)
            case _:
                _read_lines(stream, gathered)
    return gathered.detections()


def fingerprint(detections: Detections) -> str:
    """Return the hex SHA-256 of names, classes and numbers."""
    digest = hashlib.sha256("\n".join(detections.classes).encode())
    for name, said in sorted(detections.by_name.items()):
        digest.update(name.encode())
        for array in (said.places, said.classes, said.scores):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


class _Gathered:
    """Boxes by image, as they are read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._by_name: dict[str, list[tuple[str, tuple[float, ...], float]]] = {}

    def looked_at(self, name: Any, place: str) -> str:
        if not isinstance(name, str) or not name.strip():
            raise self.malformed(place, "the name is no text")
        known = as_seen(clean_name(name))
        self._by_name.setdefault(known, [])
        return known

    def take(self, name: Any, class_name: Any, box: tuple[float, ...] | None, score: Any, place: str) -> None:
        known = self.looked_at(name, place)
        if not isinstance(class_name, str) or not shows(class_name):
            raise self.malformed(place, "the class is no text, or one of which nobody sees anything")
        if box is None or not all(map(math.isfinite, box)) or min(box[2:]) <= 0 or box[2] * box[3] <= 0:
            raise self.malformed(place, f"the box {box} is no x, y, width and height above 0")
        if max(map(abs, box)) > LARGEST:
            raise self.malformed(place, f"the box {box} is beyond the pixels of any image")
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            raise self.malformed(place, f"the score is {score!r}, and not between 0 and 1")
        self._by_name[known].append((as_seen(class_name.strip()), box, float(score)))

    def malformed(self, place: str, what: str) -> PredictionsMalformed:
        return PredictionsMalformed(f"{shown(self._file)}: {place}: {what}.")

    def detections(self) -> Detections:
        if not self._by_name:
            raise PredictionsMalformed(f"{shown(self._file)} has no prediction in it.")
        classes = sorted_classes(class_ for boxes in self._by_name.values() for class_, _, _ in boxes)
        index = {name: i for i, name in enumerate(classes)}
        return Detections(
            classes,
            {
                name: Detected(
                    np.array([box for _, box, _ in boxes], np.float64).reshape(-1, 4),
                    np.array([index[class_] for class_, _, _ in boxes], np.int64),
                    np.array([score for _, _, score in boxes], np.float64),
                )
                for name, boxes in self._by_name.items()
            },
        )


def _form(file: Path, stream: BufferedReader) -> str:
    """Tell the form of an open file by its beginning, where it is left."""
    head = stream.read(HEAD)
    stream.seek(0)
    if other := other_than_utf_8(head):
        raise PredictionsMalformed(f"{shown(file)}: {other}.")
    try:
        text = head.decode("utf-8-sig", "strict" if len(head) < HEAD else "ignore").lstrip()
    except UnicodeDecodeError as error:
        raise PredictionsMalformed(f"{shown(file)}: byte {error.start} is not UTF-8; save the file as UTF-8.") from None
    if text.startswith("["):
        raise PredictionsMalformed(
            f"{shown(file)} is a list of results, which have numbers for names: put it as `annotations` into the COCO "
            "file that it is about, which has their `images` and `categories`."
        )
    if not text.startswith("{"):
        return "csv"
    return "lines" if '"boxes"' in text.partition("\n")[0] else "coco"


def _header(file: Path, text: TextIOWrapper) -> csv.DictReader[str]:
    first = text.readline()
    delimiter = "\t" if "\t" in first else ","
    columns = [column.strip() for column in next(csv.reader([first], delimiter=delimiter), [])]
    if missing := [column for column in COLUMNS if column not in columns]:
        wanted = ", ".join(COLUMNS)
        raise PredictionsMalformed(f"{file.name}:1: the header needs {wanted}; {', '.join(missing)} is not there.")
    if twice := [column for column in COLUMNS if columns.count(column) > 1]:
        raise PredictionsMalformed(f"{file.name}:1: two columns are called {twice[0]}; rename one of them.")
    return csv.DictReader(text, columns, delimiter=delimiter, strict=True)


def _read_csv(file: Path, stream: BufferedReader, gathered: _Gathered) -> None:
    with TextIOWrapper(stream, "utf-8-sig", newline="") as text:
        _take_rows(_header(file, text), gathered)


def _take_rows(reader: csv.DictReader[str], gathered: _Gathered) -> None:
    try:
        for row in reader:
            place = f"line {reader.line_num + 1}"
            if any(cell.strip() for cell in row.get(None, ())):  # what is beyond the header
                what = "it has more cells than the header; put quotes around what holds a separator"
                raise gathered.malformed(place, what)
            try:
                x, y, width, height, score = (float(row[column] or "") for column in COLUMNS[2:])
            except (TypeError, ValueError):
                raise gathered.malformed(place, "one of its numbers is none") from None
            gathered.take(row["name"], row["class"], (x, y, width, height), score, place)
    except UnicodeDecodeError:  # text is decoded some lines ahead of those that are read
        raise gathered.malformed(f"behind line {reader.line_num}", "it is not UTF-8; save the file as UTF-8") from None
    except csv.Error as error:
        raise gathered.malformed(f"line {reader.line_num + 1}", str(error)) from None


def _read_lines(stream: BufferedReader, gathered: _Gathered) -> None:
    for number, line in enumerate(stream, start=1):
        place = f"line {number}"
        if not line.strip():
            continue
        try:
            fields = json.loads(line, object_pairs_hook=object_of)
        except KeyTwice as error:
            raise gathered.malformed(place, str(error)) from None
        except (ValueError, RecursionError) as error:
            raise gathered.malformed(place, f"it is no JSON ({error})") from None
        boxes = fields.get("boxes") if isinstance(fields, dict) else None
        if not isinstance(boxes, list) or not all(isinstance(box, dict) for box in boxes):
            raise gathered.malformed(place, "it has no list `boxes`")
        gathered.looked_at(fields.get("name"), place)
        for box in boxes:
            gathered.take(fields.get("name"), box.get("class"), numbers_in(box.get("box")), box.get("score"), place)


def _read_coco(file: Path, stream: BufferedReader, gathered: _Gathered) -> None:
    """Read the lists in any order: annotations that come before their images wait for them."""
    names: dict[Any, Any] = {}
    categories: dict[Any, Any] = {}
    waiting: list[tuple[Any, ...]] = []
    for key, row in elements(file, stream, PredictionsMalformed):
        if key not in {"images", "categories", "annotations"}:
            continue
        if not isinstance(row, dict):
            raise gathered.malformed(key, "it holds something that is no object")
        if key == "images":
            known = gathered.looked_at(row.get("file_name"), f"image {row.get('id')}")
            _note(row.get("id"), known, names, key, gathered)
        elif key == "categories":
            _note(row.get("id"), row.get("name"), categories, key, gathered)
        else:
            waiting.append((row.get("image_id"), row.get("category_id"), numbers_in(row.get("bbox")), row.get("score")))
    for at, (image, category, box, score) in enumerate(waiting):
        place = f"annotations[{at}]"
        if not isinstance(image, Hashable) or image not in names:
            raise gathered.malformed(place, "its `image_id` names none of the file")
        if not isinstance(category, Hashable) or category not in categories:
            raise gathered.malformed(place, "its `category_id` names none of the file")
        gathered.take(names[image], categories[category], box, score, place)


def _note(own: Any, said: Any, by_id: dict[Any, Any], key: str, gathered: _Gathered) -> None:
    """Note what the id of an image or a category stands for. It may be said again, as in files put together."""
    whole = isinstance(own, int) or (isinstance(own, float) and own.is_integer())  # pandas writes 1.0
    if isinstance(own, bool) or not (whole or isinstance(own, str)):
        raise gathered.malformed(key, f"the id {own!r} is no whole number and no text")
    if (first := by_id.setdefault(own, said)) != said:
        what = f"the id {own!r} stands for {str(first)[:200]!r} and {str(said)[:200]!r}; give each an id of its own"
        raise gathered.malformed(key, what)

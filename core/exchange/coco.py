"""COCO files with a class for a whole image: annotations that have a category and no box.

COCO itself has none; datumaro reads and writes them as `annotations/labels_<subset>.json`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import ExchangeMalformed
from nextlabel.core.exchange.entries import Entry, classes_of
from nextlabel.core.exchange.files import Faults, agreed, read_json


def document(entries: Sequence[Entry], classes: Iterable[str] = ()) -> dict[str, Any]:
    """Make the document; its images are numbered in rank order. `classes`: further ones, which no entry has."""
    names = sorted_classes({*classes, *classes_of(entries)})
    ids = {name: at for at, name in enumerate(names, start=1)}
    numbered = list(enumerate(entries, start=1))
    labelled = [(at, entry) for at, entry in numbered if entry.class_name is not None]
    return {
        "licenses": [],
        "info": {"description": "nextlabel"},
        "categories": [{"id": id_, "name": name, "supercategory": ""} for name, id_ in ids.items()],
        "images": [{"id": at, "file_name": entry.name} for at, entry in numbered],
        "annotations": [_annotation(at, image, ids, entry) for at, (image, entry) in enumerate(labelled, start=1)],
    }


def _annotation(at: int, image: int, ids: Mapping[str, int], entry: Entry) -> dict[str, Any]:
    assert entry.class_name is not None
    annotation: dict[str, Any] = {"id": at, "image_id": image, "category_id": ids[entry.class_name]}
    return annotation if entry.score is None else {**annotation, "score": entry.score}


def read(file: Path) -> list[tuple[str, str]]:
    """Read (name, class) in the order of the images' numbers. Boxes count, too, where all of an image say one class.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    faults = Faults(file)
    content = read_json(file)
    parts = ("images", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(part), list) for part in parts):
        raise ExchangeMalformed(f"{shown(file)} is no COCO file: it needs lists of `images` and `categories`.")
    names = _texts_by_id(content["images"], "images", "file_name", faults)
    categories = _texts_by_id(content["categories"], "categories", "name", faults)
    classes = _classes_by_image(content.get("annotations") or [], names, categories, faults)
    pairs = [
        (names[image], class_name)
        for image in sorted(classes)
        for class_name in agreed(classes[image], shown(names[image]), faults)
    ]
    faults.check()
    return pairs


def _texts_by_id(rows: Iterable[Any], part: str, field: str, faults: Faults) -> dict[int, str]:
    """Read a text field of each row; note the rows that have no id or no such text."""
    texts: dict[int, str] = {}
    for at, row in enumerate(rows):
        if _number(row, "id") >= 0 and isinstance(row.get(field), str):
            texts[row["id"]] = row[field]
        else:
            faults.note(f"{part}[{at}]", f"it needs a number `id` and a text `{field}`")
    return texts


def _classes_by_image(
    annotations: Any, names: Mapping[int, str], categories: Mapping[int, str], faults: Faults
) -> dict[int, list[str]]:
    classes: dict[int, list[str]] = defaultdict(list)
    for at, row in enumerate(annotations if isinstance(annotations, list) else []):
        image, category = _number(row, "image_id"), _number(row, "category_id")
        if image in names and category in categories:
            classes[image].append(categories[category])
        else:
            what = "its `image_id` or its `category_id` names none of the file; export the file anew"
            faults.note(f"annotations[{at}]", what)
    return classes


def _number(row: Any, field: str) -> int:
    """Return the number in the field; -1 where there is none, for numbers are not below 0."""
    value = row.get(field) if isinstance(row, dict) else None
    return value if isinstance(value, int) and value >= 0 else -1

"""COCO files with classes for a whole image: annotations that have a category and no box.

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
from nextlabel.core.exchange.answers import Answer, Reading
from nextlabel.core.exchange.entries import Entry, classes_of
from nextlabel.core.exchange.files import Faults, file_in, read_json

FILES = ("annotations/labels_*.json", "annotations/*.json", "*.json")  # in a folder: the first that are there


def document(entries: Sequence[Entry], classes: Iterable[str] = ()) -> dict[str, Any]:
    """Make the document; its images are numbered in rank order. `classes`: further ones, which no entry has."""
    names = sorted_classes({*classes, *classes_of(entries)})
    ids = {name: at for at, name in enumerate(names, start=1)}
    numbered = list(enumerate(entries, start=1))
    said = [(at, entry, ids[class_name]) for at, entry in numbered for class_name in entry.classes or ()]
    return {
        "licenses": [],
        "info": {"description": "nextlabel"},
        "categories": [{"id": id_, "name": name, "supercategory": ""} for name, id_ in ids.items()],
        "images": [{"id": at, "file_name": entry.name} for at, entry in numbered],
        "annotations": [_annotation(at, image, id_, entry) for at, (image, entry, id_) in enumerate(said, start=1)],
    }


def _annotation(at: int, image: int, category: int, entry: Entry) -> dict[str, Any]:
    """Write an annotation; a `score` says that a model proposes it."""
    annotation: dict[str, Any] = {"id": at, "image_id": image, "category_id": category}
    return annotation if entry.given else {**annotation, "score": entry.score}


def read(path: Path) -> Reading:
    """Read the classes of images, in the order of the images' numbers. Boxes say their image's class, too.

    path: the file, or a folder that has one in `annotations`. An annotation with a `score` is a model's, as in COCO's
    own files of results.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    file = file_in(path, FILES, "COCO")
    reading = Reading.of(file)
    content = read_json(file)
    parts = ("images", "categories", "annotations")
    lists = {part: content.get(part, []) for part in parts} if isinstance(content, dict) else {}
    if not lists or not all(isinstance(lists[part], list) and part in content for part in parts[:2]):
        raise ExchangeMalformed(f"{shown(file)} is no COCO file: it needs lists of `images` and `categories`.")
    names = _texts_by_id(lists["images"], "images", "file_name", reading.faults)
    categories = _texts_by_id(lists["categories"], "categories", "name", reading.faults)
    annotations = lists["annotations"] if isinstance(lists["annotations"], list) else [lists["annotations"]]
    answers = _answers_by_image(annotations, names, categories, reading.faults)
    reading.tell_boxes(sum(isinstance(row, dict) and bool(row.get("bbox")) for row in annotations))
    for image in sorted(names):
        reading.answers += answers[image] or [Answer(f"image {image}", names[image], None)]
    return reading


def _texts_by_id(rows: Iterable[Any], part: str, field: str, faults: Faults) -> dict[int, str]:
    """Read a text field of each row; note rows that have no id or no such text, and ids that stand for two."""
    texts: dict[int, str] = {}
    for at, row in enumerate(rows):
        if _number(row, "id") < 0 or not isinstance(row.get(field), str):
            faults.note(f"{part}[{at}]", f"it needs a number `id` and a text `{field}`")
        elif (first := texts.setdefault(row["id"], row[field])) != row[field]:
            what = f"the id {row['id']} stands for {shown(first)} and {shown(row[field])}; give each an id of its own"
            faults.note(f"{part}[{at}]", what)
    return texts


def _answers_by_image(
    annotations: Iterable[Any], names: Mapping[int, str], categories: Mapping[int, str], faults: Faults
) -> dict[int, list[Answer]]:
    answers: dict[int, list[Answer]] = defaultdict(list)
    seen: dict[Any, tuple[int, int]] = {}
    for at, row in enumerate(annotations):
        place, said = f"annotations[{at}]", (_number(row, "image_id"), _number(row, "category_id"))
        image, category = said
        if image not in names or category not in categories:
            what = "its `image_id` or its `category_id` names none of the file; export the file anew"
            faults.note(place, what)
        elif seen.setdefault(row.get("id", place), said) != said:
            faults.note(place, f"the id {row['id']} stands for two annotations; give each an id of its own")
        else:
            answers[image].append(Answer(place, names[image], categories[category], by_model=_has_score(row)))
    return answers


def _has_score(row: Mapping[str, Any]) -> bool:
    """Tell whether a model proposes an annotation. Datumaro keeps scores that it knows nothing of among attributes."""
    attributes = row.get("attributes")
    return any(part.get("score") is not None for part in (row, attributes) if isinstance(part, dict))


def _number(row: Any, field: str) -> int:
    """Return the number in the field; -1 where there is none, for numbers are not below 0."""
    value = row.get(field) if isinstance(row, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else -1

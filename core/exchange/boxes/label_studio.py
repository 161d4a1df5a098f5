"""Label Studio's `<RectangleLabels>`: boxes in percent of the image, in exports as JSON and JSON-MIN, and in tasks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard
from xml.sax.saxutils import quoteattr

import numpy as np

from nextlabel.core.data.boxes import LARGEST, BoxedImage
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange.boxes.found import BoxReading, FoundImage
from nextlabel.core.exchange.boxes.proposed import ProposedImage
from nextlabel.core.exchange.boxes.shapes import Hulls, Place, rotated_hull
from nextlabel.core.exchange.files import read_json
from nextlabel.core.exchange.image_urls import ImageUrls
from nextlabel.core.exchange.label_studio import NameOf, image_key, objects_in

RECTANGLES = "rectanglelabels"
CROWD = "crowd"  # in the `meta` of a region of ours


# --- write ------------------------------------------------------------------------------------------------------


def config(classes: Sequence[str], from_name: str = "label", key: str = "image") -> str:
    """Write the labelling configuration of a new project. Raises Inexpressible where there is no class."""
    if not classes:
        raise Inexpressible("no class is known yet, so there is nothing to choose from; name the classes (--class)")
    labels = [f"    <Label value={quoteattr(name)}/>" for name in classes]
    head = f'  <RectangleLabels name={quoteattr(from_name)} toName="image">'
    image = f'  <Image name="image" value={quoteattr(f"${key}")}/>'
    return "\n".join(["<View>", image, head, *labels, "  </RectangleLabels>", "</View>", ""])


def tasks(
    images: Mapping[str, BoxedImage], urls: ImageUrls, from_name: str = "label", key: str = "image"
) -> list[dict[str, Any]]:
    """Make tasks to import into a project: an annotation each, which is empty where nothing is there."""
    return [
        {"data": {key: urls.url(name), **_size(image)}, "annotations": [{"result": list(_regions(image, from_name))}]}
        for name, image in images.items()
    ]


def proposals(
    images: Mapping[str, ProposedImage], urls: ImageUrls, version: str, from_name: str = "label", key: str = "image"
) -> list[dict[str, Any]]:
    """Make tasks with what a model proposes: a score for each region, and for the task that of the least sure one.

    So Label Studio's order by prediction score, ascending, begins with what is worth a look.
    """
    return [
        {
            "data": {key: urls.url(name), **_size(one.image)},
            "predictions": [{"model_version": version, "score": one.least, "result": _scored(one, from_name)}],
        }
        for name, one in images.items()
    ]


def _scored(one: ProposedImage, from_name: str) -> list[dict[str, Any]]:
    regions = _regions(one.image, from_name)
    return [{**region, "score": score} for region, score in zip(regions, one.scores, strict=True)]


def _size(image: BoxedImage) -> dict[str, int]:
    """Write what no region says of an image on which nothing is."""
    return {"width": image.width, "height": image.height}


def _regions(image: BoxedImage, from_name: str) -> Iterator[dict[str, Any]]:
    for at, box in enumerate(image.boxes):
        value = {
            "x": 100 * box.x / image.width,
            "y": 100 * box.y / image.height,
            "width": 100 * box.width / image.width,
            "height": 100 * box.height / image.height,
            "rotation": 0,
            RECTANGLES: [box.class_name],
        }
        yield {
            "id": f"nextlabel-{at}",
            "from_name": from_name,
            "to_name": "image",
            "type": RECTANGLES,
            "original_width": image.width,
            "original_height": image.height,
            "image_rotation": 0,
            "value": value,
            **({"meta": {"text": [CROWD]}} if box.crowd else {}),
        }


# --- read -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Annotation:
    """What somebody, or a model, said of one task. `size`: of the image, where the task's data has it."""

    place: str
    url: str
    regions: Sequence[dict[str, Any]]
    by_model: bool
    time: str
    size: tuple[int, int] | None


def read(
    file: Path,
    name_of: NameOf,
    *,
    key: str | None = None,
    from_name: str | None = None,
    newest: bool = False,
    hull: bool = False,
) -> BoxReading:
    """Read an export as JSON or JSON-MIN. An annotation without a box says that nothing is there unless skipped.

    Args:
        name_of: finds an image's name in the pool by its URL; None: the pool has none such.
        key: the image's key in a task's data. None: it is found out, where only one looks like an image.
        from_name: the name of the <RectangleLabels>. None: all count.
        newest: of several annotations of a task, the newest counts; else they must agree.
        hull: of a turned box, take the upright box around it; else it is a fault.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    reading = BoxReading.of(file, "Label Studio's JSON")
    reading.settled_by = "" if newest else "let the newest count (--newest)"
    rows = read_json(file)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ExchangeMalformed(f"{shown(file)} is no list of tasks. Export the project as JSON or JSON-MIN.")
    hulls = Hulls(reading, allowed=hull)
    key = key or image_key([row["data"] if isinstance(row.get("data"), dict) else row for row in rows]) or "image"
    for at, row in enumerate(rows, start=1):
        said = list(_annotations_of(row, f"task {row.get('id', at)}", key, reading))
        people = [one for one in said if not one.by_model]
        if newest and len(people) > 1:
            said = [max(people, key=lambda one: one.time)]
        for annotation in said:
            name = name_of(annotation.url)
            if name is None:
                what = f"no image is known by {shown(annotation.url)}; check the prefix, or the pool"
                reading.faults.note(annotation.place, what)
            else:
                reading.images.append(_image(annotation, name, from_name, hulls))
    return reading


def _annotations_of(row: dict[str, Any], place: str, key: str, reading: BoxReading) -> Iterator[_Annotation]:
    inner = row.get("data")
    data = inner if isinstance(inner, dict) else row
    url = data.get(key)
    if not isinstance(url, str) or not url:
        reading.faults.note(place, f"it has no image in `{key}`; say which it is (--image-key)")
        return
    sides = [value for side in ("width", "height") if _is_side(value := data.get(side))]
    size = (sides[0], sides[1]) if len(sides) == 2 else None
    if data is row:  # JSON-MIN: what was drawn stands beside the image, under the name of the control
        drawn = [one for value in row.values() for one in objects_in(value) if RECTANGLES in one]
        regions = [{"value": one, **one} for one in drawn]
        yield _Annotation(place, url, regions, by_model=False, time=str(row.get("updated_at", "")), size=size)
        return
    people, models = row.get("annotations", row.get("completions")), row.get("predictions")
    for listed, by_model in ((people, False), (models, True)):
        for one in objects_in(listed):
            if not one.get("was_cancelled"):
                time = str(one.get("updated_at") or one.get("created_at") or "")
                yield _Annotation(place, url, objects_in(one.get("result")), by_model, time, size)


def _image(annotation: _Annotation, name: str, from_name: str | None, hulls: Hulls) -> FoundImage:
    faults, size = hulls.reading.faults, annotation.size
    boxes: list[tuple[Place, str, bool]] = []
    for region, value in _rectangles(annotation, from_name, hulls.reading):
        if fault := _fault_of(region, value):
            faults.note(annotation.place, fault)
            continue
        size = region["original_width"], region["original_height"]
        if (found := _place(value, size, annotation.place, hulls)) is not None:
            meta = region.get("meta")
            is_crowd = isinstance(meta, dict) and meta.get("text") == [CROWD]
            boxes.append((found, value[RECTANGLES][0], is_crowd))
    return FoundImage(
        place=annotation.place,
        name=name,
        size=size,
        places=np.array([place for place, _, _ in boxes], np.float64).reshape(-1, 4),
        classes=[class_name for _, class_name, _ in boxes],
        crowd=np.array([is_crowd for _, _, is_crowd in boxes], bool),
        by_model=np.full(len(boxes), annotation.by_model),
        looked_at=not annotation.by_model,
    )


def _rectangles(
    annotation: _Annotation, from_name: str | None, reading: BoxReading
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the regions that are boxes, of that name or of any, and the value of each; count those that are none."""
    for region in annotation.regions:
        value = region.get("value")
        if not isinstance(value, dict) or RECTANGLES not in value:
            reading.repaired["answers that are no boxes were passed over"] += 1
        elif from_name is None or region.get("from_name", from_name) == from_name:
            yield region, value


def _fault_of(region: Mapping[str, Any], value: Mapping[str, Any]) -> str | None:
    """Say why a box can't be taken, whatever its place; None where it can."""
    said = value[RECTANGLES]
    if not all(_is_side(region.get(f"original_{side}")) for side in ("width", "height")):
        return "a box has no `original_width` and `original_height`"
    if region.get("image_rotation") not in (None, 0):
        return "the image was turned in Label Studio; turn it back there, and export it anew"
    if not isinstance(said, list) or len(said) != 1 or not isinstance(said[0], str):
        return f"a box has one class, and this one says {shown(str(said))}"
    return None


def _place(value: Mapping[str, Any], size: tuple[int, int], at: str, hulls: Hulls) -> Place | None:
    """Return a box in pixels, upright; None, with a fault, where it is none."""
    x, y, w, h = (_number(value.get(field)) for field in ("x", "y", "width", "height"))
    turn = _number(value.get("rotation", 0))
    if not all(map(math.isfinite, (x, y, w, h, turn))):
        hulls.reading.faults.note(at, "a box needs x, y, width and height as numbers (and a finite rotation)")
        return None
    width, height = size
    found = (x * width / 100, y * height / 100, w * width / 100, h * height / 100)
    if turn % 360 == 0:
        return found
    return hulls.of(at, "a turned box", rotated_hull(found, turn, found[:2]))  # around its upper left corner


def _is_side(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < LARGEST


def _number(value: Any) -> float:
    """Return a finite number; NaN for whatever else stands there, and where nothing does."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not -LARGEST < value < LARGEST:
        return math.nan
    return float(value)

"""CVAT's XML for images, version 1.1, with boxes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from nextlabel.core.data.boxes import BoxedImage
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.exchange.boxes.found import BoxReading, FoundImage
from nextlabel.core.exchange.boxes.shapes import Hulls, Place, corners_to_place, rotated_hull
from nextlabel.core.exchange.cvat import FILES, SHAPES, begun, images_of, number_in, root_of, whole, writable_text
from nextlabel.core.exchange.files import file_in

LOOKED_AT = "looked_at"  # in <meta> of what we write: somebody looked at each of the images


def document(images: Mapping[str, BoxedImage], classes: Iterable[str] = ()) -> str:
    """Write the XML. `classes`: further ones, which no box has.

    Raises:
        Inexpressible: a name or class holds a character that XML has no place for.
    """
    names = sorted_classes([*classes, *(box.class_name for image in images.values() for box in image.boxes)])
    root, head = begun(len(images), names)
    SubElement(head, LOOKED_AT).text = "True"
    for at, (name, image) in enumerate(images.items()):
        size = {"width": str(image.width), "height": str(image.height)}
        one = SubElement(root, "image", {"id": str(at), "name": writable_text(name), **size})
        for box in image.boxes:
            ends = {"xtl": box.x, "ytl": box.y, "xbr": box.x + box.width, "ybr": box.y + box.height}
            fixed = {"label": writable_text(box.class_name), "source": "manual", "occluded": "0", "z_order": "0"}
            SubElement(one, "box", {**fixed, **{key: repr(float(value)) for key, value in ends.items()}})
    return whole(root)


def read(path: Path, *, hull: bool = False) -> BoxReading:
    """Read the boxes of images, in the order of the images' numbers. What CVAT's models proposed has the source `auto`.

    path: the XML, or a folder that has it.
    hull: of a turned box, or of another shape, take the upright box around it; else it is a fault.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    file = file_in(path, FILES, "CVAT for images")
    reading = BoxReading.of(file, "CVAT for images 1.1")
    root = root_of(file)
    looked_at = True if root.findtext(f"meta/{LOOKED_AT}") == "True" else None
    hulls = Hulls(reading, allowed=hull)
    images = images_of(root, reading.faults)
    reading.images = [_image(image, place, name, looked_at, hulls) for place, name, image in images]
    return reading


def _image(image: Element, place: str, name: str, looked_at: bool | None, hulls: Hulls) -> FoundImage:
    reading, places, classes, by_model = hulls.reading, [], [], []
    for shape in image:
        if shape.tag == "tag":
            reading.repaired["tags of whole images were passed over"] += 1
        if shape.tag not in SHAPES:
            continue
        found = _place(shape, place, hulls)
        if not shape.get("label"):
            reading.faults.note(place, f"a <{shape.tag}> has no label; export the file anew")
        elif found is not None:
            places.append(found)
            classes.append(shape.get("label", ""))
            by_model.append(shape.get("source") == "auto")
    width, height = (number_in(image.get(side), 0) for side in ("width", "height"))
    return FoundImage(
        place=place,
        name=name,
        size=(width, height) if width and height else None,
        places=np.array(places, np.float64).reshape(-1, 4),
        classes=classes,
        by_model=np.array(by_model, bool),
        looked_at=looked_at,
    )


def _place(shape: Element, place: str, hulls: Hulls) -> Place | None:
    if shape.tag == "box":
        ends = [_float(shape.get(end)) for end in ("xtl", "ytl", "xbr", "ybr")]
        turn = _float(shape.get("rotation", "0"))
        found = corners_to_place(ends, hulls.reading)
        if turn % 360 == 0:
            return found
        x, y, w, h = found
        return hulls.of(place, "a turned box", rotated_hull(found, turn, (x + w / 2, y + h / 2)))
    points = [_float(part) for part in re.split("[;,]", shape.get("points", "")) if part]
    if len(points) < 4 or len(points) % 2:
        hulls.reading.faults.note(place, f"a <{shape.tag}> is no box; draw it as one")
        return None
    xs, ys = points[::2], points[1::2]
    return hulls.of(place, f"a <{shape.tag}>", (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)))


def _float(text: str | None) -> float:
    """Return the number; not a number where there is none, which is a fault of its image."""
    try:
        return float(text or "")
    except ValueError:
        return math.nan

"""CVAT's XML for images, version 1.1: a class is a tag."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange.answers import Answer, Reading
from nextlabel.core.exchange.entries import Entry, classes_of
from nextlabel.core.exchange.files import Faults, file_in, parse_xml, read_text

SHAPES = ("box", "polygon", "polyline", "points", "ellipse", "cuboid", "mask", "skeleton")
FILES = ("*.xml",)  # in a folder
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(entries: Sequence[Entry], classes: Iterable[str] = ()) -> str:
    """Write the XML; its images are numbered in rank order. `classes`: further ones, which no entry has.

    Raises:
        Inexpressible: a name or class holds a character that XML has no place for.
    """
    names = sorted_classes({*classes, *classes_of(entries)})
    root, _ = begun(len(entries), names)
    for at, entry in enumerate(entries):
        image = SubElement(root, "image", id=str(at), name=writable_text(entry.name))
        for class_name in entry.classes or ():
            SubElement(image, "tag", label=writable_text(class_name), source="manual" if entry.given else "auto")
    return whole(root)


def begun(size: int, classes: Sequence[str]) -> tuple[Element, Element]:
    """Begin a file: its root, and the head in it, which has the task of so many images and its classes."""
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    head = SubElement(root, "meta")
    task = SubElement(head, "task")
    fields = {
        "name": "nextlabel", "size": str(size), "mode": "annotation", "start_frame": "0", "stop_frame": str(size - 1),
    }  # fmt: skip
    for field, value in fields.items():
        SubElement(task, field).text = value
    labels = SubElement(task, "labels")
    for class_name in classes:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = writable_text(class_name)
        SubElement(label, "attributes")
    return root, head


def whole(root: Element) -> str:
    """Write the XML."""
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def writable_text(text: str) -> str:
    """Return the text if XML can hold it. Raises Inexpressible."""
    if _NOT_XML.search(text):
        raise Inexpressible(f"{shown(text)} holds a character that XML has no place for. Rename it.")
    return text


def read(path: Path) -> Reading:
    """Read the tags of images, in the order of the images' numbers; without a person's tag, what people's shapes say.

    path: the XML, or a folder that has it. What CVAT's models proposed has the source `auto`, and so has what
    `document` writes of a model's.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    file = file_in(path, FILES, "CVAT for images")
    reading = Reading.of(file)
    boxes = 0
    for place, name, image in images_of(root_of(file), reading.faults):
        tags, shapes = list(image.iter("tag")), [shape for shape in image if shape.tag in SHAPES]
        by_people = [[one for one in of if not _is_by_model(one)] for of in (tags, shapes)]
        said = next(filter(None, (*by_people, tags, shapes)), [])
        boxes += sum(one.tag == "box" for one in said)
        for one in said:
            if one.get("label"):
                reading.answers.append(Answer(place, name, one.get("label"), by_model=_is_by_model(one)))
            else:
                reading.faults.note(place, f"a <{one.tag}> has no label; export the file anew")
        if not said:
            reading.answers.append(Answer(place, name, None))
    reading.tell_boxes(boxes)
    return reading


def root_of(file: Path) -> Element:
    """Parse the XML. Raises ExchangeMalformed, PathNotReadable."""
    root = parse_xml(read_text(file), shown(file))
    if root.tag != "annotations":
        raise ExchangeMalformed(f"{shown(file)} is no CVAT file: its root is <{root.tag}>, not <annotations>.")
    if root.find("track") is not None:
        raise ExchangeMalformed(f"{shown(file)} is of a video (it has tracks). Export it as CVAT for images.")
    return root


def images_of(root: Element, faults: Faults) -> Iterator[tuple[str, str, Element]]:
    """Yield the images in the order of their numbers: place, name, element; note those without a name."""
    images = enumerate(root.iter("image"), start=1)
    for at, image in sorted(images, key=lambda one: number_in(one[1].get("id"), one[0])):
        if name := image.get("name"):
            yield f"image no. {at}", name, image
        else:
            faults.note(f"image no. {at}", "it has no name; export the file anew")


def _is_by_model(one: Element) -> bool:
    return one.get("source", "").casefold() == "auto"


def number_in(text: str | None, otherwise: int) -> int:
    """Read the number in an attribute; what it is otherwise where there is none."""
    return int(text) if text is not None and re.fullmatch("[0-9]{1,18}", text) else otherwise

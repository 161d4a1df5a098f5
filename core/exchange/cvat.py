"""CVAT's XML for images, version 1.1: a class is a tag."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange.answers import Answer, Reading
from nextlabel.core.exchange.entries import Entry, classes_of
from nextlabel.core.exchange.files import file_in, parse_xml, read_text

SHAPES = ("box", "polygon", "polyline", "points", "ellipse", "cuboid", "mask", "skeleton")
FILES = ("*.xml",)  # in a folder
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(entries: Sequence[Entry], classes: Iterable[str] = (), name: str = "nextlabel") -> str:
    """Write the XML; its images are numbered in rank order. `classes`: further ones, which no entry has.

    Raises:
        Inexpressible: a name or class holds a character that XML has no place for.
    """
    names = sorted_classes({*classes, *classes_of(entries)})
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    root.append(meta(name, len(entries), names))
    for at, entry in enumerate(entries):
        image = SubElement(root, "image", id=str(at), name=writable_text(entry.name))
        for class_name in entry.classes or ():
            SubElement(image, "tag", label=writable_text(class_name), source="manual" if entry.given else "auto")
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def meta(name: str, size: int, classes: Sequence[str]) -> Element:
    """Make the head: the task of so many images, and its classes."""
    head = Element("meta")
    task = SubElement(head, "task")
    fields = {"name": name, "size": str(size), "mode": "annotation", "start_frame": "0", "stop_frame": str(size - 1)}
    for field, value in fields.items():
        SubElement(task, field).text = value
    labels = SubElement(task, "labels")
    for class_name in classes:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = writable_text(class_name)
        SubElement(label, "attributes")
    return head


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
    root = parse_xml(read_text(file), shown(file))
    if root.tag != "annotations":
        raise ExchangeMalformed(f"{shown(file)} is no CVAT file: its root is <{root.tag}>, not <annotations>.")
    if root.find("track") is not None:
        raise ExchangeMalformed(f"{shown(file)} is of a video (it has tracks). Export it as CVAT for images.")
    images = sorted(enumerate(root.iter("image"), start=1), key=lambda image: _number(image[1].get("id"), image[0]))
    boxes = 0
    for at, image in images:
        place, name = f"image no. {at}", image.get("name")
        if not name:
            reading.faults.note(place, "it has no name; export the file anew")
            continue
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


def _is_by_model(one: Element) -> bool:
    return one.get("source", "").casefold() == "auto"


def _number(text: str | None, at: int) -> int:
    """Read an image's id; its place in the file where it has none."""
    return int(text) if text is not None and re.fullmatch("[0-9]{1,18}", text) else at

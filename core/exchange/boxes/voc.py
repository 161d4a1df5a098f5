"""Pascal VOC: a file of XML for each image, with the corners of its boxes.

Written as its programs look for it: the files in `Annotations/`, a list of the images in `ImageSets/Main/`, and the
classes in `labelmap.txt`, as datumaro and CVAT have it: they take the format's own twenty classes where it is missing.
Read from wherever the files of XML lie.

The format counts pixels from 1 and a box's last pixel with it. Many programs count from 0 and mean edges: a corner at
0, or one that is no whole number, gives them away.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from nextlabel.core.data.boxes import BoxedImage, Floats
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange.boxes.found import BoxReading, FoundImage
from nextlabel.core.exchange.boxes.shapes import corners_to_place
from nextlabel.core.exchange.cvat import writable_text
from nextlabel.core.exchange.files import parse_xml, read_text, seen_in
from nextlabel.core.exchange.names import check_below

FirstPixel = Literal["0", "1"]
BACKGROUND = "background"  # its programs take it for the first class, whether or not a box has it
LABELMAP_HEAD = f"# label:color_rgb:parts:actions\n{BACKGROUND}:::\n"
OURS = "nextlabel"  # in <source> of what we write, which counts from 1
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def documents(images: Mapping[str, BoxedImage]) -> Iterator[tuple[str, str]]:
    """Yield (path below the folder, text) for each file.

    Raises Inexpressible: two images would have one file, a name leads out of the folder, or XML, the list of images or
    that of classes has no place for a text.
    """
    names = sorted_classes({box.class_name for image in images.values() for box in image.boxes})
    yield "labelmap.txt", "".join([LABELMAP_HEAD, *(f"{_mapped(name)}:::\n" for name in names if name != BACKGROUND)])
    stems: dict[str, str] = {}
    for name, image in images.items():
        stem = _listed(name)
        if stems.setdefault(stem, name) != name:
            raise Inexpressible(f"{shown(stems[stem])} and {shown(name)} would share {stem}.xml; rename one of them")
        yield f"Annotations/{stem}.xml", _document(name, image)
    yield "ImageSets/Main/nextlabel.txt", "".join(f"{stem}\n" for stem in stems)


def _listed(name: str) -> str:
    """Return the image's name in the list of images: without its ending. Raises Inexpressible."""
    check_below(name)
    stem = str(PurePosixPath(name).with_suffix(""))
    if stem.startswith("#") or stem.splitlines() != [stem.strip()]:  # a remark; two lines; spaces, which get lost
        raise Inexpressible(f"Pascal VOC's list of images has no place for {shown(name)}; rename it")
    return stem


def _mapped(class_name: str) -> str:
    if ":" in class_name or class_name.startswith("#"):
        raise Inexpressible(f"Pascal VOC's labelmap.txt has no place for the class {shown(class_name)}; rename it")
    return class_name


def _document(name: str, image: BoxedImage) -> str:
    root = Element("annotation")
    SubElement(root, "folder").text = writable_text(str(PurePosixPath(name).parent))
    SubElement(root, "filename").text = writable_text(name)
    SubElement(SubElement(root, "source"), "database").text = OURS
    size = SubElement(root, "size")
    for side, value in (("width", image.width), ("height", image.height), ("depth", 3)):
        SubElement(size, side).text = str(value)
    SubElement(root, "segmented").text = "0"
    for box in image.boxes:
        one = SubElement(root, "object")
        SubElement(one, "name").text = writable_text(box.class_name)
        for field in ("truncated", "difficult"):
            SubElement(one, field).text = "0"
        corners = SubElement(one, "bndbox")
        ends = (box.x + 1, box.y + 1, box.x + box.width, box.y + box.height)
        for corner, end in zip(CORNERS, ends, strict=True):
            SubElement(corners, corner).text = f"{int(end)}" if end == int(end) else repr(end)
    ElementTree.indent(root)
    return f"{ElementTree.tostring(root, encoding='unicode')}\n"


def files_in(folder: Path) -> list[Path]:
    """List the files that `read` takes boxes from."""
    return seen_in(folder, "**/*.xml")


def read(path: Path, *, first_pixel: FirstPixel | None = None) -> BoxReading:
    """Read a folder of XML files, with its sub-folders, or one file. One without an object says that none is there.

    first_pixel: the number of the first pixel. None: it is found out, and said.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    reading = BoxReading.of(path, "Pascal VOC")
    files = files_in(path) if path.is_dir() else [path]
    if not files:
        raise ExchangeMalformed(f"{shown(path)} holds no .xml file, and Pascal VOC has one for each image.")
    roots = [(file, root) for file in files if (root := _root(file, reading)) is not None]
    if not roots:
        reading.faults.check()
    ours = all(root.findtext("source/database") == OURS for _, root in roots)
    corners = [np.array([_corners(one) for one in root.iter("object")]).reshape(-1, 4) for _, root in roots]
    first = first_pixel or _first_pixel(np.concatenate(corners), ours, reading)
    for (file, root), ends in zip(roots, corners, strict=True):
        reading.images.append(_image(file.relative_to(path).as_posix() or file.name, root, ends, first, reading))
    return reading


def _root(file: Path, reading: BoxReading) -> Element | None:
    """Return the root of one file; None, with a fault, where it is of another format. Raises ExchangeMalformed."""
    root = parse_xml(read_text(file), shown(file))
    if root.tag == "annotation":
        return root
    reading.faults.note(file.name, f"its root is <{root.tag}>, and <annotation> in Pascal VOC")
    return None


def _first_pixel(ends: Floats, ours: bool, reading: BoxReading) -> FirstPixel:
    finite = ends[np.isfinite(ends).all(axis=1)]
    at_zero = bool((finite[:, :2] == 0).any())
    broken = bool((finite != np.floor(finite)).any())
    first: FirstPixel = "0" if (at_zero or broken) and not ours else "1"
    why = "a box begins at 0" if at_zero else "corners are no whole numbers" if broken else "none begins at 0"
    if len(finite) and not ours:
        reading.notes.append(f"pixels were taken to be counted from {first}, as {why}; --first-pixel says otherwise")
    return first


def _image(place: str, root: Element, ends: Floats, first: FirstPixel, reading: BoxReading) -> FoundImage:
    size = [_whole(root.findtext(f"size/{side}")) for side in ("width", "height")]
    name = (root.findtext("filename") or "").strip()
    if not PurePosixPath(name).suffix and (path := (root.findtext("path") or "").strip()):
        name = path
    if not name:
        reading.faults.note(place, "it has no <filename>")
    shift = np.array([1.0, 1, 0, 0]) if first == "1" else np.zeros(4)
    places = [corners_to_place(corner, reading) for corner in (ends - shift).tolist()]
    return FoundImage(
        place=place,
        name=name,
        size=(size[0], size[1]) if size[0] and size[1] else None,
        places=np.array(places, np.float64).reshape(-1, 4),
        classes=[(one.findtext("name") or "").strip() for one in root.iter("object")],
        looked_at=True,
    )


def _corners(one: Element) -> list[float]:
    """Return xmin, ymin, xmax, ymax; not numbers where they are missing, which is a fault of the image."""
    return [_float(one.findtext(f"bndbox/{corner}")) for corner in CORNERS]


def _float(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return math.nan


def _whole(text: str | None) -> int:
    value = _float(text)
    return int(value) if math.isfinite(value) and value > 0 else 0

"""Which tool a file or folder of boxes is of, by what stands in it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

from nextlabel.core.data.encodings import other_than_utf_8
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import ExchangeMalformed
from nextlabel.core.exchange.boxes import voc
from nextlabel.core.exchange.boxes.yolo import NAMES
from nextlabel.core.exchange.files import seen_in

Format = Literal["boxes", "coco", "yolo", "voc", "cvat", "label-studio"]
HEAD = 1 << 16  # bytes that are looked at


def sniff(path: Path) -> Format:
    """Tell the format by the content. Raises ExchangeMalformed: it is none of those that are known."""
    if path.is_dir():
        return _of_folder(path)
    head = _head_of(path)
    if path.name.lower() in NAMES:
        return "yolo"
    if path.suffix.lower() == ".jsonl":
        return "boxes"
    if head.startswith("<"):
        return "cvat" if "<annotations" in head else "voc"
    if head.startswith("["):
        return "label-studio"
    if head.startswith(("{", "PK")):
        is_lines = '"boxes"' in head.partition("\n")[0] and "annotations" not in head.partition("\n")[0]
        return "boxes" if is_lines else "cvat" if head.startswith("PK") and _holds_xml(path) else "coco"
    raise _unknown(path)


def _holds_xml(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as packed:
        return any(name.lower().endswith(".xml") for name in packed.namelist())


def _of_folder(path: Path) -> Format:
    if any((path / name).is_file() for name in NAMES):
        return "yolo"
    if any(_is_of_cvat(file) for file in seen_in(path, "*.xml")):
        return "cvat"
    if voc.files_in(path):
        return "voc"
    if seen_in(path, "*.jsonl"):
        return "boxes"
    if seen_in(path, "annotations/*.json"):
        return "coco"
    raise _unknown(path)


def _is_of_cvat(file: Path) -> bool:
    """One of another encoding is none, and not refused: beside a set may lie what has nothing to do with it."""
    head = _text_of(_first_bytes_of(file))
    return head.startswith("<") and "<annotations" in head


def _head_of(file: Path) -> str:
    head = _first_bytes_of(file)
    if not head.startswith(b"PK") and (other := other_than_utf_8(head)):
        raise ExchangeMalformed(f"{shown(file)}: {other}.")
    return _text_of(head)


def _first_bytes_of(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(HEAD)


def _text_of(head: bytes) -> str:
    return head.decode("utf-8-sig", "replace").lstrip()


def _unknown(path: Path) -> ExchangeMalformed:
    return ExchangeMalformed(
        f"{shown(path)} is none of: a COCO file or its folder, a folder of YOLO (with data.yaml) or of Pascal VOC "
        "(.xml), CVAT for images 1.1, Label Studio's JSON, a file of boxes (.jsonl)."
    )

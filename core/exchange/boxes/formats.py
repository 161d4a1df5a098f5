"""Which tool a file or folder of boxes is of, by what stands in it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

from nextlabel.core.data.roots import shown
from nextlabel.core.errors import ExchangeMalformed
from nextlabel.core.exchange.boxes.yolo import NAMES

Format = Literal["boxes", "coco", "yolo", "voc", "cvat", "label-studio"]
HEAD = 1 << 16  # bytes that are looked at


def sniff(path: Path) -> Format:
    """Tell the format by the content. Raises ExchangeMalformed: it is none of those that are known."""
    if path.is_dir():
        return _of_folder(path)
    with path.open("rb") as stream:
        head = stream.read(HEAD).decode("utf-8-sig", "replace").lstrip()
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
    if any(sniff(file) == "cvat" for file in path.glob("*.xml")):
        return "cvat"
    if next(path.rglob("*.xml"), None) is not None:
        return "voc"
    if next(path.glob("*.jsonl"), None) is not None:
        return "boxes"
    if next(path.glob("annotations/*.json"), None) is not None:
        return "coco"
    raise _unknown(path)


def _unknown(path: Path) -> ExchangeMalformed:
    return ExchangeMalformed(
        f"{shown(path)} is none of: a COCO file or its folder, a folder of YOLO (with data.yaml) or of Pascal VOC "
        "(.xml), CVAT for images 1.1, Label Studio's JSON, a file of boxes (.jsonl)."
    )

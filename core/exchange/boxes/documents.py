"""Boxes as a file of another tool, made at once; a zip where it has a file for each image: what the page saves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from nextlabel.core.data.boxes import BoxedImage
from nextlabel.core.exchange.boxes import coco, cvat, label_studio, voc, yolo
from nextlabel.core.exchange.image_urls import ImageUrls
from nextlabel.core.exchange.zipped import zipped

JSON = "application/json"
BoxFormat: TypeAlias = Literal["coco", "yolo", "voc", "cvat", "label-studio"]
Drawn: TypeAlias = Mapping[str, BoxedImage]


@dataclass(frozen=True)
class WrittenBoxes:
    """How a format is written, of images and what stands for the pool in URLs. no_crowds: it has no place for them."""

    ending: str
    media_type: str
    content: Callable[[Drawn, str], Iterator[bytes]]
    no_crowds: bool = False


def _json(content: object) -> Iterator[bytes]:
    yield json.dumps(content, ensure_ascii=False, indent=1).encode()


def _text(content: str) -> Iterator[bytes]:
    yield content.encode()


def _zip(documents: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    whole = [(path, [text.encode()]) for path, text in documents]  # what can't be said is known before the zip begins
    yield from zipped(whole)


BOX_FORMATS: Mapping[BoxFormat, WrittenBoxes] = {
    "coco": WrittenBoxes("json", JSON, lambda drawn, _: _json(coco.document(drawn))),
    "yolo": WrittenBoxes("zip", "application/zip", lambda drawn, _: _zip(yolo.documents(drawn)), no_crowds=True),
    "voc": WrittenBoxes("zip", "application/zip", lambda drawn, _: _zip(voc.documents(drawn))),
    "cvat": WrittenBoxes("xml", "application/xml", lambda drawn, _: _text(cvat.document(drawn))),
    "label-studio": WrittenBoxes(
        "json", JSON, lambda drawn, prefix: _json(label_studio.tasks(drawn, ImageUrls(prefix)))
    ),
}

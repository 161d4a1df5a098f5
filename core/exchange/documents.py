"""Labels, or what a model says, as one file of another tool, made at once: what the page's button saves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from nextlabel.core.exchange import coco, csv_file, cvat, label_studio
from nextlabel.core.exchange.entries import Entry
from nextlabel.core.exchange.image_urls import ImageUrls

JSON = "application/json"
Format: TypeAlias = Literal["csv", "coco", "cvat", "label-studio"]


@dataclass(frozen=True)
class Exported:
    """What to write. classes: those that may be chosen, whether or not an image has them.

    image_prefix: what stands for the pool in Label Studio's URLs. version: of a model's predictions there.
    """

    entries: Sequence[Entry]
    classes: Sequence[str]
    image_prefix: str
    version: str


@dataclass(frozen=True)
class Written:
    """How a format is written. schema: of such a file, as OpenAPI has it."""

    ending: str
    media_type: str
    text: Callable[[Exported], str]

    @property
    def schema(self) -> dict[str, object]:
        return {} if self.media_type == JSON else {"type": "string"}


def _label_studio(what: Exported) -> str:
    control = label_studio.Control("choice", "image", "image")
    return _json(label_studio.tasks(what.entries, ImageUrls(what.image_prefix), control, what.version))


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1)


FORMATS: Mapping[Format, Written] = {
    "csv": Written("csv", "text/csv", lambda what: csv_file.document(what.entries)),
    "coco": Written("json", JSON, lambda what: _json(coco.document(what.entries, what.classes))),
    "cvat": Written("xml", "application/xml", lambda what: cvat.document(what.entries, what.classes)),
    "label-studio": Written("json", JSON, _label_studio),
}

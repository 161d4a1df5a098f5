"""Boxes that people drew, as the service tells and takes them: `api/routes/boxes.py` writes what this reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from gettext import gettext as _
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, Field

from nextlabel.client.errors import Unsendable
from nextlabel.core.kinds.results import Part


@runtime_checkable
class Boxlike(Protocol):
    """What has a class and a place: a box that somebody drew, or one that a job found."""

    @property
    def class_name(self) -> str | None: ...

    @property
    def box(self) -> tuple[float, float, float, float]: ...


class OneBox(Part):
    """`box`: x, y, width and height in pixels of the upright image; x to the right and y down from 0."""

    class_name: str = Field(alias="class")
    box: tuple[float, float, float, float]
    crowd: bool = False


class Drawing(Part):
    """What one person's file says of an image, or that of what was settled. `unfinished`: the person is still at it,
    and it does not count yet. `person` is `_settled` of what was settled.

    `version` changes with it: whoever changes it says what they saw.
    """

    person: str
    file: str
    version: str
    width: int
    height: int
    boxes: tuple[OneBox, ...]
    unfinished: bool


#: By name, all that somebody drew on an image: boxes, as in a labels file or as they come out of a result, or a drawing
#: with its boxes; () where nothing is there, None to take it back.
Drawn = Mapping[str, Iterable[Mapping[str, Any] | Boxlike] | Drawing | None]


class SettledBy(Part):
    """`person`: None: nobody said who. `at`: UTC."""

    person: str | None
    at: datetime


class DrawnImage(Part):
    """An image and what people drew on it. `width` and `height` of the upright image; None where it can't be read.

    `settled`: what was settled between them, and counts in the place of all `drawings`; None: nothing was.
    `settled_by`: who settled it, and when; None where that isn't known, as of what was changed by hand. `version`
    changes with it, and with what people finish: whoever settles it says what they saw.
    """

    name: str
    width: int | None
    height: int | None
    drawings: tuple[Drawing, ...]
    settled: Drawing | None = None
    settled_by: SettledBy | None = None
    version: str = ""


class DrawnImages(BaseModel):
    images: list[DrawnImage]


class BoxContradiction(Part):
    """An image that jobs leave out until it is settled. `said`: what not all people say, and where it stands."""

    name: str
    said: dict[str, str]


class ClassCount(Part):
    class_name: str = Field(alias="class")
    labels: int


class PersonCount(Part):
    person: str
    file: str
    labels: int


class BoxCounts(Part):
    """`labels`: images that somebody finished; of a class, boxes. `nothing_here`: the ones of them without a box.

    `kept_apart`: the ones that are kept apart to validate by. `unfinished`: images that somebody only began.
    `settled`: images about which it was settled what counts, the last of them last. It, `conflicts` and `left_out`
    (files that are nobody's boxes) are 1,000 at most.
    """

    labels: int
    kept_apart: int
    nothing_here: int
    unfinished: int
    classes: tuple[ClassCount, ...]
    people: tuple[PersonCount, ...]
    conflicts: tuple[BoxContradiction, ...]
    left_out: tuple[str, ...]
    settled: tuple[str, ...] = ()


class BoxesSettled(Part):
    """`versions`: by name, of all that is drawn on the image now."""

    path_to_labels: str
    file: str
    versions: dict[str, str]


class BoxesWritten(Part):
    """`versions`: by name, of what the person's file says now. `replaced`: what was taken out of other files.

    That is empty where the call was made again, as the answer to the first was lost, which had done it.
    """

    path_to_labels: str
    person: str
    file: str
    versions: dict[str, str]
    replaced: dict[str, str]


def images_of(drawn: Drawn, versions: Mapping[str, str], unfinished: bool | None = None) -> list[dict[str, Any]]:
    """Write what was drawn on images as the service takes it. unfinished: None where that is not asked.

    Raises Unsendable.
    """
    return [
        {
            "name": name,
            "boxes": None if boxes is None else _bodies(name, boxes),
            "version": versions.get(name, ""),
            **({} if unfinished is None else {"unfinished": unfinished}),
            **({"width": boxes.width, "height": boxes.height} if isinstance(boxes, Drawing) else {}),
        }
        for name, boxes in drawn.items()
    ]


def _bodies(name: str, drawn: Iterable[Mapping[str, Any] | Boxlike] | Drawing) -> list[dict[str, Any]]:
    said = drawn.boxes if isinstance(drawn, Drawing) else drawn
    boxes = list(said) if isinstance(said, Iterable) and not isinstance(said, Mapping | str) else None
    if boxes is None or not all(isinstance(box, Mapping | Boxlike) for box in boxes):
        words = _(
            '{name}: a list of boxes is wanted, each {{"class": ..., "box": [x, y, width, height]}}, or a drawing'
        )
        raise Unsendable(words.format(name=name))
    return [_body(box) for box in boxes]


def _body(box: Mapping[str, Any] | Boxlike) -> dict[str, Any]:
    if isinstance(box, Mapping):
        return dict(box)
    return {"class": box.class_name, "box": box.box, "crowd": getattr(box, "crowd", False)}

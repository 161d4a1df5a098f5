"""The kind `map`: the pool in a plane."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import Field

from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import OfClasses, Timed
from nextlabel.core.kinds.results import Manifest, MultilabelResult, Result, Skipped, TimedPart


class MapRequest(Timed):
    """The pool in a plane: images that look alike lie close."""

    kind: Literal["map"] = "map"
    task: OfClasses = "classification"
    points: int = Field(20_000, ge=10, le=100_000, description="How many images at most; labelled ones come first.")


class MapResult(TimedPart, Result):
    """Columns of equal length. `classes`, `predicted`: the label and the head's guess, as indices into `class_names`;
    -1: no label. `predicted`: None without a head."""

    kind: Literal["map"] = "map"
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    classes: tuple[int, ...]
    predicted: tuple[int, ...] | None
    images: int
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("name", "x", "y", "class")

    def rows(self) -> Iterable[Sequence[Any]]:
        named = (None if c < 0 else self.class_names[c] for c in self.classes)
        return zip(self.names, self.x, self.y, named, strict=True)

    def sentences(self) -> Iterable[str]:
        yield f"{len(self.names)} of {self.images} images have a place in the plane; --output map.csv keeps them."
        yield from self.of_time()


class MultilabelMapResult(TimedPart, MultilabelResult):
    """Columns of equal length. `classes`, `predicted`: the labels and the head's guess, as indices into `class_names`,
    maybe none; None: no label. `predicted`: None without a head."""

    kind: Literal["map"] = "map"
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    classes: tuple[tuple[int, ...] | None, ...]
    predicted: tuple[tuple[int, ...], ...] | None
    images: int
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("name", "x", "y", "classes")

    def rows(self) -> Iterable[Sequence[Any]]:
        named = (None if some is None else "|".join(self.class_names[c] for c in some) for some in self.classes)
        return zip(self.names, self.x, self.y, named, strict=True)

    def sentences(self) -> Iterable[str]:
        yield f"{len(self.names)} of {self.images} images have a place in the plane; --output map.csv keeps them."
        yield from self.of_time()


KIND = Kind(
    request=MapRequest,
    result=MapResult,
    results={"multilabel": MultilabelMapResult},
    labels=LabelsNeed.OPTIONAL,
    stages=("read", "embed", "train", "draw"),
    title="Map",
    question="What does the pool look like?",
    answer="every image in a plane",
    more="labels",
    call="map",
    command="map",
    usage="POOL",
    about="Two coordinates for each image of the folder POOL.",
    shell_examples=("nextlabel map photos --labels labels -o map.csv",),
    example={
        "kind": "map",
        "backbone": "mobilenet",
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)

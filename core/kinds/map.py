"""The kind `map`: the pool in a plane."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import Field

from nextlabel.core.counting import counted
from nextlabel.core.data.cells import cell_of
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import OnBoxes
from nextlabel.core.kinds.results import (
    DetectionResult,
    DetectorSummary,
    Manifest,
    MultilabelResult,
    Result,
    Skipped,
    TimedPart,
)

OF_BOXES = ("predict", "embed boxes")  # stages


class MapRequest(OnBoxes):
    """The pool in a plane: images, or boxes, that look alike lie close."""

    kind: Literal["map"] = "map"
    points: int = Field(
        20_000, ge=10, le=100_000, description="How many images, or boxes, at most; labelled ones come first."
    )


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
        yield f"In the plane: {len(self.names)} of {counted(self.images, 'image')}."
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
        named = (None if some is None else cell_of(self.class_names[c] for c in some) for some in self.classes)
        return zip(self.names, self.x, self.y, named, strict=True)

    def sentences(self) -> Iterable[str]:
        yield f"In the plane: {len(self.names)} of {counted(self.images, 'image')}."
        yield from self.of_time()


class DetectionMapResult(DetectionResult):
    """Columns of equal length, an entry a box. `classes`: as it was drawn, `predicted`: as a detector has it, as
    indices into `class_names`; -1: it wasn't, or hasn't. `all_boxes`: drawn or predicted, on `images` images."""

    kind: Literal["map"] = "map"
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    classes: tuple[int, ...]
    predicted: tuple[int, ...]
    all_boxes: int
    images: int
    detector: DetectorSummary | None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("name", "box_x", "box_y", "box_width", "box_height", "x", "y", "class", "predicted")

    def rows(self) -> Iterable[Sequence[Any]]:
        def named(indices: Sequence[int]) -> Iterable[str | None]:
            return (None if i < 0 else self.class_names[i] for i in indices)

        told = zip(self.names, self.boxes, self.x, self.y, named(self.classes), named(self.predicted), strict=True)
        return ((name, *box, *others) for name, box, *others in told)

    def sentences(self) -> Iterable[str]:
        boxes = f"{len(self.names)} of {counted(self.all_boxes, 'box', 'boxes')} on {counted(self.images, 'image')}"
        yield f"In the plane: {boxes}."


KIND = Kind(
    request=MapRequest,
    result=MapResult,
    results={"multilabel": MultilabelMapResult, "detection": DetectionMapResult},
    labels=LabelsNeed.OPTIONAL,
    stages=("read", "embed", "train", *OF_BOXES, "draw"),
    title="Map",
    question="What does the pool look like?",
    answer="every image in a plane",
    more="labels",
    call="map",
    command="map",
    usage="POOL",
    about="Two coordinates for each image of the folder POOL. With --task detection: for each box, drawn or predicted.",
    shell_examples=("nextlabel map photos --labels labels -o map.csv",),
    example={
        "kind": "map",
        "backbone": "mobilenet",
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)

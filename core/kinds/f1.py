"""The kind `f1`: how good the head trained on one labelled set is on another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import Field

from nextlabel.core.kinds.base import Kind
from nextlabel.core.kinds.requests import BackboneName, JobRequest, PathText
from nextlabel.core.kinds.results import HeadSummary, Leak, Manifest, Part, Result, Skipped


class F1Request(JobRequest):
    """How good the head trained on one labelled set is on another."""

    kind: Literal["f1"] = "f1"
    backbone: BackboneName
    path_to_img_train: PathText
    path_to_labels_train: PathText
    path_to_img_val: PathText
    path_to_labels_val: PathText


class ClassScores(Part):
    class_name: str = Field(alias="class")
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


class Confusion(Part):
    """`matrix[t][p]`: validation images of class `classes[t]` that the head called `classes[p]`."""

    classes: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]


class Miss(Part):
    """A validation image that the head called something else; `confidence`: in what it called it."""

    name: str
    class_name: str = Field(alias="class")
    predicted: str
    confidence: float


class F1Result(Result):
    """`misses`: the surest first, 10,000 at most. `leaks`: training images that are near-copies of validation images,
    1,000 at most; a score made with them flatters."""

    kind: Literal["f1"] = "f1"
    f1_macro: float
    f1_macro_interval: tuple[float, float]
    f1_micro: float
    f1_weighted: float
    accuracy: float
    calibration_error: float
    validation_images: int
    per_class: tuple[ClassScores, ...]
    confusion: Confusion
    classes_without_training_images: tuple[str, ...]
    classes_without_validation_images: tuple[str, ...]
    misses: tuple[Miss, ...] = ()
    leaks: tuple[Leak, ...] = ()
    head: HeadSummary
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("class", "precision", "recall", "f1", "support", "predicted")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((c.class_name, c.precision, c.recall, c.f1, c.support, c.predicted) for c in self.per_class)


KIND = Kind(F1Request, F1Result)

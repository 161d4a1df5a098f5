"""The kind `f1`: how good the head trained on one labelled set is on another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import Field

from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import BackboneName, JobRequest, PathText
from nextlabel.core.kinds.results import HeadSummary, Leak, Manifest, MultilabelResult, Part, Result, Skipped


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

    def sentences(self) -> Iterable[str]:
        low, high = self.f1_macro_interval
        yield (
            f"Macro F1 {self.f1_macro:.3f} (95 %: {low:.3f} to {high:.3f}) on {self.validation_images} images that the "
            f"head has not seen; accuracy {self.accuracy:.3f}."
        )


class LabelScores(Part):
    """One class among several an image may have. `threshold`: the probability from which on an image is given the
    class; None: the class has no training image. `average_precision` looks at the order of the images alone."""

    class_name: str = Field(alias="class")
    precision: float
    recall: float
    f1: float
    f1_interval: tuple[float, float]
    average_precision: float
    average_precision_interval: tuple[float, float]
    support: int
    predicted: int
    threshold: float | None


class CoOccurrence(Part):
    """Which classes stand on the same validation images; rows and columns are `classes`.

    `together[a][b]`: images that have both. `predicted[a][b]`: images that are given both. `taken_for[a][b]`: images
    that have a and are not given it, and are given b and don't have it.
    """

    classes: tuple[str, ...]
    together: tuple[tuple[int, ...], ...]
    predicted: tuple[tuple[int, ...], ...]
    taken_for: tuple[tuple[int, ...], ...]


class LabelMiss(Part):
    """A class that a validation image has and is not given (`missing`), or is given and has not (`surplus`).

    `probability`: of the class, by the head.
    """

    name: str
    class_name: str = Field(alias="class")
    miss: Literal["missing", "surplus"]
    probability: float


class MultilabelF1Result(MultilabelResult):
    """`f1_sample`: mean F1 of an image's classes. `exact`: the share of images that are given just their classes.
    `misses`: the surest first, 10,000 at most. `leaks`: training images that are near-copies of validation images,
    1,000 at most. Intervals are of 95 %, by drawing validation images again."""

    kind: Literal["f1"] = "f1"
    f1_macro: float
    f1_macro_interval: tuple[float, float]
    f1_micro: float
    f1_micro_interval: tuple[float, float]
    f1_sample: float
    mean_average_precision: float
    mean_average_precision_interval: tuple[float, float]
    exact: float
    calibration_error: float
    validation_images: int
    per_class: tuple[LabelScores, ...]
    co_occurrence: CoOccurrence
    classes_without_training_images: tuple[str, ...]
    classes_without_validation_images: tuple[str, ...]
    misses: tuple[LabelMiss, ...] = ()
    leaks: tuple[Leak, ...] = ()
    head: HeadSummary
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("class", "precision", "recall", "f1", "average_precision", "support", "predicted", "threshold")

    def rows(self) -> Iterable[Sequence[Any]]:
        return (
            (c.class_name, c.precision, c.recall, c.f1, c.average_precision, c.support, c.predicted, c.threshold)
            for c in self.per_class
        )

    def sentences(self) -> Iterable[str]:
        (low, high), (ap_low, ap_high) = self.f1_macro_interval, self.mean_average_precision_interval
        yield (
            f"Macro F1 {self.f1_macro:.3f} (95 %: {low:.3f} to {high:.3f}) on {self.validation_images} images that the "
            f"head has not seen; mAP {self.mean_average_precision:.3f} ({ap_low:.3f} to {ap_high:.3f}); all classes "
            f"right on {self.exact:.0%} of them."
        )


KIND = Kind(
    request=F1Request,
    result=F1Result,
    results={"multilabel": MultilabelF1Result},
    labels=LabelsNeed.TRAINING,
    stages=("read", "embed training images", "embed validation images", "train", "score"),
    title="Quality",
    question="How good is the classifier, on images it has never seen?",
    answer="macro F1 with its 95 % interval, per class, confusion, calibration",
    more="decisions/honest-f1",
    call="f1",
    command="f1",
    usage="POOL --labels L --val V --val-labels VL",
    about="Learns from the labelled images of the folder POOL, and is scored on those of --val.",
    shell_examples=("nextlabel f1 photos --labels labels --val val --val-labels val.txt",),
    example={
        "kind": "f1",
        "backbone": "mobilenet",
        "path_to_img_train": "photos/train",
        "path_to_labels_train": "photos/labels",
        "path_to_img_val": "photos/val",
        "path_to_labels_val": "photos/labels_val.txt",
    },
)

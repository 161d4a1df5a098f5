"""The kind `f1`: how good the head trained on one labelled set is on another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from nextlabel.core.counting import counted
from nextlabel.core.errors import Fault
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import (
    BACKBONES,
    LATER_FIELDS,
    OWN_DETECTOR,
    BackboneName,
    Detecting,
    PathText,
    given_in,
    of_boxes,
    unfit,
)
from nextlabel.core.kinds.results import (
    DetectionResult,
    DetectorSummary,
    HeadSummary,
    Leak,
    Manifest,
    MultilabelResult,
    Part,
    Result,
    Skipped,
)

TRAINING_SET = ("path_to_img_train", "path_to_labels_train")
LEARNT_FROM = ("backbone", *TRAINING_SET)


class F1Request(Detecting):
    """How good the head, or the detector, trained on one labelled set is on another."""

    later: ClassVar[frozenset[str]] = LATER_FIELDS | {"path_to_predictions"}
    needed: ClassVar[Sequence[str]] = LEARNT_FROM

    kind: Literal["f1"] = "f1"
    backbone: BackboneName | None = Field(None, description=f"{BACKBONES} Not for boxes.")
    path_to_img_train: PathText | None = Field(None, description="Folder of images to learn from.")
    path_to_labels_train: PathText | None = Field(None, description="Their labels.")
    path_to_img_val: PathText = Field(description="Folder of images to measure on, none of which is learnt from.")
    path_to_labels_val: PathText = Field(description="Their labels.")
    path_to_predictions: PathText | None = Field(
        None,
        description="For boxes alone, instead of training images: what your own detector says of the validation "
        "images, as csv (`name,class,x,y,width,height,score`), as COCO with scores, or as lines of JSON.",
    )

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        """A head, or a detector of boxes, is trained on images; or boxes are scored as they were brought along."""
        yield from super().misfits(body)
        boxes = of_boxes(body)
        if boxes and "path_to_predictions" in given_in(body):
            yield from unfit(body, LEARNT_FROM, "boxes are scored as they were predicted elsewhere: leave it out")
        elif boxes:
            yield from _missing(body, TRAINING_SET, "images to train a detector on, or path_to_predictions")
            yield from unfit(body, ["backbone"], OWN_DETECTOR)
        else:
            yield from _missing(body, LEARNT_FROM, "Field required")
            yield from unfit(body, ["path_to_predictions"], "it is of the task detection: leave it out")


def _missing(body: Mapping[str, Any], names: Sequence[str], detail: str) -> Iterator[Fault]:
    return (Fault(f"/{name}", "missing_field", detail) for name in names if body.get(name) is None)


class ClassScores(Part):
    """One class. `f1_interval`: of 95 %, by Wilson; null where no image is of the class, nor taken for it."""

    class_name: str = Field(alias="class")
    precision: float
    recall: float
    f1: float
    f1_interval: tuple[float, float] | None = None  # results of earlier versions have none
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
        images = counted(self.validation_images, "image")
        yield (
            f"Macro F1 {self.f1_macro:.3f} (95 %: {low:.3f} to {high:.3f}) on {images} that the head has not seen; "
            f"accuracy {self.accuracy:.3f}."
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
        images = counted(self.validation_images, "image")
        yield (
            f"Macro F1 {self.f1_macro:.3f} (95 %: {low:.3f} to {high:.3f}) on {images} that the head has not seen; "
            f"mAP {self.mean_average_precision:.3f} ({ap_low:.3f} to {ap_high:.3f}); all classes "
            f"right on {self.exact:.0%} of them."
        )


class BoxScores(Part):
    """One class of boxes. `average_precision`: the mean over IoU from 0.5 to 0.95, `ap50` at 0.5 alone; None: no
    validation image has it. `threshold`: the score from which on F1 at IoU 0.5 is best; precision, recall, F1 at it."""

    class_name: str = Field(alias="class")
    average_precision: float | None
    average_precision_interval: tuple[float, float] | None
    ap50: float | None
    ap50_interval: tuple[float, float] | None
    average_recall: float | None
    objects: int
    predicted: int
    threshold: float | None
    precision: float
    recall: float
    f1: float


class BoxMiss(Part):
    """A box that is wrong, or missing, at the thresholds.

    `miss`: `class`: of another class; `place`: badly placed (an IoU of 0.1 to 0.5); `both`; `double`: found once
    already; `background`: nothing is there; `missed`: nothing was predicted. `box`: what a person drew,
    `predicted_box`: what was predicted, each x, y, width, height; one of them may not be there.
    """

    name: str
    miss: Literal["class", "place", "both", "double", "background", "missed"]
    class_name: str | None = Field(alias="class")
    predicted: str | None
    box: tuple[float, float, float, float] | None
    predicted_box: tuple[float, float, float, float] | None
    score: float | None
    iou: float


class DetectionF1Result(DetectionResult):
    """Means over the classes of which a validation image has a box; None without one. `f1`: at each class's best
    threshold, which was chosen on these images, so that it flatters a little. `confusion`: at these thresholds; its
    last row is the background, its last column what was missed. `misses`: the surest first, 10,000 at most. Intervals
    are of 95 %, by drawing validation images again. `detector`: None where predictions were brought along."""

    kind: Literal["f1"] = "f1"
    mean_average_precision: float | None
    mean_average_precision_interval: tuple[float, float] | None
    map50: float | None
    map50_interval: tuple[float, float] | None
    average_recall: float | None
    f1: float | None
    f1_interval: tuple[float, float] | None
    validation_images: int
    validation_boxes: int
    per_class: tuple[BoxScores, ...]
    confusion: Confusion
    misses_by_kind: dict[str, int]
    misses: tuple[BoxMiss, ...] = ()
    classes_without_predictions: tuple[str, ...]
    classes_without_validation_images: tuple[str, ...]
    detector: DetectorSummary | None = None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("class", "average_precision", "ap50", "average_recall", "objects", "predicted", "threshold", "f1")

    def rows(self) -> Iterable[Sequence[Any]]:
        return (
            (c.class_name, c.average_precision, c.ap50, c.average_recall, c.objects, c.predicted, c.threshold, c.f1)
            for c in self.per_class
        )

    def sentences(self) -> Iterable[str]:
        where = f"on {counted(self.validation_boxes, 'box', 'boxes')} of {counted(self.validation_images, 'image')}"
        if self.map50 is None or self.mean_average_precision is None or self.map50_interval is None:
            yield f"There is no object {where}, so there is nothing to find."
            return
        low, high = self.map50_interval
        yield (
            f"mAP@50 {self.map50:.3f} (95 %: {low:.3f} to {high:.3f}), mAP@[.5:.95] {self.mean_average_precision:.3f}, "
            f"{where}; F1 {self.f1:.3f} at the best thresholds."
        )
        wrong = ", ".join(f"{count} {kind}" for kind, count in self.misses_by_kind.items() if count)
        yield f"Misses: {wrong or 'none'}."


KIND = Kind(
    request=F1Request,
    result=F1Result,
    results={"multilabel": MultilabelF1Result, "detection": DetectionF1Result},
    labels=LabelsNeed.TRAINING,
    stages=(
        "read",
        "embed neighbours",
        "embed training images",
        "embed validation images",
        "train",
        "predict",
        "score",
    ),
    title="Quality",
    question="How good is the classifier, on images it has never seen?",
    answer="macro F1 with its 95 % interval, per class, confusion, calibration",
    more="decisions/honest-f1",
    call="f1",
    command="f1",
    usage="POOL --labels L --val V --val-labels VL",
    about="Learns from the labelled images of the folder POOL, and is scored on those of --val. Where you have none, "
    "`nextlabel labels keep-apart` draws some of POOL: name it and its labels for both.",
    shell_examples=(
        "nextlabel f1 photos --labels labels --val val --val-labels val.txt",
        "nextlabel f1 photos --task detection --labels boxes --val val --val-labels boxes.jsonl",
        "nextlabel f1 --task detection --val val --val-labels boxes.jsonl --predictions found.csv",
    ),
    example={
        "kind": "f1",
        "backbone": "mobilenet",
        "path_to_img_train": "photos/train",
        "path_to_labels_train": "photos/labels",
        "path_to_img_val": "photos/val",
        "path_to_labels_val": "photos/labels_val.txt",
    },
)

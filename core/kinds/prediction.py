"""The kind `prediction`: a class, or boxes, for every unlabelled image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from nextlabel.core.counting import counted
from nextlabel.core.data.cells import cell_of
from nextlabel.core.embeddings.catalogue import knows_texts
from nextlabel.core.errors import Fault
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import EMBED, MIN_SCORE, OWN_DETECTOR, BoxesPredicted, Names, Timed, of_boxes, unfit
from nextlabel.core.kinds.results import (
    MANY,
    ClassProbability,
    DetectionResult,
    DetectorSummary,
    HeadSummary,
    Manifest,
    MultilabelResult,
    Part,
    PredictedBox,
    Result,
    Skipped,
    TimedPart,
)

OF_BOXES = ("names", "min_score")
CLASS_NAMES = "class_names"  # what goes by them stands in the place of a head


class PredictionRequest(Timed, BoxesPredicted):
    """A class, or boxes, for every unlabelled image."""

    kind: Literal["prediction"] = "prediction"
    all_probabilities: bool = Field(
        False,
        strict=True,
        description="Tell the probability of every class, not of the best three. Of the task `multilabel` alone.",
    )

    cross_validate: bool = Field(
        False,
        strict=True,
        description="Tell how often the head is wrong of labelled images that it has not seen, by how sure it is.",
    )
    names: Names = Field(
        (),
        description="For boxes: of these images alone, labelled ones too. Where a person drew a box, none is "
        "predicted on top of it.",
    )
    min_score: float = Field(MIN_SCORE, ge=0.01, le=1, description="For boxes: those below this score are left out.")

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().misfits(body)
        boxes = of_boxes(body)
        if boxes:
            yield from unfit(body, EMBED, OWN_DETECTOR)
        else:
            changed = [name for name in OF_BOXES if body.get(name) not in ([], (), MIN_SCORE)]
            yield from unfit(body, changed, "it is of boxes alone")
        if body.get("all_probabilities") is True and body.get("task") != "multilabel":
            yield Fault("/all_probabilities", "invalid_value", "it is of the task multilabel alone")
        if body.get("cross_validate") is True and boxes:
            yield Fault("/cross_validate", "invalid_value", "it is of classes alone: ask f1 how good a detector is")


def goes_by_names(body: Mapping[str, Any]) -> bool:
    """Say whether names of classes will do for a request, where there are no labels to learn from yet."""
    brought = body.get("path_to_embeddings") is not None or body.get("weights") is not None
    one_class = body.get("task", "classification") == "classification"
    return one_class and not brought and knows_texts(body.get("backbone"))


class SureLabels(Part):
    """Labelled images of which heads that had not seen them were at least so sure, and how many of these were wrong.

    The images that people label are often the harder ones, so others are wrong less often.
    """

    confidence: float
    labels: int
    wrong: int


class PredictionItem(Part):
    name: str
    predicted: str
    confidence: float
    top: tuple[ClassProbability, ...]


class PredictionResult(TimedPart, Result):
    """`cross_validated`: by confidence, ascending, if it was asked for. The `head` called `class_names` is none: labels
    could teach nothing yet, and images are told by the names of the declared classes."""

    kind: Literal["prediction"] = "prediction"
    items: Annotated[Sequence[PredictionItem], MANY]
    head: HeadSummary
    cross_validated: tuple[SureLabels, ...] | None = None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("name", "predicted", "confidence", "second", "second_probability")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.name, i.predicted, i.confidence, i.top[1].class_name, i.top[1].probability) for i in self.items)

    def sentences(self) -> Iterable[str]:
        counts = Counter(item.predicted for item in self.items)
        listed = ", ".join(f"{name}: {count}" for name, count in counts.most_common())
        yield f"{counted(len(self.items), 'image')}: {listed}."
        if self.head.name == CLASS_NAMES:
            yield "Nothing was learnt: they go by the names of the classes, and how often that is right isn't known."
        yield from _of_sure_labels(self.cross_validated)
        yield from self.of_time()

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        return ((i.name, i.predicted) for i in self.items)


class MultilabelPredictionItem(Part):
    """`predicted`: the classes that reach their thresholds, maybe none. `confidence`: in the class least sure of all:
    the lowest probability of what is said of a class. `probabilities`: in the order of the head's classes, if asked."""

    name: str
    predicted: tuple[str, ...]
    confidence: float
    top: tuple[ClassProbability, ...]
    probabilities: tuple[float, ...] | None = None


class MultilabelPredictionResult(TimedPart, MultilabelResult):
    kind: Literal["prediction"] = "prediction"
    items: Annotated[Sequence[MultilabelPredictionItem], MANY]
    head: HeadSummary
    cross_validated: tuple[SureLabels, ...] | None = None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("name", "predicted", "confidence")

    def header(self) -> Sequence[str]:
        """Each class is a column, where the probabilities were asked for."""
        asked = len(self.items) > 0 and self.items[0].probabilities is not None
        return (*self.columns, *self.head.classes) if asked else self.columns

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.name, cell_of(i.predicted), i.confidence, *(i.probabilities or ())) for i in self.items)

    def sentences(self) -> Iterable[str]:
        counts: Counter[str] = Counter()
        none = 0
        for item in self.items:
            counts.update(item.predicted)
            none += not item.predicted
        counts["none of them"] = none
        listed = ", ".join(f"{name}: {count}" for name, count in counts.most_common())
        yield f"{counted(len(self.items), 'image')}: {listed}."
        yield from _of_sure_labels(self.cross_validated)
        yield from self.of_time()

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        return ((i.name, class_) for i in self.items for class_ in i.predicted or ("",))


def _of_sure_labels(levels: Sequence[SureLabels] | None) -> Iterator[str]:
    for level in levels or ():
        if level.labels:
            yield (
                f"Of {level.labels} labelled images that it was sure of to {level.confidence:.0%} unseen, "
                f"{level.wrong} were wrong."
            )


class BoxesOfImage(Part):
    """`width`, `height`: of the upright image, in pixels. `boxes`: the surest first; none: nothing was found."""

    name: str
    width: int
    height: int
    boxes: tuple[PredictedBox, ...]


class DetectionPredictionResult(DetectionResult):
    """`items`: in the order of the pool. Without a `detector`, predictions were brought along, or nobody has drawn a
    box yet, and boxes are around whatever looks like an object."""

    kind: Literal["prediction"] = "prediction"
    items: Annotated[Sequence[BoxesOfImage], MANY]
    detector: DetectorSummary | None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("name", "class", "x", "y", "width", "height", "score", "draft")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.name, b.class_name, *b.box, b.score, b.draft) for i in self.items for b in i.boxes)

    def sentences(self) -> Iterable[str]:
        counts: Counter[str] = Counter()
        empty = 0
        for item in self.items:
            drafts = [box.class_name or "something" for box in item.boxes if box.draft]
            counts.update(drafts)
            empty += not drafts
        listed = ", ".join(f"{name}: {count}" for name, count in counts.most_common())
        boxes = f"{counted(counts.total(), 'box', 'boxes')} on {counted(len(self.items), 'image')}"
        yield f"{boxes}: {listed or 'none'}; {counted(empty, 'image')} without one."


KIND = Kind(
    request=PredictionRequest,
    result=PredictionResult,
    results={"multilabel": MultilabelPredictionResult, "detection": DetectionPredictionResult},
    unlabelled=("detection",),
    by_names=True,
    labels=LabelsNeed.TRAINING,
    stages=("read", "embed", "train", "predict"),
    title="Predictions",
    question="What are the images that have no label?",
    answer="a class and its probability for each, as a labels file, too",
    more="heads",
    call="predict",
    command="predict",
    usage="POOL --labels L",
    about="Learns from the labels, and says what the other images of the folder POOL are. With --task detection: where "
    "objects are, without labels too.",
    shell_examples=(
        "nextlabel predict photos --labels labels -o predicted.txt",
        "nextlabel predict photos --task detection --labels labels -o found.csv",
    ),
    example={
        "kind": "prediction",
        "backbone": "mobilenet",
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)

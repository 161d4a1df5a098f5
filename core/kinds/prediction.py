"""The kind `prediction`: a class for every unlabelled image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from nextlabel.core.errors import Fault
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import OfClasses, Timed
from nextlabel.core.kinds.results import (
    ClassProbability,
    HeadSummary,
    Manifest,
    MultilabelResult,
    Part,
    Result,
    Skipped,
    TimedPart,
)


class PredictionRequest(Timed):
    """A class for every unlabelled image."""

    kind: Literal["prediction"] = "prediction"
    task: OfClasses = "classification"
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

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().misfits(body)
        if body.get("all_probabilities") is True and body.get("task") != "multilabel":
            yield Fault("/all_probabilities", "invalid_value", "it is of the task multilabel alone")


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
    """`cross_validated`: by confidence, ascending, if it was asked for."""

    kind: Literal["prediction"] = "prediction"
    items: tuple[PredictionItem, ...]
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
        yield f"{len(self.items)} images: {listed}."
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
    items: tuple[MultilabelPredictionItem, ...]
    head: HeadSummary
    cross_validated: tuple[SureLabels, ...] | None = None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("name", "predicted", "confidence")

    def header(self) -> Sequence[str]:
        """Each class is a column, where the probabilities were asked for."""
        asked = any(item.probabilities is not None for item in self.items)
        return (*self.columns, *self.head.classes) if asked else self.columns

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.name, "|".join(i.predicted), i.confidence, *(i.probabilities or ())) for i in self.items)

    def sentences(self) -> Iterable[str]:
        counts = Counter(name for item in self.items for name in item.predicted)
        counts["none of them"] = sum(not item.predicted for item in self.items)
        listed = ", ".join(f"{name}: {count}" for name, count in counts.most_common())
        yield f"{len(self.items)} images: {listed}."
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


KIND = Kind(
    request=PredictionRequest,
    result=PredictionResult,
    results={"multilabel": MultilabelPredictionResult},
    labels=LabelsNeed.TRAINING,
    stages=("read", "embed", "train", "predict"),
    title="Predictions",
    question="What are the images that have no label?",
    answer="a class and its probability for each, as a labels file, too",
    more="heads",
    call="predict",
    command="predict",
    usage="POOL --labels L",
    about="Learns from the labels, and says what the other images of the folder POOL are.",
    shell_examples=("nextlabel predict photos --labels labels -o predicted.txt",),
    example={
        "kind": "prediction",
        "backbone": "mobilenet",
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)

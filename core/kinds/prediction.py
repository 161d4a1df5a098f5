"""The kind `prediction`: a class for every unlabelled image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import OnePool
from nextlabel.core.kinds.results import ClassProbability, HeadSummary, Manifest, Part, Result, Skipped


class PredictionRequest(OnePool):
    """A class for every unlabelled image."""

    kind: Literal["prediction"] = "prediction"


class PredictionItem(Part):
    name: str
    predicted: str
    confidence: float
    top: tuple[ClassProbability, ...]


class PredictionResult(Result):
    kind: Literal["prediction"] = "prediction"
    items: tuple[PredictionItem, ...]
    head: HeadSummary
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("name", "predicted", "confidence", "second", "second_probability")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.name, i.predicted, i.confidence, i.top[1].class_name, i.top[1].probability) for i in self.items)

    def sentences(self) -> Iterable[str]:
        counts = Counter(item.predicted for item in self.items)
        listed = ", ".join(f"{name}: {count}" for name, count in counts.most_common())
        yield f"{len(self.items)} images: {listed}."

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        return ((i.name, i.predicted) for i in self.items)


KIND = Kind(
    request=PredictionRequest,
    result=PredictionResult,
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

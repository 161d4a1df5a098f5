"""What comes out. Written once as JSON; csv and tab-separated labels are made from the same object.

The same request on the same device gives the same bytes, so nothing here tells the time.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)


class ClassProbability(Part):
    class_name: str = Field(alias="class")
    probability: float


class Skipped(Part):
    """An image that was left out, and why."""

    name: str
    reason: str


class Manifest(Part):
    """What makes the answer repeatable. `pools`: of names, sizes and times of change; `labels`: of content."""

    nextlabel: str
    versions: dict[str, str]
    backbone: str
    weights: str
    preprocessing: str
    head: str | None
    device: str
    engine: str | None = None  #: what ran the backbone there: openvino, torch, cuda, numpy; unknown in older results
    seed: int
    pools: dict[str, str]
    labels: dict[str, str]


class HeadSummary(Part):
    """How the classifier was trained; None in a result where there was nothing to train on."""

    name: str
    classes: tuple[str, ...]
    images_per_class: dict[str, int]
    temperature: float
    details: dict[str, float | int | str]


class SelectionItem(Part):
    """`copies`: unlabelled near-copies of it that were left out, at most 100; they may be given the same label."""

    rank: int
    name: str
    score: float
    predicted: str | None
    confidence: float | None
    top: tuple[ClassProbability, ...]
    cluster: int | None
    reason: str
    copies: tuple[str, ...] = ()


class MethodUsed(Part):
    asked: str
    name: str
    why: str


class MapPoint(Part):
    """An image in the plane of the method `mixture`. `class_name`: its label, if it has one."""

    name: str
    x: float
    y: float
    cluster: int
    class_name: str | None = Field(alias="class")
    chosen: bool


class SelectionResult(Part):
    """`near_copies_left_out`: how many candidates were near-copies of a chosen, labelled or pending image, as far as
    the method came across them. `map`: by `mixture` alone; all labelled and chosen images, and some of the others."""

    kind: Literal["selection"] = "selection"
    data: tuple[str, ...]
    items: tuple[SelectionItem, ...]
    method: MethodUsed
    candidates: int
    near_copies_left_out: int = 0
    map: tuple[MapPoint, ...] | None = None
    head: HeadSummary | None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns: ClassVar = ("rank", "name", "score", "predicted", "confidence", "reason")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.rank, i.name, i.score, i.predicted, i.confidence, i.reason) for i in self.items)

    def labels(self) -> Iterable[tuple[str, str]] | None:
        """The proposed classes, best image first; None where there was no head to propose any."""
        return ((i.name, i.predicted) for i in self.items if i.predicted) if self.head else None


class PredictionItem(Part):
    name: str
    predicted: str
    confidence: float
    top: tuple[ClassProbability, ...]


class PredictionResult(Part):
    kind: Literal["prediction"] = "prediction"
    items: tuple[PredictionItem, ...]
    head: HeadSummary
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns: ClassVar = ("name", "predicted", "confidence", "second", "second_probability")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.name, i.predicted, i.confidence, i.top[1].class_name, i.top[1].probability) for i in self.items)

    def labels(self) -> Iterable[tuple[str, str]] | None:
        return ((i.name, i.predicted) for i in self.items)


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


class F1Result(Part):
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
    head: HeadSummary
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns: ClassVar = ("class", "precision", "recall", "f1", "support", "predicted")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((c.class_name, c.precision, c.recall, c.f1, c.support, c.predicted) for c in self.per_class)

    def labels(self) -> Iterable[tuple[str, str]] | None:
        return None


JobResult = SelectionResult | PredictionResult | F1Result
result_adapter: TypeAdapter[JobResult] = TypeAdapter(Annotated[JobResult, Field(discriminator="kind")])


def as_csv(result: JobResult) -> str:
    """RFC 4180 with a header line."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(result.columns)
    writer.writerows(result.rows())
    return text.getvalue()


def as_labels(result: JobResult) -> str | None:
    """`file name<TAB>class` a line, which nextlabel reads back; None for a result that has no classes to give."""
    pairs = result.labels()
    if pairs is None:
        return None
    text = "".join(f"{name}\t{class_name}\n" for name, class_name in pairs)
    return "\ufeff" + text if text.startswith("\ufeff") else text  # else the name's own mark is read as the file's

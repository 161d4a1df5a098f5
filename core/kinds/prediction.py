"""The kind `prediction`: a class for every unlabelled image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from nextlabel.core.kinds.base import Kind
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

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        return ((i.name, i.predicted) for i in self.items)


KIND = Kind(PredictionRequest, PredictionResult)

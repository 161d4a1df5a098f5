"""What comes out. Written once as JSON; csv and tab-separated labels are made from the same object.

The same request on the same device gives the same bytes, so nothing here tells the time.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
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
    """What makes the answer repeatable. `pools`: of names, sizes and times of change of the images looked at, which are
    all of a folder's or, where a kind needs no others, the labelled ones; `labels`: of content."""

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
    predictions: str | None = None  #: fingerprint of those that were brought along


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

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        """The proposed classes, best image first; None where nothing was there to propose any."""
        proposed = [(i.name, i.predicted) for i in self.items if i.predicted]
        return proposed if proposed or self.head else None


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

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
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


class Leak(Part):
    """A labelled image, and the validation image that it is (nearly) a copy of."""

    name: str
    validation_name: str
    class_name: str = Field(alias="class")
    validation_class: str
    identical: bool


class Miss(Part):
    """A validation image that the head called something else; `confidence`: in what it called it."""

    name: str
    class_name: str = Field(alias="class")
    predicted: str
    confidence: float


class F1Result(Part):
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

    columns: ClassVar = ("class", "precision", "recall", "f1", "support", "predicted")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((c.class_name, c.precision, c.recall, c.f1, c.support, c.predicted) for c in self.per_class)

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        return None


class CurvePoint(Part):
    """Macro F1 of heads trained on that many labels: mean over the repeats, and each of them."""

    labels: int
    f1_macro: float
    repeats: tuple[float, ...]


class CurveFit(Part):
    """One family fitted to the points. `error`: of its forecast of the last points from those before."""

    family: str
    formula: str
    parameters: dict[str, float]
    error: float


class Forecast(Part):
    """What `extra` more labels, drawn like those there are, are expected to give; 95 % of the range."""

    extra: int
    labels: int
    f1_macro: float
    low: float
    high: float


class Stability(Part):
    """How far heads of successive sizes agree on unlabelled images: Cohen's kappa, 1 is full agreement."""

    labels: tuple[int, ...]
    kappas: tuple[float, ...]
    images: int


class Coverage(Part):
    """How many of the pool's images have a labelled one as close as unlabelled ones usually have a neighbour."""

    share: float
    images: int


class StopAdvice(Part):
    """`verdict`: stop, go_on, or unsure; `sentence`: why, for a person."""

    verdict: Literal["stop", "go_on", "unsure"]
    sentence: str


class LearningCurveResult(Part):
    """`now`: the forecast for no further label. Scores are in 0..1."""

    kind: Literal["learning_curve"] = "learning_curve"
    labels: int
    validation: Literal["held out", "cross-validation"]
    validation_images: int
    points: tuple[CurvePoint, ...]
    fits: tuple[CurveFit, ...]
    now: Forecast
    forecast: tuple[Forecast, ...]
    stability: Stability | None
    coverage: Coverage | None
    advice: StopAdvice
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns: ClassVar = ("labels", "f1_macro", "low", "high", "measured")

    def rows(self) -> Iterable[Sequence[Any]]:
        measured = [(p.labels, p.f1_macro, min(p.repeats), max(p.repeats), True) for p in self.points]
        return [*measured, *((f.labels, f.f1_macro, f.low, f.high, False) for f in (self.now, *self.forecast))]

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        return None


class AuditArm(Part):
    """A method replayed: macro F1 by labels, mean over the repeats.

    `saved`: the share of random's labels that it does without for the F1 that random has at the end; below 0: it needs
    more. None: it did not get there. `gain`: mean F1 over the whole budget, less random's. Intervals are of 95 %.
    """

    method: str
    labels: tuple[int, ...]
    f1_macro: tuple[float, ...]
    gain: float
    gain_interval: tuple[float, float]
    saved: float | None
    saved_interval: tuple[float, float] | None
    verdict: Literal["better", "no better", "worse"]
    sentence: str


class AuditResult(Part):
    """`arms`: random first, then the methods as asked."""

    kind: Literal["audit"] = "audit"
    repeats: int
    images: int
    validation: Literal["held out", "split"]
    validation_images: int
    arms: tuple[AuditArm, ...]
    sentence: str
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns: ClassVar = ("method", "labels", "f1_macro")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((a.method, n, f) for a in self.arms for n, f in zip(a.labels, a.f1_macro, strict=True))

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        return None


class SuspiciousLabel(Part):
    """Probabilities of the given and the suggested class, by a model that had not seen the label."""

    rank: int
    name: str
    given: str
    suggested: str
    given_probability: float
    confidence: float
    reason: str


class NameConflict(Part):
    """One name with several classes; `classes`: each with the file and line where it stands."""

    name: str
    classes: Mapping[str, str]


class CopiesDisagree(Part):
    """Near-copies with different classes."""

    names: tuple[str, ...]
    classes: tuple[str, ...]


class LabelCheckResult(Part):
    """`items`: most suspicious first. `expected_errors`: the share of wrong labels that confident learning expects;
    None with too few labels to tell: then the model is wrong more often than they are."""

    kind: Literal["label_check"] = "label_check"
    labels: int
    expected_errors: float | None
    items: tuple[SuspiciousLabel, ...]
    conflicts: tuple[NameConflict, ...]
    copies_that_disagree: tuple[CopiesDisagree, ...]
    leaks: tuple[Leak, ...]
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns: ClassVar = ("rank", "name", "given", "suggested", "given_probability", "confidence", "reason")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.rank, i.name, i.given, i.suggested, i.given_probability, i.confidence, i.reason) for i in self.items)

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        """The suggested classes."""
        return ((i.name, i.suggested) for i in self.items)


class SimilarItem(Part):
    """score: mean cosine to the examples, -1..1; with counterexamples, how sure a head is, 0..1. `like`: the example
    that it is closest to."""

    rank: int
    name: str
    score: float
    like: str
    class_name: str | None = Field(alias="class")


class SimilarResult(Part):
    kind: Literal["similar"] = "similar"
    data: tuple[str, ...]
    items: tuple[SimilarItem, ...]
    candidates: int
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns: ClassVar = ("rank", "name", "score", "like", "class")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.rank, i.name, i.score, i.like, i.class_name) for i in self.items)

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        return None


class MapResult(Part):
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

    columns: ClassVar = ("name", "x", "y", "class")

    def rows(self) -> Iterable[Sequence[Any]]:
        named = (None if c < 0 else self.class_names[c] for c in self.classes)
        return zip(self.names, self.x, self.y, named, strict=True)

    def labels_file(self) -> Iterable[tuple[str, str]] | None:
        return None


JobResult = (
    SelectionResult
    | PredictionResult
    | F1Result
    | LearningCurveResult
    | AuditResult
    | LabelCheckResult
    | SimilarResult
    | MapResult
)
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
    pairs = result.labels_file()
    if pairs is None:
        return None
    text = "".join(f"{name}\t{class_name}\n" for name, class_name in pairs)
    return "\ufeff" + text if text.startswith("\ufeff") else text  # else the name's own mark is read as the file's

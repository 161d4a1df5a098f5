"""The kind `learning_curve`: how much more labels would bring, and whether to stop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from nextlabel.core.errors import Fault
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import EMBED, MAX_ADD, OWN_DETECTOR, Detecting, OneValidated, of_boxes, unfit
from nextlabel.core.kinds.results import DetectionResult, Manifest, Part, Result, Skipped


class LearningCurveRequest(OneValidated, Detecting):
    """How much more labels would bring, and whether to stop."""

    kind: Literal["learning_curve"] = "learning_curve"
    repeats: int = Field(5, ge=2, le=50, description="Nested random subsets of the labels that are trained on.")
    ahead: Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_ADD)], ...], Field(min_length=1, max_length=20)] = Field(
        (100, 500, 1000), description="For how many more labels to forecast."
    )
    worth_per_100: float = Field(
        0.005,
        gt=0,
        le=1,
        description="The gain in macro F1 below which 100 more labels are not worth their while; for boxes, that in "
        "mAP@50 of 100 more images.",
    )

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().misfits(body)
        if of_boxes(body):
            yield from unfit(body, EMBED, OWN_DETECTOR)


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
    """What `extra` more labels, drawn or chosen like those there are, are expected to give.

    The truth lies between `low` and `high` in 95 % of cases. Where it can't be told, `f1_macro` is null, and they are 0
    and 1: where labels that a method chose would have to score themselves, or are few and the curve still rises.
    """

    extra: int
    labels: int
    f1_macro: float | None
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


class LearningCurveResult(Result):
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

    columns = ("labels", "f1_macro", "low", "high", "measured")

    def rows(self) -> Iterable[Sequence[Any]]:
        measured = [(p.labels, p.f1_macro, min(p.repeats), max(p.repeats), True) for p in self.points]
        return [*measured, *((f.labels, f.f1_macro, f.low, f.high, False) for f in (self.now, *self.forecast))]

    def sentences(self) -> Iterable[str]:
        yield self.advice.sentence


class BoxCurvePoint(Part):
    """mAP@50 of detectors trained on that many labelled images, on which so many boxes are drawn: of all repeats
    together, and of each of them."""

    images: int
    boxes: int
    map50: float
    repeats: tuple[float, ...]


class BoxForecast(Part):
    """What `extra` more labelled images, drawn like those there are, are expected to give; `boxes`: on all of them.

    The truth lies between `low` and `high` in 95 % of cases. Where the labelled images are not a random sample of the
    pool, it can't be told: `map50` is null, and they are 0 and 1.
    """

    extra: int
    images: int
    boxes: int
    map50: float | None
    low: float
    high: float


class DetectionLearningCurveResult(DetectionResult):
    """`now`: the forecast for no further image. `images`, `boxes`: labelled so far."""

    kind: Literal["learning_curve"] = "learning_curve"
    images: int
    boxes: int
    validation: Literal["held out", "cross-validation"]
    validation_images: int
    points: tuple[BoxCurvePoint, ...]
    fits: tuple[CurveFit, ...]
    now: BoxForecast
    forecast: tuple[BoxForecast, ...]
    advice: StopAdvice
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("images", "boxes", "map50", "low", "high", "measured")

    def rows(self) -> Iterable[Sequence[Any]]:
        measured = [
            (p.images, p.boxes, p.map50, min(p.map50, *p.repeats), max(p.map50, *p.repeats), True) for p in self.points
        ]
        ahead = (self.now, *self.forecast)
        return [*measured, *((f.images, f.boxes, f.map50, f.low, f.high, False) for f in ahead)]

    def sentences(self) -> Iterable[str]:
        yield self.advice.sentence


KIND = Kind(
    request=LearningCurveRequest,
    result=LearningCurveResult,
    results={"detection": DetectionLearningCurveResult},
    labels=LabelsNeed.TRAINING,
    stages=("read", "embed", "embed validation images", "train", "forecast"),
    title="Learning curve",
    question="Is it worth labelling more?",
    answer="a forecast with a range, stability, coverage, advice in one sentence",
    more="stopping",
    call="learning_curve",
    command="curve",
    usage="POOL --labels L",
    about="Trains on parts of the labels of the folder POOL, and draws the line on.",
    shell_examples=(
        "nextlabel curve photos --labels labels --ahead 100 --ahead 1000",
        "nextlabel curve photos --task detection --labels labels --repeats 3",
    ),
    example={
        "kind": "learning_curve",
        "backbone": "mobilenet",
        "ahead": [100, 1000],
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)

"""The kind `audit`: whether methods beat chance on the labels there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from nextlabel.core.errors import Fault
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import (
    EMBED,
    MAX_ADD,
    OWN_DETECTOR,
    Detecting,
    MethodChoice,
    OneValidated,
    method_in,
    of_boxes,
    unfit,
)
from nextlabel.core.kinds.results import DetectionResult, Manifest, Part, Result, Skipped
from nextlabel.core.methods.base import Need
from nextlabel.core.methods.registry import METHODS, parse_method

REPLAYED: Mapping[bool, frozenset[Need]] = {  # what methods may look at, by whether they are of boxes
    False: frozenset({Need.EMBEDDINGS, Need.LOGITS}),
    True: frozenset({Need.EMBEDDINGS, Need.BOXES, Need.DESCRIBED_BOXES}),
}
OF_BOXES = ("auto", "det_sum")


class AuditRequest(OneValidated, Detecting):
    """Whether methods beat chance on the labels there are."""

    kind: Literal["audit"] = "audit"
    methods: Annotated[tuple[MethodChoice, ...], Field(min_length=1, max_length=20)] = Field(
        default_factory=lambda: (parse_method("auto"), parse_method("margin")),
        validate_default=True,
        description="To replay beside `random`. For boxes, left out: auto and det_sum.",
    )
    repeats: int = Field(5, ge=2, le=50, description="How often, each time with other first labels.")
    budget: int | None = Field(
        None,
        ge=20,
        le=MAX_ADD,
        description="Labels to replay to. Default: half of those there are, 1,000 at most; for boxes, images, 200 at "
        "most.",
    )

    @model_validator(mode="before")
    @classmethod
    def _methods_of_boxes(cls, body: Any) -> Any:
        if isinstance(body, Mapping) and of_boxes(body) and body.get("methods") is None:
            return {**body, "methods": OF_BOXES}
        return body

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        """Methods that train networks of their own in each round would take an audit hours."""
        yield from super().misfits(body)
        boxes = of_boxes(body)
        if boxes:
            yield from unfit(body, EMBED, OWN_DETECTOR)
        asked = body.get("methods")
        task = "detection" if boxes else "classification"
        for place, choice in enumerate(asked if isinstance(asked, list | tuple) else ()):
            method = method_in(choice)
            if method is None or (method.needs <= REPLAYED[boxes] and task in method.tasks()):
                continue
            able = [name for name, one in METHODS.items() if one.needs <= REPLAYED[boxes] and task in one.tasks()]
            why = f"makes no sense for {task}" if task not in method.tasks() else "trains a network each round"
            detail = f"{method.name} {why} and is not replayed; these are: {', '.join(able)}"
            yield Fault(f"/methods/{place}", "invalid_value", detail)


Verdict = Literal["better", "no better", "worse", "unsure"]
VerdictOfAll = Literal["better", "no better", "unsure", "not random"]


class AuditArm(Part):
    """A method replayed: macro F1 by labels, mean over the repeats.

    `saved`: the share of random's labels that it does without for the F1 that random has at the end; below 0: it needs
    more. None: it did not get there. `gain`: mean F1 over the whole budget, less random's. Intervals are of 95 %, and
    decide the verdict: `unsure` where the labels don't tell whether the method gains anything worth having.
    """

    method: str
    labels: tuple[int, ...]
    f1_macro: tuple[float, ...]
    gain: float
    gain_interval: tuple[float, float]
    saved: float | None
    saved_interval: tuple[float, float] | None
    verdict: Verdict
    sentence: str


class AuditResult(Result):
    """`arms`: random first, then the methods as asked. `verdict`: whether any is better than random; `not random`: the
    labelled images are no random sample of the pool, so that it can't be told; None in older results."""

    kind: Literal["audit"] = "audit"
    repeats: int
    images: int
    validation: Literal["held out", "split"]
    validation_images: int
    arms: tuple[AuditArm, ...]
    sentence: str
    verdict: VerdictOfAll | None = None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("method", "labels", "f1_macro")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((a.method, n, f) for a in self.arms for n, f in zip(a.labels, a.f1_macro, strict=True))

    def sentences(self) -> Iterable[str]:
        yield self.sentence


class BoxAuditArm(Part):
    """A method replayed: mAP@50 by labelled images and the boxes on them, mean over the repeats.

    `gain`: mean mAP@50 over the whole budget of boxes, less random's at as many boxes; `gain_by_images`: at as many
    images. `saved`: the share of random's boxes that it does without for the mAP@50 that both have the boxes to reach;
    None: it did not get there. Intervals are of 95 %, and that of `gain` decides the verdict.
    """

    method: str
    images: tuple[int, ...]
    boxes: tuple[int, ...]
    map50: tuple[float, ...]
    gain: float
    gain_interval: tuple[float, float]
    gain_by_images: float
    gain_by_images_interval: tuple[float, float]
    saved: float | None
    saved_interval: tuple[float, float] | None
    verdict: Verdict
    sentence: str


class DetectionAuditResult(DetectionResult):
    """`arms`: random first, then the methods as asked. `detector`: what found the boxes in each round. `verdict`: as of
    classes."""

    kind: Literal["audit"] = "audit"
    repeats: int
    images: int
    validation: Literal["held out", "split"]
    validation_images: int
    detector: str
    arms: tuple[BoxAuditArm, ...]
    sentence: str
    verdict: VerdictOfAll | None = None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("method", "images", "boxes", "map50")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((a.method, *point) for a in self.arms for point in zip(a.images, a.boxes, a.map50, strict=True))

    def sentences(self) -> Iterable[str]:
        yield self.sentence


KIND = Kind(
    request=AuditRequest,
    result=AuditResult,
    results={"detection": DetectionAuditResult},
    labels=LabelsNeed.TRAINING,
    stages=("read", "embed", "embed validation images", "train", "replay"),
    title="Method audit",
    question="Do methods help on my data?",
    answer='"auto reaches the F1 of 900 random labels with 41 % fewer", "no better than random here", or "unsure"',
    more="stopping",
    call="audit",
    command="audit",
    usage="POOL --labels L",
    about="Replays methods beside random choice on the labels that the folder POOL has.",
    shell_examples=(
        "nextlabel audit photos --labels labels --method auto --method margin",
        "nextlabel audit photos --task detection --labels labels",
    ),
    example={
        "kind": "audit",
        "backbone": "mobilenet",
        "methods": ["auto", "margin"],
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)

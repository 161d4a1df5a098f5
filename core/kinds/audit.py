"""The kind `audit`: whether methods beat chance on the labels there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from nextlabel.core.errors import Fault
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import MAX_ADD, MethodChoice, OfClasses, OneValidated, method_in
from nextlabel.core.kinds.results import Manifest, Part, Result, Skipped
from nextlabel.core.methods.base import Need
from nextlabel.core.methods.registry import METHODS, parse_method


class AuditRequest(OneValidated):
    """Whether methods beat chance on the labels there are."""

    kind: Literal["audit"] = "audit"
    task: OfClasses = "classification"
    methods: Annotated[tuple[MethodChoice, ...], Field(min_length=1, max_length=20)] = Field(
        default_factory=lambda: (parse_method("auto"), parse_method("margin")),
        validate_default=True,
        description="To replay beside `random`.",
    )
    repeats: int = Field(5, ge=2, le=50, description="How often, each time with other first labels.")
    budget: int | None = Field(
        None, ge=20, le=MAX_ADD, description="Labels to replay to. Default: half of those there are, 1,000 at most."
    )

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        """Methods that train networks of their own in each round would take an audit hours."""
        yield from super().misfits(body)
        asked = body.get("methods")
        replayed = {Need.EMBEDDINGS, Need.LOGITS}
        for place, choice in enumerate(asked if isinstance(asked, list | tuple) else ()):
            method = method_in(choice)
            if method is not None and not method.needs <= replayed:
                able = ", ".join(name for name, known in METHODS.items() if known.needs <= replayed)
                detail = f"{method.name} trains a network each round and is not replayed; these are: {able}"
                yield Fault(f"/methods/{place}", "invalid_value", detail)


Verdict = Literal["better", "no better", "worse", "unsure"]


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

    columns = ("method", "labels", "f1_macro")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((a.method, n, f) for a in self.arms for n, f in zip(a.labels, a.f1_macro, strict=True))

    def sentences(self) -> Iterable[str]:
        yield self.sentence


KIND = Kind(
    request=AuditRequest,
    result=AuditResult,
    labels=LabelsNeed.TRAINING,
    stages=("read", "embed", "embed validation images", "replay"),
    title="Method audit",
    question="Do methods help on my data?",
    answer='"auto reaches the F1 of 900 random labels with 41 % fewer", "no better than random here", or "unsure"',
    more="stopping",
    call="audit",
    command="audit",
    usage="POOL --labels L",
    about="Replays methods beside random choice on the labels that the folder POOL has.",
    shell_examples=("nextlabel audit photos --labels labels --method auto --method margin",),
    example={
        "kind": "audit",
        "backbone": "mobilenet",
        "methods": ["auto", "margin"],
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)

"""The kind `similar`: images like some, and unlike others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from nextlabel.core.counting import counted
from nextlabel.core.data.cells import cell_of
from nextlabel.core.embeddings.catalogue import KNOW_TEXTS, is_backbone, knows_texts
from nextlabel.core.errors import Fault
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import MAX_ADD, OF_BOXES_ALONE, ImageName, Names, OnBoxes, given_in, of_boxes
from nextlabel.core.kinds.results import (
    DetectionResult,
    DetectorSummary,
    Manifest,
    MultilabelResult,
    Part,
    Result,
    Skipped,
    TimedPart,
)

OF_BOXES = ("train", "predict", "embed boxes")  # stages
BOXES = ("like_boxes", "unlike_boxes")


class BoxExample(Part):
    """A box on an image, drawn or not: x, y, width and height in pixels of the upright image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ImageName
    box: tuple[float, float, float, float]


Text = Annotated[str, Field(min_length=1, max_length=1_000)]
BoxExamples = Annotated[tuple[BoxExample, ...], Field(max_length=1_000)]


class SimilarRequest(OnBoxes):
    """Images, or boxes, like some, and unlike others."""

    later: ClassVar[frozenset[str]] = OnBoxes.later | {"like_text", "like_boxes", "unlike_boxes"}
    needed: ClassVar[Sequence[str]] = ("like",)

    kind: Literal["similar"] = "similar"
    add: int = Field(ge=1, le=MAX_ADD, description="How many images, or boxes, to return.")
    like: Names = Field((), description="Names of images that show what is looked for.")
    unlike: Names = Field((), description="Names of images that don't.")
    like_text: Annotated[tuple[Text, ...], Field(max_length=100)] = Field(
        (),
        description="Instead of images: what is looked for, in words, such as `a heron in water`. Of a backbone that "
        "knows texts, as `siglip` does.",
    )
    like_boxes: BoxExamples = Field(
        (), description='For boxes: those that show what is looked for, each `{"name": ..., "box": [x, y, w, h]}`.'
    )
    unlike_boxes: BoxExamples = Field((), description="For boxes: those that don't.")
    exclude: Names = Field((), description="Names of images never to return.")
    among: Literal["unlabelled", "all"] = Field(
        "unlabelled", description="Which images to return. For boxes: `all` looks among those that people drew, too."
    )

    @classmethod
    def misfits(cls, body: Mapping[str, Any]) -> Iterator[Fault]:
        """Images are like images or a text, and boxes like boxes."""
        yield from super().misfits(body)
        boxes, text = of_boxes(body), bool(body.get("like_text"))
        field = "like_boxes" if boxes else "like"
        if not body.get(field) and (boxes or not text):
            code = "invalid_value" if field in given_in(body) else "missing_field"
            yield Fault(f"/{field}", code, "name one at least that shows what is looked for")
        for name in ("like", "unlike", "like_text") if boxes else BOXES:
            if body.get(name):
                what = "boxes are like boxes: name these" if boxes else OF_BOXES_ALONE
                yield Fault(f"/{name}", "invalid_value", what)
        if text and not boxes:
            yield from _misfits_of_text(body)


def _misfits_of_text(body: Mapping[str, Any]) -> Iterator[Fault]:
    for name in ("like", "unlike"):
        if body.get(name):
            yield Fault(f"/{name}", "invalid_value", "images are like images or like a text: leave one of the two out")
    if body.get("path_to_embeddings") is not None:
        yield Fault("/path_to_embeddings", "invalid_value", f"nothing embeds a text among them: {KNOW_TEXTS} does")
    if body.get("weights") is not None:
        yield Fault("/weights", "invalid_value", "an untrained network knows no text: leave it out")
    backbone = body.get("backbone")
    if is_backbone(backbone) and not knows_texts(backbone):
        yield Fault("/backbone", "invalid_value", f"{backbone} knows no text: {KNOW_TEXTS} does")


class SimilarItem(Part):
    """score: mean cosine to the examples, -1..1; with counterexamples, how sure a head is, 0..1; to texts, cosines are
    small. `like`: the example, or the text, that it is closest to."""

    rank: int
    name: str
    score: float
    like: str
    class_name: str | None = Field(alias="class")


class SimilarResult(TimedPart, Result):
    kind: Literal["similar"] = "similar"
    data: tuple[str, ...]
    items: tuple[SimilarItem, ...]
    candidates: int
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("rank", "name", "score", "like", "class")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.rank, i.name, i.score, i.like, i.class_name) for i in self.items)

    def sentences(self) -> Iterable[str]:
        yield f"The {len(self.items)} closest of {counted(self.candidates, 'image')}."
        yield from self.of_time()


class MultilabelSimilarItem(Part):
    """As an item of one class an image has it; `classes`: what the image is labelled, maybe none; None: not at all."""

    rank: int
    name: str
    score: float
    like: str
    classes: tuple[str, ...] | None


class MultilabelSimilarResult(TimedPart, MultilabelResult):
    kind: Literal["similar"] = "similar"
    data: tuple[str, ...]
    items: tuple[MultilabelSimilarItem, ...]
    candidates: int
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("rank", "name", "score", "like", "classes")

    def rows(self) -> Iterable[Sequence[Any]]:
        return (
            (i.rank, i.name, i.score, i.like, None if i.classes is None else cell_of(i.classes)) for i in self.items
        )

    def sentences(self) -> Iterable[str]:
        yield f"The {len(self.items)} closest of {counted(self.candidates, 'image')}."
        yield from self.of_time()


class DetectionSimilarItem(Part):
    """A box. score: mean cosine to the examples, -1..1; with counterexamples, how sure a head is, 0..1. `like`: which
    of `like_boxes` it is closest to. `class`: as it was drawn; `predicted`, `confidence`: as a detector has it."""

    rank: int
    name: str
    box: tuple[float, float, float, float]
    score: float
    like: int
    class_name: str | None = Field(alias="class")
    predicted: str | None
    confidence: float | None


class DetectionSimilarResult(DetectionResult):
    """`data`: names of the images that they are on. `candidates`: boxes, on `looked_at` images without a label and, if
    asked, among those that were drawn."""

    kind: Literal["similar"] = "similar"
    data: tuple[str, ...]
    items: tuple[DetectionSimilarItem, ...]
    candidates: int
    looked_at: int
    detector: DetectorSummary | None
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("rank", "name", "x", "y", "width", "height", "score", "like", "class", "predicted", "confidence")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((i.rank, i.name, *i.box, i.score, i.like, i.class_name, i.predicted, i.confidence) for i in self.items)

    def sentences(self) -> Iterable[str]:
        of = counted(self.candidates, "box", "boxes")
        yield f"The {len(self.items)} closest of {of}, on {counted(len(self.data), 'image')}."


KIND = Kind(
    request=SimilarRequest,
    result=SimilarResult,
    results={"multilabel": MultilabelSimilarResult, "detection": DetectionSimilarResult},
    labels=LabelsNeed.OPTIONAL,
    stages=("read", "embed", *OF_BOXES, "rank"),
    title="More like this",
    question="Where are more like these?",
    answer="rare classes, found from a few examples",
    more="labels",
    call="similar",
    command="similar",
    usage="POOL -n N --like NAME",
    about="More of the folder POOL like the images named: rare classes, found from a few examples; or like a "
    "text, with a backbone that knows texts. With --task detection: boxes like the boxes named.",
    shell_examples=(
        "nextlabel similar photos -n 50 --like heron1.jpg --like heron2.jpg --unlike stork.jpg",
        (
            "nextlabel similar photos -n 50 --task detection --labels labels --like-boxes "
            """'{"name": "a.jpg", "box": [10, 20, 60, 40]}'"""
        ),
        'nextlabel similar photos -n 50 --backbone siglip --like-text "a heron in water"',
    ),
    example={
        "kind": "similar",
        "backbone": "mobilenet",
        "add": 20,
        "like": ["a.png"],
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)

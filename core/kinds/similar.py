"""The kind `similar`: images like some, and unlike others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import MAX_ADD, ImageName, Names, OfClasses, Timed
from nextlabel.core.kinds.results import Manifest, MultilabelResult, Part, Result, Skipped, TimedPart


class SimilarRequest(Timed):
    """Images like some, and unlike others."""

    kind: Literal["similar"] = "similar"
    task: OfClasses = "classification"
    add: int = Field(ge=1, le=MAX_ADD, description="How many images to return.")
    like: Annotated[tuple[ImageName, ...], Field(min_length=1, max_length=1_000_000)] = Field(
        description="Names of images that show what is looked for."
    )
    unlike: Names = Field((), description="Names of images that don't.")
    exclude: Names = Field((), description="Names of images never to return.")
    among: Literal["unlabelled", "all"] = Field("unlabelled", description="Which images to return.")


class SimilarItem(Part):
    """score: mean cosine to the examples, -1..1; with counterexamples, how sure a head is, 0..1. `like`: the example
    that it is closest to."""

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
        yield f"The {len(self.items)} closest of {self.candidates} images."
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
            (i.rank, i.name, i.score, i.like, None if i.classes is None else "|".join(i.classes)) for i in self.items
        )

    def sentences(self) -> Iterable[str]:
        yield f"The {len(self.items)} closest of {self.candidates} images."
        yield from self.of_time()


KIND = Kind(
    request=SimilarRequest,
    result=SimilarResult,
    results={"multilabel": MultilabelSimilarResult},
    labels=LabelsNeed.OPTIONAL,
    stages=("read", "embed", "rank"),
    title="More like this",
    question="Where are more like these?",
    answer="rare classes, found from a few examples",
    more="labels",
    call="similar",
    command="similar",
    usage="POOL -n N --like NAME",
    about="More of the folder POOL like the images named: rare classes, found from a few examples.",
    shell_examples=("nextlabel similar photos -n 50 --like heron1.jpg --like heron2.jpg --unlike stork.jpg",),
    example={
        "kind": "similar",
        "backbone": "mobilenet",
        "add": 20,
        "like": ["a.png"],
        "path_to_img": "photos/train",
        "path_to_labels": "photos/labels",
    },
)

"""The kind `embedding`: the cache filled ahead of the questions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import Field

from nextlabel.core.counting import counted
from nextlabel.core.kinds.base import Kind, LabelsNeed
from nextlabel.core.kinds.requests import BACKBONES, BackboneName, JobRequest, OfClasses, PathText
from nextlabel.core.kinds.results import Manifest, Result, Skipped


class EmbeddingRequest(JobRequest):
    """The whole pool embedded ahead, so that later questions find all of it in the cache."""

    kind: Literal["embedding"] = "embedding"
    task: OfClasses = "classification"
    backbone: BackboneName = Field(description=BACKBONES)
    path_to_img: PathText = Field(description="Folder of images.")


class EmbeddingResult(Result):
    """`embedded` of the pool's `images` are in the cache; the others can't be read, and are `skipped`."""

    kind: Literal["embedding"] = "embedding"
    images: int
    embedded: int
    skipped: tuple[Skipped, ...]
    manifest: Manifest

    columns = ("name", "reason")

    def rows(self) -> Iterable[Sequence[Any]]:
        return ((one.name, one.reason) for one in self.skipped)

    def sentences(self) -> Iterable[str]:
        yield f"{self.embedded} of {counted(self.images, 'image is', 'images are')} embedded."


KIND = Kind(
    request=EmbeddingRequest,
    result=EmbeddingResult,
    labels=LabelsNeed.OPTIONAL,
    gives_way=True,
    stages=("read", "embed"),
    title="Embedding ahead",
    question="Can the rest be embedded meanwhile?",
    answer="the whole pool in the cache; it gives way to everything else",
    more="speed",
    call="embed",
    command="embed",
    usage="POOL",
    about="Embeds all of the folder POOL while nobody waits for anything else, so that later questions need not.",
    shell_examples=("nextlabel embed photos", "nextlabel embed photos --backbone b0 --no-wait"),
    example={"kind": "embedding", "backbone": "mobilenet", "path_to_img": "photos/train"},
)

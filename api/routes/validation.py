"""Images that are kept apart to validate by: draw them, and tell how many of them are labelled by now."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from nextlabel.api.auth import Reader, Writer
from nextlabel.api.errors import RESPONSES
from nextlabel.api.json_bodies import JsonRoute
from nextlabel.api.services import Given, Services
from nextlabel.core.data.kept_apart import Apart, keep_apart, kept_apart, most_apart
from nextlabel.core.data.label_files import state_of
from nextlabel.core.data.places import place_at
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.kinds.requests import AnyTask, PathText
from nextlabel.core.tasks.registry import CLASS_TASKS, TASKS

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)


class ValidationQuery(BaseModel):
    path_to_labels: PathText
    path_to_img: PathText | None = Field(
        None,
        description="Their pool: its images are told then, apart from names that it doesn't have, and the most of it.",
    )
    task: AnyTask = "classification"


class ValidationWanted(BaseModel):
    """How many images of the pool to keep apart in all: those that are stay, others are drawn evenly from it.

    Fewer than are already is refused, and so is more than half of the pool: little would be left to learn from. What is
    kept apart and is no image of the pool stays so.
    """

    model_config = ConfigDict(extra="forbid")

    path_to_img: PathText
    path_to_labels: PathText = Field(description="A folder. It is made if the one it lies in is there.")
    images: int = Field(
        strict=True,
        ge=0,
        le=100_000,
        description="0: none of the pool any more; they can be proposed and learnt from again.",
    )
    task: AnyTask = "classification"


class ValidationView(BaseModel):
    """`labelled`: how many of the images have a label that counts."""

    path_to_labels: str
    images: int = Field(description="Of the pool, where one was named.")
    labelled: int
    names: list[str]
    not_in_pool: list[str] = Field(
        [], description="Kept apart, too, and no images of the pool that was named: they went, or are of another pool."
    )
    most: int | None = Field(None, description="How many can be kept apart in all; null where no pool was named.")


@router.get("/labels/validation")
async def get_validation(services: Given, _: Reader, which: Annotated[ValidationQuery, Query()]) -> ValidationView:
    """List the images that are kept apart: never proposed, never learnt from, scored by."""
    places = [which.path_to_labels, *filter(None, [which.path_to_img])]
    return await services.files.run(places, _view, which.path_to_labels, which.task, services, which.path_to_img)


@router.post("/labels/validation")
async def post_validation(body: Annotated[ValidationWanted, Body()], services: Given, _: Writer) -> ValidationView:
    """Keep images apart for validation, drawn at random. What labels they have already is not learnt from any more."""
    places = [body.path_to_img, body.path_to_labels]
    return await services.files.run(places, _keep, body, services)


def _keep(body: ValidationWanted, services: Services) -> ValidationView:
    roots = services.settings.data_roots
    names = services.views.listing(place_at(body.path_to_img, roots)).pool.names
    keep_apart(body.path_to_labels, names, body.images, seed=0, roots=roots)
    return _view(body.path_to_labels, body.task, services, body.path_to_img)


def _view(path_to_labels: str, task: AnyTask, services: Services, path_to_img: str | None = None) -> ValidationView:
    roots = services.settings.data_roots
    path = existing_file_or_folder(path_to_labels, roots)
    kept = kept_apart(path, roots)
    labelled = _labelled(path, task, services)
    pool = services.views.listing(place_at(path_to_img, roots)).pool if path_to_img is not None else None
    apart = Apart(kept, ()) if pool is None else Apart.of(pool.names, kept)
    return ValidationView(
        path_to_labels=str(path),
        images=len(apart.here),
        labelled=sum(as_seen(name) in labelled for name in apart.here),
        names=list(apart.here),
        not_in_pool=list(apart.elsewhere),
        most=None if pool is None else most_apart(pool.names, apart.here),
    )


def _labelled(path: Path, task: AnyTask, services: Services) -> Collection[str]:
    """Return the names that have a label that counts."""
    roots = services.settings.data_roots
    if task not in CLASS_TASKS:
        labels, _ = TASKS[task].read_with_conflicts(path, roots)
        return labels.names
    seen = services.surveys.get(path, state_of(path, roots), roots, CLASS_TASKS[task])
    return seen.having() - seen.disputed

"""Which images are with whom: list batches that were handed out, and take images back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from nextlabel.api.auth import Reader, Writer
from nextlabel.api.errors import RESPONSES
from nextlabel.api.json_bodies import JsonRoute
from nextlabel.api.services import Given, Services, in_thread
from nextlabel.core.data.label_text import clean_name
from nextlabel.core.errors import StoreUnavailable
from nextlabel.core.jobs.hand_outs import HandOut, HandOuts, Project
from nextlabel.core.jobs.paces import Paces
from nextlabel.core.kinds.projects import project_of
from nextlabel.core.kinds.requests import ImageName, PathText, PersonName
from nextlabel.core.logs import get_logger
from nextlabel.core.people import in_file_names

log = get_logger(__name__)
router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)


class HandOutsQuery(BaseModel):
    path_to_img: PathText
    path_to_labels: PathText | None = None
    names: bool = Field(False, description="List the names, too.")


class HandOutView(BaseModel):
    """A batch that is with a person."""

    job_id: str = Field(description="The selection whose batch it is.")
    person: str
    ends_at: datetime = Field(description="Until then nobody else gets them; every label moves it on.")
    left: int = Field(description="Images that are still to be labelled.")
    labelled: int
    names: list[str] | None = Field(description="Of those still to be labelled. When asked for.")


class HandOutList(BaseModel):
    hand_outs: list[HandOutView] = Field(description="The one that ends first at the beginning.")
    left: dict[str, int] = Field(description="By person, images still to be labelled.")


class GiveBack(BaseModel):
    """Images that are anybody's again."""

    model_config = ConfigDict(extra="forbid")

    path_to_img: PathText
    path_to_labels: PathText | None = None
    person: PersonName | None = Field(None, description="What that person has. Left out: whoever has it.")
    job_id: Annotated[str, Field(max_length=100)] | None = Field(None, description="Of that job's batch alone.")
    names: Annotated[list[ImageName], Field(max_length=100_000)] | None = Field(None, description="Left out: all.")


class GivenBack(BaseModel):
    images: int = Field(description="How many there were that had no label yet.")


@router.get("/hand-outs")
async def get_hand_outs(services: Given, _: Reader, which: Annotated[HandOutsQuery, Query()]) -> HandOutList:
    """Tell which images of a pool are with whom, and for how long. What is all labelled is left out."""
    project = await _project(which.path_to_img, which.path_to_labels, services)
    found = await in_thread(HandOuts(services.store).of, project)
    left: Counter[str] = Counter()
    for one in found:
        left[one.person] += len(one.left)
    return HandOutList(
        hand_outs=[_view(one, names=which.names) for one in found if one.left],
        left={person: count for person, count in left.items() if count},
    )


@router.post("/hand-outs/give-back")
async def give_back(body: Annotated[GiveBack, Body()], services: Given, caller: Writer) -> GivenBack:
    """Take images back, so that others get them. Whoever labels may; it says so to nobody."""
    project = await _project(body.path_to_img, body.path_to_labels, services)
    person = in_file_names(caller.named(body.person) or "")
    images = await in_thread(
        HandOuts(services.store).give_back, project, person=person, job_id=body.job_id or "", names=body.names
    )
    return GivenBack(images=images)


def note_labels(
    services: Services, labels: str, person: str, given: Mapping[str, bool], *, is_one_person: bool = True
) -> None:
    """Note in the batches of that person which images were labelled, or their labels taken back (False); and when.

    Labels are written without Redis, too. is_one_person: else several label by that name, and no pace is anybody's.
    """
    noted = {clean_name(name): is_given for name, is_given in given.items()}
    try:
        HandOuts(services.store).note_labels(labels, person, noted, services.settings.hand_out_s)
        if is_one_person:
            Paces(services.store).note(labels, person, [name for name, is_given in noted.items() if is_given])
    except StoreUnavailable as error:
        log.warning("labels are not noted in anybody's batch", cause=error.detail)


async def _project(path_to_img: str, path_to_labels: str | None, services: Services) -> Project:
    paths = [path for path in (path_to_img, path_to_labels) if path is not None]
    return await services.files.run(paths, project_of, path_to_img, path_to_labels, services.settings.data_roots)


def _view(one: HandOut, *, names: bool) -> HandOutView:
    return HandOutView(
        job_id=one.job_id,
        person=one.person,
        ends_at=one.ends_at,
        left=len(one.left),
        labelled=len(one.labelled),
        names=list(one.left) if names else None,
    )

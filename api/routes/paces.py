"""How fast people label."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from nextlabel.api.auth import Reader
from nextlabel.api.errors import RESPONSES
from nextlabel.api.json_bodies import JsonRoute
from nextlabel.api.services import Given, in_thread
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.jobs.paces import LEAST_GAPS, PAUSE_S, Pace, Paces
from nextlabel.core.kinds.requests import PathText

router = APIRouter(tags=["data"], responses=RESPONSES, route_class=JsonRoute)


class PacesQuery(BaseModel):
    path_to_labels: PathText


class PaceView(BaseModel):
    """How fast a person is: the time from one image to the next within a sitting."""

    person: str
    seconds: float | None = Field(description=f"Its median; null where fewer than {LEAST_GAPS} times are known.")
    middle_half: tuple[float, float] | None = Field(description="A quarter of the times is below, a quarter above.")
    times: int = Field(description="How many times are known: the newest 1,000 at most.")
    images: int = Field(description="Labelled over HTTP, at any time.")
    at_once: int = Field(description="Of them, those labelled many at once, which tell no time of an image.")
    sittings: int = Field(description="How often the person came back after a pause.")
    last_at: datetime = Field(description="When the last label came.")


class PaceList(BaseModel):
    """Of people whose labels came over HTTP. When labels were written into a file by hand, nobody knows."""

    pause_s: float = Field(description="A longer time without a label is a pause, and counts for no image.")
    people: list[PaceView]


@router.get("/labels/paces")
async def get_paces(services: Given, _: Reader, which: Annotated[PacesQuery, Query()]) -> PaceList:
    """Tell how fast people label in a place of labels, as far as that is known."""
    roots = services.settings.data_roots
    path = await services.files.run(which.path_to_labels, existing_file_or_folder, which.path_to_labels, roots)
    found = await in_thread(Paces(services.store).of, str(path))
    return PaceList(pause_s=PAUSE_S, people=[_view(one) for one in found])


def _view(one: Pace) -> PaceView:
    is_told = len(one.gaps_s) >= LEAST_GAPS
    low, middle, high = np.percentile(one.gaps_s, [25, 50, 75]).tolist() if is_told else (None, None, None)
    return PaceView(
        person=one.person,
        seconds=middle,
        middle_half=None if low is None else (low, high),
        times=len(one.gaps_s),
        images=one.images,
        at_once=one.at_once,
        sittings=one.sittings,
        last_at=one.last_at,
    )

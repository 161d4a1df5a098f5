"""How fast people label, as the service tells it: `api/routes/paces.py` writes what this reads."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from nextlabel.core.kinds.results import Part


class Pace(Part):
    """How fast a person is: the time from one image to the next, pauses left out.

    `seconds`: its median; `middle_half`: a quarter of the times is below, a quarter above. None where fewer than ten of
    these `times` are known. `images`: labelled over HTTP at any time; `at_once`: of them, those labelled many at once.
    """

    person: str
    seconds: float | None
    middle_half: tuple[float, float] | None
    times: int
    images: int
    at_once: int
    sittings: int
    last_at: datetime


class PaceList(BaseModel):
    people: list[Pace]

"""Batches that are with people, as the service tells them: `api/routes/hand_outs.py` writes what this reads."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from nextlabel.core.kinds.results import Part


class HandOut(Part):
    """A batch that is with a person until `ends_at`.

    `names`: of the `left` images that are still to be labelled. `labelled`: how many are.
    """

    job_id: str
    person: str
    ends_at: datetime
    left: int
    labelled: int
    names: tuple[str, ...]


class HandOutList(BaseModel):
    hand_outs: list[HandOut]


class GivenBack(BaseModel):
    images: int

"""A job as the service tells it: `api/views.py` writes what this reads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from nextlabel.core.jobs.record import Interruption, JobError, JobState, JobWarning, Progress
from nextlabel.core.kinds.registry import AnyResult


class JobLinks(BaseModel):
    model_config = ConfigDict(frozen=True)

    self: str
    cancel: str
    events: str
    result: str


class Job(BaseModel):
    """A job as it was when the service was asked.

    `result` is there once it succeeded, unless it is large or the job stands in a list: `Client.result` has it then.
    `title`: what people call a job of its kind; an earlier service doesn't tell.
    What a later service tells besides is left out.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str
    title: str = ""
    owner: str
    state: JobState
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    request: dict[str, Any]
    attempt: int
    progress: Progress | None
    warnings: tuple[JobWarning, ...]
    result: AnyResult | None
    result_url: str | None
    error: JobError | None
    last_interruption: Interruption | None
    links: JobLinks


class JobPage(BaseModel):
    data: list[Job]
    next_cursor: str | None

"""Show a job as it is on the wire."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from nextlabel.core.errors import Gone
from nextlabel.core.jobs.record import Interruption, Job, JobError, JobState, JobWarning, Progress
from nextlabel.core.jobs.result_files import ResultFiles
from nextlabel.core.kinds.registry import KINDS


class Links(BaseModel):
    self: str
    cancel: str
    events: str
    result: str


class JobView(BaseModel):
    """A job. `result` is there once it succeeded, unless it is large: then `result_url` has it."""

    id: str
    kind: str
    title: str = Field(description="What people call a job of this kind.")
    owner: str = Field(description="Of the key that submitted it; empty where no key was asked for.")
    state: JobState
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    request: dict[str, Any] = Field(description="As validated, with the defaults filled in.")
    attempt: int = Field(description="How often it was started; more than 1 after a worker was lost or stopped.")
    progress: Progress | None
    warnings: list[JobWarning]
    result: dict[str, Any] | None
    result_url: str | None
    error: JobError | None
    last_interruption: Interruption | None
    links: Links


class JobList(BaseModel):
    data: list[JobView] = Field(description="Newest first, without their results.")
    next_cursor: str | None
    broken: list[str] = Field([], description="Ids of jobs among them whose records can't be read: `job_broken`.")


def view(job: Job, result: dict[str, Any] | None = None) -> JobView:
    base = f"/jobs/{job.id}"
    fields = job.model_dump(exclude={"rev", "process", "ended_by", "warnings"})
    return JobView(
        **fields,
        title=KINDS[job.kind].title if job.kind in KINDS else job.kind,  # of a later version's worker, maybe
        warnings=list(job.warnings),
        result=result,
        result_url=f"{base}/result" if job.state is JobState.SUCCEEDED else None,
        links=Links(self=base, cancel=f"{base}/cancel", events=f"{base}/events", result=f"{base}/result"),
    )


def view_with_result(job: Job, results: ResultFiles, most_bytes: int) -> JobView:
    """Show the job with its result, if the result's file is there and has at most `most_bytes`."""
    if job.state is not JobState.SUCCEEDED:
        return view(job)
    try:
        is_small = results.size(job) <= most_bytes
        return view(job, json.loads(results.content(job)) if is_small else None)
    except Gone:
        return view(job)


def etag(job: Job) -> str:
    return f'"{job.rev}"'

"""A job's record: what is true about one request being carried out."""

from __future__ import annotations

import re
import secrets
import time
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeGuard

from pydantic import BaseModel, ConfigDict

from nextlabel.core.errors import JobNotFound, NextlabelError

#: The form of a job's id. It becomes a part of paths and keys, and comes from requests, messages and Redis.
JOB_ID = re.compile(r"job_[0-9a-z_]{1,64}")


class JobState(StrEnum):
    QUEUED = "queued"  #: recorded, waiting for a worker
    RUNNING = "running"  #: a process of a worker holds its lease
    CANCELLING = "cancelling"  #: a person asked for its end; the worker stops at its next batch
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended: such a state never changes."""
        return not TRANSITIONS[self]


#: From each state, where a job may go. The Lua scripts obey it; a test drives them against it.
TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    JobState.RUNNING: frozenset({JobState.QUEUED, JobState.CANCELLING, JobState.SUCCEEDED, JobState.FAILED}),
    JobState.CANCELLING: frozenset({JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Progress(Frozen):
    """Where a running job is. (stage_index, done) never goes back, not even when another process takes over."""

    stage: str
    stage_index: int
    stage_count: int
    done: int = 0
    total: int | None = None
    unit: str = ""
    rate_per_s: float | None = None
    eta_s: float | None = None


NAMED = 3  # of the names that a warning has, where it is told in a line


class JobWarning(Frozen):
    """Something a person should know; the job went on. `names`: at most 20 of the `count` images it is about."""

    code: str
    detail: str
    count: int = 1
    names: tuple[str, ...] = ()

    def told(self, more: str = ", and {count} more") -> str:
        """Say it to a person, with the first of the names. more: how to say, in their language, that there are more."""
        if not self.names:
            return self.detail
        rest = more.format(count=f"{self.count - NAMED:,}") if self.count > NAMED else ""
        return f"{self.detail} ({', '.join(self.names[:NAMED])}{rest})"


class JobError(Frozen):
    """Why a job failed."""

    code: str
    detail: str
    stage: str | None = None
    retryable: bool = False

    @classmethod
    def of(cls, error: NextlabelError, stage: str | None = None) -> JobError:
        """Say the error as a record does."""
        return cls(code=error.code, detail=error.detail, stage=stage, retryable=error.retryable)


class Interruption(Frozen):
    """Why a job was put back into the queue: `worker_lost`, `stalled`, `drained` or `gave_way`."""

    reason: str
    at: datetime
    worker: str  #: the process that ran it; the field keeps the name that clients know


class Job(Frozen):
    id: str
    kind: str
    owner: str = ""  #: of the key that submitted it; empty where no key was asked for
    state: JobState
    rev: int
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    request: dict[str, Any]
    attempt: int = 0
    process: str | None = None  #: that runs it, or ran it last: `<worker>/<process id>`
    progress: Progress | None = None
    warnings: tuple[JobWarning, ...] = ()
    error: JobError | None = None
    last_interruption: Interruption | None = None
    ended_by: int | None = None  #: the fence of the attempt that ended it; the result's file is named after it


def is_job_id(text: object) -> TypeGuard[str]:
    """Whether that has the form of a job's id."""
    return isinstance(text, str) and JOB_ID.fullmatch(text) is not None


def checked_job_id(text: object) -> str:
    """Return the id, which has the form of one: it may be a part of a path. Raises JobNotFound."""
    if not is_job_id(text):
        raise JobNotFound(f"there is no job {str(text)[:80]}")
    return text


def new_job_id() -> str:
    """Make an id that sorts by time of creation and can't be guessed."""
    return f"job_{int(time.time() * 1000):012x}{secrets.token_hex(8)}"

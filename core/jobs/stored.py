"""Records of jobs and their histories as Redis holds them, read: nothing that is torn or foreign passes for a job."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from nextlabel.core.errors import JobBroken, JobNotFound
from nextlabel.core.jobs.record import Interruption, Job, JobError, JobState, JobWarning, Progress, is_job_id

#: Fields of a record that scripts count with: `is_whole` of core/jobs/lua/prelude.lua asks the same of them.
COUNTED = ("rev", "created_at", "attempt", "crashes", "fence")


@dataclass(frozen=True)
class Event:
    """One line of a job's history. `id` orders events and resumes a stream after it."""

    id: str
    name: str
    data: dict[str, Any]


def read_job(job_id: str, fields: Any) -> Job:
    """Read a record, as Redis answered. Raises JobBroken; JobNotFound where there is none."""
    if fields == {}:
        raise JobNotFound(f"there is no job {job_id}")
    try:
        job = _read(fields)
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise JobBroken(job_id, _cause(error)) from error
    if job.id != job_id or not is_job_id(job_id):
        raise JobBroken(job_id[:80], "it has the id of another")
    if job.state is JobState.SUCCEEDED and job.ended_by is None:
        raise JobBroken(job_id, "it succeeded and nobody ended it")
    return job


def read_event(entry_id: str, fields: Mapping[str, str]) -> Event | None:
    """Read an entry of a job's history; None where it is none of ours."""
    try:
        return Event(entry_id, fields["event"], from_json(fields["data"], allow_inf_nan=False))
    except (KeyError, ValueError):
        return None


def read_object(text: str) -> dict[str, Any]:
    """Read JSON that is an object. Raises ValueError, TypeError; for NaN and half characters, too."""
    value = from_json(text, allow_inf_nan=False)
    if not isinstance(value, dict):
        raise TypeError("it is no JSON object")
    return value


def _read(fields: Mapping[str, str]) -> Job:
    if not isinstance(fields, dict):  # the error that answers one command of a pipeline
        raise TypeError(str(fields))
    for name in COUNTED:
        if not re.fullmatch("[0-9]{1,15}", fields[name]):
            raise ValueError(f"its {name} is no number")

    def loaded(name: str, load: Callable[[Any], Any], default: Any = None) -> Any:
        return load(from_json(fields[name], allow_inf_nan=False)) if fields.get(name) else default

    return Job(
        id=fields["id"],
        kind=fields["kind"],
        owner=fields.get("owner", ""),
        state=JobState(fields["state"]),
        rev=int(fields["rev"]),
        created_at=_time(fields["created_at"]),
        started_at=_time(fields["started_at"]) if "started_at" in fields else None,
        finished_at=_time(fields["finished_at"]) if "finished_at" in fields else None,
        request=read_object(fields["request"]),
        attempt=int(fields["attempt"]),
        process=fields.get("worker"),
        ended_by=int(fields["ended_by"]) if "ended_by" in fields else None,
        progress=loaded("progress", Progress.model_validate),
        warnings=loaded("warnings", lambda warnings: tuple(map(JobWarning.model_validate, warnings)), ()),
        error=loaded("error", JobError.model_validate),
        last_interruption=loaded(
            "last_interruption", lambda entry: Interruption.model_validate({**entry, "at": _time(entry["at"])})
        ),
    )


def _cause(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error.args[0]}"
    return " ".join(str(error).split())[:200]


def _time(ms: str | float) -> datetime:
    return datetime.fromtimestamp(float(ms) / 1000, UTC)

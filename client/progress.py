"""How far a job is, in words for a person: on a terminal, in a pipe, in a notebook."""

from __future__ import annotations

from datetime import UTC, datetime
from gettext import gettext as _

from nextlabel.client.job import Job


def seconds(number: float) -> str:
    """Write a time as `45 s`, `3 min` or `2 h 05 min`."""
    if round(number) < 120:
        return _("{seconds:.0f} s").format(seconds=number)
    minutes = round(number / 60)
    if minutes < 120:
        return _("{minutes} min").format(minutes=minutes)
    return _("{hours} h {minutes:02} min").format(hours=minutes // 60, minutes=minutes % 60)


def ago(moment: datetime) -> str:
    return _("{time} ago").format(time=seconds((datetime.now(UTC) - moment).total_seconds()))


def done_of(job: Job) -> tuple[str, int, int | None]:
    """Return the stage that the job is in, how much of it is done, and of how much."""
    if job.state == "queued":
        return _("queued until a worker is free"), 0, None
    if job.progress is None:
        return job.state.value, 0, None
    return job.progress.stage, job.progress.done, job.progress.total


def left_of(job: Job) -> str:
    eta = job.progress.eta_s if job.progress else None
    return _("{time} left").format(time=seconds(eta)) if eta else ""


def warnings_of(job: Job) -> list[str]:
    """Write each warning as a line, with the first names that it is about and how many more there are."""
    return [_("warning: {detail}").format(detail=one.told(_(", and {count} more"))) for one in job.warnings]

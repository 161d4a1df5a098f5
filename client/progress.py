"""How far a job is, in words for a person: on a terminal, in a pipe, in a notebook."""

from __future__ import annotations

from nextlabel.client.job import Job


def seconds(number: float) -> str:
    """Write a time as `45 s`, `3 min` or `2 h 05 min`."""
    if number < 120:
        return f"{number:.0f} s"
    minutes = round(number / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"


def done_of(job: Job) -> tuple[str, int, int | None]:
    """Return the stage that the job is in, how much of it is done, and of how much."""
    if job.progress is None or job.state == "queued":
        return job.state.value, 0, None
    return job.progress.stage, job.progress.done, job.progress.total


def left_of(job: Job) -> str:
    eta = job.progress.eta_s if job.progress else None
    return f"{seconds(eta)} left" if eta else ""


def warnings_of(job: Job) -> list[str]:
    """Write each warning as a line, with the first names that it is about."""
    return [
        f"warning: {one.detail}"
        + (f" ({', '.join(one.names[:3])}{', ...' if one.count > 3 else ''})" if one.names else "")
        for one in job.warnings
    ]

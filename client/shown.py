"""Show a job to a person: a bar on a terminal while it runs, plain lines in a pipe; then its warnings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from nextlabel.client.http import Client
from nextlabel.client.job import Job
from nextlabel.client.talk import OnChange

LINE_EVERY_S = 10.0


def follow(client: Client, job_id: str, title: str, console: Console) -> Job:
    """Wait for the job's end; show a bar where there is a terminal, nothing where there is none. Raises JobFailed."""
    if not console.is_terminal:
        return client.wait(job_id)
    with _bars(title, console) as show:
        return client.wait(job_id, show)


@contextmanager
def progress(title: str, console: Console) -> Iterator[OnChange]:
    """Give the function to call with a job whenever it has changed: it shows the progress."""
    if console.is_terminal:
        with _bars(title, console) as show:
            yield show
    else:
        yield _Lines(title, console).show


def tell_warnings(job: Job, console: Console) -> None:
    for warning in job.warnings:
        named = f" ({', '.join(warning.names[:3])}{', ...' if warning.count > 3 else ''})" if warning.names else ""
        console.print(
            f"warning: {warning.detail}{named}", style="yellow", markup=False, highlight=False, soft_wrap=True
        )


def seconds(number: float) -> str:
    """Write a time as `45 s`, `3 min` or `2 h 05 min`."""
    if number < 120:
        return f"{number:.0f} s"
    minutes = round(number / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"


@contextmanager
def _bars(title: str, console: Console) -> Iterator[OnChange]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield _Bar(bars, title).show


class _Bar:
    """Shows one bar for the stage that a job is in; each stage has a new one, because a bar's total can't be unset."""

    def __init__(self, bars: Progress, title: str) -> None:
        self._bars, self._title = bars, title
        self._stage = ""
        self._task = bars.add_task(title, total=None, left="")

    def show(self, job: Job) -> None:
        stage, done, total = _where(job)
        if stage != self._stage:
            self._stage = stage
            self._bars.remove_task(self._task)
            self._task = self._bars.add_task(f"{self._title}: {stage}", total=total, left="")
        self._bars.update(self._task, completed=done, left=_left(job))


class _Lines:
    """Prints a line for each stage, and one every LINE_EVERY_S while it lasts."""

    def __init__(self, title: str, console: Console) -> None:
        self._title, self._console = title, console
        self._stage, self._told_at = "", 0.0

    def show(self, job: Job) -> None:
        stage, done, total = _where(job)
        if job.state.is_final or (stage == self._stage and time.monotonic() - self._told_at < LINE_EVERY_S):
            return
        self._stage, self._told_at = stage, time.monotonic()
        parts = [f"{self._title}: {stage}", *([f"{done} of {total}"] if total else []), _left(job)]
        # Past the console, which would print a line again that Ctrl-C breaks into.
        print(", ".join(filter(None, parts)), file=self._console.file, flush=True)


def _where(job: Job) -> tuple[str, int, int | None]:
    if job.progress is None or job.state == "queued":
        return job.state.value, 0, None
    return job.progress.stage, job.progress.done, job.progress.total


def _left(job: Job) -> str:
    eta = job.progress.eta_s if job.progress else None
    return f"{seconds(eta)} left" if eta else ""

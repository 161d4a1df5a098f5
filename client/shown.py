"""Show a job to a person: a bar on a terminal while it runs, plain lines in a pipe; then its warnings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from gettext import gettext as _

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from nextlabel.client.http import Client
from nextlabel.client.job import Job
from nextlabel.client.progress import done_of, left_of, warnings_of
from nextlabel.client.talk import OnChange
from nextlabel.client.terminal import harmless

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


def tell_warnings(job: Job, console: Console, told: set[str] | None = None) -> None:
    """Print what the job warned of. told: lines that were printed already; what is printed is added to them."""
    told = set() if told is None else told
    for warning in warnings_of(job):
        if warning not in told:
            told.add(warning)
            console.print(harmless(warning), style="yellow", markup=False, highlight=False, soft_wrap=True)


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
        stage, done, total = done_of(job)
        if stage != self._stage:
            self._stage = stage
            self._bars.remove_task(self._task)
            self._task = self._bars.add_task(f"{self._title}: {stage}", total=total, left="")
        self._bars.update(self._task, completed=done, left=left_of(job))


class _Lines:
    """Prints a line for each stage, and one every LINE_EVERY_S while it lasts."""

    def __init__(self, title: str, console: Console) -> None:
        self._title, self._console = title, console
        self._stage, self._told_at = "", 0.0

    def show(self, job: Job) -> None:
        stage, done, total = done_of(job)
        if job.state.is_final or (stage == self._stage and time.monotonic() - self._told_at < LINE_EVERY_S):
            return
        self._stage, self._told_at = stage, time.monotonic()
        parts = [
            f"{self._title}: {stage}",
            *([_("{done} of {total}").format(done=done, total=total)] if total else []),
            left_of(job),
        ]
        # Past the console, which would print a line again that Ctrl-C breaks into.
        print(", ".join(filter(None, parts)), file=self._console.file, flush=True)

"""Jobs on a terminal: a bar while one runs; nothing where there is no terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from client.http import Client, Job


def follow(client: Client, job_id: str, title: str, console: Console) -> Job:
    """Waits for the job's end, showing how far it is. Raises JobFailed."""
    if not console.is_terminal:
        return client.wait(job_id)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        return client.wait(job_id, _Bar(bars, title).show)


class _Bar:
    """One bar for the stage that a job is in; a new one for each, because a bar's total can't be unset."""

    def __init__(self, bars: Progress, title: str) -> None:
        self._bars, self._title = bars, title
        self._stage = ""
        self._task = bars.add_task(title, total=None)

    def show(self, job: Job) -> None:
        progress = job["progress"] or {"stage": job["state"], "done": 0, "total": None}
        if progress["stage"] != self._stage:
            self._stage = progress["stage"]
            self._bars.remove_task(self._task)
            self._task = self._bars.add_task(f"{self._title}: {self._stage}", total=progress["total"])
        self._bars.update(self._task, completed=progress["done"])

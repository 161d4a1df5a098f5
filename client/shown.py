"""Jobs on a terminal: a bar while one runs; plain lines where there is no terminal."""

from __future__ import annotations

from typing import Any

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
        bar = bars.add_task(f"{title}: queued", total=None)

        def show(job: Job) -> None:
            stage: dict[str, Any] = job["progress"] or {"stage": job["state"], "done": 0, "total": None}
            bars.update(bar, description=f"{title}: {stage['stage']}", completed=stage["done"], total=stage["total"])

        return client.wait(job_id, show)

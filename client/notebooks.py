"""Progress in notebooks: a line in the cell that asked, written anew while the job goes on. It needs no widgets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import escape
from typing import Any, Protocol

from nextlabel.client.job import Job
from nextlabel.client.progress import done_of, seconds, warnings_of


class Handle(Protocol):
    """A place in the output of a cell, as IPython gives one."""

    def update(self, shown: Any) -> None: ...


class InCell:
    """Shows a job in the cell of a notebook: call it with the job whenever that has changed."""

    def __init__(self, display: Callable[..., Handle | None]) -> None:
        self._display = display
        self._handle: Handle | None = None

    def __call__(self, job: Job) -> None:
        if self._handle is None:
            self._handle = self._display(JobLine(job), display_id=True)
        else:
            self._handle.update(JobLine(job))


class JobLine:
    """How far a job is, for a notebook: a bar while it runs, what it warned of at its end."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __repr__(self) -> str:
        return "\n".join([self._told(), *warnings_of(self._job)])

    def _repr_html_(self) -> str:
        _, done, total = done_of(self._job)
        bar = f' <progress value="{done}" max="{total}"></progress>' if total else ""
        warnings = "".join(f"<br>{escape(one)}" for one in warnings_of(self._job))
        return f"<div>{escape(self._told())}{'' if self._job.state.is_final else bar}{warnings}</div>"

    def _told(self) -> str:
        job = self._job
        stage, done, total = done_of(job)
        title = job.title or job.kind
        if job.state.is_final:
            began = job.started_at or job.created_at
            took = f" after {seconds((job.finished_at - began).total_seconds())}" if job.finished_at else ""
            return f"{title}: {job.state}{took} ({job.id})"
        return f"{title}: {stage}{f', {done} of {total}' if total else ''} ({job.id})"


def in_notebook() -> InCell | None:
    """Make what shows a job in the running cell; None where this is no notebook."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if not hasattr(shell, "kernel"):
        return None
    return InCell(sys.modules["IPython.display"].display)

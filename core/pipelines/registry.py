"""What carries out the jobs of each kind: the function `carry_out` of the module here that bears the kind's name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from nextlabel.core.kinds.registry import KINDS, JobResult
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.pipelines.run import Run

#: A kind whose module or function is missing fails this import, and so the start of a worker: a worker that started
#: would take such a job, and end it as `internal`.
PIPELINES: dict[str, Callable[[Any, Run], JobResult]] = {
    kind: import_module(f"nextlabel.core.pipelines.{kind}").carry_out for kind in KINDS
}


def carry_out(request: JobRequest, run: Run) -> JobResult:
    """Carry out a job of any kind."""
    return PIPELINES[request.kind](request, run)

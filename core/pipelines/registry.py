"""What carries out the jobs of each kind, found by name: `carry_out` of the module here that bears the kind's name.

Where a kind answers a task in a form of its own (`Kind.results`), it is that of the module in the task's folder.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from nextlabel.core.kinds.base import Kind
from nextlabel.core.kinds.registry import KINDS, JobResult
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.pipelines.run import Run

Pipeline = Callable[[Any, Run], JobResult]


def _pipeline(kind: Kind, task: str) -> Pipeline:
    module = f"{task}.{kind.name}" if task in kind.results else kind.name
    pipeline: Pipeline = import_module(f"nextlabel.core.pipelines.{module}").carry_out
    return pipeline


#: By kind and task. What is missing fails this import, and so the start of a worker: a worker that started would take
#: such a job, and end it as `internal`.
PIPELINES = {(kind.name, task): _pipeline(kind, task) for kind in KINDS.values() for task in kind.tasks}


def carry_out(request: JobRequest, run: Run) -> JobResult:
    """Carry out a job of any kind, of any task that the kind serves."""
    return PIPELINES[request.kind, request.task](request, run)

"""Every kind of job there is, and the function that carries it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nextlabel.core.kinds.registry import KINDS, JobResult
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.pipelines.audit import audit
from nextlabel.core.pipelines.f1 import validate
from nextlabel.core.pipelines.label_check import check_labels
from nextlabel.core.pipelines.learning_curve import forecast
from nextlabel.core.pipelines.map import draw_map
from nextlabel.core.pipelines.prediction import predict
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.selection import select
from nextlabel.core.pipelines.similar import find_similar

PIPELINES: dict[str, Callable[[Any, Run], JobResult]] = {
    "selection": select,
    "prediction": predict,
    "f1": validate,
    "learning_curve": forecast,
    "audit": audit,
    "label_check": check_labels,
    "similar": find_similar,
    "map": draw_map,
}
if PIPELINES.keys() != KINDS.keys():  # else a worker would take such a job, and end it as `internal`
    raise ImportError(f"kinds without a pipeline, or the reverse: {', '.join(PIPELINES.keys() ^ KINDS.keys())}")


def carry_out(request: JobRequest, run: Run) -> JobResult:
    return PIPELINES[request.kind](request, run)

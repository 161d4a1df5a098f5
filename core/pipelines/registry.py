"""Every kind of job there is, and the function that carries it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.jobs.requests import JobRequest
from core.jobs.results import JobResult
from core.pipelines.audit import audit
from core.pipelines.f1 import validate
from core.pipelines.label_check import check_labels
from core.pipelines.learning_curve import forecast
from core.pipelines.map import draw_map
from core.pipelines.prediction import predict
from core.pipelines.run import Run
from core.pipelines.selection import select
from core.pipelines.similar import find_similar

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


def carry_out(request: JobRequest, run: Run) -> JobResult:
    return PIPELINES[request.kind](request, run)

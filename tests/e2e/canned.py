"""Results of every kind that the page draws, made by hand, and a way to have the page find them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from playwright.sync_api import Page, Route

from nextlabel.core.kinds.audit import AuditArm, AuditResult
from nextlabel.core.kinds.f1 import ClassScores, Confusion, F1Result
from nextlabel.core.kinds.label_check import CopiesDisagree, LabelCheckResult, NameConflict, SuspiciousLabel
from nextlabel.core.kinds.learning_curve import (
    AdviceReason,
    Coverage,
    CurveFit,
    CurvePoint,
    Forecast,
    LearningCurveResult,
    Stability,
    StopAdvice,
)
from nextlabel.core.kinds.map import MapResult
from nextlabel.core.kinds.registry import KINDS, JobResult
from nextlabel.core.kinds.results import ClassProbability, Leak
from nextlabel.core.kinds.selection import ImageReason, MethodUsed, SelectionItem, SelectionResult
from nextlabel.core.kinds.similar import SimilarItem, SimilarResult
from nextlabel.core.methods.reasons import MethodReason
from tests.api.support import HEAD, MANIFEST

REST: dict[str, Any] = {"skipped": (), "manifest": MANIFEST}


class Canned:
    """Jobs of these kinds are not sent to the service: each is running at first, and then has that result.

    `stuck`: the state that they come to instead.
    """

    def __init__(self, page: Page, *results: JobResult | dict[str, Any], stuck: str | None = None) -> None:
        self._stuck = stuck
        dumped = [one if isinstance(one, dict) else one.model_dump(mode="json") for one in results]
        self._results = {one["kind"]: one for one in dumped}
        self.asked: dict[str, dict[str, Any]] = {}
        page.route("**/jobs", self._submit)
        page.route("**/jobs/canned_*", self._get)

    def _submit(self, route: Route) -> None:
        request = route.request.post_data_json if route.request.method == "POST" else {}
        kind = request.get("kind")
        if kind not in self._results:
            route.continue_()
            return
        self.asked[kind] = request
        route.fulfill(status=202, json=self._job(kind, "queued"), headers={"ETag": '"1"'})

    def _get(self, route: Route) -> None:
        kind = route.request.url.rpartition("canned_")[2].partition("?")[0]
        state = "succeeded" if "wait=" in route.request.url or "If-None" in route.request.headers else "running"
        state = self._stuck or ("succeeded" if kind not in self.asked else state)
        route.fulfill(json=self._job(kind, state), headers={"ETag": f'"{state}"'})

    def _job(self, kind: str, state: str) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat()
        progress = {"stage": "embed", "stage_index": 1, "stage_count": 3, "done": 40, "total": 100, "unit": "images"}
        return {
            "id": f"canned_{kind}",
            "kind": kind,
            "title": KINDS[kind].title,
            "owner": "",
            "state": state,
            "created_at": now,
            "started_at": now,
            "finished_at": now if state == "succeeded" else None,
            "request": self.asked.get(kind, {}),
            "attempt": 1,
            "progress": {**progress, "rate_per_s": 20.0, "eta_s": 3.0},
            "warnings": [],
            "result": json.loads(json.dumps(self._results[kind])) if state == "succeeded" else None,
            "result_url": f"/jobs/canned_{kind}/result",
            "error": None,
            "last_interruption": None,
        }


def learning_curve() -> LearningCurveResult:
    def forecast(extra: int, f1: float, spread: float) -> Forecast:
        return Forecast(extra=extra, labels=300 + extra, f1_macro=f1, low=f1 - spread, high=f1 + spread)

    points = [(20, 0.41), (40, 0.55), (80, 0.66), (150, 0.74), (300, 0.79)]
    return LearningCurveResult(
        labels=300,
        validation="held out",
        validation_images=372,
        points=tuple(CurvePoint(labels=n, f1_macro=f, repeats=(f - 0.02, f + 0.015, f + 0.005)) for n, f in points),
        fits=(CurveFit(family="power", formula="a - b n^-c", parameters={"a": 0.9}, error=0.01),),
        now=forecast(0, 0.79, 0.012),
        forecast=(forecast(100, 0.812, 0.018), forecast(500, 0.846, 0.03), forecast(1000, 0.861, 0.042)),
        stability=Stability(labels=(80, 150, 300), kappas=(0.7, 0.81, 0.88), images=1000),
        coverage=Coverage(share=0.83, images=3409),
        advice=StopAdvice(
            verdict="go_on",
            sentence="100 more labels are expected to bring 2.2 points of macro F1 (0.4 to 4.0): it is worth going on.",
            because=AdviceReason(code="worthwhile", gain=0.022, gain_interval=(0.004, 0.04), worth=0.005),
        ),
        **REST,
    )


def f1(classes: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """With the names of its misses."""
    n = len(classes)
    matrix = [[18 if t == p else (t * 3 + p) % 4 for p in range(n)] for t in range(n)]
    scores = (
        ClassScores(class_name=name, precision=0.9 - i / 20, recall=0.8, f1=0.85 - i / 30, support=20, predicted=21)
        for i, name in enumerate(classes)
    )
    result = F1Result(
        f1_macro=0.812,
        f1_macro_interval=(0.77, 0.85),
        f1_micro=0.83,
        f1_weighted=0.83,
        accuracy=0.83,
        calibration_error=0.03,
        validation_images=sum(map(sum, matrix)),
        per_class=tuple(scores),
        confusion=Confusion(classes=tuple(classes), matrix=tuple(map(tuple, matrix))),
        classes_without_training_images=(),
        classes_without_validation_images=(),
        head=HEAD,
        **REST,
    )
    misses = [
        {"name": name, "class": classes[0], "predicted": classes[1], "confidence": 0.62}
        for name in names[: matrix[0][1]]
    ]
    return {**result.model_dump(mode="json"), "misses": misses}


def audit() -> AuditResult:
    def arm(method: str, *f1_macro: float) -> AuditArm:
        return AuditArm(
            method=method,
            labels=(20, 60, 100, 140),
            f1_macro=f1_macro,
            gain=0.03,
            gain_interval=(0.01, 0.05),
            saved=0.38,
            saved_interval=(0.25, 0.47),
            verdict="better",
            sentence="reaches the same F1 with 38 % fewer labels (95 %: 25 to 47).",
        )

    return AuditResult(
        repeats=5,
        images=300,
        validation="split",
        validation_images=100,
        arms=(arm("random", 0.4, 0.55, 0.63, 0.68), arm("margin", 0.4, 0.61, 0.7, 0.74)),
        sentence="On your data margin reaches the same F1 with 38 % fewer labels (95 %: 25 to 47).",
        verdict="better",
        **REST,
    )


def label_check(suspects: Sequence[tuple[str, str, str]], copies: Sequence[str] = ()) -> LabelCheckResult:
    """Of (name, given, suggested)."""
    items = [
        SuspiciousLabel(
            rank=rank,
            name=name,
            given=given,
            suggested=suggested,
            given_probability=0.04 * rank,
            confidence=0.93 - 0.05 * rank,
            reason=f"looks like {suggested}, not {given}",
        )
        for rank, (name, given, suggested) in enumerate(suspects, start=1)
    ]
    disagree = (CopiesDisagree(names=tuple(copies), classes=("red", "green")),) if copies else ()
    first = suspects[0][0]
    return LabelCheckResult(
        labels=60,
        expected_errors=0.05,
        items=tuple(items),
        conflicts=(NameConflict(name=first, classes={"red": "anna.txt:3", "green": "bert.txt:9"}),),
        copies_that_disagree=disagree,
        leaks=(
            Leak(
                name="red_0.png", validation_name="red_0.png", class_name="red", validation_class="red", identical=True
            ),
        ),
        **REST,
    )


def similar(names: Sequence[str], like: str) -> SimilarResult:
    items = [
        SimilarItem(rank=rank, name=name, score=1 / rank, like=like, class_name=None)
        for rank, name in enumerate(names, start=1)
    ]
    return SimilarResult(data=tuple(names), items=tuple(items), candidates=len(names), **REST)


def map_of(names: Sequence[str], classes: Sequence[str], points: int = 20_000) -> MapResult:
    """Clusters, most of them unlabelled; the names come again and again."""
    rng = np.random.default_rng(0)
    cluster = rng.integers(0, 2 * len(classes), points)
    centres = rng.normal(0, 5, (2 * len(classes), 2))
    places = centres[cluster] + rng.normal(0, 0.7, (points, 2))
    labelled = np.where(rng.random(points) < 0.06, cluster % len(classes), -1)
    return MapResult(
        class_names=tuple(classes),
        names=tuple(names[i % len(names)] for i in range(points)),
        x=tuple(places[:, 0].round(3).tolist()),
        y=tuple(places[:, 1].round(3).tolist()),
        classes=tuple(labelled.tolist()),
        predicted=tuple((cluster % len(classes)).tolist()),
        images=points,
        **REST,
    )


FEW = MethodReason(code="whole_pool", known="nothing")


def selection(names: Sequence[str], predicted: str | None = None) -> SelectionResult:
    """A batch; each image is thought to be of that class."""
    items = [
        SelectionItem(
            rank=rank,
            name=name,
            score=1 / rank,
            predicted=predicted,
            confidence=0.6 if predicted else None,
            top=(ClassProbability(class_name=predicted, probability=0.6),) if predicted else (),
            cluster=None,
            reason="stands for a region of the pool without labels",
            because=ImageReason(code="region"),
        )
        for rank, name in enumerate(names, start=1)
    ]
    return SelectionResult(
        data=tuple(names),
        items=tuple(items),
        method=MethodUsed(asked="auto", name="typiclust", why="nothing is labelled yet", because=FEW),
        candidates=len(names),
        head=None,
        **REST,
    )

"""A class for every unlabelled image: step 3 of the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.errors import NothingToPredict
from nextlabel.core.kinds.prediction import KIND, PredictionItem, PredictionRequest, PredictionResult, SureLabels
from nextlabel.core.kinds.results import HeadSummary
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.pipelines.class_names import ClassNames, class_names
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.material import (
    class_of,
    manifest,
    out_of_fold,
    rounded,
    skipped_images,
    top_of,
    train,
)
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import source_of
from nextlabel.core.pipelines.within import embed_pool, read_pool
from nextlabel.core.tasks.base import ClassTask, Matched, Prediction
from nextlabel.core.tasks.registry import task_of


def carry_out(request: PredictionRequest, run: Run) -> PredictionResult:
    predicted = predict(request, run)
    items = tuple(
        PredictionItem(name=name, predicted=class_of(answer), confidence=rounded(answer.confidence), top=top_of(answer))
        for name, answer in zip(predicted.names, predicted.predictions, strict=True)
    )
    return PredictionResult(items=items, **predicted.told)


@dataclass(frozen=True, eq=False)
class Predicted:
    """The N unlabelled images, in the order of the pool.

    probabilities: (N, C). told: what every result says, whatever a label is.
    """

    names: list[str]
    predictions: list[Prediction]
    probabilities: NDArray[np.float64]
    told: dict[str, Any]


def predict(request: PredictionRequest, run: Run) -> Predicted:
    """Raises NoLabels, SingleClass and NothingToPredict before anything is embedded."""
    run.plan(*KIND.stages)
    run.stage("read")
    task = task_of(request.task)
    labelled = read_pool(request, run)
    names = class_names(request, labelled, run, needed=True)
    if names is None:
        task.check_matched(labelled.matched, "prediction")
    if not request.cross_validate:
        check_unlabelled(labelled.matched, len(labelled.pool), "or ask for cross_validate alone")
    source = source_of(request, run)
    embedded = embed_pool(request, labelled, source, run)
    if names is None:
        task.check_matched(embedded.matched, "prediction")
        run.stage("train")
    head, summary = _head(request, names, embedded, run)
    rows = embedded.unlabelled()
    run.stage("predict", total=len(rows), unit="images")
    probabilities = task.probabilities(head.logits(embedded.embeddings)[rows])
    predictions = [task.answer(row, summary.classes, head.thresholds) for row in probabilities]
    run.advance(len(rows))
    told: dict[str, Any] = {
        "head": summary,
        "cross_validated": _cross_validated(head, embedded, task, request, run) if request.cross_validate else None,
        "reached": embedded.reached,
        "skipped": skipped_images(labelled.pool.skipped, embedded.unreadable),
        "manifest": manifest(request, source, run, head=names is None, sources={"pool": labelled}),
    }
    return Predicted([embedded.pool.names[row] for row in rows], predictions, probabilities, told)


def check_unlabelled(matched: Matched, images: int, or_else: str) -> None:
    """Raise NothingToPredict where no image of a pool of so many is without a label. or_else: what else mends that."""
    if not len(matched.unlabelled(images)):
        aside = f"; disputed or kept apart: {len(matched.aside)}" if len(matched.aside) else ""
        raise NothingToPredict(
            f"no image is left to predict: labelled are {len(matched.rows)} of {images}{aside}. Name a pool with "
            f"images that have no label, {or_else}"
        )


def _head(
    request: PredictionRequest, names: ClassNames | None, embedded: Embedded, run: Run
) -> tuple[Head | ClassNames, HeadSummary]:
    if names is not None:
        return names, names.summary
    return train(request, embedded.embeddings, embedded.matched, run, neighbourhood=embedded.neighbourhood)


LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


def _cross_validated(
    head: Head | ClassNames, embedded: Embedded, task: ClassTask, request: PredictionRequest, run: Run
) -> tuple[SureLabels, ...]:
    """Count the labelled images that heads tell wrongly which had not seen them, by how sure these were.

    Where there is no head, none is counted.
    """
    if isinstance(head, ClassNames):
        return tuple(SureLabels(confidence=level, labels=0, wrong=0) for level in LEVELS)
    matched = embedded.matched
    logits = out_of_fold(head, request, embedded.embeddings, matched, run)
    classes = np.arange(len(matched.classes))
    decided = task.decide(logits, classes, len(classes), head.thresholds)
    wrong = (decided != matched.targets).reshape(len(matched.rows), -1).any(axis=1)
    answers = (task.answer(row, matched.classes, head.thresholds) for row in task.probabilities(logits))
    confidence = np.array([answer.confidence for answer in answers])
    return tuple(
        SureLabels(confidence=level, labels=int(sure.sum()), wrong=int(wrong[sure].sum()))
        for level in LEVELS
        for sure in [confidence >= level]
    )

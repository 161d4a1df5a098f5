"""A class for every unlabelled image: step 3 of the loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.kinds.prediction import (
    KIND,
    MultilabelPredictionItem,
    MultilabelPredictionResult,
    PredictionItem,
    PredictionRequest,
    PredictionResult,
)
from nextlabel.core.pipelines.material import (
    class_of,
    manifest,
    read_labelled,
    rounded,
    skipped_images,
    top_of,
    train,
)
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import source_of
from nextlabel.core.tasks.base import Answer
from nextlabel.core.tasks.registry import task_of


def carry_out(request: PredictionRequest, run: Run) -> PredictionResult | MultilabelPredictionResult:
    """Raises NoLabels and SingleClass before anything is embedded."""
    run.plan(*KIND.stages)
    run.stage("read")
    task = task_of(request.task)
    labelled = read_labelled(request.path_to_img, request.path_to_labels, run, task=task, content=request.content)
    task.check_matched(labelled.matched, "prediction")
    source = source_of(request, run)
    every_row = np.arange(len(labelled.pool), dtype=np.int64)
    embedded = source.embed(labelled, every_row, "embed", run)
    matched = embedded.matched
    task.check_matched(matched, "prediction")
    run.stage("train")
    head, summary = train(request, embedded.embeddings, matched, run)
    rows = embedded.unlabelled()
    run.stage("predict", total=len(rows), unit="images")
    probabilities = task.probabilities(head.logits(embedded.embeddings[rows]))
    answers = [task.answer(row, matched.classes, head.thresholds) for row in probabilities]
    run.advance(len(rows))
    skipped = skipped_images(labelled.pool.skipped, embedded.unreadable)
    origin = manifest(request, source, run, head=True, sources={"pool": labelled})
    names = [embedded.pool.names[row] for row in rows]
    if request.task == "multilabel":
        several = _several(names, answers, probabilities if request.all_probabilities else None)
        return MultilabelPredictionResult(items=tuple(several), head=summary, skipped=skipped, manifest=origin)
    items = tuple(
        PredictionItem(name=name, predicted=class_of(answer), confidence=rounded(answer.confidence), top=top_of(answer))
        for name, answer in zip(names, answers, strict=True)
    )
    return PredictionResult(items=items, head=summary, skipped=skipped, manifest=origin)


def _several(
    names: Sequence[str], answers: Sequence[Answer], probabilities: NDArray[np.float64] | None
) -> Iterator[MultilabelPredictionItem]:
    """probabilities: (N, C), where all are to be told."""
    for i, (name, answer) in enumerate(zip(names, answers, strict=True)):
        yield MultilabelPredictionItem(
            name=name,
            predicted=answer.predicted,
            confidence=rounded(answer.confidence),
            top=top_of(answer),
            probabilities=None if probabilities is None else tuple(rounded(p) for p in probabilities[i]),
        )

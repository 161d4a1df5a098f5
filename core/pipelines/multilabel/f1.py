"""What `f1` tells where an image may have several classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.kinds.f1 import CoOccurrence, F1Request, LabelMiss, LabelScores, MultilabelF1Result
from nextlabel.core.metrics.f1 import Counts
from nextlabel.core.metrics.multilabel import LabelScore, MultilabelScores
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.f1 import MISSES_TOLD, validate
from nextlabel.core.pipelines.material import rounded, rounded_interval
from nextlabel.core.pipelines.run import Run
from nextlabel.core.tasks.registry import task_of


def carry_out(request: F1Request, run: Run) -> MultilabelF1Result:
    validated = validate(request, run)
    scores, every_class = validated.scores, np.arange(len(validated.classes))
    assert isinstance(scores, MultilabelScores)
    decided = task_of(request.task).decide(validated.logits, every_class, len(every_class), validated.head.thresholds)
    return MultilabelF1Result(
        f1_macro=rounded(scores.f1_macro),
        f1_macro_interval=rounded_interval(scores.f1_macro_interval),
        f1_micro=rounded(scores.f1_micro),
        f1_micro_interval=rounded_interval(scores.f1_micro_interval),
        f1_sample=rounded(scores.f1_sample),
        mean_average_precision=rounded(scores.mean_average_precision),
        mean_average_precision_interval=rounded_interval(scores.mean_average_precision_interval),
        exact=rounded(scores.exact),
        calibration_error=rounded(scores.calibration_error),
        per_class=tuple(map(_shown, scores.per_class)),
        co_occurrence=CoOccurrence(
            classes=tuple(one.name for one in scores.per_class),
            together=_table(scores.together),
            predicted=_table(scores.together_predicted),
            taken_for=_table(scores.taken_for),
        ),
        misses=_misses(validated.images, validated.classes, validated.probabilities, decided),
        **validated.told,
    )


def _misses(
    validation: Embedded,
    classes: Sequence[str],
    probabilities: NDArray[np.float64],
    decided: NDArray[np.bool_],
) -> tuple[LabelMiss, ...]:
    """List what was decided wrongly, the surest first. probabilities, decided: (V, C of `classes`).

    A class that was never trained is missing from all images that have it: its probability is 0.
    """
    rows = validation.matched.rows
    every = [*classes, *(name for name in validation.matched.classes if name not in classes)]
    truth = validation.matched.onto(every)
    spread = np.zeros(truth.shape)
    given = np.zeros(truth.shape, np.bool_)
    spread[:, : len(classes)], given[:, : len(classes)] = probabilities, decided
    sureness = np.where(given, spread, 1 - spread)
    image, class_ = np.nonzero(truth != given)
    order = np.argsort(-sureness[image, class_], kind="stable")[:MISSES_TOLD]
    return tuple(
        LabelMiss(
            name=validation.pool.names[rows[i]],
            class_name=every[c],
            miss="missing" if truth[i, c] else "surplus",
            probability=rounded(spread[i, c]),
        )
        for i, c in zip(image[order].tolist(), class_[order].tolist(), strict=True)
    )


def _shown(one: LabelScore) -> LabelScores:
    return LabelScores(
        class_name=one.name,
        precision=rounded(one.precision),
        recall=rounded(one.recall),
        f1=rounded(one.f1),
        f1_interval=rounded_interval(one.f1_interval),
        average_precision=rounded(one.average_precision),
        average_precision_interval=rounded_interval(one.average_precision_interval),
        support=one.support,
        predicted=one.predicted,
        threshold=rounded(one.threshold),
    )


def _table(counts: Counts) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(count) for count in row) for row in counts)

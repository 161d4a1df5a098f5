"""How good the head is, honestly: trained on one labelled set, scored on another it has never seen.

Both sets share one label space. Nothing is chosen by the validation set: no epoch, no strength, no temperature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.errors import NoLabels, WarningCode
from nextlabel.core.kinds.f1 import KIND, ClassScores, Confusion, F1Request, F1Result, Miss
from nextlabel.core.kinds.results import Leak
from nextlabel.core.metrics.classification import ClassificationScores
from nextlabel.core.metrics.multilabel import MultilabelScores
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.leaks import as_leaks, find_leaks
from nextlabel.core.pipelines.material import (
    Labelled,
    manifest,
    read_labelled,
    rounded,
    rounded_interval,
    skipped_images,
    train,
)
from nextlabel.core.pipelines.neighbourhood import asks_neighbours, embed_neighbourhood, read_neighbourhood
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import load_backbone
from nextlabel.core.pipelines.validation import check_validation
from nextlabel.core.tasks.registry import task_of

MISSES_TOLD, LEAKS_TOLD = 10_000, 1_000


def carry_out(request: F1Request, run: Run) -> F1Result:
    validated = validate(request, run)
    scores = validated.scores
    assert isinstance(scores, ClassificationScores)
    return F1Result(
        f1_macro=rounded(scores.f1_macro),
        f1_macro_interval=rounded_interval(scores.f1_macro_interval),
        f1_micro=rounded(scores.f1_micro),
        f1_weighted=rounded(scores.f1_weighted),
        accuracy=rounded(scores.accuracy),
        calibration_error=rounded(scores.calibration_error),
        per_class=tuple(
            ClassScores(
                class_name=one.name,
                precision=rounded(one.precision),
                recall=rounded(one.recall),
                f1=rounded(one.f1),
                f1_interval=rounded_interval(one.f1_interval),
                support=one.support,
                predicted=one.predicted,
            )
            for one in scores.per_class
        ),
        confusion=Confusion(
            classes=tuple(one.name for one in scores.per_class),
            matrix=tuple(tuple(int(count) for count in row) for row in scores.confusion),
        ),
        misses=_misses(validated.images, validated.classes, validated.probabilities),
        **validated.told,
    )


@dataclass(frozen=True, eq=False)
class Validated:
    """A head, scored.

    images: the validation set's, V of them labelled. classes: the C that the head was trained on.
    logits, probabilities: (V, C) what the head says. told: what every result says, whatever a label is.
    """

    scores: ClassificationScores | MultilabelScores
    images: Embedded
    classes: tuple[str, ...]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float64]
    head: Head
    told: dict[str, Any]


def validate(request: F1Request, run: Run) -> Validated:
    """Embeds only what is labelled on either side, and a draw of the pool, where the head asks it."""
    asks = asks_neighbours(request)
    run.plan(*KIND.planned(leave_out=("predict",) if asks else ("predict", "embed neighbours")))
    run.stage("read")
    task = task_of(request.task)
    assert request.path_to_img_train is not None  # the request was refused otherwise
    train_set = request.path_to_img_train, request.path_to_labels_train
    training = read_labelled(request, *train_set, run, "training", labelled_only=True)
    validation = read_labelled(
        request, request.path_to_img_val, request.path_to_labels_val, run, "validation", labelled_only=True
    )
    training_rows = _unseen_by_validation(training, validation, run)
    _check(training, training_rows, validation, run)
    drawn = read_neighbourhood(request.path_to_img_train, request, run) if asks else None
    source = load_backbone(request, run)
    neighbourhood = embed_neighbourhood(drawn, source, run) if drawn else None
    trained_on = source.embed(training, training_rows, "embed training images", run)
    scored_on = source.embed(validation, validation.matched.rows, "embed validation images", run)
    run.stage("train")
    matched = trained_on.matched
    task.check_matched(matched, "f1")
    head, summary = train(request, trained_on.embeddings, matched, run, neighbourhood=neighbourhood)
    run.stage("score")
    logits = head.logits(scored_on.embeddings)
    probabilities = task.probabilities(logits)
    leaks = _warn_of_leaks(trained_on, scored_on, run)
    chance = np.random.default_rng(request.seed)
    scores = task.score(matched, scored_on.matched, probabilities, chance, head.thresholds)
    sources = {"training": training, "validation": validation, **({"neighbours": drawn} if drawn else {})}
    told: dict[str, Any] = {
        "validation_images": len(probabilities),
        "classes_without_training_images": scores.absent_from_training,
        "classes_without_validation_images": scores.absent_from_validation,
        "leaks": leaks,
        "head": summary,
        "skipped": skipped_images(trained_on.unreadable, scored_on.unreadable),
        "manifest": manifest(request, source, run, head=True, sources=sources),
    }
    return Validated(scores, scored_on, matched.classes, logits, probabilities, head, told)


def _warn_of_leaks(training: Embedded, validation: Embedded, run: Run) -> tuple[Leak, ...]:
    leaks = find_leaks(training, validation)
    if leaks:
        names = [training.pool.names[leak.training] for leak in leaks]
        same = sum(leak.identical for leak in leaks)
        files = f", {same} of them the same file" if same else ""
        detail = f"near-copies of validation images{files}: trained on, they flatter the F1"
        run.warn(WarningCode.LEAK, detail, names)
    return as_leaks(leaks[:LEAKS_TOLD], training, validation)


def _misses(validation: Embedded, classes: Sequence[str], guessed: NDArray[np.float64]) -> tuple[Miss, ...]:
    """guessed: (V, C of `classes`)."""
    truth, best = validation.matched.class_by_row(), guessed.argmax(axis=1)
    wrong = [row for row in truth if truth[row] != classes[best[row]]]
    wrong.sort(key=lambda row: -guessed[row, best[row]])
    return tuple(
        Miss(
            name=validation.pool.names[row],
            class_name=truth[row],
            predicted=classes[best[row]],
            confidence=rounded(guessed[row, best[row]]),
        )
        for row in wrong[:MISSES_TOLD]
    )


def _unseen_by_validation(training: Labelled, validation: Labelled, run: Run) -> NDArray[np.int64]:
    """The labelled training rows without those files that are validation images too.

    Only files alike in size and time can be the same; of few others is it asked where links lead.
    """
    held_out = {_look(validation, row) for row in validation.matched.rows.tolist()}
    alike = [row for row in training.matched.rows.tolist() if _look(training, row) in held_out]
    if not alike:
        return training.matched.rows
    looks = {_look(training, row) for row in alike}
    files = {_file(validation, row) for row in validation.matched.rows.tolist() if _look(validation, row) in looks}
    shared = [row for row in alike if _file(training, row) in files]
    if shared:
        names = [training.pool.names[row] for row in shared]
        run.warn(WarningCode.IN_BOTH_SETS, "labelled for training and for validation; left out of the training", names)
    return np.setdiff1d(training.matched.rows, np.array(shared, np.int64), assume_unique=True)


def _look(labelled: Labelled, row: int) -> tuple[int, int]:
    return int(labelled.pool.sizes[row]), int(labelled.pool.mtimes_ns[row])


def _file(labelled: Labelled, row: int) -> str:
    """Links followed: a validation set is often made of links into the pool."""
    return labelled.pool.place.identity(labelled.pool.names[row])


def _check(training: Labelled, rows: NDArray[np.int64], validation: Labelled, run: Run) -> None:
    """All that can be known before anything is embedded."""
    kept = np.isin(training.matched.rows, rows)
    if len(training.matched.rows) and not len(rows):
        raise NoLabels("every labelled training image is a validation image too, so there is nothing to train on")
    trained = training.matched.take(kept)
    training.task.check_matched(trained, "f1")
    check_validation(trained, validation.matched, run)

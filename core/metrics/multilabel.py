"""Honest scores of a model that gives each validation image any number of classes.

One index space: `classes` is the union of the training and the validation classes, and class c is the same class in the
columns of `truth` and of `probabilities`. Macro F1 and the mean average precision (mAP) are means over the classes that
occur in the validation labels; a class among them that was never trained counts with 0.

Intervals are of 95 %, by the basic bootstrap over validation images (`bootstrap_interval` in classification.py says why
that one): what stands on one image is drawn together, so that classes which occur together vary together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.metrics.classification import INTERVAL, expected_calibration_error
from nextlabel.core.metrics.f1 import Counts, f1_of, macro_f1, mean_of_occurring, ratio

RESAMPLES = 1_000
AP_RESAMPLES, AP_LEAST = 300, 50  # an average precision costs a pass over all images, for each class and resample
AP_IMAGES = 30_000_000  # images x classes x resamples at most, as far as AP_LEAST allows: some seconds

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Interval = tuple[float, float]


@dataclass(frozen=True)
class LabelScore:
    """One class. `support` and `predicted` count validation images; the others are in 0..1, and what would be 0/0 is 0.

    average_precision: of the images in the order of their probability; no threshold has a part in it.
    threshold: the probability from which on an image is given the class; None: the class was never trained.
    """

    name: str
    precision: float
    recall: float
    f1: float
    f1_interval: Interval
    average_precision: float
    average_precision_interval: Interval
    support: int
    predicted: int
    threshold: float | None


@dataclass(frozen=True, eq=False)
class MultilabelScores:
    """What a model is worth on V validation images. Every score is in 0..1.

    f1_sample: mean F1 of an image's classes; 1 where it has none and is given none.
    exact: the share of images that are given just the classes they have.
    calibration_error: of all probabilities, whatever the class.
    together, together_predicted: (C, C) images that have both classes, and that are given both; the diagonal counts
        those of each class.
    taken_for: (C, C) images that lack class r among what they are given, and are given class c in excess.
    """

    f1_macro: float
    f1_macro_interval: Interval
    f1_micro: float
    f1_micro_interval: Interval
    f1_sample: float
    mean_average_precision: float
    mean_average_precision_interval: Interval
    exact: float
    calibration_error: float
    per_class: tuple[LabelScore, ...]
    together: Counts
    together_predicted: Counts
    taken_for: Counts
    absent_from_validation: tuple[str, ...]
    absent_from_training: tuple[str, ...]


def score(
    truth: Flags,
    probabilities: Floats,
    thresholds: Floats,
    classes: Sequence[str],
    *,
    trained: Collection[str],
    rng: np.random.Generator,
) -> MultilabelScores:
    """Score what reaches its class's threshold.

    truth: (V, C), V >= 1. probabilities: (V, C), 0 for every class that is not in `trained`. thresholds: (C,), those of
    classes not trained above 0.

    Raises ValueError when the inputs don't fit together.
    """
    _check(truth, probabilities, thresholds, classes)
    decided = probabilities >= thresholds
    hits, support, predicted = counts = label_counts(truth, decided)
    drawn = _drawn_counts(truth, decided, rng)
    f1 = f1_of(hits, support, predicted)
    f1_intervals = _intervals(f1, f1_of(*np.moveaxis(drawn, 1, 0)))
    precisions, drawn_precisions = _average_precisions(truth, probabilities, rng)
    micro = np.asarray(f1_of(*(part.sum(keepdims=True) for part in counts)))
    drawn_micro = f1_of(*(part.sum(axis=1, keepdims=True) for part in np.moveaxis(drawn, 1, 0)))
    ap_intervals = _intervals(precisions, drawn_precisions)
    known = [name in set(trained) for name in classes]
    return MultilabelScores(
        f1_macro=float(mean_of_occurring(f1, support)),
        f1_macro_interval=_intervals(np.array([float(mean_of_occurring(f1, support))]), macro_f1(drawn)[:, None])[0],
        f1_micro=float(micro[0]),
        f1_micro_interval=_intervals(micro, drawn_micro)[0],
        f1_sample=_sample_f1(truth, decided),
        mean_average_precision=float(mean_of_occurring(precisions, support)),
        mean_average_precision_interval=_mean_interval(precisions, drawn_precisions, support),
        exact=float((truth == decided).all(axis=1).mean()),
        calibration_error=expected_calibration_error(probabilities.ravel(), truth.ravel()),
        per_class=tuple(
            LabelScore(
                name=name,
                precision=float(ratio(hits, predicted)[c]),
                recall=float(ratio(hits, support)[c]),
                f1=float(f1[c]),
                f1_interval=f1_intervals[c],
                average_precision=float(precisions[c]),
                average_precision_interval=ap_intervals[c],
                support=int(support[c]),
                predicted=int(predicted[c]),
                threshold=float(thresholds[c]) if known[c] else None,
            )
            for c, name in enumerate(classes)
        ),
        together=_both(truth, truth),
        together_predicted=_both(decided, decided),
        taken_for=_both(truth & ~decided, decided & ~truth),
        absent_from_validation=tuple(name for name, n in zip(classes, support, strict=True) if n == 0),
        absent_from_training=tuple(name for name, there in zip(classes, known, strict=True) if not there),
    )


def label_counts(truth: Flags, decided: Flags) -> Counts:
    """Count hits, true and predicted images of each class, all that F1 needs: (N, C), (N, C) -> (3, C)."""
    return np.stack([(truth & decided).sum(axis=0), truth.sum(axis=0), decided.sum(axis=0)]).astype(np.int64)


def agreement(first: Flags, second: Flags) -> float:
    """Return Cohen's kappa of all decisions, an image and a class each, that two models make: (N, C), (N, C)."""
    same = float((first == second).mean()) if first.size else 1.0
    a, b = (float(one.mean()) if one.size else 0.0 for one in (first, second))
    by_chance = a * b + (1 - a) * (1 - b)
    return 1.0 if by_chance >= 1 else (same - by_chance) / (1 - by_chance)


def average_precision(truth: Flags, scores: Floats, weights: NDArray[np.floating[Any]]) -> Floats:
    """Return the average precision of one class under each of R weightings of the images: (V,), (V,), (R, V) -> (R,).

    Images of the same score come together. Without an image of the class it is 0.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = -scores[order]
    seen = np.cumsum(weights[:, order], axis=1)
    places = np.flatnonzero(truth[order])
    ends = np.searchsorted(ranked, ranked[places], side="right") - 1
    mine = weights[:, order[places]]
    found = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(mine, axis=1)], axis=1)
    precision = ratio(found[:, np.searchsorted(places, ends, side="right")], seen[:, ends])
    return ratio((precision * mine).sum(axis=1), mine.sum(axis=1))


def _average_precisions(truth: Flags, probabilities: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return each class's (C,), and those of validation sets drawn again (R, C)."""
    resamples = int(np.clip(AP_IMAGES // max(1, truth.size), AP_LEAST, AP_RESAMPLES))
    weights = np.concatenate([np.ones((1, len(truth))), _drawn(len(truth), resamples, rng)])
    found = np.stack(
        [average_precision(truth[:, c], probabilities[:, c], weights) for c in range(truth.shape[1])], axis=1
    )
    return found[0], found[1:]


def _drawn(images: int, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return how often each image is drawn: (R, V)."""
    return rng.multinomial(images, np.full(images, 1 / images), size=resamples).astype(np.float64)


def _drawn_counts(truth: Flags, decided: Flags, rng: np.random.Generator) -> Floats:
    """Return `label_counts` of validation sets drawn again: (R, 3, C)."""
    flags = np.concatenate([truth & decided, truth, decided], axis=1).astype(np.float32)  # (V, 3C)
    parts = [_drawn(len(truth), 100, rng).astype(np.float32) @ flags for _ in range(RESAMPLES // 100)]
    return np.concatenate(parts).astype(np.float64).reshape(RESAMPLES, 3, -1)


def _mean_interval(scores: Floats, drawn: Floats, support: Counts) -> Interval:
    """Each replicate is averaged over the classes that occur in it: those have an average precision above 0."""
    means = drawn.sum(axis=1) / np.maximum(1, np.count_nonzero(drawn, axis=1))
    return _intervals(np.array([float(mean_of_occurring(scores, support))]), means[:, None])[0]


def _intervals(scores: Floats, drawn: Floats) -> list[Interval]:
    """Reflect the quantiles of the replicates (R, C) about the scores (C,)."""
    low, high = np.quantile(drawn, INTERVAL, axis=0)
    ends = zip(2 * scores - high, 2 * scores - low, strict=True)
    return [(float(np.clip(a, 0, 1)), float(np.clip(b, 0, 1))) for a, b in ends]


def _sample_f1(truth: Flags, decided: Flags) -> float:
    hits, sizes = 2.0 * (truth & decided).sum(axis=1), truth.sum(axis=1) + decided.sum(axis=1)
    return float(np.divide(hits, sizes, out=np.ones(len(truth)), where=sizes > 0).mean())


def _both(rows: Flags, columns: Flags) -> Counts:
    return (rows.T.astype(np.float64) @ columns.astype(np.float64)).round().astype(np.int64)


def _check(truth: Flags, probabilities: Floats, thresholds: Floats, classes: Sequence[str]) -> None:
    if len(set(classes)) != len(classes):
        raise ValueError("a name stands twice in classes")
    if truth.ndim != 2 or truth.dtype != np.bool_ or not len(truth):
        raise ValueError(f"truth must be one image or more by classes, of bools, not {truth.dtype} of {truth.shape}")
    shape = (len(truth), len(classes))
    if truth.shape != shape or probabilities.shape != shape or thresholds.shape != shape[1:]:
        raise ValueError(
            f"truth {truth.shape}, probabilities {probabilities.shape}, thresholds {thresholds.shape} and "
            f"{len(classes)} classes don't fit together"
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("probabilities must be in 0..1")

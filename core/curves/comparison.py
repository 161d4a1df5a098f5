"""Compares a method's learning curve with that of random labels: what it gains, and how many labels it saves.

Differences are paired by repeat, with Student's t: five repeats are few, and a bootstrap of them would be too sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats: TypeAlias = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 2_000
ONE_SIGMA = (0.159, 0.841)


@dataclass(frozen=True)
class Comparison:
    """What a method is worth beside random labels. Intervals are of 95 %.

    gain: the method's mean score over the budgets, less that of random labels; each budget counts by the logarithm of
        its number of labels.
    saved: which share of the random labels is not needed to reach the score that they end with. Below 0, more are
        needed; None where the method does not reach it.
    """

    gain: float
    gain_interval: tuple[float, float]
    saved: float | None
    saved_interval: tuple[float, float] | None


def compare(labels: Floats, chance: Floats, scores: Floats, rng: np.random.Generator) -> Comparison:
    """Compare the scores of a method with those of random labels.

    labels: (S,) growing, S >= 2.
    chance, scores: (R, S) of random labels and of the method, by repeat and number of labels, R >= 2.
    """
    gains = area(labels, scores) - area(labels, chance)
    low, high = _interval(float(gains.mean()), float(gains.std(ddof=1)) / np.sqrt(len(gains)), len(gains))
    saved = _saved(labels, chance, scores)
    return Comparison(
        gain=float(gains.mean()),
        gain_interval=(low, high),
        saved=saved,
        saved_interval=None if saved is None else _saved_interval(labels, chance, scores, saved, rng),
    )


def area(labels: Floats, scores: Floats) -> Floats:
    """Return the mean score between the first and the last number of labels, on a logarithmic scale: (R, S) -> (R,)."""
    log = np.log(labels)
    steps = np.diff(log)
    return np.asarray(((scores[:, 1:] + scores[:, :-1]) / 2) @ steps / (log[-1] - log[0]))


def labels_for(score: float, labels: Floats, scores: Floats) -> float | None:
    """Return how many labels the curve (S,) needs for that score; None where it stays below.

    Between two of its points, the curve is a line over the logarithm of the labels.
    """
    reached = np.flatnonzero(scores >= score)
    if not len(reached):
        return None
    i = int(reached[0])
    if i == 0:
        return float(labels[0])
    part = (score - scores[i - 1]) / (scores[i] - scores[i - 1])
    return float(np.exp(np.log(labels[i - 1]) + part * (np.log(labels[i]) - np.log(labels[i - 1]))))


def _saved(labels: Floats, chance: Floats, scores: Floats) -> float | None:
    target = float(chance[:, -1].mean())
    of_method, of_chance = (labels_for(target, labels, curve.mean(axis=0)) for curve in (scores, chance))
    return None if of_method is None or of_chance is None else 1 - of_method / of_chance


def _saved_interval(
    labels: Floats, chance: Floats, scores: Floats, saved: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the interval of `saved`, from the spread of the logarithm of the ratio over repeats drawn again.

    A draw that does not reach the score counts as if it did with its last label, so where that is common the upper end
    is more to be trusted than the lower one.
    """
    repeats = len(chance)
    logs = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(0, repeats, repeats)
        replicate = _saved(labels, chance[drawn], scores[drawn])
        logs.append(0.0 if replicate is None else np.log(1 - replicate))
    low, high = np.quantile(logs, ONE_SIGMA)  # not the standard deviation: where curves are flat, a few draws go far
    error = float(high - low) / 2 * np.sqrt(repeats / (repeats - 1))
    low, high = _interval(float(np.log(1 - saved)), error, repeats)
    return 1 - float(np.exp(high)), 1 - float(np.exp(low))


def _interval(mean: float, error: float, repeats: int) -> tuple[float, float]:
    width = float(stats.t.ppf((1 + CONFIDENCE) / 2, repeats - 1)) * error
    return mean - width, mean + width

"""Curves of several methods beside that of chance: what a method gains, and how many labels it saves.

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
    """gain: mean score over the budgets, each counted by the logarithm of its labels, less chance's.

    saved: the share of chance's labels that is not needed for the score that chance ends with; below 0: more are
    needed. None: the curve does not get there. Intervals are of 95 %.
    """

    gain: float
    gain_interval: tuple[float, float]
    saved: float | None
    saved_interval: tuple[float, float] | None


def compare(labels: Floats, chance: Floats, scores: Floats, rng: np.random.Generator) -> Comparison:
    """labels: (S,) growing, S >= 2; chance, scores: (R, S) by repeat and number of labels, R >= 2."""
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
    """(R, S) -> (R,) mean score between the first and the last number of labels, on a logarithmic scale."""
    log = np.log(labels)
    steps = np.diff(log)
    return np.asarray(((scores[:, 1:] + scores[:, :-1]) / 2) @ steps / (log[-1] - log[0]))


def labels_for(score: float, labels: Floats, scores: Floats) -> float | None:
    """How many labels the curve (S,) needs for that score, between two of its points by the logarithm of the labels;
    None where it stays below."""
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
    mine, its = labels_for(target, labels, scores.mean(axis=0)), labels_for(target, labels, chance.mean(axis=0))
    return None if mine is None or its is None else 1 - mine / its


def _saved_interval(
    labels: Floats, chance: Floats, scores: Floats, saved: float, rng: np.random.Generator
) -> tuple[float, float]:
    """By the spread of the logarithm of the ratio over repeats drawn again. A draw that does not get there counts as if
    it did with its last label, so where that is common the upper end is more to be trusted than the lower one."""
    repeats = len(chance)
    logs = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(0, repeats, repeats)
        one = _saved(labels, chance[drawn], scores[drawn])
        logs.append(0.0 if one is None else np.log(1 - one))
    low, high = np.quantile(logs, ONE_SIGMA)  # not the standard deviation: where curves are flat, a few draws go far
    error = float(high - low) / 2 * np.sqrt(repeats / (repeats - 1))
    low, high = _interval(float(np.log(1 - saved)), error, repeats)
    return 1 - float(np.exp(high)), 1 - float(np.exp(low))


def _interval(mean: float, error: float, repeats: int) -> tuple[float, float]:
    width = float(stats.t.ppf((1 + CONFIDENCE) / 2, repeats - 1)) * error
    return mean - width, mean + width

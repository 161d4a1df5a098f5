"""Forecasts learning curves: several families are fitted to scores at growing numbers of labels, and asked together.

A single power law is too sure of itself and no family is right on every set (Mahmood et al., How Much More Data Do I
Need?, CVPR 2022; Viering and Loog, The Shape of Learning Curves, 2022), so several are fitted to scores drawn again and
again from the repeats, and the range is that of all of them. All count alike: to weight each by how well it forecasts
the last points from those before made the forecasts worse (docs/stopping.md has the figures).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

REPLICATES = 200
NORMAL = 1.96  # standard deviations either side hold 95 %
MOST = 1.0  # macro F1


@dataclass(frozen=True)
class Family:
    """A family of curves a - b g(n, c) of n labels; b >= 0, so that they never fall. `rates` are tried for c."""

    name: str
    formula: str
    g: Callable[[Floats, Floats], Floats]  # (S,), (G, 1) -> (G, S), falling in n
    rates: Floats  # (G,)
    bounded: bool = True  #: whether the curve ends at a, which is no more than 1 then


FAMILIES = (
    Family("power law", "a - b n^-c", lambda n, c: n**-c, np.geomspace(0.05, 2, 40)),
    Family("exponential", "a - b exp(-c sqrt(n))", lambda n, c: np.exp(-c * np.sqrt(n)), np.geomspace(0.005, 1, 40)),
    Family("hyperbola", "a - b c / (c + n)", lambda n, c: c / (c + n), np.geomspace(1, 1e5, 40)),
    Family("logarithm", "a + b ln n", lambda n, c: -np.log(n) + 0 * c, np.ones(1), bounded=False),
)


@dataclass(frozen=True, eq=False)
class Fits:
    """One family fitted to B curves: its parameters, (B,) each."""

    family: Family
    a: Floats
    b: Floats
    c: Floats

    def at(self, n: Floats) -> Floats:
        """Return the scores at those numbers of labels, at most 1: (K,) -> (B, K)."""
        scores = self.a[:, None] - self.b[:, None] * self.family.g(n, self.c[:, None])
        return np.minimum(scores, MOST)


def fit(family: Family, labels: Floats, scores: Floats, weights: Floats) -> Fits:
    """Fit the family by weighted least squares: labels (S,), scores (B, S), weights (S,) above 0; S >= 2."""
    g = family.g(labels, family.rates[:, None])  # (G, S)
    w = weights / weights.sum()
    g_mean, y_mean = g @ w, scores @ w  # (G,), (B,)
    g_spread = (g - g_mean[:, None]) ** 2 @ w
    covariance = (scores * w) @ g.T - np.outer(y_mean, g_mean)  # (B, G)
    b = np.maximum(-covariance / np.maximum(g_spread, 1e-300), 0)
    a = y_mean[:, None] + b * g_mean
    if family.bounded:
        over = a > MOST
        b = np.where(over, ((MOST - scores) * w) @ g.T / (g**2 @ w), b)
        a = np.minimum(a, MOST)
    errors = np.stack([((scores - a[:, [k]] + b[:, [k]] * g[k]) ** 2) @ w for k in range(len(g))], axis=1)
    best = errors.argmin(axis=1)
    rows = np.arange(len(scores))
    return Fits(family, a[rows, best], b[rows, best], family.rates[best])


@dataclass(frozen=True, eq=False)
class Outlook:
    """What is expected of K numbers of labels.

    score, low, high: (K,) the score expected and its range of 95 %, at most 1.
    gain, gain_low, gain_high: (K,) the same for what is gained over the score expected now. They leave out the chance
        that lies in which images are drawn.
    gains: (M, K) what each curve fitted gains.
    """

    score: Floats
    low: Floats
    high: Floats
    gain: Floats
    gain_low: Floats
    gain_high: Floats
    gains: Floats

    def share_above(self, gain: float) -> Floats:
        """Return the share of the curves that gain as much: (K,)."""
        return np.asarray((self.gains >= gain).mean(axis=0))


def outlook(fits: list[Fits], now: int, labels: Floats, noise: float) -> Outlook:
    """Forecast from the fits of F families to the same B curves.

    now: how many labels there are; labels: (K,) numbers of them to forecast for.
    noise: the standard deviation of one score at that size.
    """
    scores = np.stack([family.at(labels) for family in fits])  # (F, B, K)
    gains = scores - np.stack([family.at(np.array([float(now)])) for family in fits])
    score, spread = _mean_and_spread(scores)
    gain, gain_spread = _mean_and_spread(gains)
    width = NORMAL * np.sqrt(spread**2 + noise**2)
    return Outlook(
        score=score,
        low=np.maximum(score - width, 0),
        high=np.minimum(score + width, MOST),
        gain=gain,
        gain_low=np.maximum(gain - NORMAL * gain_spread, 0),
        gain_high=gain + NORMAL * gain_spread,
        gains=gains.reshape(-1, len(labels)),
    )


def fit_all(labels: Floats, replicates: Floats) -> list[Fits]:
    """Fit every family: labels (S,), S >= 2; replicates (B, S) of scores. Larger sizes, whose scores vary less, count
    more.
    """
    return [fit(family, labels, replicates, np.sqrt(labels)) for family in FAMILIES]


def forecast_error(family: Family, labels: Floats, scores: Floats) -> float:
    """Return the root mean square error with which the family forecasts the scores (S,) of the larger sizes from those
    of the smaller; 0 where there are too few of them.
    """
    early = labels <= 0.55 * labels[-1]
    if early.sum() < 3 or early.all():
        return 0.0
    forecast = fit(family, labels[early], scores[None, early], np.sqrt(labels[early])).at(labels[~early])
    return float(np.sqrt(np.mean((forecast[0] - scores[~early]) ** 2)))


def _mean_and_spread(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation over families and replicates, all families alike: (F, B, K) -> (K,), (K,)."""
    return values.mean(axis=(0, 1)), values.std(axis=(0, 1))

"""How far people agree who labelled the same images: Krippendorff's alpha for nominal data, with its interval.

Krippendorff, Content Analysis (2004), chapter 11. 1: they agree on all; 0: as far as by chance; below: less than that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.metrics.classification import INTERVAL

Floats: TypeAlias = NDArray[np.floating[Any]]
Integers: TypeAlias = NDArray[np.integer[Any]]

DRAWS = 1000
_AT_ONCE = 4_000_000  # drawn weights: 32 MB


@dataclass(frozen=True)
class Agreement:
    """images: labelled by several. observed: the share of pairs of labels of one image that are the same, 0..1.

    alpha: None where it has no meaning: no image has two labels, or all labels are of one class. interval: 95 %, by
    drawing the images again.
    """

    images: int
    observed: float | None
    alpha: float | None
    interval: tuple[float, float] | None


def overall(said: Integers, n_classes: int, rng: np.random.Generator) -> Agreement:
    """Tell how far all people agree. said: (N, M) what each of M people says of each image; -1: nothing."""
    counts = counted(said, n_classes)
    return _agreement(_matching(counts), counts, rng)


def of_class(said: Integers, n_classes: int, class_index: int, rng: np.random.Generator) -> Agreement:
    """Tell how far they agree whether an image is of that class. `images`: those that somebody says are."""
    counts = counted(said, n_classes)
    mine = counts[:, class_index]
    against = np.stack([mine, counts.sum(axis=1) - mine], axis=1)
    told = _agreement(_matching(against), against, rng)
    return Agreement(int((mine > 0).sum()), told.observed, told.alpha, told.interval)


def of_person(said: Integers, n_classes: int, person: int, rng: np.random.Generator) -> Agreement:
    """Tell how far that person agrees with the others: each pair of their labels of an image counts."""
    mine = said[:, person]
    others = counted(np.delete(said, person, axis=1), n_classes)
    shared = np.flatnonzero((mine >= 0) & (others.sum(axis=1) > 0))
    mine, others = mine[shared], others[shared]
    pairs = others.sum(axis=1)
    own = np.zeros_like(others)
    own[np.arange(len(mine)), mine] = pairs
    matching = 2.0 * others[np.arange(len(mine)), mine]
    return _agreement(matching, own + others, rng)


def counted(said: Integers, n_classes: int) -> Floats:
    """Return (U, C) how many people give each image each class."""
    counts = np.zeros((len(said), n_classes))
    images, people = np.nonzero(said >= 0)
    np.add.at(counts, (images, said[images, people]), 1)
    return counts


def _matching(counts: Floats) -> Floats:
    """Return (U,) the labels of each image that match another of it, each by the share of the others that it does."""
    labels = counts.sum(axis=1)
    matching: Floats = (counts * (counts - 1)).sum(axis=1) / np.maximum(labels - 1, 1)
    return matching


def _agreement(matching: Floats, counts: Floats, rng: np.random.Generator) -> Agreement:
    several = counts.sum(axis=1) >= 2
    matching, counts = matching[several], counts[several]
    n = len(counts)
    if not n:
        return Agreement(0, None, None, None)
    observed = float(matching.sum() / counts.sum())
    alpha = float(_alpha(matching.sum()[None], counts.sum(axis=0)[None])[0])
    if np.isnan(alpha):
        return Agreement(n, observed, None, None)
    drawn = np.concatenate([_alpha(weights @ matching, weights @ counts) for weights in _drawn(n, rng)])
    low, high = np.nanquantile(drawn, INTERVAL)
    return Agreement(n, observed, alpha, (float(low), float(high)))


def _alpha(matching: Floats, counts: Floats) -> Floats:
    """Return (B,) alpha of sums over images: of matching labels (B,), and of labels by class (B, C)."""
    total = counts.sum(axis=1)
    by_chance = total**2 - (counts**2).sum(axis=1)  # pairs of labels that differ, among all there are
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha: Floats = 1 - (total - 1) * (total - matching) / by_chance
    return np.where(by_chance > 0, alpha, np.nan)


def _drawn(n: int, rng: np.random.Generator) -> Iterator[Integers]:
    """Yield parts of DRAWS rows (B, n): how many times each image was drawn."""
    at_once = max(1, min(DRAWS, _AT_ONCE // n))
    for begin in range(0, DRAWS, at_once):
        yield rng.multinomial(n, np.full(n, 1 / n), size=min(at_once, DRAWS - begin))

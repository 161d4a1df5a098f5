"""Uneven sets: the photos of clothes at 30:1 and 85:8:7 and of two classes at 93:7, digits at 85:8:7 and with one class
nearly all. Each seed draws another pool, and other classes. `DRAWN` has both as they are, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import DATA
from benchmarks.sets import LabelledSet, load

POOL = 0.6  # of the images; the others are scored on
Images = tuple[NDArray[np.float32], NDArray[np.int64]]  # (N, d) and (N,)
Shares = Callable[[NDArray[np.int64], np.random.Generator], Mapping[int, float]]  # images of each class -> what is kept


def _as_they_are(_sizes: NDArray[np.int64], _rng: np.random.Generator) -> Mapping[int, float]:
    return {}


def _thirty_to_one(sizes: NDArray[np.int64], rng: np.random.Generator) -> Mapping[int, float]:
    """Six classes, each half the one before it and a little more, the largest first."""
    classes = rng.permutation(len(sizes))[:6]
    return dict(zip(classes[np.argsort(-sizes[classes])].tolist(), 30 ** -np.linspace(0, 1, 6), strict=True))


def _parts(*shares: float) -> Shares:
    """The first share for one of the two largest classes, the others for any."""

    def of(sizes: NDArray[np.int64], rng: np.random.Generator) -> Mapping[int, float]:
        most = rng.choice(np.argsort(-sizes)[:2])
        others = rng.permutation(np.setdiff1d(np.arange(len(sizes)), [most]))[: len(shares) - 1]
        return dict(zip([int(most), *others.tolist()], shares, strict=True))

    return of


DRAWN: dict[str, tuple[str, Shares]] = {
    "photos": ("clothing", _as_they_are),
    "photos, 30:1": ("clothing", _thirty_to_one),
    "photos, 85:8:7": ("clothing", _parts(0.85, 0.08, 0.07)),
    "photos, 93:7": ("clothing", _parts(0.93, 0.07)),
    "digits": ("digits", _as_they_are),
    "digits, 85:8:7": ("digits", _parts(0.85, 0.08, 0.07)),
    "digits, 90 and nine of 1.1": ("digits", _parts(0.9, *[0.1 / 9] * 9)),
}


UNEVEN = tuple(name for name, (_, shares) in DRAWN.items() if shares is not _as_they_are)


def draw(name: str, seed: int, work: Path, weights: Path = DATA / "weights") -> tuple[Images, Images]:
    """Return a pool of one of DRAWN, and the images to score on."""
    source, shares = DRAWN[name]
    whole = load(source, work, weights)
    embeddings = np.concatenate([whole.embeddings, whole.held_out])
    targets = np.concatenate([whole.targets, whole.held_out_targets])
    return drawn((embeddings, targets), shares, np.random.default_rng([seed, 5]))


def labelled_set(name: str, seed: int, work: Path) -> LabelledSet:
    """Return one of DRAWN, its classes numbered anew."""
    (pool, targets), (rest, rest_targets) = draw(name, seed, work)
    classes = np.unique(targets)
    held, numbers = np.isin(rest_targets, classes), np.arange(len(targets))
    targets, rest_targets = np.searchsorted(classes, targets), np.searchsorted(classes, rest_targets[held])
    return LabelledSet(name, pool, targets, rest[held], rest_targets, numbers)


def drawn(images: Images, shares: Shares, rng: np.random.Generator) -> tuple[Images, Images]:
    """Draw a pool in which each class has its share, and the images to score on."""
    embeddings, targets = images
    wanted = shares(np.bincount(targets), rng) or dict(enumerate(np.bincount(targets).tolist()))
    most = min(np.count_nonzero(targets == class_) / share for class_, share in wanted.items())
    rows = np.concatenate(
        [
            rng.choice(np.flatnonzero(targets == class_), max(4, int(most * share)), replace=False)
            for class_, share in wanted.items()
        ]
    )
    rows = rng.permutation(rows)
    pool, rest = np.split(rows, [int(POOL * len(rows))])
    return (embeddings[pool], targets[pool]), (embeddings[rest], targets[rest])

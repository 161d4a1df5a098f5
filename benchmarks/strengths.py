"""Is the strength that `linear` chooses ever worse than its default, where classes are rare?

    python -m benchmarks.strengths --weights ../shared/data/weights

Labels by chance from uneven sets: the photos of clothes at 30:1 and 85:8:7 and of two classes at 93:7, digits with one
class nearly all and at 85:8:7, and both as they are. Another pool, and other classes, for each seed. Scored on images
that are drawn as unevenly.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from benchmarks import DATA
from benchmarks.sets import WORK, load
from nextlabel.core.metrics.classification import expected_calibration_error
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.heads.linear import DEFAULT_STRENGTH, train_linear

BUDGETS = (50, 80, 120, 200, 320, 600)
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


SETS: dict[str, tuple[str, Shares]] = {
    "photos": ("clothing", _as_they_are),
    "photos, 30:1": ("clothing", _thirty_to_one),
    "photos, 85:8:7": ("clothing", _parts(0.85, 0.08, 0.07)),
    "photos, 93:7": ("clothing", _parts(0.93, 0.07)),
    "digits": ("digits", _as_they_are),
    "digits, 85:8:7": ("digits", _parts(0.85, 0.08, 0.07)),
    "digits, 90 and nine of 1.1": ("digits", _parts(0.9, *[0.1 / 9] * 9)),
}


def main() -> None:
    arguments = _parse()
    print("| set | fits | macro F1 | ECE | macro F1, default | worst, less default | more than 3 points below it |")
    print("|---" * 7 + "|")
    with threadpool_limits(1):
        for name in SETS:
            print(f"| {name} | {_row(name, arguments)} |", flush=True)


def _row(name: str, arguments: argparse.Namespace) -> str:
    source, shares = SETS[name]
    whole = load(source, arguments.work, arguments.weights)
    images = (
        np.concatenate([whole.embeddings, whole.held_out]),
        np.concatenate([whole.targets, whole.held_out_targets]),
    )
    runs = []
    for seed in range(arguments.seeds):
        pool, rest = drawn(images, shares, np.random.default_rng([seed, 5]))
        for budget in (b for b in BUDGETS if b <= 0.8 * len(pool[1])):
            rows = np.random.default_rng([seed, budget]).permutation(len(pool[1]))[:budget]
            labelled = (pool[0][rows], pool[1][rows])
            if len(np.unique(labelled[1])) > 1:
                runs.append((*_scores(None, labelled, rest, seed), *_scores(DEFAULT_STRENGTH, labelled, rest, seed)))
    f1, error, default, _ = np.array(runs).T
    losses = f1 - default
    told = f"{len(runs)} | {f1.mean():.3f} | {error.mean():.3f} | {default.mean():.3f} | {losses.min():+.3f}"
    return f"{told} | {np.count_nonzero(losses < -0.03)}"


def drawn(images: Images, shares: Shares, rng: np.random.Generator) -> tuple[Images, Images]:
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


def _scores(strength: float | None, labelled: Images, rest: Images, seed: int) -> tuple[float, float]:
    """Macro F1 and calibration error of a head of that strength, or of the one that it chooses."""
    classes, targets = np.unique(labelled[1], return_inverse=True)
    head: Head = train_linear(labelled[0], targets, len(classes), seed=seed, strength=strength)
    logits = head.logits(rest[0])
    guessed = classes[logits.argmax(axis=1)]
    f1 = f1_score(rest[1], guessed, average="macro", labels=np.unique(rest[1]), zero_division=0)
    return float(f1), expected_calibration_error(softmax(logits, axis=1).max(axis=1), guessed == rest[1])


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--work", type=Path, default=WORK)
    return parser.parse_args()


if __name__ == "__main__":
    main()

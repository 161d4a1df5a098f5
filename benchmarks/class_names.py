"""What classes' names are worth to the first batches and to the head, with names from perfect to useless.

    python -m benchmarks.class_names

No weights that embed texts were at hand, so made-up directions stand for them, on the embeddings of `uneven`. A good
name lies at the mean of up to 20 images of its class, which are in no pool and scored on nowhere, a worse one off it:
noise as the images vary, so many times as long as classes lie apart on average, and a third of that along the images'
mean. `useless`: the noise alone. `wrong`: each class has another's name.

First batches: each round of 10, 20 and 40 labels is picked by what `auto` settles on; the default head, with names as
its prior or without, is trained on them and scored on images that nobody was asked about. Heads: the same on labels by
chance. Gains are points of macro F1 over the same without names; intervals are over sets and seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import t
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from benchmarks.pickers import Known
from benchmarks.sets import WORK, load
from benchmarks.uneven import DRAWN, Images, drawn
from nextlabel.core.methods.auto import settle
from nextlabel.core.methods.base import Inputs, Method
from nextlabel.core.methods.batch import choose
from nextlabel.core.methods.registry import parse_method
from nextlabel.core.metrics.classification import expected_calibration_error

FIRST, BY_CHANCE = (10, 20, 40), (10, 20, 40, 100, 300)  # labels
POOL, SCORED, ASIDE = 2_000, 1_500, 20  # images at most: of a pool, to score on, and to make a name of
NAMES = ("0", "1", "2", "4", "useless", "wrong")
SCALE = 117.0  # of logits, about SigLIP's
NO_ROWS = np.empty(0, np.int64)
Told = dict[tuple[str, int, str, int], tuple[float, ...]]  # set, seed, names, labels -> scores
Directions = NDArray[np.float32] | None  # (C, d)


@dataclass(frozen=True, eq=False)
class Named:
    """A pool, the images to score on, and where names of its C classes would lie: unit vectors (C, d)."""

    pool: Images
    rest: Images
    means: NDArray[np.float32]

    def directions(self, names: str, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return unit vectors (C, d)."""
        middle = self.means.mean(axis=0)
        apart = self.means - middle
        size = np.linalg.norm(apart, axis=1).mean()
        units = _units(self.pool[0])
        noise = rng.normal(size=(len(self.means), len(units))) @ (units - units.mean(axis=0))
        noise = _units(noise) + 0.3 * rng.normal(size=(len(noise), 1)) * middle / np.linalg.norm(middle)
        if names == "wrong":
            return _units(middle + apart[_moved(len(apart), rng)])
        if names == "useless":
            return _units(middle + size * noise)
        return _units(self.means + float(names) * size * noise)


def main() -> None:
    arguments = _parse()
    batches, both, heads = Told(), Told(), Told()
    with threadpool_limits(1):
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            for name in arguments.sets:
                named = draw(name, seed, arguments.work)
                for names in ("none", *NAMES):
                    chance = np.random.default_rng([seed, 9])
                    directions = None if names == "none" else named.directions(names, chance)
                    for labels, *scores in _course(named, directions, None, seed):
                        batches[name, seed, names, labels] = tuple(scores)
                    for labels, *scores in _course(named, directions, directions, seed):
                        both[name, seed, names, labels] = tuple(scores)
                    for labels, *scores in _by_chance(named, directions, seed):
                        heads[name, seed, names, labels] = tuple(scores)
                print(f"{name}, seed {seed}", flush=True)
    _tell_all(batches, both, heads)


def _tell_all(batches: Told, both: Told, heads: Told) -> None:
    _tell("First batches by names: classes seen, points; F1", batches, FIRST, (0, 1))
    _tell("First batches by names, and the head with names: F1", both, FIRST, (1,))
    _tell("Heads with names, labels by chance: F1", heads, BY_CHANCE, (0,))
    _tell_sets("F1 with 10 labels, first batch by names", batches, 10, 1)
    _tell_sets("F1 with 20 labels by chance, the head with names", heads, 20, 0)
    print("\n| names | ECE without | with | names left aside |\n|---|---|---|---|")
    for names in NAMES:
        told = np.array(
            [[heads[(*key[:2], "none", key[3])][1], *one[1:]] for key, one in heads.items() if key[2] == names]
        )
        print(f"| {names} | " + " | ".join(f"{one:.3f}" for one in told.mean(axis=0)) + " |")


def draw(name: str, seed: int, work: Path) -> Named:
    """Draw one of DRAWN from what is left once images were put aside to make names of."""
    source, shares = DRAWN[name]
    whole = load(source, work)
    embeddings = np.concatenate([whole.embeddings, whole.held_out])
    targets = np.concatenate([whole.targets, whole.held_out_targets])
    rng, aside = np.random.default_rng([seed, 77]), np.zeros(len(targets), bool)
    for class_ in range(targets.max() + 1):
        rows = np.flatnonzero(targets == class_)
        aside[rng.choice(rows, min(ASIDE, len(rows) // 5), replace=False)] = True
    left = embeddings[~aside], targets[~aside]
    (pool, answers), (rest, truth) = drawn(left, shares, np.random.default_rng([seed, 5]))
    pool, answers = pool[:POOL], answers[:POOL]
    classes = np.unique(answers)
    kept = np.flatnonzero(np.isin(truth, classes))[:SCORED]
    means = [_units(embeddings[aside & (targets == class_)]).mean(axis=0) for class_ in classes]
    answers, truth = (np.searchsorted(classes, of) for of in (answers, truth[kept]))
    return Named((pool, answers), (rest[kept], truth), np.stack(means).astype(np.float32))


def _units(X: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(X / np.linalg.norm(X, axis=1, keepdims=True), np.float32)


def _moved(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A permutation that leaves nothing in its place."""
    order = rng.permutation(n)
    moved = np.empty(n, np.int64)
    moved[order] = np.roll(order, 1)
    return moved


def _course(named: Named, directions: Directions, names: Directions, seed: int) -> list[tuple[int, float, float]]:
    """(labels, share of classes seen, macro F1). directions: by which the first batch is picked; names: of the head."""
    (embeddings, targets), (rest, truth) = named.pool, named.rest
    said = None if directions is None else SCALE * (_units(embeddings) @ directions.T)
    known, told = Known(embeddings, NO_ROWS, NO_ROWS, names=names), []
    for number, budget in enumerate(FIRST):
        rng, add = np.random.default_rng([seed, number]), budget - len(known.rows)
        picked = choose(*_asked(known, said), add, rng).picks.rows
        more = rng.permutation(np.setdiff1d(known.unlabelled, picked))[: add - len(picked)]
        rows = np.concatenate([known.rows, picked, more])
        known = Known(embeddings, rows, targets[rows], names=names)
        told.append((budget, len(known.classes) / (targets.max() + 1), _scores(known, rest, truth)[0]))
    return told


def _asked(known: Known, said: NDArray[np.float32] | None) -> tuple[Method, Inputs]:
    """The method that a selection would settle on, and what it looks at."""
    method, _ = settle(parse_method("auto"), len(known.rows), len(known.classes), names=said is not None)
    order = np.argsort(known.rows)
    by_names = said is not None and len(known.classes) < 2
    return method, Inputs(
        known.unlabelled,
        embeddings=known.embeddings,
        labelled=known.rows[order],
        targets=known.targets[order] if by_names else np.searchsorted(known.classes, known.targets[order]),
        logits=said if by_names else known.logits,
    )


def _by_chance(named: Named, names: Directions, seed: int) -> list[tuple[int, float, float, float]]:
    """(labels, macro F1, calibration error, whether names were left aside)."""
    (embeddings, targets), (rest, truth) = named.pool, named.rest
    order, told = np.random.default_rng([seed, 3]).permutation(len(targets)), []
    for budget in BY_CHANCE:
        rows = order[:budget]
        if budget > 0.6 * len(targets) or len(np.unique(targets[rows])) < 2:
            continue
        known = Known(embeddings, rows, targets[rows], names=names)
        assert known.head is not None
        told.append((budget, *_scores(known, rest, truth), float(known.head.details.get("names", 0) == 0)))
    return told


def _scores(known: Known, rest: NDArray[np.float32], truth: NDArray[np.int64]) -> tuple[float, float]:
    """Macro F1, and the calibration error on images of classes that it knows."""
    guessed, sure = np.full(len(truth), known.classes[0]), np.ones(len(truth))
    if known.head is not None:
        logits = known.head.logits(rest)
        guessed, sure = known.classes[logits.argmax(axis=1)], softmax(logits.astype(np.float64), axis=1).max(axis=1)
    f1 = f1_score(truth, guessed, average="macro", labels=np.unique(truth), zero_division=0)
    there = np.isin(truth, known.classes)
    return float(f1), expected_calibration_error(sure[there], (guessed == truth)[there])


def _tell(what: str, told: Told, budgets: Sequence[int], scores: Sequence[int]) -> None:
    """One row for each kind of names: the means without, then gains in points."""
    print(f"\n| {what} | " + " | ".join(f"{budget} labels" for budget in budgets for _ in scores) + " |")
    print("|---" * (1 + len(budgets) * len(scores)) + "|")
    for names in ("none", *NAMES):
        cells = []
        for budget in budgets:
            for score in scores:
                keys = [key for key in told if key[2:] == (names, budget)]
                ours = np.array([told[key][score] for key in keys])
                theirs = np.array([told[(*key[:2], "none", budget)][score] for key in keys])
                cells.append(f"{ours.mean():.3f}" if names == "none" else _shown(100 * (ours - theirs)))
        print(f"| {names} | {' | '.join(cells)} |")


def _tell_sets(what: str, told: Told, budget: int, score: int) -> None:
    sets = list(dict.fromkeys(key[0] for key in told))
    print(f"\n| {what} | " + " | ".join(sets) + " |")
    print("|---" * (1 + len(sets)) + "|")
    for names in NAMES:
        of_set = [[key for key in told if (key[0], *key[2:]) == (name, names, budget)] for name in sets]
        gains = [[told[key][score] - told[(*key[:2], "none", budget)][score] for key in keys] for keys in of_set]
        print(f"| {names} | " + " | ".join(_shown(100 * np.array(gain)) for gain in gains) + " |")


def _shown(values: NDArray[np.float64]) -> str:
    spread = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():+.1f} ± {spread:.1f}"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(DRAWN), default=list(DRAWN))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=WORK)
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""What classes' names are worth before there are labels: the first batches, and F1, with names from perfect to useless.

    python -m benchmarks.class_names

No weights that embed texts were at hand, so made-up directions stand for them, on the embeddings of `uneven`. A good
name lies at the mean of up to 20 images of its class, which are in no pool and scored on nowhere, a worse one off it:
noise as the images vary, so many times as long as classes lie apart on average, and a third of that along the images'
mean. `useless`: the noise alone. `wrong`: each class has another's name. Each round of 10, 20 and 40 labels is picked
by what `auto` settles on, and the default head trained on them is scored on images that nobody was asked about.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from benchmarks.pickers import Known
from benchmarks.sets import WORK, load
from benchmarks.uneven import DRAWN, Images, drawn
from nextlabel.core.methods.auto import settle
from nextlabel.core.methods.base import Inputs
from nextlabel.core.methods.batch import choose
from nextlabel.core.methods.registry import parse_method

BUDGETS = (10, 20, 40)
POOL, SCORED, ASIDE = 2_000, 1_500, 20  # images at most: of a pool, to score on, and to make a name of
NAMES = ("0", "1", "2", "4", "useless", "wrong")
SCALE = 117.0  # of logits, about SigLIP's


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
    found: dict[tuple[str, int, str], NDArray[np.float64]] = {}
    with threadpool_limits(1):
        for name in arguments.sets:
            for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
                named = draw(name, seed, arguments.work)
                found[name, seed, "none"] = _course(named, None, seed)
                for names in NAMES:
                    directions = named.directions(names, np.random.default_rng([seed, 9]))
                    found[name, seed, names] = _course(named, directions, seed)
                print(f"{name}, seed {seed}", flush=True)
    _tell_first_batches(found)


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


def _course(named: Named, directions: NDArray[np.float32] | None, seed: int) -> NDArray[np.float64]:
    """(rounds, 2): the share of classes seen, and macro F1. directions: of the names; None: without."""
    (embeddings, targets), (rest, truth) = named.pool, named.rest
    said = None if directions is None else SCALE * (_units(embeddings) @ directions.T)
    known, told = Known(embeddings, np.empty(0, np.int64), np.empty(0, np.int64)), []
    for number, budget in enumerate(BUDGETS):
        rng = np.random.default_rng([seed, number])
        picked = choose(*_asked(known, said), budget - len(known.rows), rng).picks.rows
        left = np.setdiff1d(known.unlabelled, picked)
        more = rng.permutation(left)[: budget - len(known.rows) - len(picked)]
        rows = np.concatenate([known.rows, picked, more])
        known = Known(embeddings, rows, targets[rows])
        told.append((len(known.classes) / (targets.max() + 1), _f1(known, rest, truth)))
    return np.array(told)


def _asked(known: Known, said: NDArray[np.float32] | None):
    """The method that a selection would settle on, and what it looks at."""
    auto = parse_method("auto")
    method, _ = settle(auto, len(known.rows), len(known.classes), names=said is not None)
    order = np.argsort(known.rows)
    by_names = said is not None and len(known.classes) < 2
    return method, Inputs(
        known.unlabelled,
        embeddings=known.embeddings,
        labelled=known.rows[order],
        targets=known.targets[order] if by_names else np.searchsorted(known.classes, known.targets[order]),
        logits=said if by_names else known.logits,
    )


def _f1(known: Known, rest: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    guessed = np.full(len(truth), known.classes[0])
    if known.head is not None:
        guessed = known.classes[known.head.logits(rest).argmax(axis=1)]
    return float(f1_score(truth, guessed, average="macro", labels=np.unique(truth), zero_division=0))


def _tell_first_batches(found: dict[tuple[str, int, str], NDArray[np.float64]]) -> None:
    print("\n| names | " + " | ".join(f"classes seen, {budget} labels | macro F1" for budget in BUDGETS) + " |")
    print("|---" * (1 + 2 * len(BUDGETS)) + "|")
    plain = np.array([one for (_, _, names), one in found.items() if names == "none"])
    means = " | ".join(f"{seen:.2f} | {f1:.3f}" for seen, f1 in plain.mean(axis=0))
    print(f"| none | {means} |")
    gains: dict[tuple[str, str], list[NDArray[np.float64]]] = defaultdict(list)
    for (name, seed, names), one in found.items():
        gains[names, name].append(100 * (one - found[name, seed, "none"]))
        gains[names, "all"].append(100 * (one - found[name, seed, "none"]))
    for names in NAMES:
        told = np.array(gains[names, "all"])
        cells = [f"{_shown(told[:, i, 0])} | {_shown(told[:, i, 1])}" for i in range(len(BUDGETS))]
        print(f"| {names} | {' | '.join(cells)} |")
    sets = list(dict.fromkeys(name for name, _, _ in found))
    print("\n| points of F1 with 10 labels | " + " | ".join(sets) + " |")
    print("|---" * (1 + len(sets)) + "|")
    for names in NAMES:
        print(f"| {names} | " + " | ".join(_shown(np.array(gains[names, name])[:, 0, 1]) for name in sets) + " |")


def _shown(values: NDArray[np.float64]) -> str:
    spread = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():+.1f} ± {spread:.1f}"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(DRAWN), default=list(DRAWN))
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=WORK)
    return parser.parse_args()


if __name__ == "__main__":
    main()

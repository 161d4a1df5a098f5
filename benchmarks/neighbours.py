"""What the neighbours' say is worth: the head `linear` beside `linear_alone`, on labels by chance and by `auto`.

    python -m benchmarks.neighbours

The sets are those of `uneven`, even and uneven. Each round `auto` picks by the head that is scored, so that two
courses of labels are compared; by chance both have the same labels. Gains are points of macro F1 on held-out images.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.special import softmax
from scipy.stats import t
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from benchmarks import DATA
from benchmarks.pickers import PICKERS, Known
from benchmarks.sets import WORK
from benchmarks.uneven import DRAWN, Images, draw
from nextlabel.core.metrics.classification import expected_calibration_error

BUDGETS = (10, 20, 40, 70, 100, 200, 400, 800)
HEADS = ("linear_alone", "linear")
POOL, HELD_OUT = 4_000, 1_500  # images at most
Scores = tuple[float, float]  # macro F1, calibration error


def main() -> None:
    arguments = _parse()
    for method in arguments.methods:
        found: dict[tuple[str, int, int], dict[str, Scores]] = defaultdict(dict)
        with threadpool_limits(1):
            for seed in range(arguments.seeds):
                for name in DRAWN:
                    pool, rest = _images(name, seed, arguments)
                    for head in HEADS:
                        for budget, scores in _course(method, head, seed, pool, rest):
                            found[name, seed, budget][head] = scores
        print(f"\n| `{method}`: {arguments.seeds} seeds | fits | F1 alone | F1 | gain, points | ECE alone | ECE |")
        print("|---" * 7 + "|")
        for name in DRAWN:
            _tell(name, {key: both for key, both in found.items() if key[0] == name})
        for budget in BUDGETS:
            _tell(f"{budget} labels, all sets", {key: both for key, both in found.items() if key[2] == budget})
        _tell("all", found)


def _images(name: str, seed: int, arguments: argparse.Namespace) -> tuple[Images, Images]:
    pool, rest = draw(name, seed, arguments.work, arguments.weights)
    return (pool[0][:POOL], pool[1][:POOL]), (rest[0][:HELD_OUT], rest[1][:HELD_OUT])


def _course(method: str, head: str, seed: int, pool: Images, rest: Images) -> list[tuple[int, Scores]]:
    embeddings, targets = pool
    known, told = Known(embeddings, np.empty(0, np.int64), np.empty(0, np.int64), head_name=head), []
    for number, budget in enumerate(budget for budget in BUDGETS if budget <= 0.6 * len(targets)):
        picked = PICKERS[method](known, budget - len(known.rows), np.random.default_rng([seed, number]))
        rows = np.concatenate([known.rows, picked])
        known = Known(embeddings, rows, targets[rows], head_name=head)
        told.append((budget, _scores(known, rest)))
    return told


def _scores(known: Known, rest: Images) -> Scores:
    embeddings, truth = rest
    guessed, sure = np.full(len(truth), known.classes[0]), np.ones(len(truth))
    if known.head is not None:
        logits = known.head.logits(embeddings)
        guessed, sure = known.classes[logits.argmax(axis=1)], softmax(logits, axis=1).max(axis=1)
    f1 = f1_score(truth, guessed, average="macro", labels=np.unique(truth), zero_division=0)
    there = np.isin(truth, known.classes)
    return float(f1), expected_calibration_error(sure[there], (guessed == truth)[there])


def _tell(what: str, found: dict[tuple[str, int, int], dict[str, Scores]]) -> None:
    """One row; the interval is of the means of each set and seed."""
    if not found:
        return
    scores = np.array([[both[head] for head in HEADS] for both in found.values()])  # (fits, heads, 2)
    gains = defaultdict(list)
    for (name, seed, _), (alone, near) in zip(found, scores, strict=True):
        gains[name, seed].append(100 * (near[0] - alone[0]))
    means = np.array([np.mean(one) for one in gains.values()])
    spread = t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
    alone, near = scores.mean(axis=0)
    f1 = f"{alone[0]:.3f} | {near[0]:.3f} | {means.mean():+.1f} ± {spread:.1f}"
    print(f"| {what} | {len(scores)} | {f1} | {alone[1]:.3f} | {near[1]:.3f} |", flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=["auto", "random"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--work", type=Path, default=WORK)
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Is the strength that `linear` chooses ever worse than its default, where classes are rare?

    python -m benchmarks.strengths --weights ../shared/data/weights

Labels by chance from the sets of `uneven`, scored on images that are drawn as unevenly.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.special import softmax
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from benchmarks import DATA
from benchmarks.sets import WORK
from benchmarks.uneven import DRAWN, Images, draw
from nextlabel.core.metrics.classification import expected_calibration_error
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.heads.linear import DEFAULT_STRENGTH, train_linear
from nextlabel.core.neural.training import Examples

BUDGETS = (50, 80, 120, 200, 320, 600)


def main() -> None:
    arguments = _parse()
    print("| set | fits | macro F1 | ECE | macro F1, default | worst, less default | more than 3 points below it |")
    print("|---" * 7 + "|")
    with threadpool_limits(1):
        for name in DRAWN:
            print(f"| {name} | {_row(name, arguments)} |", flush=True)


def _row(name: str, arguments: argparse.Namespace) -> str:
    runs = []
    for seed in range(arguments.seeds):
        pool, rest = draw(name, seed, arguments.work, arguments.weights)
        for budget in (b for b in BUDGETS if b <= 0.8 * len(pool[1])):
            rows = np.random.default_rng([seed, budget]).permutation(len(pool[1]))[:budget]
            labelled = (pool[0][rows], pool[1][rows])
            if len(np.unique(labelled[1])) > 1:
                runs.append((*_scores(None, labelled, rest, seed), *_scores(DEFAULT_STRENGTH, labelled, rest, seed)))
    f1, error, default, _ = np.array(runs).T
    losses = f1 - default
    told = f"{len(runs)} | {f1.mean():.3f} | {error.mean():.3f} | {default.mean():.3f} | {losses.min():+.3f}"
    return f"{told} | {np.count_nonzero(losses < -0.03)}"


def _scores(strength: float | None, labelled: Images, rest: Images, seed: int) -> tuple[float, float]:
    """Macro F1 and calibration error of a head of that strength, or of the one that it chooses."""
    classes, targets = np.unique(labelled[1], return_inverse=True)
    head: Head = train_linear(Examples(labelled[0], targets, len(classes)), seed=seed, strength=strength)
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

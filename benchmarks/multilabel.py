"""Several classes an image: what methods, and ways to add up the doubts of classes, are worth beside chance.

    python -m benchmarks.multilabel              # all arms, 5 seeds
    python -m benchmarks.multilabel --seeds 2 --budgets 10 20 40 --arms random uherding

On canvases of one to three photos. A seed splits the pool in half: one to choose from, the other to score on, beside
the held-out canvases. Each round chooses as `selection` does, looks the answers up and trains the head on all of them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score

from benchmarks import DATA, canvases, sets
from nextlabel.core.methods.base import Inputs, Method
from nextlabel.core.methods.baseline import Random
from nextlabel.core.methods.batch import choose
from nextlabel.core.methods.coverage import MaxHerding
from nextlabel.core.methods.hybrid import UHerding
from nextlabel.core.methods.uncertainty import Entropy, Margin
from nextlabel.core.methods.units import OneAClass, Scores
from nextlabel.core.neural.heads.sigmoid import SigmoidHead, train_sigmoids
from nextlabel.core.tasks.classification import ClassLabels
from nextlabel.core.tasks.registry import MULTILABEL

WORK = Path(tempfile.gettempdir()) / "nextlabel-multilabel"
BUDGETS = (10, 20, 40, 80, 160, 320)
QUANTILE_95 = 1.96


class Largest(OneAClass):
    """The mean doubt of the most doubtful classes, so many of them."""

    def __init__(self, count: int) -> None:
        self._count = count

    def aggregate(self, values: Scores, image_of: NDArray[np.int64], n: int) -> Scores:
        return np.sort(values.reshape(n, -1), axis=1)[:, -self._count :].mean(axis=1)


class Weighted(OneAClass):
    """A mean in which a class of few labels weighs more."""

    def __init__(self, images_per_class: NDArray[np.int64]) -> None:
        self._weights = 1 / (images_per_class + 1)

    def aggregate(self, values: Scores, image_of: NDArray[np.int64], n: int) -> Scores:
        return np.asarray(values.reshape(n, -1) @ (self._weights / self._weights.sum()))


@dataclass(frozen=True)
class Arm:
    """A method, and what an image's doubt is made of. about_threshold: instead of about 0.5."""

    method: Method
    doubt: str = "mean"
    about_threshold: bool = False


ARMS = {
    "random": Arm(Random()),
    "uherding": Arm(UHerding()),
    "uherding, about the threshold": Arm(UHerding(), about_threshold=True),
    "uherding, most doubtful": Arm(UHerding(), "largest", about_threshold=True),
    "uherding, two most doubtful": Arm(UHerding(), "two largest", about_threshold=True),
    "uherding, rare classes more": Arm(UHerding(), "weighted", about_threshold=True),
    "margin, about the threshold": Arm(Margin(), about_threshold=True),
    "entropy": Arm(Entropy()),
}


@dataclass(frozen=True, eq=False)
class Sets:
    """Embeddings (N, d) and what stands on the canvases (N, C): to choose from, and to score on."""

    embeddings: NDArray[np.float32]
    said: NDArray[np.bool_]
    held_out: NDArray[np.float32]
    truth: NDArray[np.bool_]

    def halved(self, seed: int) -> Sets:
        order = np.random.default_rng([seed, 9]).permutation(len(self.said))
        pool, rest = np.array_split(order, 2)
        held_out = np.concatenate([self.held_out, self.embeddings[rest]])
        return Sets(self.embeddings[pool], self.said[pool], held_out, np.concatenate([self.truth, self.said[rest]]))


def main() -> None:
    arguments = _parse()
    whole = load(arguments.work, arguments.weights)
    chance = None
    print(
        "| arm | " + " | ".join(f"{name} {b}" for name in ("mAP", "F1") for b in arguments.budgets) + " | mean gain |"
    )
    print("|---" * (2 + 2 * len(arguments.budgets)) + "|")
    for name in dict.fromkeys(["random", *arguments.arms]):
        scores = np.array(
            [curve(whole.halved(seed), ARMS[name], seed, arguments.budgets) for seed in range(arguments.seeds)]
        )
        chance = scores if chance is None else chance
        print(_row(name, scores, scores - chance), flush=True)


def load(work: Path, weights: Path) -> Sets:
    """From the work folder if they are there."""
    path = work / "canvases.npz"
    if not path.exists():
        pool, val = canvases.write_canvases(work)
        classes = sorted({class_ for answers in (pool, val) for said in answers.values() for class_ in said})
        arrays = [
            part
            for name, said in (("pool", pool), ("val", val))
            for part in _embed(work / name, said, classes, weights)
        ]
        np.savez(path, embeddings=arrays[0], said=arrays[1], held_out=arrays[2], truth=arrays[3])
    with np.load(path) as kept:
        return Sets(**kept)


def _embed(
    folder: Path, said: canvases.Answers, classes: Sequence[str], weights: Path
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    names = ClassLabels(dict.fromkeys(said, "any"))  # in the order of the pool, which is that of the names
    embeddings, _ = sets.embed(folder, names, "mobilenet", folder.parent, weights)
    return embeddings, np.array([[class_ in said[name] for class_ in classes] for name in sorted(said)])


def curve(pool: Sets, arm: Arm, seed: int, budgets: Iterable[int]) -> NDArray[np.float64]:
    """Return mAP and macro F1 at each budget: (2, B)."""
    known, scores = np.empty(0, np.int64), []
    head, classes = None, np.empty(0, np.int64)
    for number, budget in enumerate(budgets):
        method, inputs = _asked(arm, pool, known, head, classes)
        picked = choose(method, inputs, budget - len(known), np.random.default_rng([seed, number])).picks.rows
        known = np.union1d(known, picked)
        classes, said = MULTILABEL.learnable(pool.said[known])
        head = train_sigmoids("linear", pool.embeddings[known], said, len(classes), seed=seed)
        scores.append(_score(head, classes, pool))
    return np.array(scores).T


def _asked(
    arm: Arm, pool: Sets, known: NDArray[np.int64], head: SigmoidHead | None, classes: NDArray[np.int64]
) -> tuple[Method, Inputs]:
    """The method, or what stands in for it while there is no label, and what it may look at."""
    candidates = np.setdiff1d(np.arange(len(pool.said)), known)
    if head is None or isinstance(arm.method, Random):
        stand_in = arm.method if isinstance(arm.method, Random) else MaxHerding()
        return stand_in, Inputs(candidates=candidates, embeddings=pool.embeddings)
    said = pool.said[known][:, classes]
    logits = head.logits(pool.embeddings)
    if arm.about_threshold:
        logits = logits - MULTILABEL.logits(np.asarray(head.thresholds))
    units = {
        "mean": OneAClass(),
        "largest": Largest(1),
        "two largest": Largest(2),
        "weighted": Weighted(said.sum(axis=0)),
    }[arm.doubt]
    inputs = Inputs(candidates, pool.embeddings, labelled=known, targets=said, logits=logits, units=units)
    return arm.method, inputs


def _score(head: SigmoidHead, classes: NDArray[np.int64], pool: Sets) -> tuple[float, float]:
    probabilities = np.zeros(pool.truth.shape)
    probabilities[:, classes] = MULTILABEL.probabilities(head.logits(pool.held_out))
    decided = MULTILABEL.decide(head.logits(pool.held_out), classes, pool.truth.shape[1], head.thresholds)
    by_class = [average_precision_score(pool.truth[:, c], probabilities[:, c]) for c in range(pool.truth.shape[1])]
    return float(np.mean(by_class)), float(f1_score(pool.truth, decided, average="macro", zero_division=0))


def _row(name: str, scores: NDArray[np.float64], gains: NDArray[np.float64]) -> str:
    """scores, gains: (seeds, 2, B). The interval of a mean gain is over seeds."""
    by_seed = gains.mean(axis=2)  # (seeds, 2)
    error = QUANTILE_95 * by_seed.std(axis=0, ddof=min(1, len(gains) - 1)) / len(gains) ** 0.5
    cells = [
        f"{mean:.3f} ({gain:+.3f})" for mean, gain in zip(scores.mean(0).ravel(), gains.mean(0).ravel(), strict=True)
    ]
    told = ", ".join(f"{of} {by_seed[:, i].mean():+.4f} ± {error[i]:.4f}" for i, of in enumerate(("mAP", "F1")))
    return f"| {name} | {' | '.join(cells)} | {told} |"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--work", type=Path, default=WORK)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    return arguments


if __name__ == "__main__":
    main()

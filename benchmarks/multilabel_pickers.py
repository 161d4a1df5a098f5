"""Ways to pick a batch of images that may have several classes, ours and rivals', behind one call.

modAL is needed by nothing else: `python -m pip install --no-deps modAL-python==0.4.2.1`. Without it, its strategies are
left out. scikit-activeml 1.0.1 has nothing for several classes; those of its strategies that ask no classifier run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TypeAlias

import numpy as np
import skactiveml.pool
from numpy.typing import NDArray

from nextlabel.core.methods.arrays import Rows
from nextlabel.core.methods.auto import Auto, settle
from nextlabel.core.methods.base import Inputs, Method
from nextlabel.core.methods.batch import choose
from nextlabel.core.methods.coverage import MaxHerding
from nextlabel.core.methods.hybrid import Badge, Bait, UHerding
from nextlabel.core.methods.uncertainty import Entropy, Margin
from nextlabel.core.methods.units import ONE_A_CLASS, OneAClass, Scores, Units
from nextlabel.core.neural.heads.sigmoid import SigmoidHead
from nextlabel.core.tasks.registry import MULTILABEL

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Known:
    """A pool (N, d), what is said of its labelled rows (L,), and a head for the classes that occur, if there can be."""

    embeddings: NDArray[np.float32]
    rows: Rows
    said: Flags  # (L, C)
    head: SigmoidHead | None

    @property
    def unlabelled(self) -> Rows:
        return np.setdiff1d(np.arange(len(self.embeddings)), self.rows)


Picker: TypeAlias = Callable[[Known, int, np.random.Generator], Rows]


def by_chance(known: Known, add: int, rng: np.random.Generator) -> Rows:
    return rng.permutation(known.unlabelled)[:add]


def ours(method: Method, known: Known, add: int, rng: np.random.Generator, **how: Doubt | bool) -> Rows:
    """As the service does it, near-copies left out. Some rows more by chance, where only copies were left."""
    if known.head is None:
        method, inputs = settle(method, len(known.rows), 0)[0], Inputs(known.unlabelled, known.embeddings)
    else:
        inputs = _inputs(known, known.head, **how)
    rows = choose(method, inputs, add, rng).picks.rows
    rest = np.setdiff1d(known.unlabelled, rows)
    return np.concatenate([rows, rng.permutation(rest)[: add - len(rows)]])


# --- what was tried ---------------------------------------------------------------------------------------------

Doubt: TypeAlias = Callable[[Known], Units]


class Largest(OneAClass):
    """The mean doubt of the most doubtful classes, so many of them."""

    def __init__(self, count: int) -> None:
        self._count = count

    def aggregate(self, values: Scores, image_of: NDArray[np.int64], n: int) -> Scores:
        return np.sort(values.reshape(n, -1), axis=1)[:, -self._count :].mean(axis=1)


class Weighted(OneAClass):
    """A mean in which a class weighs more the fewer labels it has, by a power of their number."""

    def __init__(self, known: Known, power: float) -> None:
        weights = (known.said.sum(axis=0) + 1.0) ** -power
        self._weights = weights / weights.sum()

    def aggregate(self, values: Scores, image_of: NDArray[np.int64], n: int) -> Scores:
        return np.asarray(values.reshape(n, -1) @ self._weights)


class Alike(OneAClass):
    """A mean in which each class has as much doubt as any other, over the pool."""

    def aggregate(self, values: Scores, image_of: NDArray[np.int64], n: int) -> Scores:
        by_class = values.reshape(n, -1)
        return (by_class / (by_class.mean(axis=0) + 1e-9)).mean(axis=1)


def _inputs(known: Known, head: SigmoidHead, *, doubt: Doubt | None = None, about_threshold: bool = False) -> Inputs:
    logits = head.logits(known.embeddings)
    if about_threshold:
        logits = logits - MULTILABEL.logits(np.asarray(head.thresholds))
    units = doubt(known) if doubt else ONE_A_CLASS
    return Inputs(
        known.unlabelled, known.embeddings, labelled=known.rows, targets=known.said, logits=logits, units=units
    )


# --- rivals, with the same head ---------------------------------------------------------------------------------


def modal(name: str, known: Known, add: int, rng: np.random.Generator) -> Rows:
    """modAL's, with its own defaults; the first batch by chance, for all of them ask a classifier."""
    from modAL import multilabel  # noqa: PLC0415 - may be missing

    if known.head is None:
        return by_chance(known, add, rng)
    candidates = known.unlabelled
    logits = known.head.logits(known.embeddings[candidates])
    learner = _as_modal_has_it(np.asarray(known.head.thresholds))
    strategy = getattr(multilabel, name)
    if name != "SVM_binary_minimum":
        return candidates[np.ravel(strategy(learner, logits, n_instances=add)[0])]
    picked, left = [], np.arange(len(candidates))
    for _ in range(add):  # it names one image at a time
        place = int(strategy(learner, logits[left]))
        picked.append(left[place])
        left = np.delete(left, place)
    return candidates[picked]


def _as_modal_has_it(thresholds: NDArray[np.float64]) -> SimpleNamespace:
    """Return the head as a classifier of what it was asked already: an X is its logits (K, C)."""
    cuts = MULTILABEL.logits(thresholds)
    machines = [
        SimpleNamespace(decision_function=lambda logits, c=c, cut=cut: logits[:, c] - cut) for c, cut in enumerate(cuts)
    ]
    return SimpleNamespace(
        classes_=np.arange(len(cuts)),
        estimator=SimpleNamespace(estimators_=machines),
        predict=lambda logits: (logits >= cuts).astype(int),
        predict_proba=MULTILABEL.probabilities,
    )


def activeml(name: str, known: Known, add: int, rng: np.random.Generator) -> Rows:
    """scikit-activeml's, with its own defaults. It looks at labels only to see which rows have one."""
    y = np.full(len(known.embeddings), np.nan)
    y[known.rows] = 0
    query = getattr(skactiveml.pool, name)(random_state=int(rng.integers(2**31)))
    return np.asarray(query.query(known.embeddings, y, batch_size=add))


RANDOM, AUTO = "random", "auto"
MODAL = {
    "SVM_binary_minimum": "binary minimum",
    "max_loss": "max loss",
    "mean_max_loss": "mean max loss",
    "min_confidence": "min confidence",
    "avg_confidence": "average confidence",
    "max_score": "max score",
    "avg_score": "average score",
}
PICKERS: dict[str, Picker] = {
    RANDOM: by_chance,
    AUTO: partial(ours, Auto()),
    "margin": partial(ours, Margin()),
    "entropy": partial(ours, Entropy()),
    "badge": partial(ours, Badge()),
    **{f"modAL {short}": partial(modal, name) for name, short in MODAL.items() if find_spec("modAL")},
    **{f"skactiveml {name}": partial(activeml, name) for name in ("MaxHerding", "TypiClust", "CoreSet")},
}
TRIED: dict[str, Picker] = {
    "coverage alone": partial(ours, MaxHerding()),
    "bait": partial(ours, Bait()),
    "margin, about the threshold": partial(ours, Margin(), about_threshold=True),
    **{
        f"herding, {name}": partial(ours, UHerding(), **how)
        for name, how in {
            "doubt about the threshold": {"about_threshold": True},
            "the most doubtful class": {"doubt": lambda _: Largest(1)},
            "the two most doubtful": {"doubt": lambda _: Largest(2), "about_threshold": True},
            "rare classes more": {"doubt": partial(Weighted, power=0.5)},
            "rare classes much more": {"doubt": partial(Weighted, power=1)},
            "all classes alike": {"doubt": lambda _: Alike()},
        }.items()
    },
    "herding, bandwidth 1.4": partial(ours, UHerding(bandwidth=1.4)),
    "herding, bandwidth 0.7": partial(ours, UHerding(bandwidth=0.7)),
}

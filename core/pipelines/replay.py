"""The order in which a method may have chosen the labelled images, where it is not known.

What a greedy method picks from a pool it also picks, in the same order, from its own picks alone, as long as it looks
at the whole pool: the best of all is the best of those. So the order comes back by choosing again among the labelled.
"""

from __future__ import annotations

import numpy as np

from nextlabel.core.methods.auto import Auto, settle
from nextlabel.core.methods.base import Inputs, Rows
from nextlabel.core.methods.geometry import sample
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.trials import Trials

FIRST, GROWTH = 10, 1.25  # labels after the first round, and how many times as many after each other
UNLABELLED_MOST = 2_000  # images that stand for the pool


def order_of_choice(embedded: Embedded, trials: Trials, rng: np.random.Generator) -> Rows:
    """(L,) places of the labelled images, in the order in which `auto` would choose them for the sake of the pool.

    The first ten are drawn by chance, so that each call answers otherwise.
    """
    matched = embedded.matched
    X, y = embedded.embeddings[matched.rows], matched.targets
    E = np.concatenate([X, embedded.embeddings[sample(embedded.unlabelled(), UNLABELLED_MOST, rng)]])
    order = sample(np.arange(len(y)), FIRST, rng)
    while len(order) < len(y):
        known = np.sort(order)
        trial = trials.train(X[known], y[known])
        method, _ = settle(Auto(), len(known), len(trial.classes))
        inputs = Inputs(
            candidates=np.setdiff1d(np.arange(len(y)), known),
            references=np.setdiff1d(np.arange(len(E)), known),
            embeddings=E,
            labelled=known,
            targets=np.searchsorted(trial.classes, y[known]),
            logits=trial.head.logits(E) if trial.head else None,
        )
        add = max(1, round((GROWTH - 1) * len(known)))
        order = np.concatenate([order, method.select(inputs, add, rng).rows])
    return order

"""The order in which a method may have chosen the labelled images, where it is not known.

What a greedy method picks from a pool it also picks, in the same order, from its own picks alone, as long as it looks
at the whole pool: the best of all is the best of those. So the order comes back by choosing again among the labelled.
"""

from __future__ import annotations

import numpy as np

from nextlabel.core.methods.auto import Auto, settle
from nextlabel.core.methods.base import Inputs, Matrix, Rows
from nextlabel.core.methods.geometry import sample
from nextlabel.core.pipelines.trials import Trials

FIRST, GROWTH = 10, 1.25  # labels after the first round, and how many times as many after each other


def order_of_choice(X: Matrix, y: Rows, others: Matrix, trials: Trials, rng: np.random.Generator) -> Rows:
    """(L,) indices into the labelled images, in the order in which `auto` would choose them for the sake of the pool.

    X: (L, d) the labelled images, and y: (L,) their classes; others: (U, d) images that stand for the rest of the pool.
    The first ten are drawn by chance, so that other chance gives another order.
    """
    E = np.concatenate([X, others])
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

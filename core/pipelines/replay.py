"""The order in which a method may have chosen the labelled images, where it is not known.

What a greedy method picks from a pool it also picks, in the same order, from its own picks alone, as long as it looks
at the whole pool: the best of all is the best of those. So the order comes back by choosing again among the labelled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.methods.auto import Auto, settle
from nextlabel.core.methods.base import Inputs, Matrix, Method, Rows
from nextlabel.core.methods.geometry import sample
from nextlabel.core.pipelines.fits import Fitter
from nextlabel.core.tasks.base import ClassTask

FIRST, GROWTH = 10, 1.25  # labels after the first round, and how many times as many after each other


def settle_by_targets(asked: Method, targets: NDArray[Any], task: ClassTask) -> Method:
    """Return the method that a selection would run in place of the one asked for, after labels that say so."""
    method, _ = settle(asked, len(targets), task.alternatives(targets), unseen=task.unseen_likely(targets))
    return method


def order_of_choice(X: Matrix, y: NDArray[Any], others: Matrix, fitter: Fitter, rng: np.random.Generator) -> Rows:
    """(L,) indices into the labelled images, in the order in which `auto` would choose them for the sake of the pool.

    X: (L, d) the labelled images, and y: (L, ...) their targets, in the space of the fitter's names; others: (U, d)
    images that stand for the rest of the pool. The first ten are drawn by chance, so that other chance gives another
    order.
    """
    E = np.concatenate([X, others])
    classes, _ = fitter.task.learnable(y)
    order = sample(np.arange(len(y)), FIRST, rng)
    while len(order) < len(y):
        known = np.sort(order)
        fitted = fitter.train(X[known], y[known], len(classes))
        method = settle_by_targets(Auto(), y[known], fitter.task)
        inputs = Inputs(
            candidates=np.setdiff1d(np.arange(len(y)), known),
            references=np.setdiff1d(np.arange(len(E)), known),
            embeddings=E,
            labelled=known,
            targets=fitter.task.learnable(y[known])[1],
            logits=fitted.head.to_choose_by().logits(E) if fitted.head else None,
            units=fitter.task.units,
        )
        add = max(1, round((GROWTH - 1) * len(known)))
        order = np.concatenate([order, method.select(inputs, add, rng).rows])
    return order

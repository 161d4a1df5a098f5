"""Stratified folds."""

from __future__ import annotations

import numpy as np

from nextlabel.core.neural.training import Integers

NO_FOLD = -1


def stratified_folds(targets: Integers, folds: int, seed: int, *, spare_single: bool = False) -> Integers:
    """Return the fold, 0..folds-1, that holds out each image: (L,). Each fold has its share of every class.

    spare_single: whether the only image of its class is in no fold (`NO_FOLD`), so that each class is in each training
        part, and a class of one image does not forbid cross-validation.
    """
    order = np.random.default_rng(seed).permutation(len(targets))
    order = order[np.argsort(targets[order], kind="stable")]
    fold = np.empty(len(targets), np.int64)
    fold[order] = np.arange(len(targets)) % folds
    if spare_single:
        fold[np.bincount(targets)[targets] == 1] = NO_FOLD
    return fold

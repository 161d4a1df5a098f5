"""Cross-validation: what heads say of images that they were not trained on."""

from __future__ import annotations

from functools import partial

import numpy as np

from nextlabel.core.neural.folds import stratified_folds
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.training import Examples, Floats, Tick, ignore

FOLDS = 5
NEVER = -30.0  # below the lowest logit of an image: for a class that its head was not trained on


def out_of_fold_logits(
    like: Head, examples: Examples, *, seed: int, device: str = "cpu", tick: Tick = ignore
) -> Floats:
    """Return logits (L, C), each row by a head like `like` that was trained on the images of the other folds alone.

    like: trained on all of them. Its strength and temperature are taken over: to search for them in each fold would be
        five times the work, and they tell next to nothing of a single label.
    """
    embeddings, targets = examples.embeddings, examples.targets
    fold = stratified_folds(targets, min(FOLDS, len(targets)), seed)
    logits = np.empty((len(targets), like.n_classes), np.float32)
    for k in range(fold.max() + 1):
        kept, held_out = fold != k, fold == k
        classes, narrowed = np.unique(targets[kept], return_inverse=True)
        if len(classes) < 2:
            logits[held_out] = np.where(np.isin(np.arange(like.n_classes), classes), 0, NEVER)
            continue
        beat = partial(_beat, tick, k, fold.max() + 1)
        others = Examples(embeddings[kept], narrowed, len(classes), like.names_of(classes))
        head = like.train_like(others, seed=seed, device=device, tick=beat).among(like.neighbours, others)
        of_trained = head.logits(embeddings[held_out])
        logits[held_out] = of_trained.min(axis=1, keepdims=True) + NEVER
        logits[np.ix_(held_out, classes)] = of_trained
    return logits


def _beat(tick: Tick, k: int, folds: int, _done: int, _total: int) -> None:
    """Tell the folds done, however far the training of one has got."""
    tick(k, folds)

"""What heads say of images they have not seen: each labelled image by a head trained without it."""

from __future__ import annotations

from functools import partial

import numpy as np

from nextlabel.core.neural.heads import Floats, Head, Integers, Tick, ignore, train_head, train_linear

FOLDS = 5
NEVER = -30.0  # below the lowest logit of an image: for a class that its head was not trained on


def out_of_fold_logits(
    like: Head, embeddings: Floats, targets: Integers, *, seed: int, device: str = "cpu", tick: Tick = ignore
) -> Floats:
    """(L, C) logits, each row by a head like `like` that was trained on the images of the other folds alone.

    like: trained on all of them; its strength and temperature are taken over, for which five times the work would be
        needed otherwise, and which tell next to nothing of a single label.
    embeddings: (L, d) float32; targets: (L,) in 0..C-1.
    """
    fold = stratified_folds(targets, min(FOLDS, len(targets)), seed)
    logits = np.empty((len(targets), like.n_classes), np.float32)
    for k in range(fold.max() + 1):
        kept, held_out = fold != k, fold == k
        classes, known = np.unique(targets[kept], return_inverse=True)
        if len(classes) < 2:
            logits[held_out] = np.where(np.isin(np.arange(like.n_classes), classes), 0, NEVER)
            continue
        beat = partial(_beat, tick, k, fold.max() + 1)
        head = train_like(like, embeddings[kept], known, len(classes), seed, device, beat)
        found = head.logits(embeddings[held_out])
        logits[held_out] = found.min(axis=1, keepdims=True) + NEVER
        logits[np.ix_(held_out, classes)] = found
    return logits


def stratified_folds(targets: Integers, folds: int, seed: int) -> Integers:
    """(L,) the fold, 0..folds-1, that holds out each image; each fold has its share of every class."""
    order = np.random.default_rng(seed).permutation(len(targets))
    order = order[np.argsort(targets[order], kind="stable")]
    fold = np.empty(len(targets), np.int64)
    fold[order] = np.arange(len(targets)) % folds
    return fold


def train_like(
    like: Head, X: Floats, targets: Integers, n_classes: int, seed: int, device: str = "cpu", tick: Tick = ignore
) -> Head:
    """As `train_head`, with the strength and temperature of another head instead of a search for them."""
    if like.name != "linear":
        return train_head(like.name, X, targets, n_classes, seed=seed, device=device, tick=tick)
    strength = float(like.details["strength"])
    return train_linear(X, targets, n_classes, seed=seed, strength=strength, temperature=like.temperature, tick=tick)


def _beat(tick: Tick, k: int, folds: int, _done: int, _total: int) -> None:
    tick(k, folds)

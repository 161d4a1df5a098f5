"""Every head there is. Adding one is one class and one line here."""

from __future__ import annotations

import numpy as np
import torch

from nextlabel.core.errors import OutOfMemory
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.heads.linear import LinearAlone, LinearHead
from nextlabel.core.neural.heads.mlp import MlpHead
from nextlabel.core.neural.training import Floats, Integers, Tick, ignore

HEADS: dict[str, type[Head]] = {head.name: head for head in (LinearHead, LinearAlone, MlpHead)}  # the default first


def train_head(
    name: str,
    embeddings: Floats,
    targets: Integers,
    n_classes: int,
    *,
    seed: int,
    device: str = "cpu",
    tick: Tick = ignore,
    names: Floats | None = None,
) -> Head:
    """Train the head called `name`. The same inputs and seed give the same head on the same device.

    embeddings: (L, d) float32, finite.
    targets: (L,) in 0..n_classes-1, each class at least once; n_classes >= 2.
    device: for `mlp`; `linear` trains on the CPU.
    tick: takes (done, total) in fits or epochs, `done` never falling. Called often, between two of them too, so that
        what it raises ends the training soon.
    names: (C, d) float32 unit vectors where the classes' names lie among the embeddings, for `linear`; None: unknown.

    Raises ValueError when the inputs break these terms.
    """
    _check(name, embeddings, targets, n_classes)
    try:
        return HEADS[name].train(embeddings, targets, n_classes, seed=seed, device=device, tick=tick, names=names)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory("the embeddings of the labelled images don't fit into the GPU's memory") from error


def _check(name: str, embeddings: Floats, targets: Integers, n_classes: int) -> None:
    if name not in HEADS:
        raise ValueError(f"there is no head {name!r}; there are {', '.join(HEADS)}")
    if n_classes < 2:
        raise ValueError(f"a head needs two classes at least, not {n_classes}")
    if embeddings.ndim != 2 or targets.shape != embeddings.shape[:1]:
        raise ValueError(f"embeddings {embeddings.shape} and targets {targets.shape} don't fit together")
    if not np.array_equal(np.unique(targets), np.arange(n_classes)):
        raise ValueError(f"targets must hold each of 0..{n_classes - 1}, and nothing else")
    if not np.isfinite(embeddings).all():
        raise ValueError("embeddings hold a value that is not finite")

"""Every head there is. Adding one is one class and one line here."""

from __future__ import annotations

import numpy as np
import torch

from nextlabel.core.errors import OutOfMemory
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.heads.linear import LinearAlone, LinearHead
from nextlabel.core.neural.heads.mlp import MlpHead
from nextlabel.core.neural.training import Examples, Tick, ignore

HEADS: dict[str, type[Head]] = {head.name: head for head in (LinearHead, LinearAlone, MlpHead)}  # the default first


def train_head(name: str, examples: Examples, *, seed: int, device: str = "cpu", tick: Tick = ignore) -> Head:
    """Train the head called `name`. The same inputs and seed give the same head on the same device.

    examples: of two classes or more, one an image.
    device: for `mlp`; `linear` trains on the CPU.
    tick: takes (done, total) in fits or epochs, `done` never falling. Called often, between two of them too, so that
        what it raises ends the training soon.

    Raises ValueError when the inputs break these terms.
    """
    _check(name, examples)
    try:
        return HEADS[name].train(examples, seed=seed, device=device, tick=tick)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory("the embeddings of the labelled images don't fit into the GPU's memory") from error


def _check(name: str, examples: Examples) -> None:
    if name not in HEADS:
        raise ValueError(f"there is no head {name!r}; there are {', '.join(HEADS)}")
    examples.check()
    if not np.array_equal(np.unique(examples.targets), np.arange(examples.n_classes)):
        raise ValueError(f"targets must hold each of 0..{examples.n_classes - 1}, and nothing else")

"""What trains each task's head, by the name that the task says (`Task.trainer`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from nextlabel.core.neural.cross_validation import out_of_fold_logits
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.heads.registry import train_head
from nextlabel.core.neural.heads.sigmoid import left_out_logits, train_sigmoids
from nextlabel.core.neural.training import Examples, Floats, Tick


class Train(Protocol):
    __qualname__: str

    def __call__(self, name: str, examples: Examples, *, seed: int, device: str, tick: Tick) -> Head:
        """Train the head of that name."""


class OutOfFold(Protocol):
    def __call__(self, like: Head, examples: Examples, *, seed: int, device: str, tick: Tick) -> Floats:
        """Return what heads like that one say of each example, each trained without it."""


@dataclass(frozen=True)
class Trainer:
    """How a task's heads are trained."""

    train: Train
    out_of_fold_logits: OutOfFold


TRAINERS: Mapping[str, Trainer] = {
    "softmax": Trainer(train_head, out_of_fold_logits),
    "sigmoid": Trainer(train_sigmoids, left_out_logits),
}

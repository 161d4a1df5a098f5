"""What everything that trains shares: how progress is told, and how chance and threads are kept to themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Tick: TypeAlias = Callable[
    [int, int], None
]  # takes (done, total), `done` never falling; what it raises ends the training

ROWS_AT_ONCE = 8_192  # of a large pool that go through a trained network at a time


@dataclass(frozen=True, eq=False)
class Examples:
    """L labelled images, as embeddings, that a head is trained on.

    embeddings: (L, d) float32, finite. targets: (L,) in 0..n_classes-1, of which each occurs; where an image has
    several classes (L, n_classes), whether it has each. names: (n_classes, d) float32 unit vectors where the names of
    the classes lie among the embeddings, for heads that listen to them; None: unknown.
    """

    embeddings: Floats
    targets: NDArray[Any]
    n_classes: int
    names: Floats | None = None

    def check(self) -> None:
        """Raise ValueError unless there are two classes at least, and a target for each of some finite embeddings."""
        embeddings, targets = self.embeddings, self.targets
        if self.n_classes < 2:
            raise ValueError(f"a head needs two classes at least, not {self.n_classes}")
        if embeddings.ndim != 2 or targets.shape != embeddings.shape[:1] or not len(targets):
            raise ValueError(f"embeddings {embeddings.shape} and targets {targets.shape} don't fit together")
        if not np.isfinite(embeddings).all():
            raise ValueError("embeddings hold a value that is not finite")


def ignore(done: int, total: int) -> None:
    """Do nothing: the tick of a caller who shows no progress."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread. Batches of 16 gain little from more, and take fifty times as long where others want the
    cores too.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def drawn_from(seed: int) -> Iterator[None]:
    """Draw the weights of the networks that are made within from the seed, and leave torch's generators as they were.

    They are drawn on the CPU, so that every device starts from the same weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also reseed every GPU, for good
        yield

"""Heads trained on parts of the labels, for what could have been: learning curves and audits."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.errors import NoLabels
from nextlabel.core.methods.base import Rows
from nextlabel.core.neural.cross_validation import train_like
from nextlabel.core.neural.heads import Head, train_head
from nextlabel.core.pipelines.run import Run
from nextlabel.core.tasks.base import Matched


@dataclass(frozen=True, eq=False)
class Exam:
    """One repeat: images to learn from (L, d), in the order they are learnt, and to be examined by (V, d)."""

    embeddings: NDArray[np.float32]
    targets: Rows
    held_out: NDArray[np.float32]
    truth: Rows
    n_classes: int


@dataclass(frozen=True, eq=False)
class Trial:
    """classes: those it was trained on, ascending. `head`: None where that is one alone."""

    classes: NDArray[np.int64]
    head: Head | None

    def predict(self, embeddings: NDArray[np.float32]) -> NDArray[np.int64]:
        """(N, d) -> (N,)."""
        if self.head is None:
            return np.full(len(embeddings), self.classes[0])
        best: NDArray[np.int64] = self.classes[self.head.logits(embeddings).argmax(axis=1)]
        return best


@dataclass(eq=False)
class Trials:
    """Trains heads called `name`.

    The strength is searched for once for each number of labels, and taken over by the other heads of that size: they
    cost a fifth, and their scores differ less than those of two draws of the labels.
    """

    name: str
    seed: int
    run: Run
    _searched: dict[int, Head] = field(default_factory=dict)

    def train(self, embeddings: NDArray[np.float32], targets: NDArray[np.int64]) -> Trial:
        """targets: (L,), any numbers."""
        classes, known = np.unique(targets, return_inverse=True)
        if len(classes) < 2:
            return Trial(classes, None)
        like = self._searched.get(len(targets))
        device = self.run.backbones.device
        if like is not None:
            return Trial(classes, train_like(like, embeddings, known, len(classes), self.seed, device, self._beat))
        head = train_head(self.name, embeddings, known, len(classes), seed=self.seed, device=device, tick=self._beat)
        self._searched[len(targets)] = head
        return Trial(classes, head)

    def _beat(self, _done: int, _total: int) -> None:
        self.run.check()


def need_labels(matched: Matched, least: int, what: str) -> None:
    """Raises NoLabels."""
    if len(matched.rows) < least:
        raise NoLabels(f"{what} needs {least} labels at least; there are {len(matched.rows)}")

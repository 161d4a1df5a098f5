"""Heads trained on parts of the labels, for what could have been: learning curves and audits."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.errors import NoLabels
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.heads.neighbours import Neighbours
from nextlabel.core.neural.trainers import TRAINERS
from nextlabel.core.neural.training import Examples
from nextlabel.core.pipelines.run import Run
from nextlabel.core.tasks.base import ClassTask, Matched, besides


@dataclass(frozen=True, eq=False)
class Split:
    """One repeat: L images to train on, (L, d), in the order in which they are learnt, and V held-out ones, (V, d)."""

    embeddings: NDArray[np.float32]
    targets: NDArray[Any]
    held_out: NDArray[np.float32]
    truth: NDArray[Any]
    n_classes: int


@dataclass(frozen=True, eq=False)
class Fit:
    """A head fitted to part of the labels.

    classes: those that part can teach, in a space of `n_classes`, ascending. head: None where it says the same of every
        image.
    """

    classes: NDArray[np.int64]
    n_classes: int
    head: Head | None
    task: ClassTask

    def predict(self, embeddings: NDArray[np.float32]) -> NDArray[Any]:
        """Return what the head decides of each image: (N, d) -> (N, ...), as the task's targets are."""
        always = np.zeros((len(embeddings), len(self.classes)), np.float32)
        logits = always if self.head is None else self.head.logits(embeddings)
        thresholds = None if self.head is None else self.head.thresholds
        return self.task.decide(logits, self.classes, self.n_classes, thresholds)


@dataclass(eq=False)
class Fitter:
    """Fits heads of one name (`linear`, `mlp`) to parts of the labels.

    neighbourhood: (R, d) images that those ask which ask any.
    names: where the names of the classes lie that targets count, for those that listen to them; None: unknown.

    The strength is searched for once for each number of labels, and taken over by the other heads of that size: they
    cost a fifth, and their scores differ less than those of two draws of the labels.
    """

    name: str
    task: ClassTask
    seed: int
    run: Run
    neighbourhood: NDArray[np.float32] | None = None
    names: NDArray[np.float32] | None = None
    _searched: dict[int, Head] = field(default_factory=dict)

    def train(self, embeddings: NDArray[np.float32], targets: NDArray[Any], n_classes: int) -> Fit:
        """Fit a head. targets: (L, ...) in a space of `n_classes`, of which not all need occur."""
        classes, known = self.task.learnable(targets)
        if self.task.alternatives(known) < 2:
            return Fit(classes, n_classes, None, self.task)
        examples = Examples(embeddings, known, len(classes), None if self.names is None else self.names[classes])
        like = self._searched.get(len(targets))
        train = partial(TRAINERS[self.task.trainer].train, self.name) if like is None else like.train_like
        head = train(examples, seed=self.seed, device=self.run.backbones.device, tick=self._beat)
        self._searched.setdefault(len(targets), head)
        return Fit(classes, n_classes, head.among(self._neighbours, examples), self.task)

    @property
    def _neighbours(self) -> Neighbours | None:
        return self.run.heads.neighbours(self.neighbourhood)

    def _beat(self, _done: int, _total: int) -> None:
        self.run.check()


def need_labels(matched: Matched, least: int, what: str) -> None:
    """Raises NoLabels."""
    if len(matched.rows) < least:
        there = f"there are {len(matched.rows)} in the pool{besides(matched)}"
        raise NoLabels(f"{what} needs {least} labels at least; {there}")

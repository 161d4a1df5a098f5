"""What a head is: a light classifier trained on embeddings held in memory. docs/heads.md compares them.

Each kind is a class and says how it is trained; `registry.py` lists them. All see embeddings centred and scaled by
statistics of the images they train on. None sees validation data: what has to be chosen (a strength, a temperature)
comes from labelled images held out of a first round of training.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.neural.heads.gaussians import Gaussians
from nextlabel.core.neural.heads.neighbours import Neighbours
from nextlabel.core.neural.training import ROWS_AT_ONCE, Examples, Floats, Integers, Tick, ignore

THEIR_SAY = 0.5  # of the distributions' log-probabilities, at most
SHARPER = 1.5  # the power of a mean over neighbours, which is less sure than it is right; with distributions, down to 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Head(ABC):
    """A trained head. `details` tell people how it came about: strength, cross-validated cross-entropy, epochs, ...

    thresholds: (C,) the probability from which on an image is given a class, where a task decides by one a class.
    asks_neighbours: whether images near to one have a say in what it says of it. neighbours: among which; None: none.
    alone: the name of the head that it then is.
    gaussians: where each class lies among the neighbours; None: not asked, or they are too few.
    names: (C, d) unit vectors where the names of its classes lie among the embeddings; None: unknown.
    """

    name: ClassVar[str]
    alone: ClassVar[str] = ""
    asks_neighbours: ClassVar[bool] = False
    n_classes: int
    temperature: float
    thresholds: NDArray[np.float64] | None = None
    details: Mapping[str, float | int | str] = field(default_factory=dict)
    neighbours: Neighbours | None = field(default=None, repr=False)
    names: Floats | None = field(default=None, repr=False)
    gaussians: Gaussians | None = field(default=None, repr=False)

    def among(self, neighbours: Neighbours | None, examples: Examples) -> Self:
        """Return this head, which was trained on the examples, with those neighbours, where it asks any."""
        if not self.asks_neighbours or neighbours is None:
            return self
        asking = replace(self, neighbours=neighbours)
        said = asking.logits(neighbours.embeddings)
        return replace(asking, gaussians=neighbours.gaussians(examples.embeddings, examples.targets, said))

    def to_choose_by(self) -> Self:
        """Return the head whose doubts tell which images to label next: without distributions, which leave few.

        It is what the distributions were fitted by, too: the head among its neighbours, as sharp as they are alone.
        """
        return replace(self, gaussians=None)

    @property
    def answers_as(self) -> str:
        """Return the name of the head that answers: without neighbours, one that would ask them is another."""
        return self.alone if self.asks_neighbours and self.neighbours is None else self.name

    def names_of(self, classes: Integers) -> Floats | None:
        """Return where the names of some of its classes lie: (c, d)."""
        return None if self.names is None else self.names[classes]

    @classmethod
    @abstractmethod
    def train(cls, examples: Examples, *, seed: int, device: str = "cpu", tick: Tick = ignore) -> Self:
        """Train such a head. `train_head` in registry.py has the terms, and has checked them."""

    def train_like(self, examples: Examples, *, seed: int, device: str = "cpu", tick: Tick = ignore) -> Self:
        """Train a head of this kind on other images, and take over from this one what took a search to choose."""
        return self.train(examples, seed=seed, device=device, tick=tick)

    @abstractmethod
    def forward(self, embeddings: Floats) -> Floats:
        """Return logits before the temperature: (B, d) -> (B, C)."""

    def logits(self, embeddings: Floats) -> Floats:
        """Return logits whose softmax is calibrated: (N, d) -> (N, C), what neighbours say being in them."""
        own = self._alone(embeddings)
        if self.neighbours is None:
            return own
        power = SHARPER - (SHARPER - 1) * (self.gaussians.say if self.gaussians else 0.0)
        return self.neighbours.join(own, self._alone(self.neighbours.embeddings), embeddings, power)

    def _alone(self, embeddings: Floats) -> Floats:
        """Return calibrated logits, what the distributions say being in them, a slice of the rows at a time."""
        logits = np.empty((len(embeddings), self.n_classes), np.float32)
        for start in range(0, len(embeddings), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            some = np.asarray(embeddings[rows], np.float32)
            logits[rows] = self.forward(some) / self.temperature
            if self.gaussians is not None:
                logits[rows] += np.float32(THEIR_SAY * self.gaussians.say) * self.gaussians.log_shares(some)
        return logits

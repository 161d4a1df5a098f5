"""What a model can be unsure of, one thing at a time.

A *unit* is a choice among A >= 2 alternatives: which class an image has, whether an image has one class, which class a
box has. The measures of `core/methods/uncertainty.py` are of one unit. A task says how what a model says of an image
falls into units, and how their doubts come to one number an image; so no method needs to know what a label is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.methods.arrays import Rows
from nextlabel.core.methods.geometry import slices

Scores = NDArray[np.float64]  # (K,)
Shifted = NDArray[np.float64]  # (K, A), row maximum 0
Measure = Callable[[Shifted], Scores]
ROWS_AT_ONCE = 65_536


class Units(ABC):
    """How what a model says of images falls into units, and what their doubts come to for an image.

    What a model says of n images is an array whose first axis counts images; only the task knows the others.
    """

    @abstractmethod
    def alternatives(self, said: NDArray[Any]) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        """Split n images into U units: (U, A) logits of each unit's alternatives, and (U,) its image, ascending."""

    @abstractmethod
    def aggregate(self, values: Scores, image_of: NDArray[np.int64], n: int) -> Scores:
        """Make (n,) numbers of images of (U,) numbers of their units. A higher number stays more wanted."""

    @abstractmethod
    def total(self, values: Scores, image_of: NDArray[np.int64], n: int) -> Scores:
        """Sum (U,) numbers of units by image: (n,)."""

    @abstractmethod
    def errors(self, said: NDArray[Any]) -> NDArray[np.float32]:
        """Return (n, E): each image's error if its prediction were its label, which is the gradient's factor."""

    def per_image(self, said: NDArray[Any]) -> int:
        """Return about how many units an image has, 1 or more: as many fewer images are looked at together."""
        return 1

    def doubts(self, measure: Measure, said: NDArray[Any], rows: Rows | None = None) -> tuple[Scores, Scores]:
        """Return (n,) how unsure each image is by the measure, and (n,) its logit gap, which breaks ties.

        rows: (n,) of `said`; all of them if it is left out. Takes a slice of them at a time.
        """
        count = len(said) if rows is None else len(rows)
        scores, gaps = np.empty(count), np.empty(count)
        for part in slices(count, max(1, ROWS_AT_ONCE // self.per_image(said))):
            logits, image_of = self.alternatives(said[part] if rows is None else said[rows[part]])
            shifted, n = shift(logits), len(scores[part])
            scores[part] = self.aggregate(measure(shifted), image_of, n)
            gaps[part] = -self.aggregate(-logit_gap(shifted), image_of, n)
        return scores, gaps

    def variances(self, said: NDArray[Any]) -> Scores:
        """Return (n,): p(1 - p) of the confidence p, summed over each image's units."""
        logits, image_of = self.alternatives(said)
        confidence: Scores = softmax(shift(logits)).max(axis=1, initial=0)
        return self.total(confidence * (1 - confidence), image_of, len(said))


class OneAnImage(Units):
    """Each image is one unit: its class. What a model says of n images is (n, C) logits."""

    def alternatives(self, said: NDArray[Any]) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        return said, np.arange(len(said), dtype=np.int64)

    def aggregate(self, values: Scores, image_of: NDArray[np.int64], n: int) -> Scores:
        return values

    def total(self, values: Scores, image_of: NDArray[np.int64], n: int) -> Scores:
        return values

    def errors(self, said: NDArray[Any]) -> NDArray[np.float32]:
        """Return softmax(logits) minus the one-hot predicted class."""
        errors = softmax(shift(said)).astype(np.float32)
        errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1
        return errors


class OneAClass(Units):
    """Each image and class is a unit: whether the image has the class. What a model says of n images is (n, C) logits.

    An image is as doubtful as its classes are on average.
    """

    def per_image(self, said: NDArray[Any]) -> int:
        return max(1, int(said.shape[1]))

    def alternatives(self, said: NDArray[Any]) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        """Return (nC, 2): that the image has the class, and 0, that it has not."""
        flat = said.reshape(-1)
        logits = np.stack([flat, np.zeros_like(flat)], axis=1)
        return logits, np.repeat(np.arange(len(said), dtype=np.int64), said.shape[1])

    def aggregate(self, values: Scores, image_of: NDArray[np.int64], n: int) -> Scores:
        return values.reshape(n, -1).mean(axis=1) if n else np.empty(0)

    def total(self, values: Scores, image_of: NDArray[np.int64], n: int) -> Scores:
        return values.reshape(n, -1).sum(axis=1) if n else np.empty(0)

    def errors(self, said: NDArray[Any]) -> NDArray[np.float32]:
        """Return sigmoid(logits) minus what is predicted: (n, C)."""
        halves = np.tanh(said.astype(np.float64) / 2)
        return ((1 + halves) / 2 - (said > 0)).astype(np.float32)


ONE_AN_IMAGE = OneAnImage()
ONE_A_CLASS = OneAClass()


# --- logits -----------------------------------------------------------------------------------------------------


def shift(logits: NDArray[np.floating]) -> Shifted:
    """Subtract the row maximum. Needs at least two alternatives: with one, nothing is uncertain."""
    if logits.shape[1] < 2:
        raise ValueError("uncertainty needs at least two classes")
    wide = logits.astype(np.float64)
    shifted: Shifted = wide - wide.max(axis=1, keepdims=True)
    return shifted


def softmax(shifted: Shifted) -> NDArray[np.float64]:
    """Return (K, A) probabilities."""
    weights: NDArray[np.float64] = np.exp(shifted)
    total: NDArray[np.float64] = weights.sum(axis=1, keepdims=True)
    return weights / total


def logit_gap(shifted: Shifted) -> Scores:
    """Return (K,) the distance from the best logit to the second best, 0 or more."""
    second: Scores = np.partition(shifted, -2, axis=1)[:, -2]
    return -second

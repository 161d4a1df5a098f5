"""The first version's four: how unsure the head is of one unit, and so of an image (core/methods/units.py).

All are computed from logits shifted so that the top one is 0, in float64, so that a probability that underflows to
exactly 0 costs nothing: 0 log 0 is 0, and rows whose probabilities saturate still differ by their logit gap.
With two classes all four are falling functions of that gap, so they rank alike.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np

from nextlabel.core.methods.base import Inputs, Method, Need, Picks
from nextlabel.core.methods.reasons import ImageCode
from nextlabel.core.methods.units import Scores, Shifted, logit_gap, shift, softmax

__all__ = ["Entropy", "Least", "Margin", "Ratio", "Uncertainty", "logit_gap", "shift", "softmax"]


class Uncertainty(Method):
    """Ranks by score, then by the logit gap (smaller first), then by row."""

    needs: ClassVar[frozenset[Need]] = frozenset({Need.LOGITS})
    source: ClassVar[str] = "the first version; Settles, Active Learning Literature Survey (2009)"
    reason: ClassVar[ImageCode] = "uncertain"
    drawn: ClassVar[float] = 0.5

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        assert inputs.logits is not None
        scores, gaps = inputs.units.doubts(self.score, inputs.logits, inputs.candidates)
        best = np.lexsort((inputs.candidates, gaps, -scores))[:add]
        return Picks(inputs.candidates[best], scores[best])

    @staticmethod
    @abstractmethod
    def score(shifted: Shifted) -> Scores:
        """Score units: (K, A) shifted logits of their alternatives -> (K,) in [0, 1], 1 the most uncertain."""


class Least(Uncertainty):
    name: Literal["least"] = "least"
    summary: ClassVar[str] = "Least confidence: the top class has the lowest probability."
    use: ClassVar[str] = "Beside `margin`, when one class should stand out."

    @staticmethod
    def score(shifted: Shifted) -> Scores:
        """Return 1 - p1, scaled so that equal probabilities score 1."""
        n_classes: int = shifted.shape[1]
        doubt: Scores = 1 - softmax(shifted).max(axis=1)
        return doubt * (n_classes / (n_classes - 1))


class Margin(Uncertainty):
    name: Literal["margin"] = "margin"
    summary: ClassVar[str] = "The two best classes are closest together."
    use: ClassVar[str] = "With many labels and small batches. The most dependable of the four."

    @staticmethod
    def score(shifted: Shifted) -> Scores:
        """Return 1 - (p1 - p2)."""
        second, first = np.partition(softmax(shifted), -2, axis=1)[:, -2:].T
        margin: Scores = first - second
        return 1 - margin


class Ratio(Uncertainty):
    name: Literal["ratio"] = "ratio"
    summary: ClassVar[str] = "The second-best class is nearly as likely as the best, whatever the rest."
    use: ClassVar[str] = "Like `margin`, blind to all but the two best classes."

    @staticmethod
    def score(shifted: Shifted) -> Scores:
        """Return p2 / p1, which is exp(-gap)."""
        return np.exp(-logit_gap(shifted))


class Entropy(Uncertainty):
    name: Literal["entropy"] = "entropy"
    summary: ClassVar[str] = "The probability is spread over many classes."
    use: ClassVar[str] = "Rarely: with many classes it is drawn to hopeless images."

    @staticmethod
    def score(shifted: Shifted) -> Scores:
        """Return -sum p ln p / ln A, of A alternatives."""
        weights = np.exp(shifted)  # (K, C)
        total = weights.sum(axis=1)
        nats: Scores = np.log(total) - (weights * shifted).sum(axis=1) / total
        return nats / float(np.log(shifted.shape[1]))

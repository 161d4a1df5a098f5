"""How many objects images hold, by the scores of the boxes that a detector finds on them: what drawing them will take.

A box counts as often as boxes of its score are of an object on images that are known and that the detector was not
trained on. What such a sum says of an image is drawn towards the mean of those images: of images that are chosen by
their doubts, the sums are too large by chance. Both begin with what scores say by themselves, which few images change
little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.boxes import Floats

SURE = np.array([1.0, 4.0])  # how sure scores are before, as the inverse of a variance: of the shift, of the steepness
SURE_OF_ONE = 3.0  # the same of each expected object being one, where objects vary as by Poisson
STEPS = 50  # of Newton at most; mostly few
CLOSE = 1e-8  # by so much a last step of Newton lowers the loss
ENDS = 1e-4  # scores are at least so far from 0 and 1


@dataclass(frozen=True)
class BoxCounts:
    """shift, steepness: the log-odds that a box is of an object are the shift, and so many times those of its score.
    more, each: an image holds so many objects, and so many for each that its boxes' chances come to.
    """

    shift: float = 0.0
    steepness: float = 1.0
    more: float = 0.0
    each: float = 1.0

    @classmethod
    def of(cls, scores: Sequence[Floats], right: Sequence[NDArray[np.bool_]], objects: Floats) -> Self:
        """Learn it from H images: of each its boxes' scores, and which are of an object; (H,) how many it holds."""
        if not len(objects):
            return cls()
        shift, steepness = _log_odds(np.concatenate(scores), np.concatenate(right))
        chances = cls(shift, steepness)
        sums = np.array([chances.chances(one).sum() for one in scores])
        apart = sums - sums.mean()
        sure = SURE_OF_ONE * max(float(objects.mean()), 1.0)
        each = max((float(apart @ objects) + sure) / (float(apart @ apart) + sure), 0.0)
        more = float((objects - each * sums).sum()) / (len(objects) + 1)  # one image more, of which nothing is missed
        return cls(shift, steepness, more, each)

    def chances(self, scores: Floats) -> Floats:
        """Return how often boxes of these scores are of an object."""
        return _expit(self.shift + self.steepness * _logits(scores))

    def expected(self, chances: Floats) -> Floats:
        """Return how many objects images hold, by what their boxes' chances come to."""
        return np.maximum(self.more + self.each * chances, 0)


def _log_odds(scores: Floats, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Return shift and steepness: a logistic regression of few parameters, by Newton's method with shortened steps."""
    before = np.array([0.0, 1.0])
    fit, X = before.copy(), np.stack([np.ones(len(scores)), _logits(scores)], axis=1)

    def loss(fit: Floats) -> float:
        z = X @ fit
        return float(np.logaddexp(0, z).sum() - z[right].sum() + SURE @ (fit - before) ** 2 / 2)

    for _ in range(STEPS):
        chances = _expit(X @ fit)
        slope = X.T @ (right - chances) - SURE * (fit - before)
        step = np.linalg.solve((X.T * (chances * (1 - chances))) @ X + np.diag(SURE), slope)
        now, fall = loss(fit), float(slope @ step)
        while loss(fit + step) > now - fall / 4:  # a whole step may lead beyond, and back, or away for good
            step, fall = step / 2, fall / 2
        fit += step
        if fall < CLOSE:
            break
    return float(fit[0]), float(fit[1])


def _expit(z: Floats) -> Floats:
    chances: Floats = (1 + np.tanh(z / 2)) / 2  # overflows nowhere
    return chances


def _logits(scores: Floats) -> Floats:
    within = np.clip(scores, ENDS, 1 - ENDS)
    logits: Floats = np.log(within / (1 - within))
    return logits

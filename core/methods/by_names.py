"""Which images to begin with, where the classes' names say what they may be, and no label has taught anything yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.methods.arrays import Rows
from nextlabel.core.methods.base import Inputs, Method, Need, Picks
from nextlabel.core.methods.coverage import MaxHerding, Sampled, sampled
from nextlabel.core.methods.geometry import slices
from nextlabel.core.methods.reasons import ImageCode

BY_NAMES = 1_000  # picks at most; the others of a large batch are herded
EVERY = 2  # so many picks are one of a class's turn
SHARP = 1.0  # how much an image counts more for each standard deviation that the name fits it better than others
GUESSED = 0.5  # what an image counts for the class that names give it, beside one that is labelled
LEAST_GAIN = 1e-9
OTHERS = 10_000  # rows by which it is told how well a name fits as a rule


class AutoByNames(Method):
    """What `auto` picks while names alone predict: herding, in which every other pick is the turn of a class, and an
    image counts the more the better the name of that class fits it than the others.

    The class with the fewest images so far has the next turn. What is herded without names, and the gain that every
    pick has to bring, cover the pool even where the names mean nothing. docs/texts.md has what that is worth.

    logits: which class's name fits, (N, C), each image having one class.
    """

    name: Literal["auto"] = "auto"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS, Need.LOGITS})
    reason: ClassVar[ImageCode] = "region_or_name"

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        first = self._in_turn(inputs, min(add, BY_NAMES), rng)
        if add <= BY_NAMES:
            return first
        left = np.setdiff1d(inputs.candidates, first.rows, assume_unique=True)
        others = replace(inputs, candidates=left, pending=np.union1d(inputs.pending, first.rows))
        herded = MaxHerding().select(others, add - BY_NAMES, rng)
        return Picks(np.concatenate([first.rows, herded.rows]), np.concatenate([first.scores, herded.scores]))

    def _in_turn(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        said = inputs.logits
        assert said is not None
        looked_at = sampled(inputs, add, rng, bandwidth=1.0)
        usual = said[:: -(-len(said) // OTHERS)]
        mean, spread = usual.mean(axis=0), max(float((usual - usual.mean(axis=0)).std()), LEAST_GAIN)
        fits = (said[looked_at.candidates] - mean) / spread
        counts = np.bincount(inputs.targets, minlength=said.shape[1]).astype(np.float64)
        np.add.at(counts, (said[inputs.pending] - mean).argmax(axis=1), GUESSED)
        places, gains = _herd_in_turn(looked_at, fits, counts, add, rng)
        return Picks(looked_at.candidates[places], np.minimum.accumulate(gains))


def _herd_in_turn(
    looked_at: Sampled, fits: NDArray[Any], counts: NDArray[np.float64], k: int, rng: np.random.Generator
) -> tuple[Rows, NDArray[np.float64]]:
    """Pick k of the n candidates, every other one for the class that has least. Return their places, and gains (k,).

    fits: (n, C) how well each name fits, in standard deviations. counts: (C,) what each class has so far.
    """
    best, covered = fits.argmax(axis=1), looked_at.covered.copy()
    ahead = _ahead(fits, best)
    bounds = np.concatenate(
        [np.maximum(looked_at.similarities[part] - covered, 0) @ looked_at.shares for part in slices(len(fits), 256)]
    ).astype(np.float64)
    ties, counts = rng.permutation(len(counts)), counts.copy()
    places, gains = np.empty(k, np.int64), np.empty(k)
    for turn in range(k):
        class_ = int(ties[counts[ties].argmin()]) if turn % EVERY == EVERY - 1 else None
        worth = np.zeros(len(fits)) if class_ is None else SHARP * ahead[:, class_]
        i, gain = _best(looked_at, covered, bounds, worth)
        places[turn], gains[turn] = i, gain
        counts[best[i] if class_ is None else class_] += GUESSED if class_ is None else 1
        bounds[i] = -np.inf
        np.maximum(covered, looked_at.similarities[i], out=covered)
    return places, gains


def _best(
    looked_at: Sampled, covered: NDArray[np.float32], bounds: NDArray[np.float64], worth: NDArray[Any]
) -> tuple[int, float]:
    """Find the candidate of the highest gain times exp(worth), and its gain.

    bounds: (n,) gains as they were, -inf for what is taken; they are brought up to date as far as it takes. A gain
    never rises as more gets covered, so what an old one can't make the best isn't.
    """
    scores = np.where(np.isfinite(bounds), np.log(np.maximum(bounds, LEAST_GAIN)) + worth, -np.inf)
    while True:
        i = int(scores.argmax())
        bounds[i] = float(np.maximum(looked_at.similarities[i] - covered, 0) @ looked_at.shares)
        score = np.log(max(bounds[i], LEAST_GAIN)) + worth[i]
        if score >= scores[i]:
            return i, bounds[i]
        scores[i] = score


def _ahead(fits: NDArray[Any], best: Rows) -> NDArray[Any]:
    """Return by how much each class is ahead of the best of the others, or behind: (n, C)."""
    rows = np.arange(len(fits))
    first = fits[rows, best]
    rest = fits.copy()
    rest[rows, best] = -np.inf
    ahead: NDArray[Any] = fits - first[:, None]
    ahead[rows, best] = first - rest.max(axis=1)
    return ahead

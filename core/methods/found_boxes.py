"""The boxes that a detector finds on the images of a pool, as methods look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nextlabel.core.data.boxes import Detected
from nextlabel.core.methods.arrays import Matrix, Rows
from nextlabel.core.methods.units import Scores


@dataclass(frozen=True, eq=False)
class FoundBoxes:
    """The boxes that a detector finds on N images, m in all, image by image; those below a floor are not there.

    starts: (N + 1,) where those of each image begin. classes: (m,) 0..C-1. scores: (m,).
    quality: (C,) how well each class is found on images whose boxes are known, from 0 to 1.
    described: (m, D) of length 1 each: what the detector tells its class by; None where nobody knows.
    """

    starts: Rows
    classes: Rows
    scores: Scores
    quality: Scores
    described: Matrix | None = None

    @classmethod
    def of(cls, said: Sequence[Detected], quality: Scores, described: Sequence[Matrix] | None = None) -> FoundBoxes:
        return cls(
            starts=np.cumsum([0, *(len(one) for one in said)]),
            classes=np.concatenate([np.empty(0, np.int64), *(one.classes for one in said)]),
            scores=np.concatenate([np.empty(0), *(one.scores for one in said)]),
            quality=quality,
            described=np.concatenate(described) if described else None,
        )

    def take(self, rows: Rows) -> FoundBoxes:
        """Return those of these images alone, in that order."""
        counts = np.diff(self.starts)[rows]
        starts = np.cumsum([0, *counts])
        at = np.arange(starts[-1]) + np.repeat(self.starts[:-1][rows] - starts[:-1], counts)
        described = None if self.described is None else self.described[at]
        return FoundBoxes(starts, self.classes[at], self.scores[at], self.quality, described)

    @property
    def image_of(self) -> Rows:
        """(m,)"""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def total(self, values: Scores) -> Scores:
        """Sum (m,) numbers of boxes by image: (N,)."""
        return np.bincount(self.image_of, values, len(self.starts) - 1).astype(np.float64)

    def mean(self, values: Scores) -> Scores:
        """(N,); 0 without a box."""
        return self.total(values) / np.maximum(np.diff(self.starts), 1)

    def largest(self, values: Scores) -> Scores:
        """(N,); 0 without a box."""
        found = np.zeros(len(self.starts) - 1)
        np.maximum.at(found, self.image_of, values)
        return found

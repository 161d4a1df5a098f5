"""How embeddings are scaled before anything is trained on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nextlabel.core.neural.training import Floats


@dataclass(frozen=True, eq=False)
class Scaling:
    """Centres each dimension and divides it by a standard deviation shrunk halfway to the mean variance.

    Unshrunk, a dimension that hardly varies among a hundred labelled images would be blown up on the images where it
    does vary.
    """

    mean: Floats  # (d,)
    scale: Floats  # (d,), above 0

    @classmethod
    def of(cls, embeddings: Floats) -> Scaling:
        mean = embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = embeddings - mean
        variance = np.einsum("ld,ld->d", centred, centred, dtype=np.float64) / len(centred)
        scale = np.sqrt((variance + variance.mean()) / 2)
        constant = scale.max() <= 1e-6 * np.abs(mean).max()  # what is left is float32's rounding
        return cls(mean, np.ones_like(mean) if constant else scale.astype(np.float32))

    def __call__(self, embeddings: Floats) -> Floats:
        Z = embeddings - self.mean
        Z /= self.scale
        return Z

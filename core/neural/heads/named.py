"""What the names of classes say of images, as a head takes it for granted until labels say otherwise.

docs/heads.md has what it is worth, and how it gates itself off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from nextlabel.core.neural.training import Floats, Integers

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # that are tried
TAKEN = 0.25  # of the weight by which the labels are likeliest: the rest is for the labels to say
LEAST_GAIN = 2.0  # nats, of all labels together: chance hardly brings more
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Named:
    """C directions in which names lie among embeddings, as logits.

    units: (C, d) at unit length. centre: (C,) the cosines that are nothing special. scale: what they are multiplied by.
    """

    units: Floats
    centre: Floats
    scale: float

    def logits(self, embeddings: Floats) -> Floats:
        """Return (N, C): 0 where no name fits better than it does as a rule."""
        cosines = embeddings @ self.units.T
        cosines /= np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), TINY)
        cosines -= self.centre
        return np.asarray(cosines * np.float32(self.scale), np.float32)


def weigh(units: Floats, embeddings: Floats, targets: Integers, shares: Floats) -> tuple[Named | None, float]:
    """Weigh what names say by the labels; return it, and the weight: None, and 0, where it helps little or not at all.

    The names know no label, so each label tests them as one held out would: the weight is a quarter of that by which
    the labels are likeliest, every class counting alike, if that gains more than chance would.

    units: (C, d) of the names. embeddings: (L, d); targets: (L,) in 0..C-1. shares: (L,) what each image counts where
        the usual cosines are told, 1 in all.
    """
    named = Named(units, np.zeros(len(units), np.float32), 1.0)
    cosines = named.logits(embeddings)
    centre = (shares @ cosines).astype(np.float32)
    said = cosines - centre
    said -= said.mean(axis=1, keepdims=True)
    spread = float(said.std())
    if spread <= TINY:
        return None, 0.0
    counts = np.bincount(targets, minlength=len(units))
    alike = len(targets) / (np.count_nonzero(counts) * counts[targets])
    rows = np.arange(len(targets))
    gains = [alike @ log_softmax(weight / spread * said, axis=1)[rows, targets] for weight in WEIGHTS]
    best = int(np.argmax(gains))
    weight = TAKEN * WEIGHTS[best]
    if gains[best] - gains[0] <= LEAST_GAIN:
        return None, 0.0
    return Named(units, centre, weight / spread), weight

"""Repeated scores at growing numbers of labels, drawn again: curves to fit, and how far chance moves one score."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from nextlabel.core.curves.comparison import CONFIDENCE
from nextlabel.core.curves.forecast import MOST, NORMAL, REPLICATES

Floats: TypeAlias = NDArray[np.float64]


def drawn_again(sizes: Floats, repeats: Floats, reached: Floats, *, pooled: bool) -> tuple[Floats, float]:
    """Draw the repeats again: (B, S) curves from 0 to 1, and the standard deviation of one score.

    sizes: (S,) of the parts, growing. repeats: (R, S) scores. reached: (S,) what all repeats come to.
    pooled: that is the score of all repeats together, which are folds; else it is that of one of them, whose parts are
    of the same images, and so differ the less, the more of these they have. All sizes tell how far chance moves it,
    and still these are few: so it counts as Student's t has it.

    Folds that are scored together come to less than their mean: curves are moved by as much, but not beyond 0 or 1.
    """
    n, S = repeats.shape
    draws = np.random.default_rng(0).integers(0, n, (REPLICATES, n))
    curves = np.clip(repeats[draws].mean(axis=1) + reached - repeats.mean(axis=0), 0, MOST)
    variances = repeats.var(axis=0, ddof=1)
    if pooled:
        variances /= n
    else:
        variances, S = variances[:-1] / (1 - sizes[:-1] / sizes[-1]), S - 1
    wider = student.ppf(0.5 + CONFIDENCE / 2, (n - 1) * S) / NORMAL
    return curves, float(wider * np.sqrt(variances.mean()))

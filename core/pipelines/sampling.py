"""Whether labels are a random sample of the pool, as audits and forecasts without a validation set take them to be.

Nobody writes down how images came to be labelled, but it shows in where they lie: what a method chose is spread more
evenly than chance would have it, or lies where classes meet; what a person took from the first folder lies in a heap.
"""

from __future__ import annotations

import numpy as np

from nextlabel.core.errors import WarningCode
from nextlabel.core.methods.base import Matrix, Rows
from nextlabel.core.methods.geometry import Geometry, sample, squared_distances
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.material import Labelled
from nextlabel.core.pipelines.run import Run

LABELLED_MOST, UNLABELLED_MOST = 300, 700  # images that are looked at
LEAST = 20  # of either kind: with fewer there is nothing to compare
ROUNDING = 1e-6  # of a distance
DRAWS = 599  # a random sample is taken for a chosen one once in 200 times, at most


def rows_to_compare(labelled: Labelled) -> Rows:
    """Rows of the pool, ascending: all that are labelled, and as many others as `is_random_sample` looks at."""
    others = np.setdiff1d(np.arange(len(labelled.pool), dtype=np.int64), labelled.matched.rows, assume_unique=True)
    return np.union1d(labelled.matched.rows, sample(others, UNLABELLED_MOST, np.random.default_rng(0)))


def is_random_sample(embedded: Embedded, run: Run, what: str) -> bool:
    """Whether the labelled images may be a random sample of the pool; warns of LABELS_NOT_RANDOM where they aren't.

    what: the sentence that says what follows from that.
    """
    rng = np.random.default_rng(0)
    labelled = sample(embedded.matched.rows, LABELLED_MOST, rng)
    unlabelled = sample(embedded.unlabelled(), UNLABELLED_MOST, rng)
    if may_be_drawn_at_random(embedded.embeddings[labelled], embedded.embeddings[unlabelled], rng):
        return True
    run.warn(
        WarningCode.LABELS_NOT_RANDOM,
        "the labelled images are not a random sample of the pool (as those are not that a method or a person chose); "
        + what,
    )
    return False


def may_be_drawn_at_random(labelled: Matrix, unlabelled: Matrix, rng: np.random.Generator) -> bool:
    """Whether images (L, d) may have been drawn at random from those and others (U, d).

    Permutation tests: each measure of the labelled images is compared with the same of DRAWS random samples of equal
    size. The answer is no where it is farther from the middle than all of these. Random labels so are refused in no
    more than three of DRAWS + 1 cases, one for each measure, whatever the embeddings are.
    """
    if min(len(labelled), len(unlabelled)) < LEAST:
        return True
    embeddings = np.concatenate([labelled, unlabelled])
    n = len(embeddings)
    units = Geometry(embeddings).units(np.arange(n))
    distances = np.sqrt(squared_distances(units, units))
    draws = [np.arange(len(labelled)), *(rng.permutation(n)[: len(labelled)] for _ in range(DRAWS))]
    measured = np.array([_measures(distances, drawn) for drawn in draws])  # (1 + DRAWS, 3)
    off = np.abs(measured - np.median(measured, axis=0))
    return bool((off[0] <= off[1:].max(axis=0) + ROUNDING).all())


def _measures(distances: Matrix, drawn: Rows) -> tuple[float, float, float]:
    """What tells a chosen sample from a random one. distances: (n, n) of all images; drawn: those of the sample.

    How far the others lie from the sample: methods that look for coverage make it little. How much farther than that
    the images of the sample lie from each other: uncertain images, and those of diverse batches, keep apart. And the
    energy distance (Szekely and Rizzo 2004) between the sample and the others, which is 0 where both are alike.
    """
    others = np.setdiff1d(np.arange(len(distances)), drawn, assume_unique=True)
    across = distances[np.ix_(others, drawn)]  # (n - k, k)
    within = distances[np.ix_(drawn, drawn)]  # (k, k)
    apart = distances.sum(dtype=np.float64) - 2 * across.sum(dtype=np.float64) - within.sum(dtype=np.float64)
    energy = 2 * across.mean(dtype=np.float64) - within.mean(dtype=np.float64) - apart / len(others) ** 2
    to_sample = float(across.min(axis=1).mean())
    in_sample = float((within + np.diag(np.full(len(drawn), np.inf, np.float32))).min(axis=1).mean())
    return to_sample, in_sample - to_sample, float(energy)

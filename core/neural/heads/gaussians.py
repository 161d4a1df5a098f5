"""A normal distribution for each class, fitted to the labelled images and to those of the pool that nobody labelled.

All have one covariance (linear discriminant analysis), so that what they say of an image is affine in its embedding.
docs/heads.md: what it is worth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from nextlabel.core.neural.training import Floats, Integers

COUNTS = 30  # a labelled image, for so many of the pool
WELL_KNOWN = 20  # labels a class, from which on they say less the more there are: the labels then know better
ROUNDS = 12
SHRUNK = 0.2  # share of the mean variance in the covariance
OUTSIDE = 0.01  # share of images that come from nowhere: so none is surely of a class for lying far from the others
LEAST = 1e-3  # of the variance of all images, in each direction: classes of one place each have none

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gaussians:
    """C classes' distributions. What each says of x, but for what they have in common, is x @ weights + bias.

    weights: (d, C); bias: (C,). say: how much what they say counts, from 0 to 1.
    """

    weights: Matrix
    bias: Matrix
    say: float = 1.0

    @classmethod
    def fit(cls, labelled: Floats, targets: Integers, pool: Floats, said: Floats) -> Gaussians:
        """Fit by expectation-maximisation to labelled and unlabelled images (Nigam, McCallum, Thrun, Mitchell, 2000).

        An image of the pool belongs to each class in part: as likely as what is said of it and where it lies make it.

        labelled: (L, d) with targets (L,) in 0..C-1, each class at least once. pool: (R, d), R of 1 at least.
        said: (R, C), logits of the pool's images, each one's prior.
        """
        n_classes = said.shape[1]
        known, unknown, prior = (np.asarray(one, np.float64) for one in (labelled, pool, said))
        squares = COUNTS * known.T @ known + unknown.T @ unknown  # each image of the pool counts one, in all classes
        counts = COUNTS * np.bincount(targets, minlength=n_classes).astype(np.float64)
        ones = np.full(len(targets), COUNTS, np.float64)
        sums = csr_array((ones, (targets, np.arange(len(targets)))), shape=(n_classes, len(targets))) @ known
        with threadpool_limits(1, user_api="blas"):  # products this narrow gain little from threads
            share = softmax(prior, axis=1)
            for _ in range(ROUNDS):
                fitted = cls._of(counts + share.sum(axis=0), sums + share.T @ unknown, squares)
                share = softmax(prior + unknown @ fitted.weights + fitted.bias, axis=1)
        return replace(fitted, say=min(1.0, WELL_KNOWN * n_classes / len(targets)))

    @classmethod
    def _of(cls, counts: Matrix, sums: Matrix, squares: Matrix) -> Gaussians:
        """counts: (C,); sums: (C, d), of the images; squares: (d, d), of all their outer products."""
        means = sums / counts[:, None]
        within = (squares - means.T @ sums) / counts.sum()
        d = len(within)
        least = LEAST * np.trace(squares) / counts.sum() / d + np.finfo(np.float64).tiny
        covariance = (1 - SHRUNK) * within + (SHRUNK * max(np.trace(within), 0) / d + least) * np.eye(d)
        weights = np.linalg.solve(covariance, means.T)
        return cls(weights, -0.5 * np.einsum("cd,dc->c", means, weights))

    def seen_through(self, directions: Floats, origin: Floats) -> Gaussians:
        """Return these of x as those of y, where x = y @ directions - origin. directions: (D, d); origin: (d,)."""
        return replace(self, weights=directions @ self.weights, bias=self.bias - origin @ self.weights)

    def log_shares(self, x: Floats) -> Floats:
        """Return how likely each class is by these alone, all as frequent: (N, d) -> (N, C), logarithms."""
        logits: Floats = x @ self.weights.astype(np.float32)
        logits += self.bias.astype(np.float32)
        shares = (1 - OUTSIDE) * softmax(logits, axis=1) + OUTSIDE / len(self.bias)
        return np.asarray(np.log(shares), np.float32)

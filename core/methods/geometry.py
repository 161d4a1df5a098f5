"""Distances, clusters and coverage among embeddings: what the methods that look at them share.

Distances are between unit vectors around the pool's mean, so they go from 0 to 2 whatever the backbone's scale. (A
network's pooled activations are all positive: around zero, every two images would look alike.) `units_from_zero` alone
are not. Nothing here is ever N x N: large products are taken a slice of the rows at a time, and what would need one
looks at a sample of the pool.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.methods.arrays import Matrix, Rows, Vector

SLICE, ENTRIES = 4_096, 1 << 25  # rows of a product taken at once, and entries (128 MB)
ROWS_FOR_MEAN = 20_000
PART = 256  # coordinates that two images are compared by first
SLACK = 4e-5  # of squared lengths: ten times what float32 loses in sums of some thousand products
ROWS_FOR_CENTRES = 20_000  # k-means settles its centres on that many points, or 50 for each centre
KMEANS_ROUNDS = 25


@dataclass(frozen=True, eq=False)
class Geometry:
    """Where the images of a pool lie to each other. embeddings: (N, d) float32, finite."""

    embeddings: Matrix

    @cached_property
    def mean(self) -> Vector:
        """The mean of the pool (d,), or of evenly spaced rows of a large one."""
        step = -(-len(self.embeddings) // ROWS_FOR_MEAN)
        return np.asarray(self.embeddings[::step].mean(axis=0, dtype=np.float64), np.float32)

    def units(self, rows: Rows) -> Matrix:
        """Return the unit vectors of those rows, around the mean: (n, d). One that lies on the mean is zero."""
        centred: Matrix = self.embeddings[rows]
        centred -= self.mean
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        # what float32 leaves of a row that equals the mean is no direction
        floor = max(1e-6 * float(np.linalg.norm(self.mean)), float(np.finfo(np.float32).tiny))
        np.divide(centred, lengths, out=centred, where=lengths > floor)
        centred[(lengths <= floor)[:, 0]] = 0
        return centred

    def units_from_zero(self, rows: Rows) -> Matrix:
        """Return the unit vectors of those rows, around zero: (n, d). Of one that is zero, it is zero."""
        embeddings: Matrix = self.embeddings[rows]
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        np.divide(embeddings, lengths, out=embeddings, where=lengths > 0)
        return embeddings

    def may_be_within(self, squared: float, rows: Rows, units: Matrix) -> NDArray[np.bool_]:
        """Return (n,) False for each row whose unit vector is surely farther than `squared` from all of `units`.

        squared: a squared distance, less than 1; units: (b, d).

        Two that are far apart in some coordinates are far apart in all: a part of them rules most rows out, and only
        the others are looked at whole. The rows are taken as they are, where their unit vectors would take three more
        passes over them; what that costs in precision, by cancelling, is the slack.
        """
        X, places = self._span(rows)
        of_mean = float(self.mean @ self.mean)
        lengths = np.einsum("nd,nd->n", X, X) - 2 * (X @ self.mean) + of_mean  # squared, from the mean
        slack = SLACK * (of_mean + np.abs(lengths))
        np.maximum(lengths, 0, out=lengths)
        may = np.full(len(X), len(units) > 0)
        for k in (PART, X.shape[1]) if X.shape[1] > 2 * PART else (X.shape[1],):
            left = np.flatnonzero(may)
            if not len(left):
                break
            part = X[:, :k] if len(left) == len(X) else X[left, :k]
            may[left] = self._close_in(part, lengths[left], slack[left], units[:, :k], squared)
        return may[places]

    def _close_in(self, X: Matrix, lengths: Vector, slack: Vector, units: Matrix, squared: float) -> NDArray[np.bool_]:
        """Return whether the first k coordinates of each row may be within `squared` of those of a unit vector: (n,).

        X: (n, k); lengths, slack: (n,); units: (b, k). For x the row less the mean, l its length and u the unit vector,
        |x|^2 / l^2 + |u|^2 - 2 x.u / l is computed times l^2, by one product.
        """
        k, roots = X.shape[1], np.sqrt(lengths)
        mean = self.mean[:k]
        of_rows = np.einsum("nk,nk->n", X, X) - 2 * (X @ mean) + mean @ mean
        of_units = np.einsum("bk,bk->b", units, units)
        rows = np.column_stack([X, roots, np.ones_like(roots)])
        likeness = rows @ np.column_stack([2 * units, -of_units, -2 * (units @ mean)]).T
        return np.asarray(likeness.max(axis=1) * roots >= of_rows - squared * lengths - slack)

    def _span(self, rows: Rows) -> tuple[Matrix, Rows]:
        """Return embeddings that hold those rows, and the place of each row in them: (s, d), (n,).

        Where the rows are nearly all of a stretch, it is that stretch, without a copy.
        """
        if len(rows) and (np.diff(rows) > 0).all() and rows[-1] - rows[0] < 1.25 * len(rows):
            return self.embeddings[rows[0] : rows[-1] + 1], rows - rows[0]
        return self.embeddings[rows], np.arange(len(rows))

    def principal(self, k: int) -> Matrix:
        """Return the directions in which the pool's unit vectors vary most: (d, min(k, d, N)), orthonormal."""
        return np.ascontiguousarray(self._axes[:, :k])

    @cached_property
    def _axes(self) -> Matrix:
        """All principal directions, the strongest first: (d, min(d, N)). N vectors vary in no more than N."""
        step = -(-len(self.embeddings) // ROWS_FOR_MEAN)
        units = self.units(np.arange(0, len(self.embeddings), step))
        if len(units) < units.shape[1]:
            return np.linalg.svd(units.astype(np.float64), full_matrices=False)[2].T.astype(np.float32)
        _, directions = np.linalg.eigh((units.T @ units).astype(np.float64))
        return directions[:, ::-1].astype(np.float32)


def sample(rows: Rows, most: int, rng: np.random.Generator) -> Rows:
    """Draw at most that many of the rows, in random order: so what is equally good is not taken by its file's name."""
    return rng.permutation(rows)[:most]


def slice_size(columns: int) -> int:
    """Return how many rows of a product with that many columns may be taken at once."""
    return max(1, min(SLICE, ENTRIES // max(1, columns)))


def slices(n: int, size: int = SLICE) -> Iterator[slice]:
    """Cut n rows into slices of at most `size`."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def squared_distances(A: Matrix, B: Matrix, of_A: Vector | None = None) -> Matrix:
    """Return the squared distances, 0 or more: (a, d), (b, d) -> (a, b). Give it slices where that is too large.

    of_A: (a,) the squared lengths of A, where they are known: they take longer than a product with one of B.
    """
    squared: Matrix = A @ B.T
    squared *= -2
    squared += (squared_lengths(A) if of_A is None else of_A)[:, None]
    squared += squared_lengths(B)
    return np.maximum(squared, 0, out=squared)


def squared_lengths(A: Matrix) -> Vector:
    """Return the squared length of each row: (a, d) -> (a,)."""
    lengths: Vector = np.einsum("ad,ad->a", A, A)
    return lengths


def nearest(A: Matrix, B: Matrix) -> tuple[Rows, Vector]:
    """Find the nearest of B (b, d), b >= 1, for each of A (a, d). Return its index (a,) and squared distance (a,)."""
    index, squared = np.empty(len(A), np.int64), np.empty(len(A), np.float32)
    for part in slices(len(A), slice_size(len(B))):
        distances = squared_distances(A[part], B)
        index[part] = distances.argmin(axis=1)
        squared[part] = distances[np.arange(len(distances)), index[part]]
    return index, squared


def nearest_within(geometry: Geometry, A: Rows, B: Rows, squared: float) -> Rows:
    """Find the nearest of the rows B for each of the rows A. Return its index into B: (a,); -1 where none is near.

    squared: the squared distance up to which one is near, less than 1. It is fast where few are.
    """
    nearest_of, best = np.full(len(A), -1, np.int64), np.full(len(A), np.inf, np.float32)
    for theirs in slices(len(B)):
        units = geometry.units(B[theirs])
        for mine in slices(len(A)):
            rows = mine.start + np.flatnonzero(geometry.may_be_within(squared, A[mine], units))
            if not len(rows):
                continue
            index, distances = nearest(geometry.units(A[rows]), units)
            closer = (distances <= squared) & (distances < best[rows])
            nearest_of[rows[closer]] = theirs.start + index[closer]
            best[rows[closer]] = distances[closer]
    return nearest_of


# --- clusters ---------------------------------------------------------------------------------------------------


def cluster(points: Matrix, k: int, rng: np.random.Generator) -> tuple[Matrix, Rows]:
    """Cluster points (n, d) by k-means with k-means++ seeding (Arthur & Vassilvitskii 2007); 1 <= k <= n.

    Return the centres (k, d), and the cluster of each point (n,). A cluster is empty only where points are equal.
    """
    fitted = points[sample(np.arange(len(points)), max(ROWS_FOR_CENTRES, 50 * k), rng)]
    centres = fitted[seed_by_distance(fitted, k, rng)]
    before = np.full(len(fitted), -1)
    for _ in range(KMEANS_ROUNDS):
        members, _ = nearest(fitted, centres)
        if np.array_equal(members, before):
            break
        before = members
        centres = _means(fitted, members, centres)
    return centres, nearest(points, centres)[0]


def seed_by_distance(points: Matrix, k: int, rng: np.random.Generator) -> Rows:
    """Draw k distinct of the points (n, d), each with the square of its distance to those before: k-means++."""
    chosen, lengths = np.empty(k, np.int64), squared_lengths(points)
    chosen[0] = rng.integers(len(points))
    squared = squared_distances(points, points[chosen[:1]], lengths)[:, 0]
    for i in range(1, k):
        squared[chosen[:i]] = 0
        chosen[i] = draw(squared, chosen[:i], rng)
        np.minimum(squared, squared_distances(points, points[chosen[i : i + 1]], lengths)[:, 0], out=squared)
    return chosen


def draw(weights: Vector, taken: Rows, rng: np.random.Generator) -> int:
    """Draw an index by weight; where no weight is left, any that is not taken."""
    shares = np.cumsum(weights, dtype=np.float64)
    if shares[-1] > 0:
        return int(np.searchsorted(shares, rng.random() * shares[-1], side="right").clip(0, len(weights) - 1))
    return int(rng.choice(np.setdiff1d(np.arange(len(weights)), taken)))


def _means(points: Matrix, members: Rows, centres: Matrix) -> Matrix:
    """Return the means of the clusters (k, d); an empty one keeps its centre."""
    order = np.argsort(members, kind="stable")
    present, starts = np.unique(members[order], return_index=True)
    moved = centres.copy()
    for cluster_of, start, end in zip(present, starts, [*starts[1:], len(order)], strict=True):
        moved[cluster_of] = points[order[start:end]].mean(axis=0)
    return moved


# --- coverage ---------------------------------------------------------------------------------------------------


def similarity(A: Matrix, B: Matrix, bandwidth: float) -> Matrix:
    """Return exp(-distance^2 / bandwidth^2), in 0..1: (a, d), (b, d) -> (a, b)."""
    similarities: Matrix = np.empty((len(A), len(B)), np.float32)
    for part in slices(len(A)):
        squared = squared_distances(A[part], B)
        squared *= np.float32(-1 / bandwidth**2)
        np.exp(squared, out=similarities[part])
    return similarities


def herd(similarities: Matrix, covered: Vector, weights: Vector, k: int) -> tuple[Rows, NDArray[np.float64]]:
    """Pick k of the candidates, greedily, that cover the references best. Return their indices (k,) and gains (k,).

    similarities: (n, r) of each candidate to each reference.
    covered: (r,) how similar what is there already is to each reference. weights: (r,) what each reference counts.

    A gain never rises as more gets covered, so an old one is a bound: only those that could still be the best are
    computed anew (Minoux 1978), and the picks are those of the plain greedy algorithm.
    """
    covered = covered.copy()
    gains = np.concatenate(
        [np.maximum(similarities[part] - covered, 0) @ weights for part in slices(len(similarities), 256)]
    )
    queue = [(-float(gain), i) for i, gain in enumerate(gains)]
    heapq.heapify(queue)
    chosen, gained = np.empty(k, np.int64), np.empty(k)
    for place in range(k):
        while True:
            _, i = heapq.heappop(queue)
            gain = float(np.maximum(similarities[i] - covered, 0) @ weights)
            if not queue or gain >= -queue[0][0]:
                break
            heapq.heappush(queue, (-gain, i))
        chosen[place], gained[place] = i, gain
        np.maximum(covered, similarities[i], out=covered)
    return chosen, np.minimum.accumulate(gained)

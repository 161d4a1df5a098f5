"""Methods that look at where images lie and at nothing else: they work from zero labels on.

What is labelled or handed out already counts as covered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nextlabel.core.methods.arrays import Matrix, Rows, Vector
from nextlabel.core.methods.base import Inputs, Method, Need, Picks
from nextlabel.core.methods.geometry import (
    Geometry,
    cluster,
    herd,
    nearest,
    sample,
    similarity,
    slice_size,
    slices,
    squared_distances,
)
from nextlabel.core.methods.reasons import ImageCode

CANDIDATES, REFERENCES = 5_000, 10_000  # a kernel of 200 MB
ROWS_AT_MOST = 100_000  # that a method looks at which looks at all of them for each pick
MOST_CLUSTERS = 1_000  # that a batch is spread over; beyond, each gives several images


class CoverageMethod(Method):
    """What the methods share that look at embeddings alone."""

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})


class MaxHerding(CoverageMethod):
    """Greedily picks what makes the pool most similar to its nearest labelled image.

    A large pool is sampled: the picks are the best of `CANDIDATES` (or four for each pick) by how well they cover
    `REFERENCES` images.
    """

    name: Literal["maxherding"] = "maxherding"
    summary: ClassVar[str] = "Images that together stand for the whole pool."
    use: ClassVar[str] = "For the first labels, from zero on; with many labels it gains little over chance."
    source: ClassVar[str] = "Bae, Noh, Sutherland: Generalized Coverage for More Robust Low-Budget AL, ECCV 2024"
    reason: ClassVar[ImageCode] = "region"

    bandwidth: float = Field(1.0, ge=0.01, le=10, description="How far an image speaks for others; distances go to 2.")

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        return herd_rows(inputs, add, rng, bandwidth=self.bandwidth)


class FacilityLocation(CoverageMethod):
    """Greedily picks what makes the pool's mean cosine to its nearest labelled image largest.

    That is to make the mean squared distance least, so that what lies far from all others counts most, where in
    `MaxHerding` every image counts alike that is far enough. The cosine is around zero: where one class is nearly
    all, the pool's mean lies in it, and around that, its images would lie as far from each other as from the rest.

    A large pool is sampled as by `MaxHerding`.
    """

    name: Literal["facility_location"] = "facility_location"
    summary: ClassVar[str] = "Images that stand for the whole pool, and first for what lies apart."
    use: ClassVar[str] = "To find rare classes, while one is nearly all that is labelled."
    source: ClassVar[str] = "Wei, Iyer, Bilmes: Submodularity in Data Subset Selection and Active Learning, ICML 2015"
    reason: ClassVar[ImageCode] = "lies_apart"

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        candidates, references = _draw_candidates_and_references(inputs, add, rng)
        units = inputs.geometry.units_from_zero
        of_references = units(references)
        covered: Vector = np.full(len(references), -1, np.float32)
        for part in slices(len(inputs.covered), slice_size(len(references))):
            np.maximum(covered, (units(inputs.covered[part]) @ of_references.T).max(axis=0), out=covered)
        shares = np.full(len(references), 1 / max(1, len(references)), np.float32)
        places, gains = herd(units(candidates) @ of_references.T, covered, shares, add)
        return Picks(candidates[places], gains)


class TypiClust(CoverageMethod):
    """From each of the largest clusters without labels, the image in the densest place."""

    name: Literal["typiclust"] = "typiclust"
    summary: ClassVar[str] = "Typical images of clusters that have no label yet."
    use: ClassVar[str] = "For the first labels, as `maxherding`; slower on large pools."
    source: ClassVar[str] = "Hacohen, Dekel, Weinshall: Active Learning on a Budget, ICML 2022"
    reason: ClassVar[ImageCode] = "typical"

    neighbours: int = Field(20, ge=1, le=200, description="Over how many of them typicality is measured.")
    most_clusters: int = Field(500, ge=2, le=10_000, description="More are not told apart, whatever is asked for.")

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        covered = inputs.covered
        rows = np.concatenate([covered, sample(inputs.candidates, max(ROWS_AT_MOST, 2 * add), rng)])
        units = inputs.geometry.units(rows)
        k = max(1, min(len(covered) + add, self.most_clusters, len(rows)))
        _, members = cluster(units, k, rng)
        free = np.arange(len(rows)) >= len(covered)
        large, small = _emptiest_first(members, free, k)
        ranked = [self._typical_first(units, np.flatnonzero(members == i), free, rng) for i in [*large, *small]]
        places, scores, clusters = _in_turn(ranked, add, first=len(large))
        return Picks(rows[places], scores, clusters)

    def _typical_first(
        self, units: Matrix, members: Rows, free: NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[Rows, NDArray[np.float64]]:
        """Rank the cluster's free members by typicality: 1 / mean distance to their nearest in the cluster.

        Return them, most typical first, and how typical each is.
        """
        others = sample(members, TYPICALITY_SAMPLE, rng)
        candidates = members[free[members]]
        k = min(self.neighbours, max(1, len(others) // 2), len(others) - 1)
        typicality = np.zeros(len(candidates))
        if k > 0:
            for part in slices(len(candidates)):
                distances = np.sqrt(squared_distances(units[candidates[part]], units[others]))
                distances[candidates[part][:, None] == others] = np.inf  # itself
                typicality[part] = 1 / (np.partition(distances, k - 1, axis=1)[:, :k].mean(axis=1) + 1e-5)
        order = np.argsort(-typicality, kind="stable")
        return candidates[order], typicality[order]


SMALL_CLUSTER = 5  # and smaller: taken from when nothing else is left
TYPICALITY_SAMPLE = 2_000


def _emptiest_first(members: Rows, free: NDArray[np.bool_], k: int) -> tuple[Rows, Rows]:
    """Sort the clusters by fewest labels, then by size; return the large ones, and the small ones."""
    sizes, labels = np.bincount(members, minlength=k), np.bincount(members[~free], minlength=k)
    order: Rows = np.lexsort((-sizes, labels))
    return order[sizes[order] > SMALL_CLUSTER], order[(sizes[order] > 0) & (sizes[order] <= SMALL_CLUSTER)]


def _in_turn(
    ranked: list[tuple[Rows, NDArray[np.float64]]], add: int, *, first: int = 0
) -> tuple[Rows, NDArray[np.float64], Rows]:
    """Take one of each list in turn, then the next of each, and so on; of the `first` lists before all others.

    Return the places taken, their scores, and the list that each came from.
    """
    picks = [
        (turn >= first, depth, turn, place, score)
        for turn, (places, scores) in enumerate(ranked)
        for depth, (place, score) in enumerate(zip(places[:add].tolist(), scores[:add].tolist(), strict=True))
    ]
    picks.sort(key=lambda pick: pick[:3])
    picks = picks[:add]
    return (
        np.array([place for *_, place, _ in picks], np.int64),
        np.array([score for *_, score in picks], np.float64),
        np.array([turn for _, _, turn, _, _ in picks], np.int64),
    )


class CoreSet(CoverageMethod):
    """Farthest first: the k-center greedy algorithm, from the pool's middle on while nothing is covered.

    Of a pool beyond 100,000 images, that many are drawn by chance.
    """

    name: Literal["coreset"] = "coreset"
    summary: ClassVar[str] = "Always the image farthest from all that is labelled."
    use: ClassVar[str] = "To compare with: it seeks outliers, and is at or below chance in most published results."
    source: ClassVar[str] = "Sener, Savarese: Active Learning for CNNs: A Core-Set Approach, ICLR 2018"
    reason: ClassVar[ImageCode] = "far"

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        rows = np.sort(sample(inputs.candidates, max(ROWS_AT_MOST, add), rng))
        units = inputs.geometry.units(rows)
        covered = inputs.geometry.units(inputs.covered) if len(inputs.covered) else units.mean(axis=0)[None]
        places, squared = _farthest_first(units, nearest(units, covered)[1], add)
        return Picks(rows[places], np.sqrt(squared))


REFRESHED = 256  # points whose distances are computed anew at a time, at first; then twice as many each time


def _farthest_first(points: Matrix, squared: Vector, k: int) -> tuple[Rows, NDArray[np.float64]]:
    """Pick k of the points (n, d), always the one farthest from all before; return their places and squared distances.

    squared: (n,) the squared distance of each to what is there already; it is changed.

    A distance never rises as more is picked, so an old one is a bound: only those of points that could still be the
    farthest are computed anew, and the picks are those of the plain greedy algorithm.
    """
    places, distances = np.empty(k, np.int64), np.empty(k)
    seen = np.zeros(len(points), np.int64)  # how many of the picks the distance of each takes into account
    for i in range(k):
        at_a_time = REFRESHED
        while seen[farthest := int(squared.argmax())] < i:
            stale = np.flatnonzero((seen < i) & (squared >= squared[seen == i].max(initial=-1)))
            if len(stale) > at_a_time:
                stale = stale[np.argpartition(-squared[stale], at_a_time)[:at_a_time]]
            at_a_time *= 2
            since = places[seen[stale].min() : i]
            squared[stale] = np.minimum(squared[stale], squared_distances(points[stale], points[since]).min(axis=1))
            seen[stale] = i
        places[i], distances[i] = farthest, squared[farthest]
        squared[farthest] = -1  # never again, not even when all that is left are copies
        seen[farthest] = k
    return places, distances


class Novelty(CoverageMethod):
    """Ranks by what the principal components of the labelled images can't express.

    The first version's `vae` on embeddings, with a guard against outliers: the most extreme hundredth is left out, and
    the batch is spread over clusters of the ten times as many that follow.
    """

    name: Literal["novelty"] = "novelty"
    summary: ClassVar[str] = "Images unlike anything that is labelled."
    use: ClassVar[str] = "To find what the labels have never seen; not for accuracy."
    source: ClassVar[str] = "ours: the first version's `vae` on embeddings, by principal components"
    reason: ClassVar[ImageCode] = "unlike"
    least_classes: ClassVar[int] = 1

    components: int = Field(
        64, ge=1, le=4_096, description="Of the labelled images; a quarter of their number at most."
    )

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        geometry = inputs.geometry
        residuals = self._residuals(geometry, inputs.candidates, inputs.covered)
        ranked = np.argsort(-residuals, kind="stable")
        outliers = min(len(ranked) // 100, len(ranked) - add)
        pool = np.sort(ranked[outliers : outliers + 10 * add])
        places, clusters = spread_over_clusters(geometry.units(inputs.candidates[pool]), add, rng)
        order = np.argsort(-residuals[pool[places]], kind="stable")
        places, clusters = places[order], clusters[order]
        return Picks(inputs.candidates[pool[places]], residuals[pool[places]].astype(np.float64), clusters)

    def _residuals(self, geometry: Geometry, rows: Rows, covered: Rows) -> Vector:
        """Return the squared length of what is left of each unit vector outside the components: (K,), 0..1."""
        of_covered = geometry.units(covered)
        basis = _principal(of_covered, min(self.components, len(covered) // 4))
        centre = of_covered.mean(axis=0) if len(covered) else np.zeros(of_covered.shape[1], np.float32)
        residuals = np.empty(len(rows), np.float32)
        for part in slices(len(rows)):
            off = geometry.units(rows[part]) - centre
            residuals[part] = np.einsum("nd,nd->n", off, off) - np.square(off @ basis).sum(axis=1)
        return np.maximum(residuals, 0, out=residuals)


def _principal(points: Matrix, k: int) -> Matrix:
    """Return the first k principal directions of the points: (n, d) -> (d, k), orthonormal."""
    if k == 0:
        return np.zeros((points.shape[1], 0), np.float32)
    _, _, directions = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    return np.ascontiguousarray(directions[:k].T)


def herd_rows(
    inputs: Inputs, add: int, rng: np.random.Generator, *, bandwidth: float, uncertainty: Vector | None = None
) -> Picks:
    """Pick by herding over a sample of the pool.

    uncertainty: (N,) what each row counts as one to be covered; None: 1.
    """
    looked_at = sampled(inputs, add, rng, bandwidth=bandwidth, uncertainty=uncertainty)
    places, gains = herd(looked_at.similarities, looked_at.covered, looked_at.shares, add)
    return Picks(looked_at.candidates[places], gains)


@dataclass(frozen=True, eq=False)
class Sampled:
    """What herding looks at: n candidates, a sample, and r references that they are to cover.

    candidates: (n,) rows. similarities: (n, r), of each to each reference. covered: (r,) how similar the nearest is of
    what is labelled or handed out. shares: (r,) what each reference counts.
    """

    candidates: Rows
    similarities: Matrix
    covered: Vector
    shares: Vector


def sampled(
    inputs: Inputs, add: int, rng: np.random.Generator, *, bandwidth: float, uncertainty: Vector | None = None
) -> Sampled:
    """Draw the candidates and references for `add` picks. uncertainty: as `herd_rows` has it."""
    geometry = inputs.geometry
    candidates, references = _draw_candidates_and_references(inputs, add, rng)
    of_references = geometry.units(references)
    weights = np.ones(len(references)) if uncertainty is None else uncertainty[references]
    covered = _covered(of_references, geometry.units(inputs.covered), bandwidth)
    similarities = similarity(geometry.units(candidates), of_references, bandwidth)
    shares = (weights / max(1, len(references))).astype(np.float32)
    return Sampled(candidates, similarities, covered, shares)


def _draw_candidates_and_references(inputs: Inputs, add: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Draw the candidates for `add` picks, and the references that they are to cover: (n,), (r,) rows."""
    candidates = sample(inputs.candidates, max(CANDIDATES, 4 * add), rng)
    entries = CANDIDATES * REFERENCES
    covering = inputs.candidates if inputs.references is None else inputs.references
    return candidates, sample(covering, max(1_000, min(REFERENCES, entries // max(1, len(candidates)))), rng)


def _covered(references: Matrix, covered: Matrix, bandwidth: float) -> Vector:
    """Return how similar the nearest of what is covered is to each reference: (r, d), (c, d) -> (r,)."""
    if not len(covered):
        return np.zeros(len(references), np.float32)
    similarities: Vector = np.exp(nearest(references, covered)[1] * np.float32(-1 / bandwidth**2))
    return similarities


def spread_over_clusters(points: Matrix, k: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Pick k of the points (n, d), n >= k, from k clusters: the nearest to the centre of each, then the next nearest.

    There are 1,000 clusters at most. Return the places of the points picked (k,), and their clusters (k,).
    """
    centres, members = cluster(points, min(k, MOST_CLUSTERS), rng)
    off = points - centres[members]
    order = np.lexsort((np.einsum("nd,nd->n", off, off), members))
    starts = np.unique(members[order], return_index=True)[1]
    places, _, _ = _in_turn([(part, np.zeros(len(part))) for part in np.split(order, starts[1:])], k)
    return places, members[places]

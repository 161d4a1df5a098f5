"""Methods that want both: images the head is unsure of, and not the same one many times."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nextlabel.core.methods.arrays import Matrix, Rows, Vector
from nextlabel.core.methods.base import Inputs, Method, Need, Picks, Preparation
from nextlabel.core.methods.coverage import ROWS_AT_MOST, herd_rows, spread_over_clusters
from nextlabel.core.methods.geometry import draw, sample, slices
from nextlabel.core.methods.reasons import ImageCode
from nextlabel.core.methods.uncertainty import Margin
from nextlabel.core.methods.units import ONE_AN_IMAGE, Units


class Hybrid(Method):
    """What the methods share that look at embeddings and at what the head says."""

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS, Need.LOGITS})
    drawn: ClassVar[float] = 0.5


class UHerding(Hybrid):
    """Picks by herding in which an image counts by how unsure the head is of it (1 minus its margin)."""

    name: Literal["uherding"] = "uherding"
    summary: ClassVar[str] = "Images that together stand for what the head is unsure of."
    use: ClassVar[str] = "With few labels a class, on any backbone; a good choice throughout."
    source: ClassVar[str] = "Bae, Oliveira, Sutherland: Uncertainty Herding, ICLR 2025"
    reason: ClassVar[ImageCode] = "unsure_region"
    drawn: ClassVar[float] = 1.0

    bandwidth: float = Field(1.0, ge=0.01, le=10, description="How far an image speaks for others; distances go to 2.")

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        assert inputs.logits is not None
        return herd_rows(inputs, add, rng, bandwidth=self.bandwidth, uncertainty=unsure(inputs.logits, inputs.units))

    @classmethod
    def tasks(cls) -> tuple[str, ...]:
        """Return those of its needs, and boxes: an image is as unsure as its boxes are."""
        return (*super().tasks(), "detection")


class ClusterMargin(Hybrid):
    """Clusters the least certain images by k-means, and picks the nearest to each centre.

    Citovsky et al. cluster the pool by average linkage beforehand, which needs all distances; k-means among the
    uncertain ones serves the same end.
    """

    name: Literal["cluster_margin"] = "cluster_margin"
    summary: ClassVar[str] = "The most uncertain images, spread over clusters."
    use: ClassVar[str] = "With many labels, large batches, and pools with copies or rare classes."
    source: ClassVar[str] = "Citovsky et al.: Batch Active Learning at Scale, NeurIPS 2021"
    reason: ClassVar[ImageCode] = "uncertain"

    pool_factor: float = Field(
        10.0, ge=1, le=1_000, description="How many times `add` uncertain images to choose among."
    )

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        least = Margin().select(inputs, int(min(self.pool_factor * add, len(inputs.candidates))), rng)
        places, clusters = spread_over_clusters(inputs.geometry.units(least.rows), add, rng)
        order = np.argsort(places, kind="stable")  # `least` is sorted by uncertainty
        places, clusters = places[order], clusters[order]
        return Picks(least.rows[places], least.scores[places], clusters)


class Badge(Hybrid):
    """Picks by k-means++ seeding among the gradients that each image would cause at its predicted class.

    The gradient is an outer product a x^T of the error and the embedding, so distances need its factors alone:
    |g - h|^2 = |a|^2|x|^2 + |b|^2|y|^2 - 2 (a.b)(x.y). Of a pool beyond 100,000 images, half of those looked at are
    the least certain, half are drawn by chance.
    """

    name: Literal["badge"] = "badge"
    summary: ClassVar[str] = "Images whose labels would change the head most, in different ways."
    use: ClassVar[str] = "With rare classes and many labels."
    source: ClassVar[str] = (
        "Ash et al.: Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds, ICLR 2020"
    )
    reason: ClassVar[ImageCode] = "changes_model"

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        assert inputs.logits is not None
        rows = uncertain_half(inputs, max(ROWS_AT_MOST, add), rng)
        X = inputs.geometry.units(rows)
        A = inputs.units.errors(inputs.logits[rows])
        places, scores = _spread_gradients(A, X, add, rng)
        return Picks(rows[places], scores)


def _spread_gradients(A: Matrix, X: Matrix, k: int, rng: np.random.Generator) -> tuple[Rows, NDArray[np.float64]]:
    """Pick k of n outer products of the rows of A (n, E) and X (n, d) by k-means++, from the longest on.

    Return their indices (k,), and the squared distance of each to those before it (k,).
    """
    squared = np.einsum("nc,nc->n", A, A) * np.einsum("nd,nd->n", X, X)
    far = squared
    places, scores = np.empty(k, np.int64), np.empty(k)
    for i in range(k):
        places[i] = j = draw(far, places[:i], rng) if i else int(far.argmax())
        scores[i] = far[j]
        distances = squared + squared[j] - 2 * (A @ A[j]) * (X @ X[j])
        far = np.maximum(distances, 0) if i == 0 else np.minimum(far, np.maximum(distances, 0))
        far[places[: i + 1]] = 0
    return places, scores


class Bait(Hybrid):
    """Picks what lowers the trace of the inverse Fisher information times the pool's, for a one-against-rest head.

    Its two gradient rows for each image add up to p(1 - p) x x^T, p the confidence, so that each pick is an update of
    rank one. Twice as many as wanted are picked, then the most dispensable given back. x is the embedding in the
    pool's first 256 principal directions. Of a pool beyond 50,000 images, half of those looked at are the least
    certain, half are drawn by chance.
    """

    name: Literal["bait"] = "bait"
    summary: ClassVar[str] = "Images that teach a linear head most about the whole pool."
    use: ClassVar[str] = "With a strong backbone and time: slow, and often very good at few to middling labels."
    source: ClassVar[str] = "Ash et al.: Gone Fishing, NeurIPS 2021; Huseljic et al.: Fast Fishing, ECML PKDD 2024"
    reason: ClassVar[ImageCode] = "tells_much"

    ridge: float = Field(0.01, ge=1e-6, le=100, description="Of the mean information in a direction.")
    directions: int = Field(
        256, ge=2, le=4_096, description="Principal directions to work in; time goes by its square."
    )

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        assert inputs.logits is not None
        rows = uncertain_half(inputs, max(BAIT_ROWS, 2 * add), rng)
        geometry = inputs.geometry
        basis = geometry.principal(self.directions)
        covered = inputs.covered
        X, X_covered = geometry.units(rows) @ basis, geometry.units(covered) @ basis
        share = add / max(1, len(covered) + add)
        spread = inputs.units.variances(inputs.logits[rows])
        F = _information(X, spread) / max(1, len(X))
        learnt = _information(X_covered, inputs.units.variances(inputs.logits[covered])) / max(1, len(covered))
        ridge = self.ridge * max(float(np.trace(F)) / len(F), LEAST_INFORMATION)
        places, scores = select_rows(X, spread * share, F, learnt * (1 - share) + ridge * np.eye(len(F)), add)
        return Picks(rows[places], scores)


BAIT_ROWS = 50_000


def _information(X: Matrix, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of weight x x^T over the rows x: (n, d), (n,) -> (d, d)."""
    total = np.zeros((X.shape[1], X.shape[1]))
    for part in slices(len(X)):
        wide = X[part].astype(np.float64)
        total += wide.T @ (wide * weights[part, None])
    return total


def select_rows(
    X: Matrix, weights: NDArray[np.float64], F: NDArray[np.float64], learnt: NDArray[np.float64], k: int
) -> tuple[Rows, NDArray[np.float64]]:
    """Pick k of the rows X (n, d): greedily 2k of them, of which the most dispensable are given back.

    Minimises tr(M^-1 F), M = learnt + the sum of weight x x^T over the picks. learnt, F: (d, d).

    Return their indices (k,), and what each gained as it was picked (k,).
    """
    forward = _Trace(X, F, learnt)
    chosen, gained = np.empty(min(2 * k, len(X)), np.int64), np.empty(min(2 * k, len(X)))
    free = np.ones(len(X), bool)
    for i in range(len(chosen)):
        gains = np.where(free, weights * forward.t / (1 + weights * forward.s), -np.inf)
        chosen[i] = j = int(gains.argmax())
        gained[i], free[j] = gains[j], False
        forward.add(j, weights[j])
    kept = _give_back(X[chosen], weights[chosen], F, learnt, k)
    return chosen[kept], gained[kept]


def _give_back(
    X: Matrix, weights: NDArray[np.float64], F: NDArray[np.float64], learnt: NDArray[np.float64], k: int
) -> Rows:
    """Take out the row that costs least, again and again, until k are left. Return those."""
    back = _Trace(X, F, learnt + _information(X, weights))  # afresh: updates gather rounding errors
    kept = np.ones(len(X), bool)
    for _ in range(len(X) - k):
        losses = weights * back.t / np.maximum(1 - weights * back.s, ALMOST_ALL)
        i = int(np.where(kept, losses, np.inf).argmin())
        kept[i] = False
        back.add(i, -weights[i])
    return np.flatnonzero(kept)


class _Trace:
    """Keeps the derivatives of tr(M^-1 F): s = x M^-1 x and t = x M^-1 F M^-1 x of every row x.

    M + weight x x^T changes both by two products with the rows (Sherman and Morrison).
    """

    def __init__(self, X: Matrix, F: NDArray[np.float64], M: NDArray[np.float64]) -> None:
        self._X, self._F = X.astype(np.float64), F
        self._inverse = np.linalg.inv(M)
        XM = self._X @ self._inverse
        self.s: NDArray[np.float64] = np.einsum("nd,nd->n", XM, self._X)
        self.t: NDArray[np.float64] = np.einsum("nd,nd->n", XM @ F, XM)

    def add(self, j: int, weight: float) -> None:
        """Add weight x x^T of the j-th row x to M. A negative weight takes it out again."""
        u = self._inverse @ self._X[j]
        c = weight / (1 + weight * float(self._X[j] @ u))
        a, b = (self._X @ np.column_stack([u, self._inverse @ (self._F @ u)])).T
        self.t += c * c * float(u @ self._F @ u) * a**2 - 2 * c * a * b
        self.s -= c * a**2
        self._inverse -= c * np.outer(u, u)


ALMOST_ALL = 1e-9  # a row whose direction is nobody else's: what is left without it is the ridge
LEAST_INFORMATION = 1e-9  # a head that is sure of everything leaves none


class DropQuery(Hybrid):
    """Picks where a head trained with dropout contradicts itself, spread over clusters."""

    name: Literal["dropquery"] = "dropquery"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS, Need.LOGITS, Need.VOTES})
    summary: ClassVar[str] = "Images whose class changes when part of the embedding is left out, spread over clusters."
    use: ClassVar[str] = "With few to middling labels and a strong backbone."
    source: ClassVar[str] = "Gupte et al.: Revisiting AL in the Era of Vision Foundation Models, TMLR 2024"
    reason: ClassVar[ImageCode] = "guess_changes"

    passes: int = Field(3, ge=1, le=100, description="How often the head is asked with dropout.")

    @property
    def preparation(self) -> Preparation:
        return Preparation(passes=self.passes)

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        assert inputs.votes is not None
        votes = inputs.votes[:, inputs.candidates]
        changed = (votes[1:] != votes[0]).sum(axis=0)  # (K,)
        pool = np.flatnonzero(changed >= _threshold(changed, len(votes) - 1, min(ENOUGH * add, len(changed))))
        others = np.setdiff1d(np.arange(len(changed)), pool)
        if len(pool) < add:
            pool = np.sort(np.concatenate([pool, rng.choice(others, add - len(pool), replace=False)]))
        pool = np.sort(sample(pool, max(ROWS_AT_MOST, add), rng))
        rows = inputs.candidates[pool]
        places, clusters = spread_over_clusters(inputs.geometry.units(rows), add, rng)
        order = np.argsort(-changed[pool[places]], kind="stable")
        places, clusters = places[order], clusters[order]
        return Picks(rows[places], changed[pool[places]] / max(1, len(votes) - 1), clusters)


ENOUGH = 25  # candidates for each pick; with fewer, less contradiction will do


def _threshold(changed: Rows, passes: int, enough: int) -> int:
    """Return how many contradictions to ask for: more than half of the passes, fewer where too few images have them."""
    least = passes // 2 + 1
    while least > 1 and np.count_nonzero(changed >= least) < enough:
        least -= 1
    return least


def unsure(logits: NDArray[Any], units: Units = ONE_AN_IMAGE) -> Vector:
    """Return (N,): 1 minus the margin of each image."""
    return units.doubts(Margin.score, logits)[0].astype(np.float32)


def uncertain_half(inputs: Inputs, most: int, rng: np.random.Generator) -> Rows:
    """Return the candidates, or `most` of them: half the least certain, half drawn by chance from the others."""
    if len(inputs.candidates) <= most:
        return inputs.candidates
    least = Margin().select(inputs, most // 2, rng).rows
    return np.sort(np.concatenate([least, sample(np.setdiff1d(inputs.candidates, least), most - len(least), rng)]))

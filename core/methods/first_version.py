"""The first version's two methods of diversity, as its README describes them. core/neural trains their networks.

They are here for those who know them and to compare with; others of this package teach more.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nextlabel.core.methods.arrays import Rows
from nextlabel.core.methods.base import Inputs, Method, Need, Picks, Preparation
from nextlabel.core.methods.reasons import ImageCode

EPOCHS_MOST = 10_000


class Vae(Method):
    """Ranks by the error with which a VAE, trained on the labelled images, reconstructs an image.

    The first version, given two classes, trained one VAE on each and scored the images by the wrong one, so that it
    measured contrast between classes; its README describes this.
    """

    name: Literal["vae"] = "vae"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.RECONSTRUCTION_ERRORS})
    summary: ClassVar[str] = "Images that a network trained on the labelled ones can't reconstruct."
    use: ClassVar[str] = "For parity with the first version: it seeks outliers, and is no better than chance."
    source: ClassVar[str] = "the first version; Kingma, Welling: Auto-Encoding Variational Bayes, ICLR 2014"
    reason: ClassVar[ImageCode] = "hard_to_reconstruct"

    epochs: int | None = Field(
        None, ge=1, le=EPOCHS_MOST, description="`vae50` sets 50. Left out: until it gets no better, 100 at most."
    )

    @property
    def preparation(self) -> Preparation:
        return Preparation(epochs=self.epochs)

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        assert inputs.reconstruction_errors is not None
        errors = inputs.reconstruction_errors[inputs.candidates].astype(np.float64)
        best = np.argsort(-errors, kind="stable")[:add]
        return Picks(inputs.candidates[best], errors[best])


class Mixture(Method):
    """Draws from each component of a mixture fitted to the labelled images, the more the rarer it is among the others.

    A siamese network, trained on triplets of labelled images, lays the embeddings out in 2 dimensions; a Gaussian
    mixture is fitted to the labelled ones there, and every image belongs to a component of it.
    """

    name: Literal["mixture"] = "mixture"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.COMPONENTS})
    summary: ClassVar[str] = "Images from each cluster of a map that keeps classes apart, more from the rarer ones."
    use: ClassVar[str] = "For parity with the first version, with few classes. Its result has the map."
    source: ClassVar[str] = "the first version; Schroff et al.: FaceNet (triplet loss), CVPR 2015"
    reason: ClassVar[ImageCode] = "rare_cluster"
    fixed_clusters: ClassVar[bool] = True

    epochs: int | None = Field(None, ge=1, le=EPOCHS_MOST, description="`mixture3` sets 3. Left out: 2.")

    @property
    def preparation(self) -> Preparation:
        return Preparation(epochs=self.epochs)

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        """Score each image by the quota of its cluster, as a share of `add`; chance decides within a cluster."""
        assert inputs.components is not None
        components = inputs.components[inputs.candidates]
        clusters, sizes = np.unique(components, return_counts=True)
        taken = quotas(sizes, add)
        drawn = [
            rng.permutation(inputs.candidates[components == cluster])[:n]
            for cluster, n in zip(clusters, taken, strict=True)
        ]
        rows = np.concatenate([np.empty(0, np.int64), *drawn])
        scores = np.repeat(taken / max(1, add), taken)
        order = np.argsort(-scores, kind="stable")
        return Picks(rows[order], scores[order], np.repeat(clusters, taken)[order])


def quotas(sizes: Rows, add: int) -> Rows:
    """Return how many to take of each of k clusters: sizes (k,) -> (k,), `add` in all, add <= sizes.sum().

    In proportion to 1 - share of the pool, by largest remainder, never more than a cluster has; what it can't give, the
    others do.
    """
    taken = np.zeros(len(sizes), np.int64)
    wish = 1 - sizes / max(1, sizes.sum()) if len(sizes) > 1 else np.ones(len(sizes))
    while (missing := add - int(taken.sum())) > 0:
        open_ = taken < sizes
        taken += np.minimum(_largest_remainder(np.where(open_, wish, 0.0), missing), sizes - taken)
    return taken


def _largest_remainder(weights: NDArray[np.float64], total: int) -> Rows:
    """Return whole numbers (k,) in proportion to the weights, `total` in all; ties go to the first."""
    exact = weights / weights.sum() * total
    whole: Rows = np.floor(exact).astype(np.int64)
    order = np.lexsort((np.arange(len(exact)), -(exact - whole)))
    whole[order[: total - int(whole.sum())]] += 1
    return whole

"""Methods that look at the boxes which a detector finds: how unsure it is of each, and what that comes to for an image.

A box is unsure by the entropy h(s) of its score s: whether there is such an object. A sum over boxes wants images with
many of them, which take a person as much longer; a mean wants images with one odd box.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nextlabel.core.methods.arrays import Rows
from nextlabel.core.methods.base import Inputs, Method, Need, Picks
from nextlabel.core.methods.found_boxes import FoundBoxes
from nextlabel.core.methods.reasons import ImageCode
from nextlabel.core.methods.units import OneAnImage, Scores

CLIPPED = 1e-6  # scores that are sure to the last digit have an entropy, too
NOTHING_FOUND = 0.05  # of the images with a doubt, the share that is surer than one on which nothing was found
LEAST_MASS = 1e-12
ROUNDS = 20  # of k-medoids
BOXES_COMPARED = 50  # of an image, the surest


def entropy(scores: Scores) -> Scores:
    """h(s) = -s ln s - (1 - s) ln(1 - s), the doubt whether a box is one."""
    s = np.clip(scores, CLIPPED, 1 - CLIPPED)
    found: Scores = -s * np.log(s) - (1 - s) * np.log(1 - s)
    return found


class BoxMethod(Method):
    """Ranks images by what the doubts of their boxes come to. Equal ones come in an order drawn by chance."""

    needs: ClassVar[frozenset[Need]] = frozenset({Need.BOXES})
    reason: ClassVar[ImageCode] = "doubtful_boxes"

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        assert inputs.boxes is not None
        doubts = self.of_candidates(inputs.boxes.take(inputs.candidates))
        order = np.lexsort((rng.permutation(len(doubts)), -doubts))[:add]
        return Picks(inputs.candidates[order], doubts[order])

    @classmethod
    def of_candidates(cls, boxes: FoundBoxes) -> Scores:
        """Return (K,): how doubtful each of K images is; those on which nothing was found are a little."""
        return with_nothing_found(cls.doubts(boxes), boxes)

    @staticmethod
    @abstractmethod
    def doubts(boxes: FoundBoxes) -> Scores:
        """Return (K,): what the doubts of the boxes come to; 0 for an image without one."""


class DetSum(BoxMethod):
    """Sums the entropies of an image's boxes."""

    name: Literal["det_sum"] = "det_sum"
    summary: ClassVar[str] = "Images whose boxes are doubtful, all of them added up."
    use: ClassVar[str] = "Where images have about as many objects each: else it takes the crowded ones."
    source: ClassVar[str] = "Brust, Käding, Denzler: Active Learning for Deep Object Detection, VISAPP 2019 (sum)"

    @staticmethod
    def doubts(boxes: FoundBoxes) -> Scores:
        return boxes.total(entropy(boxes.scores))


class DetMax(BoxMethod):
    """Takes the most doubtful box of an image for the image."""

    name: Literal["det_max"] = "det_max"
    summary: ClassVar[str] = "Images with a very doubtful box."
    use: ClassVar[str] = "Where a single rare object matters, and predictions of nothing are few."
    source: ClassVar[str] = "Brust, Käding, Denzler: Active Learning for Deep Object Detection, VISAPP 2019 (maximum)"

    @staticmethod
    def doubts(boxes: FoundBoxes) -> Scores:
        return boxes.largest(entropy(boxes.scores))


class DetMean(BoxMethod):
    """Takes the mean of the entropies of an image's boxes."""

    name: Literal["det_mean"] = "det_mean"
    summary: ClassVar[str] = "Images whose boxes are doubtful on average."
    use: ClassVar[str] = "To draw few boxes for each image; one odd box may carry an image."
    source: ClassVar[str] = "Brust, Käding, Denzler: Active Learning for Deep Object Detection, VISAPP 2019 (average)"

    @staticmethod
    def doubts(boxes: FoundBoxes) -> Scores:
        return boxes.mean(entropy(boxes.scores))


class ClassSum(BoxMethod):
    """Sums entropies by class, makes each class's sum over the candidates one, and weighs it by how badly the class is
    found: rare classes and hard ones count as much as those with most of the boxes."""

    name: Literal["class_sum"] = "class_sum"
    summary: ClassVar[str] = "Images whose boxes are doubtful, each class counting by how badly it is known."
    use: ClassVar[str] = "Where classes are uneven; what `auto` weighs images by."
    source: ClassVar[str] = "ours: docs/detection.md"

    @staticmethod
    def doubts(boxes: FoundBoxes) -> Scores:
        h = entropy(boxes.scores)
        mass = np.bincount(boxes.classes, h, len(boxes.quality))
        weights = (1 - boxes.quality) / np.maximum(mass, LEAST_MASS)
        return boxes.total(weights[boxes.classes] * h)


class Ppal(Method):
    """Sums entropies weighed by how hard a class is, takes `pool_factor` times as many images as asked for, and of
    these k medoids, so that their boxes of a class look unlike: Yang, Huang and Crowley's two stages."""

    name: Literal["ppal"] = "ppal"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.BOXES, Need.DESCRIBED_BOXES})
    summary: ClassVar[str] = "Doubtful images, hard classes first, whose objects look unlike."
    use: ClassVar[str] = "With the built-in detector, where many images look alike; slower for large batches."
    source: ClassVar[str] = "Yang, Huang, Crowley: Plug and Play Active Learning for Object Detection, CVPR 2024"
    reason: ClassVar[ImageCode] = "doubtful_other_boxes"

    pool_factor: float = Field(4.0, ge=1, le=20, description="How many times `add` doubtful images to choose among.")

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        assert inputs.boxes is not None
        boxes = inputs.boxes.take(inputs.candidates)
        doubts = with_nothing_found(hard_sum(boxes), boxes)
        order = np.lexsort((rng.permutation(len(doubts)), -doubts))[: int(self.pool_factor * add)]
        medoids = order[np.sort(k_medoids(unlikeness(boxes.take(order)), add))]
        return Picks(inputs.candidates[medoids], doubts[medoids])


ALPHA, BETA = 0.3, 0.2  # as the paper has them


def hard_sum(boxes: FoundBoxes) -> Scores:
    """Return (N,): the entropies of an image's boxes, each times 1 + ab ln(1 + (e^(1/a) - 1)(1 - q)) of its class."""
    weights = 1 + ALPHA * BETA * np.log1p(np.expm1(1 / ALPHA) * (1 - boxes.quality))
    return boxes.total(weights[boxes.classes] * entropy(boxes.scores))


def with_nothing_found(doubts: Scores, boxes: FoundBoxes) -> Scores:
    """Give images on which nothing was found a low doubt, else they would never be looked at: (N,) -> (N,)."""
    some = np.diff(boxes.starts) > 0
    if not some.any():
        return doubts
    low = float(np.quantile(doubts[some], NOTHING_FOUND))
    return np.where(some, doubts, low)


def unlikeness(boxes: FoundBoxes) -> NDArray[np.float64]:
    """Return (n, n): how unlike the objects on two of n images are, from 0 to 2.

    Each box is held against the most alike one of its class on the other image (1 minus the cosine; 2 where there is
    none), and they count by their scores.
    """
    assert boxes.described is not None
    n = len(boxes.starts) - 1
    surest = [_surest(boxes, row) for row in range(n)]
    found = np.full((n, n), 2.0)
    some = np.flatnonzero([len(one) for one in surest])
    theirs = np.concatenate([np.empty(0, np.int64), *(surest[i] for i in some)])
    starts = np.cumsum([0, *(len(surest[i]) for i in some[:-1])])
    for i in some.tolist():
        mine = surest[i]
        apart = 1 - boxes.described[mine].astype(np.float64) @ boxes.described[theirs].T
        apart[boxes.classes[mine][:, None] != boxes.classes[theirs][None, :]] = 2.0
        nearest = np.minimum.reduceat(apart, starts, axis=1)  # of each of mine, on each image
        found[i, some] = np.average(nearest, axis=0, weights=boxes.scores[mine] + LEAST_MASS)
    both: NDArray[np.float64] = (found + found.T) / 2
    np.fill_diagonal(both, 0)
    return both


def _surest(boxes: FoundBoxes, row: int) -> Rows:
    at = np.arange(boxes.starts[row], boxes.starts[row + 1])
    return at[np.argsort(-boxes.scores[at], kind="stable")[:BOXES_COMPARED]]


def k_medoids(distances: NDArray[np.float64], k: int) -> Rows:
    """Pick k of n: the first, then always the one farthest from those picked; then each the middle of its cluster."""
    if k >= len(distances):
        return np.arange(len(distances))
    picked = [0]
    for _ in range(k - 1):
        far = distances[:, picked].min(axis=1)
        far[picked] = -1
        picked.append(int(far.argmax()))
    medoids = np.array(picked)
    for _ in range(ROUNDS):
        nearest = distances[:, medoids].argmin(axis=1)
        nearest[medoids] = np.arange(k)
        members = [np.flatnonzero(nearest == i) for i in range(k)]
        moved = np.array([own[distances[np.ix_(own, own)].sum(axis=1).argmin()] for own in members])
        if np.array_equal(moved, medoids):
            break
        medoids = moved
    return medoids


class GivenDoubts(OneAnImage):
    """Images whose doubts are known: what is said of n of them is (n, 1), the doubt of each."""

    def doubts(self, measure: Any, said: NDArray[Any], rows: Rows | None = None) -> tuple[Scores, Scores]:
        doubts = (said if rows is None else said[rows])[:, 0].astype(np.float64)
        return doubts, np.zeros(len(doubts))


GIVEN_DOUBTS = GivenDoubts()

"""The head of the task `multilabel`: one sigmoid a class on a ridge regression that all classes share the work of.

Each class is regressed, yes against no, on the scaled embeddings at unit length. One eigendecomposition serves all
classes and strengths, and gives what each image would score had it been left out, in closed form (Allen's PRESS). From
these honest scores come each class's strength, the sigmoid that makes probabilities of its scores, and its threshold.
A class of few images hardly has evidence of its own; the rarer it is, the more it takes over from all classes together.
docs/heads.md compares it with logistic regressions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.heads.scaling import Scaling
from nextlabel.core.neural.training import Examples, Floats, Integers, Tick, ignore

RIDGES = tuple(0.1 * 2.0**step for step in range(12))  # penalties, where an embedding's squared length is 1
KNOWN_BY = 20  # images of a class for its own evidence to count as much as that of all classes
SLOPE_KNOWN_BY = 10  # the same for the slope of its sigmoid
THRESHOLDS = np.linspace(0.02, 0.98, 97)  # that are tried
NEWTON_STEPS = 25
LEAST_VARIANCE = 1e-7  # a direction in which the embeddings vary less than this is none

Flags = NDArray[np.bool_]
Wide = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class SigmoidHead(Head):
    """Logits are affine in the scaled embedding at unit length. `ridges` (C,) are the penalties of the classes."""

    name: ClassVar[str] = "linear"
    ridges: Wide
    scaling: Scaling = field(repr=False)
    weights: Floats = field(repr=False)  # (d, C)
    bias: Floats = field(repr=False)  # (C,)

    @classmethod
    def train(
        cls,
        examples: Examples,
        *,
        seed: int,
        device: str = "cpu",  # noqa: ARG003 - every head takes it
        tick: Tick = ignore,
    ) -> SigmoidHead:
        """Train on the CPU, whatever the device: `train_sigmoids` says how."""
        return train_sigmoids("linear", examples, seed=seed, tick=tick)

    def forward(self, embeddings: Floats) -> Floats:
        logits: Floats = _at_unit_length(self.scaling(embeddings)) @ self.weights
        logits += self.bias
        return logits


def train_sigmoids(
    name: str,
    examples: Examples,
    *,
    seed: int,  # noqa: ARG001 - nothing is left to chance
    device: str = "cpu",  # noqa: ARG001
    tick: Tick = ignore,
) -> SigmoidHead:
    """Train one sigmoid a class. The names of classes aren't asked: that was not measured for several classes.

    Each class occurs. One that every image has is given to every image.

    Raises ValueError when the inputs break these terms.
    """
    said = _checked(name, examples)
    embeddings, n_classes = examples.embeddings, examples.n_classes
    with threadpool_limits(1, user_api="blas"):
        scaling = Scaling.of(embeddings)
        X = _at_unit_length(scaling(embeddings))
        tick(0, 3)
        regression = _Regression.of(X, said)
        tick(1, 3)
        held_out, losses = regression.left_out()
        picked = _own_strengths(losses, said.sum(axis=0))
        scores = held_out[picked, :, np.arange(n_classes)].T  # (L, C)
        tick(2, 3)
        slopes, offsets = _sigmoids(scores, said)
        weights, bias = regression.solve(X, np.asarray(RIDGES)[picked])
    probabilities = _sigmoid(scores * slopes + offsets)
    tick(3, 3)
    return SigmoidHead(
        n_classes=n_classes,
        temperature=1.0,
        thresholds=_own_thresholds(probabilities, said),
        details={"strengths_tried": len(RIDGES), "left_out_images": len(X)},
        ridges=np.asarray(RIDGES)[picked],
        scaling=scaling,
        weights=(weights * slopes).astype(np.float32),
        bias=(bias * slopes + offsets).astype(np.float32),
    )


def left_out_logits(
    like: Head,
    examples: Examples,
    *,
    seed: int,  # noqa: ARG001
    device: str = "cpu",  # noqa: ARG001
    tick: Tick = ignore,
) -> Floats:
    """Return logits (L, C), each row by sigmoids like those of `like` that were trained without the image."""
    assert isinstance(like, SigmoidHead)
    embeddings, said = examples.embeddings, examples.targets.astype(np.bool_)
    with threadpool_limits(1, user_api="blas"):
        regression = _Regression.of(_at_unit_length(Scaling.of(embeddings)(embeddings)), said)
        tick(0, 1)
        held_out, _ = regression.left_out()
        picked = np.searchsorted(RIDGES, like.ridges)
        scores = held_out[picked, :, np.arange(said.shape[1])].T
        slopes, offsets = _sigmoids(scores, said)
    return (scores * slopes + offsets).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Regression:
    """Ridge regressions of all classes, in the directions U (L, r) in which the images vary, by `variances` (r,).

    answers: (L, C), 1 for yes and -1 for no. A constant stands beside the embedding for the share of images that have
    the class; it is penalised as an embedding's length is, that is hardly.
    """

    U: Wide
    variances: Wide
    answers: Wide

    @classmethod
    def of(cls, X: Floats, said: Flags) -> _Regression:
        wide = np.concatenate([X, np.ones((len(X), 1), np.float32)], axis=1)
        flat = len(wide) > wide.shape[1]
        products = (wide.T @ wide if flat else wide @ wide.T).astype(np.float64)
        variances, vectors = np.linalg.eigh(products)
        there = variances > LEAST_VARIANCE * max(1, variances[-1])
        variances, vectors = variances[there], vectors[:, there]
        U = (wide @ vectors) / np.sqrt(variances) if flat else vectors
        return cls(U, variances, np.where(said, 1.0, -1.0))

    def left_out(self) -> tuple[Wide, Wide]:
        """Return what each image scores without itself under each of RIDGES, (S, L, C), and the mean error, (S, C)."""
        rotated, squared = self.U.T @ self.answers, self.U**2
        held_out = np.empty((len(RIDGES), *self.answers.shape), np.float32)
        losses = np.empty((len(RIDGES), self.answers.shape[1]))
        for s, ridge in enumerate(RIDGES):
            share = self.variances / (self.variances + ridge)
            error = self.answers - self.U @ (share[:, None] * rotated)
            error /= 1 - np.minimum(squared @ share, 1 - 1e-6)[:, None]
            held_out[s], losses[s] = self.answers - error, (error**2).mean(axis=0)
        return held_out, losses

    def solve(self, X: Floats, ridges: Wide) -> tuple[Wide, Wide]:
        """Return the weights (d, C) and the constants (C,), each class by its own ridge."""
        dual = self.U @ ((self.U.T @ self.answers) / (self.variances[:, None] + ridges))
        return X.T.astype(np.float64) @ dual, dual.sum(axis=0)


# --- what is chosen by the scores of images left out --------------------------------------------------------------


def _own_strengths(losses: Wide, images: Integers) -> Integers:
    """Pick one of RIDGES for each class, by losses (S, C): its own, and all classes' the more, the rarer it is."""
    own = losses / losses.min(axis=0)
    together = losses.mean(axis=1, keepdims=True)
    picked: Integers = (images * own + KNOWN_BY * together / together.min()).argmin(axis=0)
    return picked


def _sigmoids(scores: NDArray[np.floating], said: Flags) -> tuple[Wide, Wide]:
    """Fit each class's slope and offset (C,) by Platt scaling, with his targets a little off 0 and 1.

    The slope is drawn towards that of all classes together, and never turns an order round.
    """
    wide, yes = scores.astype(np.float64), said.sum(axis=0)
    no = len(said) - yes
    targets = np.where(said, (yes + 1) / (yes + 2), 1 / (no + 2))
    start = np.log((yes + 1) / (no + 1))
    one, _ = _newton(wide, targets, np.ones(1), start, np.full(1, 1e-3 * len(wide)), shared=True)
    common = np.maximum(one, 0.1)
    return _newton(wide, targets, np.repeat(common, len(yes)), start, np.repeat(SLOPE_KNOWN_BY / common**2, len(yes)))


def _newton(
    scores: Wide, targets: Wide, common: Wide, offsets: Wide, pull: Wide, *, shared: bool = False
) -> tuple[Wide, Wide]:
    """Minimise cross-entropy + pull / 2 (slope - common)^2, for each class; `shared`: with one slope for all (1,)."""
    slopes, offsets = common.copy(), offsets.copy()
    for _ in range(NEWTON_STEPS):
        p = _sigmoid(scores * slopes + offsets)
        error, bend = p - targets, p * (1 - p) + 1e-9
        b, bb = error.sum(axis=0), bend.sum(axis=0) + 1e-3
        a, aa, ab = (error * scores).sum(axis=0), (bend * scores**2).sum(axis=0), (bend * scores).sum(axis=0)
        if shared:  # eliminate the offsets
            slope_step = (a - ab * b / bb).sum(keepdims=True) + pull * (slopes - common)
            slope_step /= (aa - ab**2 / bb).sum(keepdims=True) + pull
        else:
            slope_step = (a + pull * (slopes - common) - ab * b / bb) / (aa + pull - ab**2 / bb)
        slope_step = np.clip(slope_step, -slopes, slopes / 2)
        slopes = slopes - slope_step
        offsets = offsets - np.clip((b - ab * slope_step) / bb, -2, 2)
    return slopes, offsets


def _own_thresholds(probabilities: Wide, said: Flags) -> Wide:
    """Choose each class's threshold (C,): the median of three, for each alone goes astray with few images of a class.

    They are the best for the F1 of the images left out; the best for the F1 to expect of them if the probabilities mean
    what they say; and the one at which as many of them are given the class as have it.
    """
    hits, expected, given = np.empty((3, len(THRESHOLDS), said.shape[1]))
    for i, threshold in enumerate(THRESHOLDS):
        reached = probabilities >= threshold
        given[i], hits[i] = reached.sum(axis=0), (reached & said).sum(axis=0)
        expected[i] = np.where(reached, probabilities, 0).sum(axis=0)
    best, hoped = _best(hits, given, said.sum(axis=0)), _best(expected, given, probabilities.sum(axis=0))
    chosen: Wide = np.median([best, hoped, _as_many(probabilities, said)], axis=0)
    return chosen


def _best(hits: Wide, given: Wide, having: Wide | Integers) -> Wide:
    """Choose of THRESHOLDS what is best for F1, for each class (C,); the middle one of those that are as good."""
    f1 = 2 * hits / (given + having)
    best = f1 >= f1.max(axis=0) - 1e-9
    chosen: Wide = THRESHOLDS[(2 * best.cumsum(axis=0) >= best.sum(axis=0)).argmax(axis=0)]
    return chosen


def _as_many(probabilities: Wide, said: Flags) -> Wide:
    """Return what lies between the n-th highest probability and the next, n being how many have the class: (C,)."""
    falling = -np.sort(-probabilities, axis=0)
    last = said.sum(axis=0) - 1
    ends = falling[[last, np.minimum(last + 1, len(said) - 1)], np.arange(said.shape[1])]
    middle: Wide = ends.mean(axis=0)
    return middle


# --- arithmetic -------------------------------------------------------------------------------------------------


def _sigmoid(logits: Wide) -> Wide:
    return np.asarray((1 + np.tanh(logits / 2)) / 2)


def _at_unit_length(Z: Floats) -> Floats:
    lengths = np.sqrt(np.einsum("ld,ld->l", Z, Z))
    Z /= np.where(lengths > 0, lengths, 1)[:, None]
    return Z


def _checked(name: str, examples: Examples) -> Flags:
    if name != SigmoidHead.name:
        raise ValueError(f"there is no head {name!r} that gives an image several classes; there is {SigmoidHead.name}")
    embeddings, targets, n_classes = examples.embeddings, examples.targets, examples.n_classes
    if embeddings.ndim != 2 or targets.shape != (len(embeddings), n_classes):
        raise ValueError(f"embeddings {embeddings.shape} and targets {targets.shape} don't fit together")
    said = targets.astype(np.bool_)
    if not n_classes or not said.any(axis=0).all():
        raise ValueError(f"targets must hold each of the {n_classes} classes")
    if not (said != said[:1]).any():
        raise ValueError("all images say the same: a head needs two classes, or images without a class")
    if not np.isfinite(embeddings).all():
        raise ValueError("embeddings hold a value that is not finite")
    return said

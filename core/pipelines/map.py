"""The pool in a plane: images that look alike lie close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from nextlabel.core.kinds.map import KIND, OF_BOXES, MapRequest, MapResult
from nextlabel.core.methods.base import Rows
from nextlabel.core.methods.geometry import Geometry, sample, slices, squared_distances
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.material import manifest, rounded, skipped_images, train
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import source_of
from nextlabel.core.pipelines.within import embed_pool, read_pool

LANDMARKS = 1_000  # laid out by t-SNE; the others lie among the nearest of them
DIRECTIONS, PERPLEXITY, NEIGHBOURS = 50, 30.0, 5
SETTLING = 3  # rounds of 250 steps
ALIKE = 1e-6  # apart, of unit vectors: what float32 leaves of vectors that are the same
SPREAD = 0.02  # of the plane: what lies on the same landmarks doesn't lie on the same spot


def carry_out(request: MapRequest, run: Run) -> MapResult:
    drawn = draw_map(request, run)
    predicted = drawn.predicted
    return MapResult(
        classes=tuple(-1 if target is None else int(target) for target in drawn.targets),
        predicted=None if predicted is None else tuple(predicted.tolist()),
        **drawn.told,
    )


@dataclass(frozen=True, eq=False)
class Drawn:
    """The n images that have a place in the plane.

    targets: (n,) what each is labelled, None where it is not. predicted: (n, ...) as targets; None without a head.
    told: what every result says, whatever a label is.
    """

    targets: list[Any]
    predicted: NDArray[Any] | None
    told: dict[str, Any]


def draw_map(request: MapRequest, run: Run) -> Drawn:
    """t-SNE (van der Maaten and Hinton, JMLR 2008) of a sample, the labelled images first; coordinates in -1..1."""
    run.plan(*KIND.planned(leave_out=OF_BOXES))
    run.stage("read")
    labelled = read_pool(request, run)
    source = source_of(request, run)
    embedded = embed_pool(request, labelled, source, run)
    matched, head = embedded.matched, None
    if labelled.task.can_train(matched):
        run.stage("train")
        head, _ = train(request, embedded.embeddings, matched, run, neighbourhood=embedded.neighbourhood)
    rows = _shown(embedded, request.points, request.seed)
    places = lay_out(Geometry(embedded.embeddings), rows, request.seed, run)
    every_class = np.arange(len(matched.classes))
    predicted = None
    if head is not None:
        logits = head.logits(embedded.embeddings[rows])
        predicted = labelled.task.decide(logits, every_class, len(every_class), head.thresholds)
    told: dict[str, Any] = {
        "class_names": matched.classes,
        "names": tuple(embedded.pool.names[row] for row in rows),
        "x": tuple(rounded(x) for x in places[:, 0]),
        "y": tuple(rounded(y) for y in places[:, 1]),
        "images": len(embedded.pool),
        "reached": embedded.reached,
        "skipped": skipped_images(labelled.pool.skipped, embedded.unreadable),
        "manifest": manifest(request, source, run, head=head is not None, sources={"pool": labelled}),
    }
    by_row = dict(zip(matched.rows.tolist(), matched.targets, strict=True))
    return Drawn([by_row.get(row) for row in rows.tolist()], predicted, told)


def _shown(embedded: Embedded, most: int, seed: int) -> Rows:
    """Of all images, ascending: the labelled ones, and of the others as many as there is room for, by chance."""
    rng = np.random.default_rng(seed)
    labelled = sample(embedded.matched.rows, most, rng)
    rest = np.setdiff1d(np.arange(len(embedded.pool), dtype=np.int64), embedded.matched.rows, assume_unique=True)
    others = sample(rest, most - len(labelled), rng)
    return np.sort(np.concatenate([labelled, others]))


def lay_out(geometry: Geometry, rows: Rows, seed: int, run: Run) -> NDArray[np.float64]:
    """(n, d) -> (n, 2): landmarks by t-SNE, and each image at the mean of the nearest of them, the nearer the more."""
    rng = np.random.default_rng(seed)
    directions = geometry.principal(DIRECTIONS)
    low = np.concatenate([geometry.units(rows[part]) @ directions for part in slices(len(rows))])
    landmarks = np.sort(rng.permutation(len(rows))[:LANDMARKS])
    run.stage("draw", total=1 + SETTLING, unit="steps")
    laid = _tsne(low[landmarks], seed, run)
    laid = (laid - laid.mean(axis=0)) / max(float(np.abs(laid - laid.mean(axis=0)).max()), 1e-12)
    places = np.empty((len(rows), 2))
    for part in slices(len(rows)):
        squared = squared_distances(low[part], low[landmarks])
        near = np.argsort(squared, axis=1, kind="stable")[:, :NEIGHBOURS]
        weights = 1 / (np.take_along_axis(squared, near, axis=1).astype(np.float64) + 1e-6)
        weights /= weights.sum(axis=1, keepdims=True)
        places[part] = np.einsum("nk,nkx->nx", weights, laid[near])
    places += rng.uniform(-SPREAD, SPREAD, places.shape)
    places[landmarks] = laid
    return np.asarray(np.clip(places, -1, 1))


def _tsne(low: NDArray[np.float32], seed: int, run: Run) -> NDArray[np.float64]:
    """(m, k) -> (m, 2). In several calls, between which the job can be stopped."""
    if len(low) < 5:
        return np.asarray(np.resize(low.astype(np.float64), (len(low), 2)))
    if float(np.ptp(low, axis=0).max()) <= ALIKE:
        return np.zeros((len(low), 2))  # all look the same; t-SNE divides by how they differ, and crashes the process
    if low.shape[1] < 2:
        low = np.pad(low, ((0, 0), (0, 2 - low.shape[1])))
    options = {"perplexity": min(PERPLEXITY, (len(low) - 1) / 3), "random_state": seed, "max_iter": 250}
    with threadpool_limits(1):  # steps of milliseconds: threads wait for each other, and for whoever else computes
        laid = TSNE(init="pca", **options).fit_transform(low)
        run.advance(1)
        for step in range(SETTLING):  # without the exaggeration of the first
            laid = TSNE(init=laid, early_exaggeration=1.0, **options).fit_transform(low)
            run.advance(2 + step)
    return np.asarray(laid, np.float64)

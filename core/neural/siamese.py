"""What `mixture` draws from: a plane in which a siamese network keeps classes apart, and Gaussians fitted there.

Triplets: Schroff, Kalenichenko, Philbin: FaceNet, CVPR 2015, whose loss this is, without the squares. The first version
trained a ResNet18 on pixels for it, though its README says embeddings; this follows the README.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from nextlabel.core.errors import OutOfMemory
from nextlabel.core.neural.heads.scaling import Scaling
from nextlabel.core.neural.training import ROWS_AT_ONCE, Floats, Integers, Tick, drawn_from, ignore, one_thread

HIDDEN = (256, 64)
DIMENSIONS = 2
MARGIN = 1.0
EPOCHS = 2  # by then nearly every triplet of the labelled images keeps its margin
TRIPLETS = 60_000  # an epoch; this and the three above: the first version's
BATCH = 1_024
LEARNING_RATE = 1e-3

NARROWEST = 1e-3  # of the coordinates' mean variance: what a component of one image keeps
MAX_ITERATIONS = 300


@dataclass(frozen=True, eq=False)
class Siamese:
    """A trained network. `details`: its epochs, and the mean loss of the last one."""

    details: Mapping[str, float | int | str]
    scaling: Scaling = field(repr=False)
    network: nn.Module = field(repr=False)
    device: str

    @torch.inference_mode()
    def coordinates(self, embeddings: Floats, tick: Tick = ignore) -> Floats:
        """Place images in the plane: (N, d) float32 -> (N, 2) float32. `tick` counts the rows, a slice at a time."""
        coordinates = np.empty((len(embeddings), DIMENSIONS), np.float32)
        for start in range(0, len(embeddings), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            X = torch.from_numpy(self.scaling(np.asarray(embeddings[rows], np.float32))).to(self.device)
            coordinates[rows] = self.network(X).cpu().numpy()
            tick(min(start + ROWS_AT_ONCE, len(embeddings)), len(embeddings))
        return coordinates


def train_siamese(
    embeddings: Floats,
    targets: Integers,
    *,
    epochs: int | None = None,
    seed: int,
    device: str = "cpu",
    tick: Tick = ignore,
) -> Siamese:
    """Train the network by triplet loss. The same inputs and seed give the same network on the same device.

    embeddings: (L, d) float32, finite.
    targets: (L,), two classes at least; a class of one image is its own neighbour.
    epochs: of 60,000 triplets each; None: 2.
    tick: takes (done, total) in epochs, `done` never falling. Called after every batch, so that what it raises ends the
        training soon.

    Raises ValueError when the inputs break these terms, OutOfMemory when the GPU's memory is short.
    """
    epochs = EPOCHS if epochs is None else epochs
    _check(embeddings, targets, epochs)
    scaling = Scaling.of(embeddings)
    try:
        X = torch.from_numpy(scaling(embeddings)).to(device)
        with one_thread():
            network, loss = _train(X, Triplets.of(targets), epochs, seed, tick)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory("the embeddings of the labelled images don't fit into the GPU's memory") from error
    return Siamese({"epochs": epochs, "loss": loss}, scaling, network, device)


def _check(embeddings: Floats, targets: Integers, epochs: int) -> None:
    if epochs < 1:
        raise ValueError(f"epochs must be 1 or more, not {epochs}")
    if embeddings.ndim != 2 or targets.shape != embeddings.shape[:1]:
        raise ValueError(f"embeddings {embeddings.shape} and targets {targets.shape} don't fit together")
    if len(np.unique(targets)) < 2:
        raise ValueError("a siamese network needs two classes at least")
    if not np.isfinite(embeddings).all():
        raise ValueError("embeddings hold a value that is not finite")


def _train(X: Tensor, triplets: Triplets, epochs: int, seed: int, tick: Tick) -> tuple[nn.Module, float]:
    """Return the network and the last epoch's mean loss."""
    with drawn_from(seed):
        layers = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise((X.shape[1], *HIDDEN, DIMENSIONS))]
    network = nn.Sequential(*(module for layer in layers for module in (layer, nn.ReLU())))[:-1].to(X.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    rng = np.random.default_rng(seed)

    def step(size: int) -> float:
        optimizer.zero_grad()
        anchor, positive, negative = _placed(network, X, triplets.draw(size, rng))
        loss = nn.functional.triplet_margin_loss(anchor, positive, negative, MARGIN)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.item()

    loss = 0.0
    for epoch in range(epochs):
        loss = _epoch(step, partial(tick, epoch, epochs))
    tick(epochs, epochs)
    return network.eval(), loss


def _epoch(step: Callable[[int], float], beat: Callable[[], None]) -> float:
    """Train on one epoch's triplets, a batch at a time. Return their mean loss."""
    total = 0.0
    for start in range(0, TRIPLETS, BATCH):
        size = min(BATCH, TRIPLETS - start)
        total += step(size) * size
        beat()
    return total / TRIPLETS


def _placed(network: nn.Module, X: Tensor, rows: Integers) -> Tensor:
    """Return coordinates (3, B, 2) of rows (3, B). An image passes the network once, however often it is drawn."""
    distinct, places = np.unique(rows, return_inverse=True)
    coordinates: Tensor = network(X[torch.from_numpy(distinct).to(X.device)])
    return coordinates[torch.from_numpy(places.reshape(rows.shape)).to(X.device)]


@dataclass(frozen=True, eq=False)
class Triplets:
    """Draws triplets: an anchor, another image of its class, and one of another class. All classes are as likely."""

    order: Integers  # (L,) rows, class by class
    starts: Integers  # (C,) where in `order` each class begins
    counts: Integers  # (C,)

    @classmethod
    def of(cls, targets: Integers) -> Triplets:
        _, starts, counts = np.unique(np.sort(targets), return_index=True, return_counts=True)
        return cls(np.argsort(targets, kind="stable"), starts, counts)

    def draw(self, size: int, rng: np.random.Generator) -> Integers:
        """Draw rows of anchors, positives and negatives: (3, size). The only image of its class is its own positive."""
        classes = len(self.counts)
        own = rng.integers(classes, size=size)
        other = (own + rng.integers(1, classes, size=size)) % classes
        anchor = rng.integers(self.counts[own])
        positive = (anchor + rng.integers(1, np.maximum(self.counts[own], 2))) % self.counts[own]
        negative = rng.integers(self.counts[other])
        rows: Integers = self.order[self.starts[[own, own, other]] + [anchor, positive, negative]]
        return rows


# --- the mixture ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Components:
    """Gaussians in the plane. `mixture` is None where there is but one; it sees coordinates in units of `scale`."""

    n: int
    scale: float
    mixture: GaussianMixture | None = field(repr=False)

    def of(self, coordinates: Floats) -> Integers:
        """Return the most probable component of each point: (N, 2) -> (N,) int64 in 0..n-1."""
        components = np.zeros(len(coordinates), np.int64)
        if self.mixture is not None:
            for start in range(0, len(coordinates), ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                components[rows] = self.mixture.predict(coordinates[rows].astype(np.float64) / self.scale)
        return components


def fit_components(coordinates: Floats, n: int, seed: int) -> Components:
    """Fit a mixture of n Gaussians to the labelled images' coordinates (L, 2); of fewer where fewer are distinct.

    n: how many classes they have; L >= 1.
    """
    n = min(n, len(np.unique(coordinates, axis=0)))
    if n == 1:
        return Components(1, 1.0, None)
    points = coordinates.astype(np.float64)
    scale = float(np.sqrt(points.var(axis=0).mean()))
    mixture = GaussianMixture(n, reg_covar=NARROWEST, max_iter=MAX_ITERATIONS, random_state=seed)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # a mixture that still moves a little parts as well
        mixture.fit(points / scale)
    return Components(n, scale, mixture)

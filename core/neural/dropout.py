"""The head of `dropquery`: linear, trained with dropout on the embedding, and unsure where dropout changes its mind.

Gupte, Aklilu, Nirschl, Yeung-Levy: Revisiting Active Learning in the Era of Vision Foundation Models, TMLR 2024. Rate,
optimiser and stopping are theirs; their code drops first and standardises what is left, here as in the other heads the
labelled images' statistics come first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from nextlabel.core.errors import OutOfMemory
from nextlabel.core.neural.heads.scaling import Scaling
from nextlabel.core.neural.training import Examples, Floats, Integers, Tick, ignore, one_thread

DROPOUT = 0.75
LEARNING_RATE = 1e-2
WEIGHT_DECAY = 1e-2
BATCH = 4_096
EPOCHS = 400  # at most
PATIENCE = 20  # epochs in which the training loss must fall by
MIN_GAIN = 1e-3


@dataclass(frozen=True, eq=False)
class DropoutHead:
    """A trained head. `details`: the epochs it took, its last training loss in nats, with dropout."""

    n_classes: int
    details: Mapping[str, float | int | str]
    scaling: Scaling = field(repr=False)
    weights: Tensor = field(repr=False)  # (d, C)
    bias: Tensor = field(repr=False)  # (C,)

    @torch.inference_mode()
    def votes(self, embeddings: Floats, passes: int, seed: int, tick: Tick = ignore) -> Integers:
        """Classify images: (N, d) float32 -> (1 + passes, N) int64, without dropout, then once in each pass with it.

        Takes a slice of the rows at a time; `tick` counts them. The same inputs and seed give the same votes on the
        same device.
        """
        votes = np.empty((1 + passes, len(embeddings)), np.int64)
        rng = np.random.default_rng(seed)
        for start in range(0, len(embeddings), BATCH):
            rows = slice(start, start + BATCH)
            with one_thread():
                self._vote(votes[:, rows], np.asarray(embeddings[rows], np.float32), rng)
            tick(min(start + BATCH, len(embeddings)), len(embeddings))
        return votes

    def _vote(self, votes: Integers, embeddings: Floats, rng: np.random.Generator) -> None:
        """Fill in the votes (1 + passes, B) on embeddings (B, d)."""
        Z = _on(self.weights.device, self.scaling(embeddings))
        votes[0] = self._classes(Z)
        for vote in votes[1:]:
            vote[:] = self._classes(_dropped(Z, rng))

    def _classes(self, Z: Tensor) -> Integers:
        classes: Integers = (Z @ self.weights + self.bias).argmax(dim=1).cpu().numpy()
        return classes


def train_dropout_head(examples: Examples, *, seed: int, device: str = "cpu", tick: Tick = ignore) -> DropoutHead:
    """Train the head. The same inputs and seed give the same head on the same device.

    examples: of two classes or more, one an image; not all need occur.
    tick: takes (done, total) in epochs, `done` never falling. Called after every batch, so that what it raises ends the
        training soon.

    Raises ValueError when the inputs break these terms, OutOfMemory when the GPU's memory is short.
    """
    examples.check()
    embeddings, targets, n_classes = examples.embeddings, examples.targets, examples.n_classes
    if targets.min() < 0 or targets.max() >= n_classes:
        raise ValueError(f"targets must be in 0..{n_classes - 1}")
    scaling = Scaling.of(embeddings)
    try:
        X, y = _on(device, scaling(embeddings)), _on(device, targets.astype(np.int64))
        with one_thread():
            weights, bias, losses = _train(X, y, n_classes, seed, tick)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory("the embeddings of the labelled images don't fit into the GPU's memory") from error
    return DropoutHead(n_classes, {"epochs": len(losses), "loss": losses[-1]}, scaling, weights, bias)


def _train(X: Tensor, y: Tensor, n_classes: int, seed: int, tick: Tick) -> tuple[Tensor, Tensor, list[float]]:
    """Return weights (d, C), bias (C,), and the loss of each epoch. They start at zero: the problem is convex."""
    weights = torch.zeros(X.shape[1], n_classes, device=X.device, requires_grad=True)
    bias = torch.zeros(n_classes, device=X.device, requires_grad=True)
    optimizer = torch.optim.AdamW([weights, bias], lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    rng = np.random.default_rng(seed)

    def step(batch: Integers) -> float:
        rows = _on(X.device, batch)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(_dropped(X[rows], rng) @ weights + bias, y[rows])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.item()

    losses: list[float] = []
    while len(losses) < EPOCHS and not _stalled(losses):
        losses.append(_epoch(rng.permutation(len(X)), step, partial(tick, len(losses), EPOCHS)))
    tick(EPOCHS, EPOCHS)
    return weights.detach(), bias.detach(), losses


def _epoch(order: Integers, step: Callable[[Integers], float], beat: Callable[[], None]) -> float:
    """Train on all images, a batch at a time. Return their mean loss, each image's taken when its batch came."""
    total = 0.0
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        total += step(batch) * len(batch)
        beat()
    return total / len(order)


def _stalled(losses: list[float]) -> bool:
    return len(losses) > PATIENCE and min(losses[-PATIENCE:]) > min(losses[:-PATIENCE]) - MIN_GAIN


def _dropped(Z: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a copy in which most of each row is 0 and the rest larger, so that its logits are the same on average.

    A random byte decides on each number, in a third of the time that torch takes to draw it, and alike on every device.
    """
    drawn = torch.from_numpy(rng.integers(256, size=tuple(Z.shape), dtype=np.uint8)).to(Z.device)
    return torch.where(drawn < 256 * (1 - DROPOUT), Z, 0.0).div_(1 - DROPOUT)


def _on(device: str | torch.device, array: Floats | Integers) -> Tensor:
    return torch.from_numpy(array).to(device)

"""Supplies what a method needs: each need has one supplier, whichever method it is that declares the need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.errors import TooManyUnreadable, WarningCode
from nextlabel.core.methods.base import NO_ROWS, Method, Need, Preparation, Rows
from nextlabel.core.methods.geometry import sample
from nextlabel.core.neural import engine
from nextlabel.core.neural.dropout import train_dropout_head
from nextlabel.core.neural.engine import Watch
from nextlabel.core.neural.siamese import fit_components, train_siamese
from nextlabel.core.neural.training import Tick
from nextlabel.core.neural.vae import SIDE, Thumbnail, ThumbnailReader, train_vae
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.material import examples_of
from nextlabel.core.pipelines.predictions import Predictions
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.unreadable import refuse_gone

VAE_LEARNS_FROM = 3_000  # labelled images at most, drawn by chance: two epochs of them are a minute on a CPU core
Value = TypeVar("Value", bound=np.generic)


@dataclass(eq=False)
class Supplies:
    """Fields of core.methods.base.Inputs, filled in by the suppliers, and the plane in which the components lie.

    coordinates: (N, 2); None unless there are components.
    """

    embeddings: NDArray[np.float32] | None = None
    logits: NDArray[np.float32] | None = None
    votes: Rows | None = None
    reconstruction_errors: NDArray[np.float32] | None = None
    components: Rows | None = None
    coordinates: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Sources:
    """What the suppliers draw on. `tick` counts the epochs of a training."""

    embedded: Embedded
    predictions: Predictions | None
    preparation: Preparation
    seed: int
    run: Run
    tick: Tick


def supply(method: Method, embedded: Embedded, predictions: Predictions | None, seed: int, run: Run) -> Supplies:
    """Supply what the method needs, and the embeddings and logits that there are whether it needs them or not.

    Where one of its needs has to be trained for, the run must be in the stage of that training: it counts epochs.
    """
    supplies = Supplies()
    for need in Need:
        if need in method.needs or need not in TRAINED_FOR:
            before = run.done if need in TRAINED_FOR else 0
            sources = Sources(embedded, predictions, method.preparation, seed, run, _counting_from(before, run))
            SUPPLIERS[need](supplies, sources)
    return supplies


def _counting_from(before: int, run: Run) -> Tick:
    return lambda done, total: run.advance(before + done, before + total)


def _supply_embeddings(supplies: Supplies, sources: Sources) -> None:
    if sources.embedded.sees_images:
        supplies.embeddings = sources.embedded.embeddings


def _supply_logits(supplies: Supplies, sources: Sources) -> None:
    if sources.predictions is not None:
        supplies.logits = sources.predictions.logits


def _supply_votes(supplies: Supplies, sources: Sources) -> None:
    embedded, run = sources.embedded, sources.run
    head = train_dropout_head(
        examples_of(embedded.embeddings, embedded.matched),
        seed=sources.seed,
        device=run.backbones.device,
        tick=sources.tick,
    )
    passes = sources.preparation.passes
    supplies.votes = head.votes(embedded.embeddings, passes, sources.seed, tick=lambda _done, _total: run.check())


def _supply_reconstruction_errors(supplies: Supplies, sources: Sources) -> None:
    """An image that can't be read any more, though its embedding is known, is as expected as the labelled ones; told.

    Raises TooManyUnreadable, and what `refuse_gone` does.
    """
    embedded, run = sources.embedded, sources.run
    learnt = np.sort(sample(embedded.matched.rows, VAE_LEARNS_FROM, np.random.default_rng(sources.seed)))
    no_pixels, no_errors = np.empty((0, 3, SIDE, SIDE), np.uint8), np.empty(0, np.float32)
    pixels, read = _forward_thumbnails(lambda batch: batch, no_pixels, embedded, learnt, run)
    if len(read) < len(learnt):
        refuse_gone(embedded.pool.place, run)
    if not len(read):
        raise TooManyUnreadable("none of the labelled images can be read any more, and vae learns from their pixels")
    epochs, device = sources.preparation.epochs, run.backbones.device
    vae = train_vae(pixels, epochs=epochs, seed=sources.seed, device=device, tick=sources.tick)
    unlabelled = embedded.unlabelled()
    of_read, read = _forward_thumbnails(vae.errors, no_errors, embedded, unlabelled, run)
    if unread := [embedded.pool.names[row] for row in np.setdiff1d(unlabelled, read).tolist()]:
        refuse_gone(embedded.pool.place, run)
        detail = "these images can't be read any more; vae takes them for nothing new"
        run.warn(WarningCode.UNREADABLE_IMAGE, detail, unread)
    errors = np.zeros(len(embedded.pool), np.float32)
    errors[read] = of_read
    supplies.reconstruction_errors = errors


def _supply_components(supplies: Supplies, sources: Sources) -> None:
    embedded, run = sources.embedded, sources.run
    network = train_siamese(
        embedded.embeddings[embedded.matched.rows],
        embedded.matched.targets,
        epochs=sources.preparation.epochs,
        seed=sources.seed,
        device=run.backbones.device,
        tick=sources.tick,
    )
    coordinates = network.coordinates(embedded.embeddings, tick=lambda _done, _total: run.check())
    mixture = fit_components(coordinates[embedded.matched.rows], len(embedded.matched.classes), sources.seed)
    supplies.components, supplies.coordinates = mixture.of(coordinates), coordinates


SUPPLIERS: Mapping[Need, Callable[[Supplies, Sources], None]] = {
    Need.EMBEDDINGS: _supply_embeddings,
    Need.LOGITS: _supply_logits,
    Need.VOTES: _supply_votes,
    Need.RECONSTRUCTION_ERRORS: _supply_reconstruction_errors,
    Need.COMPONENTS: _supply_components,
}
TRAINED_FOR = frozenset(Need) - {Need.EMBEDDINGS, Need.LOGITS}  # these two are there by then


def _forward_thumbnails(
    forward: Callable[[Thumbnail], NDArray[Value]], nothing: NDArray[Value], embedded: Embedded, rows: Rows, run: Run
) -> tuple[NDArray[Value], Rows]:
    """Run `forward` on the thumbnails of those rows.

    Return its outputs (n, ...), and the rows (n,) that could be read.
    """
    outputs, read = [nothing], [NO_ROWS]
    watch = Watch(run.check, waits=run.waits)
    batches = engine.run(ThumbnailReader(), forward, nothing, embedded.pool, rows.tolist(), run.settings, watch)
    with closing(batches):
        for batch in batches:
            outputs.append(batch.outputs)
            read.append(batch.rows)
    return np.concatenate(outputs), np.concatenate(read)

"""What some methods need besides embeddings and a head: trained for this one selection, on the labelled images."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.errors import TooManyUnreadable
from nextlabel.core.kinds.selection import SelectionRequest
from nextlabel.core.methods.base import NO_ROWS, Method, Need, Rows
from nextlabel.core.methods.first_version import Mixture, Vae
from nextlabel.core.methods.geometry import sample
from nextlabel.core.methods.hybrid import DropQuery
from nextlabel.core.neural.backbones import Backbone
from nextlabel.core.neural.dropout import train_dropout_head
from nextlabel.core.neural.engine import embed
from nextlabel.core.neural.siamese import fit_components, train_siamese
from nextlabel.core.neural.vae import SIDE, Thumbnails, VaeScores, train_vae
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.run import Run

VAE_LEARNS_FROM = 3_000  # labelled images at most, drawn by chance: two epochs of them are a minute on a CPU core
T = TypeVar("T", np.uint8, np.float32)
NEED_PREPARATION = frozenset({Need.VOTES, Need.RECONSTRUCTION_ERRORS, Need.COMPONENTS})


@dataclass(frozen=True, eq=False)
class Supplies:
    """Fields of core.methods.base.Inputs, and the plane (N, 2) in which the components lie."""

    votes: Rows | None = None
    reconstruction_errors: NDArray[np.float32] | None = None
    components: Rows | None = None
    coordinates: NDArray[np.float32] | None = None


def prepare(method: Method, request: SelectionRequest, embedded: Embedded, run: Run) -> Supplies:
    """Trains what the method needs. Its stage counts epochs."""
    run.stage("prepare", unit="epochs")
    match method:
        case DropQuery():
            return _votes(method, request, embedded, run)
        case Vae():
            return _reconstruction_errors(method, request, embedded, run)
        case Mixture():
            return _components(method, request, embedded, run)
    return Supplies()


def _votes(method: DropQuery, request: SelectionRequest, embedded: Embedded, run: Run) -> Supplies:
    matched = embedded.matched
    head = train_dropout_head(
        embedded.embeddings[matched.rows],
        matched.targets,
        len(matched.classes),
        seed=request.seed,
        device=run.backbones.device,
        tick=run.advance,
    )
    votes = head.votes(embedded.embeddings, method.passes, request.seed, tick=lambda _done, _total: run.check())
    return Supplies(votes=votes)


def _components(method: Mixture, request: SelectionRequest, embedded: Embedded, run: Run) -> Supplies:
    matched = embedded.matched
    network = train_siamese(
        embedded.embeddings[matched.rows],
        matched.targets,
        epochs=method.epochs,
        seed=request.seed,
        device=run.backbones.device,
        tick=run.advance,
    )
    coordinates = network.coordinates(embedded.embeddings, tick=lambda _done, _total: run.check())
    mixture = fit_components(coordinates[matched.rows], len(matched.classes), request.seed)
    return Supplies(components=mixture.of(coordinates), coordinates=coordinates)


def _reconstruction_errors(method: Vae, request: SelectionRequest, embedded: Embedded, run: Run) -> Supplies:
    """An image that can't be read any more, though its embedding is known, is as expected as the labelled ones."""
    learnt = np.sort(sample(embedded.matched.rows, VAE_LEARNS_FROM, np.random.default_rng(request.seed)))
    pixels, read = _embed(Thumbnails(), embedded, learnt, run, np.uint8)
    if not len(read):
        raise TooManyUnreadable("none of the labelled images can be read any more, and vae learns from their pixels")
    pixels = pixels.reshape(-1, 3, SIDE, SIDE)
    vae = train_vae(pixels, epochs=method.epochs, seed=request.seed, device=run.backbones.device, tick=run.advance)
    scores, read = _embed(VaeScores(vae), embedded, embedded.unlabelled(), run, np.float32)
    errors = np.zeros(len(embedded.pool), np.float32)
    errors[read] = scores[:, 0]
    return Supplies(reconstruction_errors=errors)


def _embed(backbone: Backbone, embedded: Embedded, rows: Rows, run: Run, dtype: type[T]) -> tuple[NDArray[T], Rows]:
    """-> what it makes of the rows' images (n, d), kept as `dtype`, and the rows (n,) that could be read."""
    parts = [np.empty((0, backbone.dimension), dtype)]
    read = [NO_ROWS]
    batches = embed(backbone, embedded.pool, rows.tolist(), run.settings, check=run.check, halved=lambda _: None)
    with closing(batches):
        for batch in batches:
            parts.append(batch.embeddings.astype(dtype))
            read.append(batch.rows)
    return np.concatenate(parts), np.concatenate(read)

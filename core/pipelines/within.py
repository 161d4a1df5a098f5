"""A pool and its embeddings, as far as there is time: all of it, or an even draw."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.draw import Draw, drawn_order
from nextlabel.core.kinds.requests import Timed
from nextlabel.core.pipelines.embedding import Embedded, embed_until
from nextlabel.core.pipelines.material import Labelled, read_labelled
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import Embedder, Source

DRAWN_PER_S = 10_000  # more than a machine embeds in a second: no need to look at the files of more


def read_pool(request: Timed, run: Run, named: Collection[str] = ()) -> Labelled:
    """Read the labels and list the pool; where time is set, a draw of it and the images `named`."""
    draw = None
    if request.within_s is not None:
        draw = Draw(request.seed, max(DRAWN_PER_S, round(DRAWN_PER_S * request.within_s)), named)
    return read_labelled(request, request.path_to_img, request.path_to_labels, run, draw=draw)


def embed_pool(
    request: Timed,
    labelled: Labelled,
    source: Source,
    run: Run,
    *,
    needed: Collection[str] = (),
    soon: Collection[str] = (),
) -> Embedded:
    """Embed the pool, or what there is time for: one labelled image of each class and those `needed` in any case,
    the other labelled ones and those `soon` in turn with the rest.
    """
    every_row = np.arange(len(labelled.pool), dtype=np.int64)
    if request.within_s is None:
        return source.embed(labelled, every_row, "embed", run)
    assert isinstance(source, Embedder)
    matched, pool = labelled.matched, labelled.pool
    _, examples = np.unique(matched.targets, axis=0, return_index=True)
    first = np.union1d(matched.rows[examples], pool.rows_of(needed))
    early = np.union1d(matched.rows, pool.rows_of(soon))
    order = _order(drawn_order(pool.names, request.seed), first, early)
    until = run.begun + request.within_s
    return embed_until(labelled, order, len(first), until, source.backbone, "embed", run)


def _order(drawn: NDArray[np.int64], first: NDArray[np.int64], early: NDArray[np.int64]) -> NDArray[np.int64]:
    """Put `first` before all, and then one of the `early` after each of the others, as they are drawn (N,)."""
    left = drawn[~np.isin(drawn, first)]
    is_early = np.isin(left, early)
    turn = np.where(is_early, np.cumsum(is_early), np.cumsum(~is_early))
    return np.concatenate([first, left[np.argsort(turn, kind="stable")]])

"""Narrows a pool whose embeddings would take more memory than is allowed to images that a selection is made among.

All of it is embedded, into the cache. Then the images that are least certain are found in one pass over the cache's
files, which holds two numbers an image, and others are drawn evenly. Those are read, and the pipeline goes on as if
they were the pool: its methods look at that many images of a large pool at most, whatever they could get.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.embeddings.cache import Found
from nextlabel.core.errors import WarningCode
from nextlabel.core.kinds.selection import SelectionRequest
from nextlabel.core.methods.base import NO_ROWS, Method, Rows
from nextlabel.core.methods.geometry import sample
from nextlabel.core.methods.uncertainty import Margin, Uncertainty
from nextlabel.core.neural.heads.neighbours import neighbourhood
from nextlabel.core.pipelines.embedding import Embedded, embed_rows, fill_cache
from nextlabel.core.pipelines.material import Labelled, train
from nextlabel.core.pipelines.predictions import predictions_of, read_external
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import Embedder, Source
from nextlabel.core.tasks.registry import task_of

GIVEN = 100_000  # images to choose among, or four for each that is asked for
STAGE = "embed"


def embed_within_memory(request: SelectionRequest, labelled: Labelled, source: Source, run: Run) -> Embedded:
    """Embed the pool; of one that is too large to be held, return the images that the selection is made among."""
    n = len(labelled.pool)
    if not isinstance(source, Embedder) or _fits(n, source.backbone.dimension, run):
        return source.embed(labelled, np.arange(n, dtype=np.int64), STAGE, run)
    found, unreadable = fill_cache(labelled, source.backbone, STAGE, run)
    run.stage(STAGE, total=n, unit="images", done=run.done)
    sides = _Sides.of(request, labelled, found)
    rows = np.union1d(sides.kept, _promising(request, labelled, source, found, sides.candidates, run))
    run.advance(n)
    embedded = embed_rows(labelled, rows, source.backbone, None, run)
    left_out = len(np.setdiff1d(sides.candidates, rows, assume_unique=True))
    if left_out:
        _warn(request.method, len(rows) - len(sides.kept), n, run)
    drawn = _drawn(labelled, source, found, run)
    return replace(embedded, unreadable=(*unreadable, *embedded.unreadable), left_out=left_out, drawn=drawn)


def _fits(n: int, dimension: int, run: Run) -> bool:
    return n * dimension * 4 <= run.settings.selection_memory_mb << 20


@dataclass(frozen=True, eq=False)
class _Sides:
    """kept: rows that methods have to know of, chosen or not. candidates: those that may be chosen, ascending."""

    kept: Rows
    candidates: Rows

    @classmethod
    def of(cls, request: SelectionRequest, labelled: Labelled, found: Found) -> _Sides:
        pool, matched = labelled.pool, labelled.matched
        named = pool.rows_of([*request.exclude, *request.pending])
        kept = np.union1d(np.union1d(matched.rows, matched.aside), named)
        kept = kept[found.hit[kept]]
        may = found.hit.copy()
        may[kept] = False
        return cls(kept, np.flatnonzero(may))


def _promising(
    request: SelectionRequest, labelled: Labelled, source: Embedder, found: Found, candidates: Rows, run: Run
) -> Rows:
    """Find those that the method is given: the least certain ones, and others drawn evenly."""
    method, most = request.method, max(GIVEN, 4 * request.add)
    rng = np.random.default_rng(request.seed)
    least = NO_ROWS
    uncertain = most - round(most * method.drawn)
    if uncertain and len(candidates) > most:
        least = _least_certain(request, labelled, source, found, candidates, uncertain, run)
    others = np.setdiff1d(candidates, least, assume_unique=True) if len(least) else candidates
    return np.union1d(least, sample(others, most - len(least), rng))


def _least_certain(
    request: SelectionRequest,
    labelled: Labelled,
    source: Embedder,
    found: Found,
    candidates: Rows,
    most: int,
    run: Run,
) -> Rows:
    """Rank the candidates as the method does, or by `margin`; return the first, ascending. None without predictions."""
    measure = request.method.score if isinstance(request.method, Uncertainty) else Margin.score
    units, n = task_of(request.task).units, len(labelled.pool)
    scores, gaps = np.full(n, -np.inf), np.zeros(n)
    for rows, said in _said(request, labelled, source, found, candidates, run):
        scores[rows], gaps[rows] = units.doubts(measure, said)
    judged: Rows = candidates[np.isfinite(scores[candidates])]
    if len(judged) <= most:
        return judged
    nth = np.partition(scores[judged], len(judged) - most)[len(judged) - most]
    first = judged[scores[judged] >= nth]  # more than asked for, where scores are equal
    return np.sort(first[np.lexsort((first, gaps[first], -scores[first]))[:most]])


def _said(
    request: SelectionRequest, labelled: Labelled, source: Embedder, found: Found, candidates: Rows, run: Run
) -> Iterator[tuple[Rows, NDArray[Any]]]:
    """Yield some of the candidates at a time, and what the model says of them, as far as it says anything."""
    external = read_external(request.path_to_predictions, labelled.pool, run)
    if external is not None:
        embedded = Embedded(labelled.pool, _NONE, labelled.matched, ())
        predictions = predictions_of(request, embedded, run, external, whole_pool=labelled.whole_pool)
        assert predictions is not None
        known = candidates[predictions.known[candidates]]
        yield known, predictions.logits[known]
        return
    taught = _known(labelled, labelled.matched.rows, source, run)
    if not task_of(request.task).can_train(taught.matched):
        return
    drawn = _drawn(labelled, source, found, run)
    head, _ = train(request, taught.embeddings, taught.matched, run, lambda *_: run.check(), neighbourhood=drawn)
    head, seen = head.to_choose_by(), 0
    for rows, embeddings in found.sweep(candidates):
        yield rows, head.logits(embeddings)
        seen += len(rows)
        run.advance(max(run.done, seen))


def _drawn(labelled: Labelled, source: Embedder, found: Found, run: Run) -> NDArray[np.float32]:
    """Return the embeddings (R, d) of those images that a head asks: an even draw of the whole pool."""
    rows = neighbourhood(labelled.pool.names)
    return _known(labelled, rows[found.hit[rows]], source, run).embeddings


def _known(labelled: Labelled, rows: Rows, source: Embedder, run: Run) -> Embedded:
    with run.untold():  # the images are told of once more, with the others
        return embed_rows(labelled, rows, source.backbone, None, run)


_NONE = np.empty((0, 0), np.float32)


def _warn(method: Method, chosen_among: int, n: int, run: Run) -> None:
    drawn = "drawn evenly" if method.drawn == 1 else "half of them the least certain, the others drawn evenly"
    run.warn(
        WarningCode.POOL_NARROWED,
        f"the embeddings of all {n:,} images would take more memory than NEXTLABEL_SELECTION_MEMORY_MB allows "
        f"({run.settings.selection_memory_mb:,}): the selection was made among {chosen_among:,} of them, {drawn}; "
        "near-copies are looked for among these alone",
    )

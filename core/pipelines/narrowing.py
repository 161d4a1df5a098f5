"""Narrows a pool whose embeddings would take more memory than is allowed to images that a selection is made among.

All of it is embedded, into the cache. Then the images that are least certain are found in one pass over the cache's
files, which holds two numbers an image, and others are drawn evenly. Those are read, and the pipeline goes on as if
they were the pool: its methods look at that many images of a large pool at most, whatever they could get.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.embeddings.cache import Found
from nextlabel.core.errors import WarningCode
from nextlabel.core.kinds.selection import SelectionRequest
from nextlabel.core.methods.base import NO_ROWS, Method, Rows
from nextlabel.core.methods.geometry import sample
from nextlabel.core.methods.uncertainty import Margin, Uncertainty
from nextlabel.core.neural.backbones import Backbone
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
    large = _LargePool(request, labelled, source.backbone, found, run)
    rows = np.union1d(large.kept, large.promising())
    run.advance(n)
    embedded = embed_rows(labelled, rows, source.backbone, None, run)
    left_out = len(np.setdiff1d(large.candidates, rows, assume_unique=True))
    if left_out:
        _warn(request.method, len(rows) - len(large.kept), n, run)
    return replace(embedded, unreadable=(*unreadable, *embedded.unreadable), left_out=left_out, drawn=large.drawn())


def _fits(n: int, dimension: int, run: Run) -> bool:
    return n * dimension * 4 <= run.settings.selection_memory_mb << 20


@dataclass(frozen=True, eq=False)
class _LargePool:
    """A pool that is too large to be held. found: what the cache has of it."""

    request: SelectionRequest
    labelled: Labelled
    backbone: Backbone
    found: Found
    run: Run

    @cached_property
    def kept(self) -> Rows:
        """The rows that methods have to know of, chosen or not."""
        pool, matched = self.labelled.pool, self.labelled.matched
        named = pool.rows_of([*self.request.exclude, *self.request.pending])
        kept: Rows = np.union1d(np.union1d(matched.rows, matched.aside), named)
        return kept[self.found.hit[kept]]

    @cached_property
    def candidates(self) -> Rows:
        """The rows that may be chosen, ascending."""
        may = self.found.hit.copy()
        may[self.kept] = False
        return np.flatnonzero(may)

    def promising(self) -> Rows:
        """Find those that the method is given: the least certain ones, and others drawn evenly."""
        method, most = self.request.method, max(GIVEN, 4 * self.request.add)
        rng = np.random.default_rng(self.request.seed)
        least = NO_ROWS
        uncertain = most - round(most * method.drawn)
        if uncertain and len(self.candidates) > most:
            least = self._least_certain(uncertain)
        others = np.setdiff1d(self.candidates, least, assume_unique=True) if len(least) else self.candidates
        return np.union1d(least, sample(others, most - len(least), rng))

    def _least_certain(self, most: int) -> Rows:
        """Rank the candidates as the method does, or by `margin`; return the first, ascending. None without
        predictions.
        """
        method, n = self.request.method, len(self.labelled.pool)
        measure = method.score if isinstance(method, Uncertainty) else Margin.score
        scores, gaps = np.full(n, -np.inf), np.zeros(n)
        for rows, said in self._said():
            scores[rows], gaps[rows] = task_of(self.request.task).units.doubts(measure, said)
        judged: Rows = self.candidates[np.isfinite(scores[self.candidates])]
        if len(judged) <= most:
            return judged
        nth = np.partition(scores[judged], len(judged) - most)[len(judged) - most]
        first = judged[scores[judged] >= nth]  # more than asked for, where scores are equal
        return np.sort(first[np.lexsort((first, gaps[first], -scores[first]))[:most]])

    def _said(self) -> Iterator[tuple[Rows, NDArray[Any]]]:
        """Yield some of the candidates at a time, and what the model says of them, as far as it says anything."""
        request, labelled, run = self.request, self.labelled, self.run
        external = read_external(request.path_to_predictions, labelled.pool, run)
        if external is not None:
            embedded = Embedded(labelled.pool, _NONE, labelled.matched, ())
            predictions = predictions_of(request, embedded, run, external, whole_pool=labelled.whole_pool)
            assert predictions is not None
            known = self.candidates[predictions.known[self.candidates]]
            yield known, predictions.logits[known]
            return
        taught = self._known(labelled.matched.rows)
        if not task_of(request.task).can_train(taught.matched):
            return
        drawn = self.drawn()
        head, _ = train(request, taught.embeddings, taught.matched, run, lambda *_: run.check(), neighbourhood=drawn)
        head, seen = head.to_choose_by(), 0
        for rows, embeddings in self.found.sweep(self.candidates):
            yield rows, head.logits(embeddings)
            seen += len(rows)
            run.advance(max(run.done, seen))

    def drawn(self) -> NDArray[np.float32]:
        """Return the embeddings (R, d) of those images that a head asks: an even draw of the whole pool."""
        rows = neighbourhood(self.labelled.pool.names)
        return self._known(rows[self.found.hit[rows]]).embeddings

    def _known(self, rows: Rows) -> Embedded:
        with self.run.untold():  # the images are told of once more, with the others
            return embed_rows(self.labelled, rows, self.backbone, None, self.run)


_NONE = np.empty((0, 0), np.float32)


def _warn(method: Method, chosen_among: int, n: int, run: Run) -> None:
    drawn = "drawn evenly" if method.drawn == 1 else "half of them the least certain, the others drawn evenly"
    run.warn(
        WarningCode.POOL_NARROWED,
        f"the embeddings of all {n:,} images would take more memory than NEXTLABEL_SELECTION_MEMORY_MB allows "
        f"({run.settings.selection_memory_mb:,}): the selection was made among {chosen_among:,} of them, {drawn}; "
        "near-copies are looked for among these alone",
    )

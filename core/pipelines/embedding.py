"""Images of a pool -> embeddings: from the cache where it has them, the rest computed, with help where that pays.

Other kinds need them at once; a job of the kind `embedding` does nothing but fill the cache, ahead of these.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.draw import drawn_order
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.data.images import Remark
from nextlabel.core.data.label_text import clean_name
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.spelling import all_as_seen, as_seen
from nextlabel.core.embeddings.cache import CacheKey, EmbeddingCache, Found
from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.embeddings.remarks import RemarkCache
from nextlabel.core.errors import CacheUnwritable, StorageFull, WarningCode
from nextlabel.core.kinds.embedding import KIND, EmbeddingRequest, EmbeddingResult
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.kinds.results import Reached
from nextlabel.core.neural.backbones import Backbone
from nextlabel.core.neural.engine import embed
from nextlabel.core.neural.heads.neighbours import neighbourhood
from nextlabel.core.pipelines.cache_filler import digest_of
from nextlabel.core.pipelines.cache_writer import CacheWriter
from nextlabel.core.pipelines.material import Labelled, Matchable, manifest, read_labelled, skipped_images
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.unreadable import refuse_too_many
from nextlabel.core.tasks.base import Matched

FIRST_READ = 1_000  # images
TOLD = {
    Remark.STRETCHED: (
        WarningCode.VALUES_STRETCHED,
        "these images use fewer bits than they are stored in, or have no fixed range; their values were stretched",
    ),
    Remark.ALPHA_IGNORED: (
        WarningCode.ALPHA_IGNORED,
        "these images are transparent everywhere; their colours are shown and embedded as if they were not",
    ),
    Remark.ONE_TONE: (WarningCode.ONE_TONE, "these images show nothing: all their pixels have one tone"),
    Remark.WITHOUT_END: (
        WarningCode.END_MISSING,
        "these JPEGs lack the marker at their end, but no pixel; they are used",
    ),
}


@dataclass(frozen=True, eq=False)
class Embedded:
    """The K images that could be read: row i of `embeddings` (K, d) is row i of `pool` and of `matched`.

    reached: how many images were looked at, where there was a time by which to end; else None.
    unreached: those that there was no time for, as their names are compared.
    left_out: how many unlabelled images that could be chosen are not among them, since memory is bounded.
    drawn: (R, d) an even draw of the whole pool, where these images are no even one.
    """

    pool: Pool
    embeddings: NDArray[np.float32]
    matched: Matched
    unreadable: tuple[SkippedFile, ...]
    reached: Reached | None = None
    unreached: frozenset[str] = frozenset()
    left_out: int = 0
    drawn: NDArray[np.float32] | None = None

    @property
    def neighbourhood(self) -> NDArray[np.float32]:
        """The images (R, d) that a head may ask: an even draw of the pool."""
        return self.embeddings[neighbourhood(self.pool.names)] if self.drawn is None else self.drawn

    @property
    def sees_images(self) -> bool:
        """Whether there are embeddings at all: without a source of them, `embeddings` is (K, 0)."""
        return bool(self.embeddings.shape[1])

    def absent(self, names: Sequence[str]) -> list[str]:
        """List those of the names that the pool has not, or that can't be read. What there was no time for is there."""
        return [name for name in self.pool.absent(names) if as_seen(clean_name(name)) not in self.unreached]

    def unlabelled(self) -> NDArray[np.int64]:
        """Return the (U,) rows without a label, ascending. Nor those that nobody is asked about."""
        return self.matched.unlabelled(len(self.pool))


def embed_rows(
    labelled: Matchable, rows: NDArray[np.int64], backbone: Backbone, stage: str | None, run: Run
) -> Embedded:
    """Embed those rows. Once it is seen to take long, the run's filler is asked to put the rest into the cache.

    stage: what begins with it; None where it is a part of the stage that has begun.
    Raises what `refuse_too_many` does.
    """
    wanted = labelled.pool.take(rows)
    cache = _cache_of(backbone, wanted, run)
    digest = digest_of(cache.key, wanted)
    remarks = RemarkCache(run.settings.cache_dir, wanted.place.key)
    if (known := run.recent.get(digest)) is not None:
        if stage is not None:
            run.stage(stage, total=len(wanted), unit="images", done=len(wanted))
        _tell(wanted, remarks.find(wanted.names, wanted.stamps), run)
        return Embedded(wanted, known, labelled.match(wanted), ())
    run.recent.make_room(len(wanted) * backbone.dimension * 4)
    work = _Work(wanted, backbone, cache, run)
    work.read_cache()
    if stage is not None:
        run.stage(stage, total=len(wanted), unit="images", done=len(wanted) - len(work.missing()))
    work.embed_with_others()
    _tell(wanted, work.remarks | remarks.find(wanted.names, wanted.stamps), run)
    refuse_too_many(work.unreadable, len(wanted), wanted.place, run)
    kept = np.flatnonzero(work.have)
    embeddings = work.embeddings
    if len(kept) < len(wanted):
        wanted, embeddings = wanted.take(kept), embeddings[kept]
    elif work.as_listed:
        run.recent.keep(digest, embeddings)
    return Embedded(wanted, embeddings, labelled.match(wanted), tuple(work.unreadable))


def embed_until(
    labelled: Labelled, order: NDArray[np.int64], least: int, until: float, backbone: Backbone, stage: str, run: Run
) -> Embedded:
    """Embed rows in that order for as long as there is time: the first `least` of them in any case, and a batch.

    order: every row of the pool. until: by time.monotonic().

    What is embedded is the first part of the order, up to where time ended it, though of the rest some may be in the
    cache: those may be the first files of a folder, or all from one camera. Raises what `refuse_too_many` does.
    """
    wanted = labelled.pool.take(order)
    work = _Work(wanted, backbone, _cache_of(backbone, wanted, run), run)
    work.read_cache_until(until)
    run.stage(stage, unit="images", done=work.whole())
    work.embed(unless=lambda _: time.monotonic() >= until and work.whole() >= least)
    done = work.whole()
    remarks = RemarkCache(run.settings.cache_dir, wanted.place.key).find(wanted.names[:done], wanted.stamps[:done])
    _tell(wanted.take(np.arange(done)), work.remarks[:done] | remarks, run)
    refuse_too_many(work.unreadable, done, wanted.place, run)
    rows = np.flatnonzero(work.have[:done])
    rows = rows[np.argsort(order[rows])]  # as the pool has them: who reaches all has what `embed_rows` gives
    kept = wanted.take(rows)
    images = len(order) if labelled.drawn_from is None else labelled.drawn_from
    return Embedded(
        kept,
        work.embeddings[rows],
        labelled.match(kept),
        tuple(work.unreadable),
        Reached(images=done, of=images),
        frozenset(all_as_seen(wanted.names[done:])),
    )


def carry_out(request: EmbeddingRequest, run: Run) -> EmbeddingResult:
    """Put all embeddings of a pool into the cache, as they are drawn, so that what is there is an even draw all along.

    Raises StorageFull, CacheUnwritable, and what `refuse_too_many` does.
    """
    run.plan(*KIND.stages)
    run.stage("read")
    labelled = read_labelled(request, request.path_to_img, None, run)
    backbone = loaded(request, run)
    wanted = labelled.pool.take(drawn_order(labelled.pool.names, request.seed))
    work = _Work(wanted, backbone, _cache_of(backbone, wanted, run), run, holds=False, must_keep=True)
    work.find()
    run.stage("embed", total=len(wanted), unit="images", done=len(wanted) - len(work.missing()))
    work.embed_with_others()
    refuse_too_many(work.unreadable, len(wanted), wanted.place, run)
    return EmbeddingResult(
        images=len(wanted),
        embedded=len(wanted) - len(work.unreadable),
        skipped=skipped_images(labelled.pool.skipped, work.unreadable),
        manifest=manifest(request, backbone, run, head=False, sources={"pool": labelled}),
    )


def loaded(request: JobRequest, run: Run) -> Backbone:
    """Load the request's backbone. Raises what BackboneLoader does."""
    assert request.backbone is not None
    spec = find_backbone(request.backbone)
    if request.weights == "random" and spec.needs_weights:
        run.warn(WarningCode.RANDOM_WEIGHTS, "the backbone is untrained, as asked: its answers are for comparison only")
    return run.backbones.load(spec, request.weights, request.seed)


def _never(_seconds_left: float | None) -> bool:
    return False


def fill_cache(labelled: Matchable, backbone: Backbone, stage: str, run: Run) -> tuple[Found, tuple[SkippedFile, ...]]:
    """Embed what of the pool is not in the cache yet, and hold none of it. Return what is there now, and what can't be
    read.

    Raises as `embed_rows` does.
    """
    pool = labelled.pool
    run.recent.make_room(len(pool) * backbone.dimension * 4)
    work = _Work(pool, backbone, _cache_of(backbone, pool, run), run, holds=False)
    found = work.find()
    if not len(work.missing()):
        return found, ()
    run.stage(stage, total=len(pool), unit="images", done=len(pool) - len(work.missing()))
    work.embed_with_others()
    refuse_too_many(work.unreadable, len(pool), pool.place, run)
    return work.find(), tuple(work.unreadable)


def _cache_of(backbone: Backbone, pool: Pool, run: Run) -> EmbeddingCache:
    key = CacheKey(backbone.name, backbone.weights, backbone.preprocessing, pool.place.key)
    return EmbeddingCache(run.settings.cache_dir, key, backbone.dimension)


class _Work:
    """N wanted images: some we `have` (N,), their rows of `embeddings` (N, d) filled; some were tried here and can't be
    read; the rest is missing.
    """

    def __init__(
        self,
        wanted: Pool,
        backbone: Backbone,
        cache: EmbeddingCache,
        run: Run,
        *,
        holds: bool = True,
        must_keep: bool = False,
    ) -> None:
        """holds: whether embeddings are kept here, and not in the cache alone. must_keep: a cache that can't be written
        ends the job; else it costs a warning.
        """
        self.embeddings = np.empty((len(wanted) if holds else 0, backbone.dimension), np.float32)
        self._holds, self._must_keep = holds, must_keep
        self.have = np.zeros(len(wanted), np.bool_)
        self.remarks = np.zeros(len(wanted), np.uint8)  # of those that were embedded here
        self.unreadable: list[SkippedFile] = []
        self.as_listed = True  # of all that were embedded here
        self._tried = np.zeros(len(wanted), np.bool_)
        self._wanted, self._backbone, self._cache, self._run = wanted, backbone, cache, run

    def missing(self) -> NDArray[np.int64]:
        return np.flatnonzero(~self.have & ~self._tried)

    def find(self) -> Found:
        """Look up what the cache has, where nothing is held here."""
        found = self._cache.find(self._wanted.names, self._wanted.stamps)
        self.have = found.hit
        return found

    def read_cache(self) -> None:
        rows = self.missing()
        if len(rows) == len(self._wanted):  # no copy of what may be gigabytes
            wanted = self._wanted
            self.have = self._cache.find(wanted.names, wanted.stamps).read_into(self.embeddings, rows)
            return
        part = self._wanted.take(rows)
        read, embeddings = self._cache.find(part.names, part.stamps).read()
        self.embeddings[rows[read]] = embeddings
        self.have[rows[read]] = True

    def read_cache_until(self, time_is_up: float) -> None:
        """Read the first images, and twice as many again, until there is no more time by time.monotonic()."""
        found, start = self._cache.find(self._wanted.names, self._wanted.stamps), 0
        while start < len(self._wanted) and (not start or time.monotonic() < time_is_up):
            rows = np.arange(start, min(len(self._wanted), 2 * start + FIRST_READ))
            hit = rows[found.hit[rows]]
            read = np.zeros(len(rows), np.bool_)
            if len(hit):
                read = found.read_into(self.embeddings[rows[0] : rows[-1] + 1], rows)
            self.have[rows] = read
            start = int(rows[-1]) + 1
            self._run.check()

    def whole(self) -> int:
        """Count the first images of which none is missing."""
        missing = ~self.have & ~self._tried
        return int(missing.argmax()) if missing.any() else len(missing)

    def embed_with_others(self) -> None:
        """All that is missing; once it is seen to take long, the run's filler has the rest put into the cache."""
        run = self._run
        if run.filler is not None:
            self.embed(unless=run.filler.pays)
            if len(self.missing()):
                run.filler.fill(self._cache.key, self._wanted, self.missing(), self._backbone, run)
                if self._holds:
                    self.read_cache()
                else:
                    self.find()
        self.embed()

    def embed(self, unless: Callable[[float | None], bool] = _never) -> None:
        """All that is missing, or until `unless(seconds left at the speed so far)`."""
        run, rows = self._run, self.missing()
        seen, before = 0, len(self._wanted) - len(rows)
        wanted = self._wanted
        writer = CacheWriter(self._cache, wanted) if self._must_keep else _TolerantWriter(self._cache, wanted, run)
        batches = embed(self._backbone, wanted, rows.tolist(), run.settings, run.watch)
        try:
            with closing(batches):  # here: the traceback of what stops the job would keep the threads that decode
                for batch in batches:
                    self._tried[rows[seen : seen + batch.seen]] = True
                    seen += batch.seen
                    if self._holds:
                        self.embeddings[batch.rows] = batch.embeddings
                    self.have[batch.rows] = True
                    self.remarks[batch.rows] = batch.remarks
                    self.unreadable += batch.unreadable
                    self.as_listed &= bool(batch.as_listed.all())
                    writer.add(batch)
                    run.advance(max(before + seen, run.done))
                    if unless(run.seconds_left):
                        return
        finally:
            writer.flush()  # what was computed is kept even when the job is stopped here


class _TolerantWriter(CacheWriter):
    """A cache that can't be written costs a warning, not the job."""

    def __init__(self, cache: EmbeddingCache, pool: Pool, run: Run) -> None:
        super().__init__(cache, pool)
        self._run = run
        self._broken = False

    def _write(self, rows: NDArray[np.int64], embeddings: NDArray[np.float32], remarks: NDArray[np.uint8]) -> None:
        if self._broken:
            return
        try:
            super()._write(rows, embeddings, remarks)
        except (StorageFull, CacheUnwritable) as error:
            self._broken = True
            self._run.warn(WarningCode.CACHE_NOT_WRITTEN, f"embeddings could not be kept for next time: {error.detail}")


def _tell(pool: Pool, remarks: NDArray[np.uint8], run: Run) -> None:
    """Warn of what `remarks` (N,) say of the pool's images."""
    for remark, (code, detail) in TOLD.items():
        names = [pool.names[row] for row in np.flatnonzero(remarks & remark)]
        if names:
            run.warn(code, detail, names)

"""What every pipeline begins with: the pool, its labels, their embeddings, a head."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from core.data.labels import Labels, Matched, match, read_labels
from core.data.pool import Pool, Skipped, list_pool
from core.data.roots import existing_file_or_folder, existing_folder
from core.embeddings.cache import CacheKey, EmbeddingCache
from core.embeddings.catalogue import find_backbone
from core.errors import CacheUnwritable, NoLabels, SingleClass, StorageFull, TooManyUnreadable
from core.jobs.requests import JobRequest
from core.jobs.results import ClassProbability, HeadSummary, Manifest
from core.jobs.results import Skipped as SkippedImage
from core.neural.backbones import Backbone
from core.neural.engine import Batch, embed
from core.neural.heads import Head, train_head
from core.pipelines.run import Run

FLUSH_EVERY_S = 20.0  # a crash costs at most this much embedding
TOP = 3
DIGITS = 6  # beyond these, the order of a sum shows
VERSIONS = ("torch", "timm", "scikit-learn", "numpy", "pillow")


@dataclass(frozen=True, eq=False)
class Labelled:
    """A pool as listed, with its labels; `matched` counts rows of this pool."""

    pool: Pool
    labels: Labels
    matched: Matched


@dataclass(frozen=True, eq=False)
class Embedded:
    """The K images that could be read: row i of `embeddings` (K, d) is row i of `pool` and of `matched`."""

    pool: Pool
    embeddings: NDArray[np.float32]
    matched: Matched
    unreadable: tuple[Skipped, ...]

    def unlabelled(self) -> NDArray[np.int64]:
        """(U,) rows, ascending."""
        return np.setdiff1d(np.arange(len(self.pool), dtype=np.int64), self.matched.rows, assume_unique=True)


def load_backbone(request: JobRequest, run: Run) -> Backbone:
    spec = find_backbone(request.backbone)
    if request.weights == "random" and spec.needs_weights:
        run.warn("random_weights", "the backbone is untrained, as asked: its answers are for comparison only")
    return run.backbones.load(spec, request.weights, request.seed)


def read_labelled(path_to_img: str, path_to_labels: str | None, run: Run, role: str = "") -> Labelled:
    """Lists the pool and reads its labels; what doesn't fit becomes a warning. `role`: which of two sets it is."""
    roots = run.settings.data_roots
    pool = list_pool(existing_folder(path_to_img, roots), roots)
    labels = read_labels(existing_file_or_folder(path_to_labels, roots), roots) if path_to_labels else Labels({})
    matched = match(labels, pool)
    if matched.absent:
        detail = f"these {role}{' ' if role else ''}labelled names are not in the pool; they were left out"
        run.warn("label_without_image", detail, matched.absent)
    for skipped in pool.skipped[:1]:
        names = [one.name for one in pool.skipped]
        run.warn("file_left_out", f"not listed as part of the pool; the first because {skipped.reason}", names)
    return Labelled(pool, labels, matched)


def embed_rows(labelled: Labelled, rows: NDArray[np.int64], backbone: Backbone, stage: str, run: Run) -> Embedded:
    """Embeddings of those rows, from the cache where it has them.

    Raises TooManyUnreadable when none is left or more are bad than the settings allow.
    """
    wanted = labelled.pool.take(rows)
    key = CacheKey(backbone.name, backbone.weights, backbone.preprocessing, str(wanted.folder))
    cache = EmbeddingCache(run.settings.cache_dir, key, backbone.dimension)
    have, cached = cache.find(wanted.names, wanted.sizes, wanted.mtimes_ns).read()
    embeddings = np.empty((len(wanted), backbone.dimension), np.float32)
    embeddings[have] = cached
    run.stage(stage, total=len(wanted), unit="images", done=int(have.sum()))
    writer = _CacheWriter(cache, wanted, run)
    unreadable: list[Skipped] = []
    try:
        for batch in _embed_missing(wanted, np.flatnonzero(~have), backbone, run):
            embeddings[batch.rows] = batch.embeddings
            have[batch.rows] = True
            unreadable += batch.unreadable
            writer.add(batch.rows, batch.embeddings)
    finally:
        writer.flush()  # what was computed is kept even when the job is stopped here
    _refuse_too_many(unreadable, len(wanted), run)
    kept = np.flatnonzero(have)
    if len(kept) < len(wanted):
        wanted, embeddings = wanted.take(kept), embeddings[kept]
    return Embedded(wanted, embeddings, match(labelled.labels, wanted), tuple(unreadable))


def _embed_missing(pool: Pool, rows: NDArray[np.int64], backbone: Backbone, run: Run) -> Iterator[Batch]:
    done = len(pool) - len(rows)
    # Closed here: the traceback of what stops the job would keep the threads that decode.
    batches = embed(backbone, pool, rows.tolist(), run.settings, check=run.check, halved=_tell_halved(run))
    with closing(batches):
        for batch in batches:
            yield batch
            done += batch.seen
            run.advance(done)


class _CacheWriter:
    """Gathers batches into segments. A cache that can't be written costs a warning, not the job."""

    def __init__(self, cache: EmbeddingCache, pool: Pool, run: Run) -> None:
        self._cache, self._pool, self._run = cache, pool, run
        self._rows: list[NDArray[np.int64]] = []
        self._embeddings: list[NDArray[np.float32]] = []
        self._flushed = time.monotonic()
        self._broken = False

    def add(self, rows: NDArray[np.int64], embeddings: NDArray[np.float32]) -> None:
        self._rows.append(rows)
        self._embeddings.append(embeddings)
        if time.monotonic() - self._flushed >= FLUSH_EVERY_S:
            self.flush()

    def flush(self) -> None:
        rows = np.concatenate([np.empty(0, np.int64), *self._rows])
        if len(rows) and not self._broken:
            part = self._pool.take(rows)
            try:
                self._cache.add(part.names, part.sizes, part.mtimes_ns, np.concatenate(self._embeddings))
            except (StorageFull, CacheUnwritable) as error:
                self._broken = True
                self._run.warn("cache_not_written", f"embeddings could not be kept for next time: {error.detail}")
        self._rows, self._embeddings, self._flushed = [], [], time.monotonic()


def train(
    request: JobRequest, embeddings: NDArray[np.float32], targets: NDArray[np.int64], classes: Sequence[str], run: Run
) -> tuple[Head, HeadSummary]:
    """A head on the labelled embeddings (L, d); targets (L,) index `classes`, each of which occurs."""
    head = train_head(
        request.head,
        embeddings,
        targets,
        len(classes),
        seed=request.seed,
        device=run.backbones.device,
        tick=run.advance,
    )
    counts = np.bincount(targets, minlength=len(classes))
    summary = HeadSummary(
        name=head.name,
        classes=tuple(classes),
        images_per_class={name: int(count) for name, count in zip(classes, counts, strict=True)},
        temperature=rounded(head.temperature),
        details=dict(head.details),
    )
    return head, summary


def need_two_classes(matched: Matched, what: str) -> None:
    """Raises NoLabels or SingleClass."""
    if not matched.classes:
        raise NoLabels(f"{what} needs labels: no image of the pool has one")
    if len(matched.classes) == 1:
        only = f"all {len(matched.rows)} labels say {matched.classes[0]!r}"
        raise SingleClass(f"{what} needs two classes at least: {only}")


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Softmax over rows, (N, C)."""
    wide = logits.astype(np.float64)
    weights: NDArray[np.float64] = np.exp(wide - wide.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def top_classes(row: NDArray[np.float64], classes: Sequence[str]) -> tuple[ClassProbability, ...]:
    """The most probable classes of one image, best first; ties by class order."""
    best = np.argsort(-row, kind="stable")[:TOP]
    return tuple(ClassProbability(class_name=classes[i], probability=rounded(row[i])) for i in best)


def manifest(
    request: JobRequest, backbone: Backbone, run: Run, *, head: bool, sources: dict[str, Labelled]
) -> Manifest:
    return Manifest(
        nextlabel=version("nextlabel"),
        versions={name: version(name) for name in VERSIONS},
        backbone=backbone.name,
        weights=backbone.weights,
        preprocessing=backbone.preprocessing,
        head=request.head if head else None,
        device=run.backbones.device,
        seed=request.seed,
        pools={name: source.pool.fingerprint() for name, source in sources.items()},
        labels={name: source.labels.fingerprint() for name, source in sources.items()},
    )


def skipped_images(*parts: Sequence[Skipped]) -> tuple[SkippedImage, ...]:
    return tuple(SkippedImage(name=one.name, reason=one.reason) for part in parts for one in part)


def rounded(value: float) -> float:
    return round(float(value), DIGITS)


def _tell_halved(run: Run) -> Callable[[int], None]:
    return lambda size: run.warn("batch_halved", f"the GPU's memory was short; going on with {size} images at once")


def _refuse_too_many(unreadable: Sequence[Skipped], total: int, run: Run) -> None:
    if not unreadable:
        return
    names = [one.name for one in unreadable]
    allowed = run.settings.max_unreadable_fraction
    first = f"the first is {unreadable[0].name}: {unreadable[0].reason}"
    run.warn("unreadable_image", f"left out; {first}", names)
    if len(unreadable) == total:
        raise TooManyUnreadable(f"none of the {total} images can be read; {first}")
    if len(unreadable) > allowed * total:
        raise TooManyUnreadable(
            f"{len(unreadable)} of {total} images can't be read, more than the {allowed:.0%} that "
            f"NEXTLABEL_MAX_UNREADABLE_FRACTION allows; {first}"
        )

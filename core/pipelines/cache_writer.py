"""Batches of embeddings on their way into the cache, and what is to be said of their images."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.pool import Pool
from nextlabel.core.embeddings.cache import EmbeddingCache
from nextlabel.core.embeddings.remarks import RemarkCache
from nextlabel.core.neural.engine import EmbeddedBatch

FLUSH_EVERY_S = 20.0  # a crash costs at most this much embedding


class CacheWriter:
    """Gathers batches into segments, one each 20 s and one at the end. Raises StorageFull, CacheUnwritable."""

    def __init__(self, cache: EmbeddingCache, pool: Pool) -> None:
        self._cache, self._pool = cache, pool
        self._rows: list[NDArray[np.int64]] = []
        self._embeddings: list[NDArray[np.float32]] = []
        self._remarks: list[NDArray[np.uint8]] = []
        self._flushed = time.monotonic()

    def add(self, batch: EmbeddedBatch) -> bool:
        """Take a batch of the pool's images, but not those that were changed since the pool was listed: what was read
        of them must not be found by a stamp that isn't theirs. Whether all that was added so far is on the disk.
        """
        self._rows.append(batch.rows[batch.as_listed])
        self._embeddings.append(batch.embeddings[batch.as_listed])
        self._remarks.append(batch.remarks[batch.as_listed])
        due = time.monotonic() - self._flushed >= FLUSH_EVERY_S
        if due:
            self.flush()
        return due

    def flush(self) -> None:
        rows = np.concatenate([np.empty(0, np.int64), *self._rows])
        if len(rows):
            self._write(rows, np.concatenate(self._embeddings), np.concatenate(self._remarks))
        self._rows, self._embeddings, self._remarks, self._flushed = [], [], [], time.monotonic()

    def _write(self, rows: NDArray[np.int64], embeddings: NDArray[np.float32], remarks: NDArray[np.uint8]) -> None:
        part, remarked = self._pool.take(rows), np.flatnonzero(remarks)
        if len(remarked):  # first, so that no embedding is found without
            told = part.take(remarked)
            RemarkCache(self._cache.folder.parent, self._cache.key.pool).add(told.names, told.stamps, remarks[remarked])
        self._cache.add(part.names, part.stamps, embeddings)

"""Embeddings that a worker process holds in memory between jobs: the next round on a pool reads none from the disk."""

from __future__ import annotations

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray


class RecentEmbeddings:
    """Keeps the embeddings used last, as many as fit into `limit_bytes`; 0 keeps none. They can't be written to."""

    def __init__(self, limit_bytes: int) -> None:
        self._kept: LRUCache[str, NDArray[np.float32]] = LRUCache(limit_bytes, lambda embeddings: embeddings.nbytes)

    def get(self, key: str) -> NDArray[np.float32] | None:
        """Return what is kept under the key, if anything.

        The key must tell the images, as they are now, in their order, and what embedded them.
        """
        return self._kept.get(key)

    def keep(self, key: str, embeddings: NDArray[np.float32]) -> None:
        """Keep the embeddings, unless they alone are more than the limit."""
        if embeddings.nbytes <= self._kept.maxsize:
            embeddings.flags.writeable = False
            self._kept[key] = embeddings

    def make_room(self, n_bytes: int) -> None:
        """Let go of those not used for longest until so much more fits within the limit, or none is left."""
        while self._kept and self._kept.currsize + n_bytes > self._kept.maxsize:
            self._kept.popitem()

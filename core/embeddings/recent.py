"""Embeddings that a worker process holds in memory between jobs: the next round on a pool reads none from the disk."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray


class RecentEmbeddings:
    """Those used last, as many as fit into `limit_bytes`; 0 keeps none. What is kept can't be written to."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def get(self, key: str) -> NDArray[np.float32] | None:
        """`key` must tell the images, as they are now, in their order, and what embedded them."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: str, embeddings: NDArray[np.float32]) -> None:
        if embeddings.nbytes > self._limit_bytes:
            return
        embeddings.flags.writeable = False
        self._kept[key] = embeddings
        self._kept.move_to_end(key)
        while sum(one.nbytes for one in self._kept.values()) > self._limit_bytes:
            self._kept.popitem(last=False)

    def make_room(self, n_bytes: int) -> None:
        """Lets go of the oldest until so much more fits within the limit, or none is left."""
        while self._kept and sum(one.nbytes for one in self._kept.values()) + n_bytes > self._limit_bytes:
            self._kept.popitem(last=False)

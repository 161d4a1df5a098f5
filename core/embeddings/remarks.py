"""What decoding found of images, kept beside their embeddings: it is to be said whenever those are used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.embeddings.cache import CacheKey, EmbeddingCache


class RemarkCache:
    """Keeps the remarks (core/data/images.py) of one pool's images, of those alone that there are any of."""

    def __init__(self, root: Path, pool: str) -> None:
        """Touch nothing on disk. `pool` is the folder that names begin at."""
        self._cache = EmbeddingCache(root, CacheKey("remarks", "none", "none", pool), dimension=1)

    def find(self, names: Sequence[str], stamps: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the remarks of N images as they are now: (N,); 0 where none is known."""
        remarks = np.zeros(len(names), np.uint8)
        if self._cache.folder.is_dir():  # there are pools of millions without one
            read, found = self._cache.find(names, stamps).read()
            remarks[read] = found[:, 0].astype(np.uint8)
        return remarks

    def add(self, names: Sequence[str], stamps: NDArray[np.int64], remarks: NDArray[np.uint8]) -> None:
        """Keep the remarks (n,) of n distinct images. Raises StorageFull, CacheUnwritable."""
        self._cache.add(names, stamps, remarks[:, None].astype(np.float32))

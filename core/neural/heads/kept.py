"""Heads that a worker process keeps between jobs."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import numpy as np
from cachetools import LRUCache

from nextlabel.core.neural.heads.base import Head
from nextlabel.core.neural.heads.neighbours import Neighbours
from nextlabel.core.neural.heads.registry import train_head
from nextlabel.core.neural.training import Examples, Floats, Tick, ignore


class TrainedHeads:
    """Keeps the heads trained last: an f1 job on the labels that a selection was just made with trains nothing.

    It keeps their neighbours, too, what these know of the pool, and heads as they are among their neighbours.
    """

    KEPT = 2

    def __init__(self) -> None:
        self._kept: LRUCache[bytes, Head] = LRUCache(self.KEPT)
        self._among: LRUCache[tuple[int, int], tuple[Head, Neighbours | None, Head]] = LRUCache(self.KEPT)
        self._neighbours: LRUCache[bytes, Neighbours] = LRUCache(self.KEPT)

    def neighbours(self, neighbourhood: Floats | None) -> Neighbours | None:
        """Return those images (R, d) as neighbours; None of none."""
        if neighbourhood is None or not len(neighbourhood):
            return None
        key = blake2b(np.ascontiguousarray(neighbourhood).data, digest_size=16).digest()
        neighbours = self._neighbours.get(key)
        if neighbours is None:
            neighbours = self._neighbours[key] = Neighbours(neighbourhood)
        return neighbours

    def among(self, head: Head, neighbours: Neighbours | None, examples: Examples) -> Head:
        """Return what `head.among` does, to the bit; of a head and neighbours that are kept, as it was before."""
        key = id(head), id(neighbours)
        known = self._among.get(key)
        if known is None:  # kept with both of them, so that nothing else gets their ids
            known = self._among[key] = head, neighbours, head.among(neighbours, examples)
        return known[-1]

    def get(
        self,
        name: str,
        examples: Examples,
        *,
        seed: int,
        device: str = "cpu",
        tick: Tick = ignore,
        train: Callable[..., Head] | None = None,
    ) -> Head:
        """Return what `train`, or else `train_head`, does for these arguments, to the bit."""
        train = train or train_head
        options = (train.__qualname__, name, examples.embeddings.shape, examples.n_classes, seed, device)
        digest = blake2b(repr(options).encode(), digest_size=16)
        for array in (examples.embeddings, examples.targets, examples.names):
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
        key = digest.digest()
        head = self._kept.get(key)
        if head is None:
            head = self._kept[key] = train(name, examples, seed=seed, device=device, tick=tick)
        return head

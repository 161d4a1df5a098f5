"""An even draw from a pool: an order by chance, in which an image keeps its place whatever else is in the pool."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.spelling import all_as_seen


def drawn_order(names: Sequence[str], seed: int) -> NDArray[np.int64]:
    """Return the rows of N names in the order in which they are drawn: (N,).

    An image's place depends on its name and the seed alone. So the first of a pool are an even draw from it, and stay
    the first, but for new ones among them, when images are added.
    """
    numbers = np.fromiter((crc32(name.encode("utf-8", "surrogatepass")) for name in all_as_seen(names)), np.uint64)
    mixed = numbers + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for multiplier in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):  # SplitMix64 (Steele et al. 2014): one-to-one
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(multiplier)
    return np.argsort(mixed ^ (mixed >> np.uint64(31)), kind="stable")


@dataclass(frozen=True)
class Draw:
    """Which images of a place to look at: the `most` first in the order of `seed`, and those `named` besides."""

    seed: int
    most: int
    named: Collection[str] = ()

    def rows_of(self, names: Sequence[str]) -> tuple[NDArray[np.int64], int]:
        """Return the rows that are drawn or named, ascending, of N names, and how many images these are.

        Of names that look the same, which are one image, all are returned or none.
        """
        seen = all_as_seen(names)
        images = len(names) if seen is names else len(set(seen))
        drawn = drawn_order(seen, self.seed)[: self.most]
        if len(drawn) < len(names):
            wanted = {seen[row] for row in drawn.tolist()} if seen is not names else set()
            wanted.update(all_as_seen([*self.named]))
            if wanted:
                others = [row for row, name in enumerate(seen) if name in wanted]
                drawn = np.union1d(drawn, np.array(others, np.int64))
        return np.sort(drawn), images

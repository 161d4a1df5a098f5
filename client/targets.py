"""Where files for another tool are written, and the images beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nextlabel.client.pools import keep_out_of, place_of
from nextlabel.core.exchange.files import place_images


@dataclass(frozen=True)
class Target:
    """A folder to write to. pool: whose images are placed in it; None: none are. copy: even where hard links would do.

    labels: what is written there, where it is people's.
    """

    out: Path
    pool: Path | None
    copy: bool
    labels: Path | None = None

    def check(self, files: Iterable[str], names: Iterable[str], subfolder: str = "images") -> None:
        """See that neither the files nor the images get among labels or into the pool. Raises as `keep_out_of` does."""
        placed = [self.out / subfolder / name for name in names] if self.pool is not None else []
        keep_out_of([*(self.out / file for file in files), *placed], pool=self.pool, labels=self.labels)

    def place(self, names: Iterable[str], subfolder: str = "images") -> None:
        """Place the images of those names, where there is a pool to take them from."""
        if self.pool is not None:
            folder = self.out / subfolder
            place_images([(name, name) for name in names], place_of(self.pool), folder, copy=self.copy)

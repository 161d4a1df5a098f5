"""A zip of images by class, as `image_folder` writes them to the disk: how large it is to be, and its bytes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from tempfile import SpooledTemporaryFile

from nextlabel.core.data.pool import Pool
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import Inexpressible, UnreadableImage
from nextlabel.core.exchange.entries import Entry
from nextlabel.core.exchange.image_folder import MARK, content_of_mark, paths_of
from nextlabel.core.exchange.zipped import PIECE, Pieces, zipped

MOST_BYTES = 2_000_000_000  # a browser keeps what it saves until it has all of it
MOST_IN_MEMORY = 16_000_000  # bytes of an image; a larger one waits on the disk
LEFT_OUT = "_left_out.txt"


@dataclass(frozen=True)
class ImageZip:
    """Which image of the pool gets which path. missing: names that the pool does not have."""

    pool: Pool
    rows: Mapping[str, int]
    missing: tuple[str, ...]
    predicted: tuple[str, ...]

    @classmethod
    def of(cls, entries: Sequence[Entry], pool: Pool) -> ImageZip:
        """Raises Inexpressible: an image may have several classes, or a class can't be a folder's name."""
        paths = paths_of(entries)
        found = pool.find({as_seen(entry.name) for entry in entries})
        rows = {path: found[as_seen(entry.name)] for path, entry in paths.items() if as_seen(entry.name) in found}
        missing = tuple(entry.name for entry in entries if as_seen(entry.name) not in found)
        predicted = tuple(
            path for path, entry in paths.items() if path in rows and entry.class_name and not entry.given
        )
        return cls(pool, rows, missing, predicted)

    @property
    def size(self) -> int:
        """Bytes of the images, by the listing of the pool."""
        return int(self.pool.sizes[[*self.rows.values()]].sum())

    def check_size(self) -> None:
        """Raises Inexpressible where it is more than a browser should save."""
        if self.size > MOST_BYTES:
            size, most = (f"{size / 1e9:.1f} GB" for size in (self.size, MOST_BYTES))
            raise Inexpressible(
                f"these {len(self.rows):,} images are {size}, and a zip has {most} at most; where the images lie, "
                "`nextlabel export image-folder` writes folders of any size, as links that take no room"
            )

    def read(self) -> Iterator[bytes]:
        """Yield the zip. An image that can't be read is left out, and named at its end with those that are missing."""
        left_out = [f"{name}\tit is not in the pool" for name in self.missing]
        yield from zipped(self._files(left_out))

    def _files(self, left_out: list[str]) -> Iterator[tuple[str, Pieces]]:
        yield MARK, [json.dumps(content_of_mark(self.predicted)).encode()]
        for path, row in self.rows.items():
            with SpooledTemporaryFile(MOST_IN_MEMORY) as whole:  # once the zip has its beginning, it can't be left out
                try:
                    with self.pool.open(row) as image:
                        shutil.copyfileobj(image, whole, PIECE)
                except (UnreadableImage, OSError) as error:
                    cause = error.detail if isinstance(error, UnreadableImage) else str(error.strerror)
                    left_out.append(f"{self.pool.names[row]}\t{cause}")
                    continue
                whole.seek(0)
                yield path, iter(partial(whole.read, PIECE), b"")
        if left_out:
            yield LEFT_OUT, ["".join(f"{line}\n" for line in left_out).encode()]

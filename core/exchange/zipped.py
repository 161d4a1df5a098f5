"""A zip made while it is read: files one after another, of which no more than a piece is in memory."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterable, Iterator
from typing import TypeAlias

PIECE = 1 << 20  # bytes
Pieces: TypeAlias = Iterable[bytes]


def zipped(files: Iterable[tuple[str, Pieces]]) -> Iterator[bytes]:
    """Yield the bytes of a zip of (path, content). Nothing is compressed: images are already, and labels are small.

    A file whose pieces raise leaves the zip without its end, which no program takes for a whole one.
    """
    made = _Made()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as packed:
        for path, pieces in files:
            about = zipfile.ZipInfo(path, time.localtime()[:6])
            about.external_attr = 0o644 << 16
            with packed.open(about, "w", force_zip64=True) as file:
                for piece in pieces:
                    file.write(piece)
                    yield made.taken()
        yield made.taken()
    yield made.taken()


class _Made(io.RawIOBase):
    """What was written since it was taken last. It can't be sought in, so that the zip is made in one go."""

    def __init__(self) -> None:
        self._new = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes) -> int:  # type: ignore[override]
        self._new += piece
        return len(piece)

    def taken(self) -> bytes:
        new = bytes(self._new)
        self._new.clear()
        return new

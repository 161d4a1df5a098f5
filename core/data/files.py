"""The listing of a place: the names of its images, and what the storage tells of each without opening it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from io import BufferedReader, BytesIO
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.spelling import all_as_seen, as_seen

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
UNWRITABLE = re.compile("[\0\t\n\r\ud800-\udfff]")  # surrogates stand for bytes that are not UTF-8
UNWRITABLE_REASON = "a labels file can't hold its name (not UTF-8, or a tab or line break in it); rename it"

ImageFile: TypeAlias = BufferedReader | BytesIO  #: an image opened for reading: on a disk, or fetched into memory


@dataclass(frozen=True)
class SkippedFile:
    """A file or folder that would have been listed, but for the reason. `name` is fit for printing."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Files:
    """N images of a place."""

    names: tuple[str, ...]  # N, relative POSIX paths, ascending
    sizes: NDArray[np.int64]  # (N,), bytes
    mtimes_ns: NDArray[np.int64]  # (N,), since the epoch
    stamps: NDArray[np.int64]  # (N,); a file that is changed or replaced gets another (core/data/stamps.py)
    skipped: tuple[SkippedFile, ...]  # ascending by name

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: NDArray[np.int64]) -> Files:
        """Keep those rows alone, in that order, and all that is skipped."""
        names = tuple(self.names[row] for row in rows)
        return Files(names, self.sizes[rows], self.mtimes_ns[rows], self.stamps[rows], self.skipped)

    def only(self, names: Collection[str]) -> Files:
        """Keep what concerns those names, however they are spelt, and forget the others."""
        asked_for = {as_seen(name) for name in names}
        rows = np.array([row for row, name in enumerate(all_as_seen(self.names)) if name in asked_for], np.int64)
        printed = {printable(name) for name in asked_for}
        kept = tuple(file for file in self.skipped if as_seen(file.name) in printed)
        return replace(self.take(rows), skipped=kept)


def has_suffix(name: str) -> bool:
    """Tell whether the name ends as an image's does, in upper or lower case."""
    return name.lower().endswith(SUFFIXES)


def printable(name: str) -> str:
    """Turn the name into one line of valid UTF-8: other bytes and control characters become escapes."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

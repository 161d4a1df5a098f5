"""A place whose stamps are made of the files' bytes: for where neither times nor inodes tell a replaced file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import blake2b, file_digest
from pathlib import Path

import numpy as np

from nextlabel.core.data.draw import Draw
from nextlabel.core.data.files import Files, ImageFile
from nextlabel.core.data.objects import Patience
from nextlabel.core.data.places import Ahead, Place, place_at
from nextlabel.core.errors import UnreadableImage

KEY = "content:"  # no folder's path begins like this
READERS = 8  # files at once: on a network share most of the time goes by waiting
UNREADABLE = 0  # the stamp of a file that can't be read; it is never one that is opened later


class ByContent:
    """A place whose listing reads every file to make its stamp; caches know it by a key of its own."""

    def __init__(self, place: Place, progress: Callable[[int, int], None] = lambda _done, _total: None) -> None:
        """`progress(files read, of how many)` is called between files, and may raise to stop."""
        self._place, self._progress = place, progress

    @property
    def key(self) -> str:
        return KEY + self._place.key

    def list(self) -> Files:
        return self._read(self._place.list())

    def look_up(self, names: Collection[str]) -> Files:
        return self._read(self._place.look_up(names))

    def draw(self, draw: Draw) -> tuple[Files, int]:
        files, images = self._place.draw(draw)
        return self._read(files), images

    def has_an_image(self) -> bool:
        return self._place.has_an_image()

    def has(self, name: str) -> bool:
        return self._place.has(name)

    def open(self, name: str) -> ImageFile:
        return self._place.open(name)

    def ahead(self, names: Sequence[str], sizes: Sequence[int], patience_s: float) -> Ahead:
        return self._place.ahead(names, sizes, patience_s)

    def stamp(self, name: str) -> int:
        with self._place.open(name) as file:
            return _digest(file)

    def stamp_of(self, file: ImageFile) -> int:
        file.seek(0)
        return _digest(file)

    def identity(self, name: str) -> str:
        return self._place.identity(name)

    def link(self, name: str, target: Path) -> bool:
        return self._place.link(name, target)

    def _read(self, files: Files) -> Files:
        stamps = np.full(len(files), UNREADABLE, np.int64)
        readers = ThreadPoolExecutor(READERS, thread_name_prefix="digest")
        try:
            for row, stamp in enumerate(readers.map(self._stamp, files.names)):
                stamps[row] = stamp
                self._progress(row + 1, len(files))
        finally:
            readers.shutdown(cancel_futures=True)
        stamps.flags.writeable = False
        return replace(files, stamps=stamps)

    def _stamp(self, name: str) -> int:
        try:
            with self._place.open(name) as file:
                return _digest(file)
        except (UnreadableImage, OSError):  # whoever opens it next says why
            return UNREADABLE


def place_of(key: str, roots: Sequence[Path], patience: Patience | None = None) -> Place:
    """Make a place of the key that another had, in this process or in another; check it as `place_at` does.

    patience: as of `place_at`.
    """
    place = place_at(key.removeprefix(KEY), roots, patience=patience)
    return ByContent(place) if key.startswith(KEY) else place


def _digest(file: ImageFile) -> int:
    digest = file_digest(file, lambda: blake2b(digest_size=8)).digest()
    return int.from_bytes(digest, "little", signed=True)

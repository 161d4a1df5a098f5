"""The pool: all images of one place, one row per image, in a fixed order."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.draw import Draw
from nextlabel.core.data.files import SUFFIXES, Files, ImageFile, SkippedFile, printable
from nextlabel.core.data.label_text import clean_name
from nextlabel.core.data.places import Ahead, Place
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import all_as_seen, as_seen, spellings
from nextlabel.core.errors import EmptyPool, WarningCode

LARGE = 2_000_000  # images, from which on a dictionary of all names costs more than looking through them


@dataclass(frozen=True, eq=False)
class Pool:
    """N images. Row i is `names[i]` everywhere: the name as the file system has it. No two names look the same."""

    place: Place
    files: Files

    def __len__(self) -> int:
        return len(self.files)

    @property
    def names(self) -> tuple[str, ...]:
        return self.files.names

    @property
    def sizes(self) -> NDArray[np.int64]:
        return self.files.sizes

    @property
    def mtimes_ns(self) -> NDArray[np.int64]:
        return self.files.mtimes_ns

    @property
    def stamps(self) -> NDArray[np.int64]:
        return self.files.stamps

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        return self.files.skipped

    @cached_property
    def rows_by_name(self) -> Mapping[str, int]:
        """Each name as it is compared (`as_seen`), and its row."""
        return {name: row for row, name in enumerate(all_as_seen(self.names))}

    def find(self, names: Collection[str]) -> Mapping[str, int]:
        """Return the row of each of those names that is in the pool. The names are as they are compared (`as_seen`)."""
        if len(self) < LARGE or "rows_by_name" in self.__dict__:
            rows = self.rows_by_name
            return {name: rows[name] for name in names if name in rows}
        wanted = set(names)  # a dictionary of ten million names is a gigabyte
        return {name: row for row, name in enumerate(all_as_seen(self.names)) if name in wanted}

    def open(self, row: int) -> ImageFile:
        """Open the row's image. Raises UnreadableImage."""
        return self.place.open(self.names[row])

    def ahead(self, rows: Sequence[int], patience_s: float) -> Ahead:
        """Make what opens the rows' images in about that order, as `Place.ahead` does."""
        return self.place.ahead([self.names[row] for row in rows], self.sizes[rows].tolist(), patience_s)

    def is_as_listed(self, row: int, file: ImageFile) -> bool:
        """Tell whether the row's opened file is the one that was listed, unchanged up to now."""
        return self.place.stamp_of(file) == int(self.stamps[row])

    def rows_of(self, names: Iterable[str]) -> NDArray[np.int64]:
        """Find the rows of those of the names that are in the pool, however they are spelt: distinct, ascending."""
        rows = self.find([as_seen(clean_name(name)) for name in names]).values()
        return np.array(sorted(set(rows)), np.int64)

    def absent(self, names: Iterable[str]) -> list[str]:
        """List those of the names that are not in the pool, however they are spelt: distinct, ascending."""
        compared = {name: as_seen(clean_name(name)) for name in names}
        there = self.find(compared.values())
        return sorted(name for name, seen in compared.items() if seen not in there)

    def take(self, rows: NDArray[np.int64]) -> Pool:
        """Make the pool of those rows alone, in that order; row i is what `rows[i]` was."""
        if len(rows) == len(self) and np.array_equal(rows, np.arange(len(self))):
            return self
        return Pool(self.place, self.files.take(rows))

    def fingerprint(self) -> str:
        """Return the hex SHA-256 of names, sizes and times: the same images in another folder have the same one."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        digest.update(self.sizes.astype("<i8").tobytes())
        digest.update(self.mtimes_ns.astype("<i8").tobytes())
        return digest.hexdigest()

    def state(self) -> str:
        """Return the hex SHA-256 of names and stamps: unlike the fingerprint it tells a file from its replacement."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        digest.update(self.stamps.astype("<i8").tobytes())
        return digest.hexdigest()


def list_pool(place: Place) -> Pool:
    """List the images of a place, as `Place.list` does. Raises EmptyPool when there is none."""
    files = place.list()
    if not len(files):
        raise EmptyPool(_no_image(place, files.skipped))
    return Pool(place, _without_doubles(files))


def draw_pool(place: Place, draw: Draw) -> tuple[Pool, int]:
    """List those images of a place alone that are drawn, and tell how many `list_pool` would list. Raises EmptyPool."""
    files, images = place.draw(draw)
    if not len(files):
        raise EmptyPool(_no_image(place, files.skipped))
    return Pool(place, _without_doubles(files)), images


def look_up(place: Place, names: Collection[str]) -> Pool:
    """List the images of those names alone, of the pool that `list_pool` lists.

    A few thousand of a million take the time of a few thousand, unless names beyond ASCII are not found: a file system
    may spell them in yet another way. Raises EmptyPool where the place has no image at all.
    """
    files = place.look_up({way for name in names for way in spellings(name)})
    if not len(files) or not {as_seen(name) for name in names if not name.isascii()} <= set(all_as_seen(files.names)):
        files = list_pool(place).files.only(names)
    return Pool(place, _without_doubles(files))


def _without_doubles(files: Files) -> Files:
    """Leave out the later of files whose names look the same: a label of one would be as good a label of the other."""
    seen = all_as_seen(files.names)
    if seen is files.names or len(set(seen)) == len(files):
        return files
    first = {name: row for row, name in reversed([*enumerate(seen)])}
    kept = np.array(sorted(first.values()), np.int64)
    doubles = sorted(set(range(len(files))) - set(first.values()))
    skipped = [SkippedFile(printable(files.names[row]), LOOKS_THE_SAME, WarningCode.FILE_LEFT_OUT) for row in doubles]
    return replace(files.take(kept), skipped=tuple(sorted((*files.skipped, *skipped), key=lambda file: file.name)))


LOOKS_THE_SAME = "its name looks the same as that of another image, in other characters; rename one of them"


def _no_image(place: Place, skipped: Sequence[SkippedFile]) -> str:
    where = shown(place.key)
    sentence = f"There is no image in {where} or its sub-folders. Looked for {' '.join(SUFFIXES)} in any case."
    if not skipped:
        return sentence
    return f"{sentence} {len(skipped)} skipped, the first: {skipped[0].name}: {skipped[0].reason}."

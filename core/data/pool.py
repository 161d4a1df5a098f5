"""The pool: all images under one folder, one row per image, in a fixed order."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.roots import existing_folder, is_under, shown
from core.errors import EmptyPool

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")


@dataclass(frozen=True)
class Skipped:
    """A file or folder that would have been listed, but for the reason. `name` is fit for printing."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Pool:
    """N images. Row i is `names[i]` everywhere."""

    folder: Path  # links followed
    names: tuple[str, ...]  # N, relative POSIX paths, ascending
    sizes: NDArray[np.int64]  # (N,), bytes
    mtimes_ns: NDArray[np.int64]  # (N,), since the epoch
    skipped: tuple[Skipped, ...]  # ascending by name

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def rows_by_name(self) -> Mapping[str, int]:
        return {name: row for row, name in enumerate(self.names)}

    def path(self, row: int) -> Path:
        return self.folder / self.names[row]

    def take(self, rows: NDArray[np.int64]) -> Pool:
        """The pool of those rows alone, in that order; row i is what `rows[i]` was."""
        names = tuple(self.names[row] for row in rows)
        return Pool(self.folder, names, self.sizes[rows], self.mtimes_ns[rows], self.skipped)

    def fingerprint(self) -> str:
        """Hex SHA-256 of names, sizes and times: the same images in another folder have the same one."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        digest.update(self.sizes.astype("<i8").tobytes())
        digest.update(self.mtimes_ns.astype("<i8").tobytes())
        return digest.hexdigest()


def list_pool(folder: Path, roots: Sequence[Path]) -> Pool:
    """List the images of a folder and its sub-folders, by suffix and without opening one.

    Hidden files and folders are left out. Links are followed as long as they stay in the roots, and no folder is
    listed twice.

    Raises:
        EmptyPool: there is no image.
        PathNotAllowed, PathNotFound, PathWrongKind, PathNotReadable
    """
    walk = _Walk(folder, roots)
    names: list[str] = []
    sizes: list[int] = []
    mtimes_ns: list[int] = []
    for name, size, mtime_ns in walk.images():  # a million tuples kept would have the garbage collector go round
        names.append(name)
        sizes.append(size)
        mtimes_ns.append(mtime_ns)
    skipped = tuple(sorted(walk.skipped, key=lambda one: (one.name, one.reason)))
    if not names:
        raise EmptyPool(_no_image(walk.folder, skipped))
    order = sorted(range(len(names)), key=names.__getitem__)
    in_order = tuple(names[row] for row in order)
    return Pool(walk.folder, in_order, _frozen(sizes, order), _frozen(mtimes_ns, order), skipped)


def has_an_image(folder: Path, roots: Sequence[Path]) -> bool:
    """Whether `list_pool` would find one; stops at the first.

    Raises:
        PathNotAllowed, PathNotFound, PathWrongKind, PathNotReadable
    """
    return any(True for _ in _Walk(folder, roots).images())


def _frozen(values: Sequence[int], order: Sequence[int]) -> NDArray[np.int64]:
    array = np.array(values, dtype=np.int64)[order]
    array.flags.writeable = False
    return array


def _no_image(folder: Path, skipped: Sequence[Skipped]) -> str:
    sentence = f"There is no image in {shown(folder)} or its sub-folders. Looked for {' '.join(SUFFIXES)} in any case."
    if not skipped:
        return sentence
    return f"{sentence} {len(skipped)} skipped, the first: {skipped[0].name}: {skipped[0].reason}."


# --- the walk ---------------------------------------------------------------------------------------------------

_UNWRITABLE = re.compile("[\t\n\r\ud800-\udfff]")  # surrogates stand for bytes that are not UTF-8
_UNWRITABLE_REASON = "a labels file can't hold its name (not UTF-8, or a tab or line break in it); rename it"
_LAST_NS = 2**63 - 1

_Image = tuple[str, int, int]  # name, bytes, mtime in ns


class _Walk:
    """Folders first, links after them, each by name: so a folder keeps its own name when links lead to it, too."""

    def __init__(self, folder: Path, roots: Sequence[Path]) -> None:
        self.folder = existing_folder(folder, roots)
        self.skipped: list[Skipped] = []
        self._real_roots = [os.path.realpath(root) for root in roots]
        self._folders = [("", str(self.folder))]  # (name, path with links followed)
        self._linked: list[tuple[str, str]] = []
        self._entered: set[str] = set()

    def images(self) -> Iterator[_Image]:
        while self._folders or self._linked:
            name, real = self._folders.pop() if self._folders else self._next_linked()
            if real in self._entered:
                self._skip(name, "the folder is listed already under another name")
            else:
                self._entered.add(real)
                yield from self._images_in(name, real)

    def _next_linked(self) -> tuple[str, str]:
        self._linked.sort(reverse=True)
        return self._linked.pop()

    def _images_in(self, folder: str, real: str) -> Iterator[_Image]:
        prefix = f"{folder}/" if folder else ""
        try:
            with _opened(real) as opened, os.scandir(opened) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    name = prefix + entry.name
                    try:
                        image = self._visit(entry, name, real)
                    except OSError as error:
                        self._skip(name, f"can't be read: {error.strerror}")
                    else:
                        if image:
                            yield image
        except OSError as error:
            self._skip(folder, f"the folder can't be read: {error.strerror}")

    def _visit(self, entry: os.DirEntry[str], name: str, folder: str) -> _Image | None:
        """The image that the entry is, if it is one; nearly all are. A folder is noted for later."""
        if entry.is_file(follow_symlinks=False):
            return self._image(name, entry.stat(follow_symlinks=False)) if _has_suffix(name) else None
        if entry.is_symlink():
            return self._follow(f"{folder}/{entry.name}", name)
        if entry.is_dir(follow_symlinks=False):
            self._note(self._folders, name, f"{folder}/{entry.name}")
        elif _has_suffix(name):
            self._skip(name, "not a regular file")
        return None

    def _follow(self, path: str, name: str) -> _Image | None:
        real = os.path.realpath(path)
        if not is_under(real, self._real_roots):
            self._skip(name, "links to a place outside the data roots")
            return None
        status = os.stat(real)  # noqa: PTH116 -- a Path for each of a million links costs seconds
        if stat.S_ISDIR(status.st_mode):
            self._note(self._linked, name, real)
            return None
        return self._image(name, status) if _has_suffix(name) else None

    def _note(self, folders: list[tuple[str, str]], name: str, real: str) -> None:
        if _UNWRITABLE.search(name):
            self._skip(name, _UNWRITABLE_REASON)
        else:
            folders.append((name, real))

    def _image(self, name: str, status: os.stat_result) -> _Image | None:
        if _UNWRITABLE.search(name):
            self._skip(name, _UNWRITABLE_REASON)
        elif not stat.S_ISREG(status.st_mode):
            self._skip(name, "not a regular file")
        else:
            mtime_ns = status.st_mtime_ns
            return name, status.st_size, mtime_ns if mtime_ns < _LAST_NS else _LAST_NS
        return None

    def _skip(self, name: str, reason: str) -> None:
        self.skipped.append(Skipped(_printable(name or "."), reason))


@contextmanager
def _opened(folder: str) -> Iterator[int | str]:
    """What to scan it by. By a descriptor, its entries are looked up in the folder, and not along the whole path."""
    if os.scandir not in os.supports_fd:
        yield folder
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _has_suffix(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _printable(name: str) -> str:
    """One line of valid UTF-8: other bytes and control characters become escapes."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

"""The pool: all images under one folder, one row per image, in a fixed order."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.roots import existing_folder, is_under, shown
from nextlabel.core.data.stats import UNKNOWN, clamped, stat_all
from nextlabel.core.errors import EmptyPool

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

    def rows_of(self, names: Iterable[str]) -> NDArray[np.int64]:
        """Find the rows of those of the names that are in the pool: distinct, ascending."""
        found = {self.rows_by_name[name] for name in names if name in self.rows_by_name}
        return np.array(sorted(found), np.int64)

    def take(self, rows: NDArray[np.int64]) -> Pool:
        """The pool of those rows alone, in that order; row i is what `rows[i]` was."""
        if len(rows) == len(self) and np.array_equal(rows, np.arange(len(self))):
            return self
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
    walk.list_all()
    pool = walk.pool()
    if not len(pool):
        raise EmptyPool(_no_image(pool.folder, pool.skipped))
    return pool


def look_up(folder: Path, roots: Sequence[Path], names: Collection[str]) -> Pool:
    """Of the pool that `list_pool` lists, the images of those names, and nothing of others: a few thousand of a million
    take the time of a few thousand.

    Raises as `list_pool` does, EmptyPool only where none of the names is there either.
    """
    walk = _Walk(folder, roots)
    with suppress(_MustList):
        walk.look_up(names)
        pool = walk.pool()
        if len(pool):
            return pool
    pool = list_pool(folder, roots)
    rows = pool.rows_by_name
    taken = pool.take(np.array(sorted(rows[name] for name in set(names) if name in rows), np.int64))
    asked_for = {_printable(name) for name in names}
    return replace(taken, skipped=tuple(one for one in pool.skipped if one.name in asked_for))


def has_an_image(folder: Path, roots: Sequence[Path]) -> bool:
    """Whether `list_pool` would find one; stops at the first.

    Raises:
        PathNotAllowed, PathNotFound, PathWrongKind, PathNotReadable
    """
    first = _Walk(folder, roots)
    first.list_all(most=1)
    if not first.found or len(first.pool()):
        return first.found > 0
    walk = _Walk(folder, roots)  # the first was one that can't be looked at
    walk.list_all()
    return len(walk.pool()) > 0


def _no_image(folder: Path, skipped: Sequence[Skipped]) -> str:
    sentence = f"There is no image in {shown(folder)} or its sub-folders. Looked for {' '.join(SUFFIXES)} in any case."
    if not skipped:
        return sentence
    return f"{sentence} {len(skipped)} skipped, the first: {skipped[0].name}: {skipped[0].reason}."


# --- the walk ---------------------------------------------------------------------------------------------------

_UNWRITABLE = re.compile("[\0\t\n\r\ud800-\udfff]")  # surrogates stand for bytes that are not UTF-8
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}
_UNWRITABLE_REASON = "a labels file can't hold its name (not UTF-8, or a tab or line break in it); rename it"


class _MustList(Exception):
    """What a name stands for can't be told without listing the pool."""


class _Walk:
    """Folders first, links after them, each by name: so a folder keeps its own name when links lead to it, too.

    Names of regular files are kept by folder and looked at in the end, all together; what stands behind links, at once.
    In plain lists: tuples of a million files would have the garbage collector go round.
    """

    def __init__(self, folder: Path, roots: Sequence[Path]) -> None:
        self.folder = existing_folder(folder, roots)
        self.found = 0
        self._listing = False
        self._regular: list[tuple[str, str, list[str]]] = []  # (prefix, folder, names in it), not looked at yet
        self._names: list[str] = []
        self._sizes: list[int] = []
        self._mtimes_ns: list[int] = []
        self._skipped: list[Skipped] = []
        self._real_roots = [os.path.realpath(root) for root in roots]
        self._folders = [("", str(self.folder))]  # (name, path with links followed)
        self._linked: list[tuple[str, str]] = []
        self._entered: set[str] = set()

    def pool(self) -> Pool:
        """What was found."""
        regular = [prefix + own for prefix, _, names in self._regular for own in names]
        looks = np.asarray(stat_all([(real, names) for _, real, names in self._regular]), np.int64).reshape(-1, 2)
        unknown = looks[:, 0] == UNKNOWN
        for i in np.flatnonzero(unknown).tolist():
            self._look_again(regular[i])
        if unknown.any():
            regular = [regular[i] for i in np.flatnonzero(~unknown)]
        others = np.array([self._sizes, self._mtimes_ns], np.int64).T
        names, looks = regular + self._names, np.concatenate([looks[~unknown], others])
        order = sorted(range(len(names)), key=names.__getitem__)
        sizes, mtimes_ns = looks[np.array(order, np.int64)].T.copy()
        sizes.flags.writeable = mtimes_ns.flags.writeable = False
        skipped = tuple(sorted(self._skipped, key=lambda one: (one.name, one.reason)))
        return Pool(self.folder, tuple([names[row] for row in order]), sizes, mtimes_ns, skipped)

    def _look_again(self, name: str) -> None:
        path = f"{self.folder}/{name}"
        try:
            status = os.lstat(path)
        except OSError as error:
            if self._listing or error.errno not in _ABSENT:
                self._skip(name, f"can't be read: {error.strerror}")
            return
        if stat.S_ISLNK(status.st_mode):
            self._follow(path, name)
        elif not stat.S_ISDIR(status.st_mode):
            self._keep(name, status)

    def list_all(self, most: float = inf) -> None:
        """Every image; or stops after finding so many."""
        self._listing = True
        while self.found < most and (self._folders or self._linked):
            name, real = self._folders.pop() if self._folders else self._next_linked()
            if real in self._entered:
                self._skip(name, "the folder is listed already under another name")
            else:
                self._entered.add(real)
                self._list_folder(name, real, most)

    def _next_linked(self) -> tuple[str, str]:
        self._linked.sort(reverse=True)
        return self._linked.pop()

    def look_up(self, names: Iterable[str]) -> None:
        """Those of the names that `list_all` comes upon.

        Raises _MustList where a folder on the way is a link, which may be listed under another name; or where files go
        by several spellings of their names.
        """
        by_folder: dict[str, list[str]] = {}
        for name in sorted(set(names)):
            folder, slash, own = name.rpartition("/")
            if _has_suffix(own) and not own.startswith(".") and (folder or not slash) and not _UNWRITABLE.search(name):
                by_folder.setdefault(folder, []).append(own)
        entered = {"": True}
        for folder, names_in_it in by_folder.items():
            if self._enters(folder, entered):
                real = f"{self.folder}/{folder}".rstrip("/")
                self._regular.append((f"{folder}/" if folder else "", real, names_in_it))
        self._refuse_spellings()

    def _enters(self, folder: str, entered: dict[str, bool]) -> bool:
        """Whether `list_all` comes to it, folder by folder from the pool's own on."""
        way = "", *accumulate(folder.split("/"), "{}/{}".format)
        for above, below in pairwise(way):
            if below not in entered:
                own = below.removeprefix(above).removeprefix("/")
                entered[below] = own != "" and own[0] != "." and self._is_folder(below)
            if not entered[below]:
                return False
        return True

    def _is_folder(self, name: str) -> bool:
        path = f"{self.folder}/{name}"
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                raise _MustList
            if stat.S_ISDIR(mode):
                os.scandir(path).close()
            return stat.S_ISDIR(mode)
        except OSError as error:
            if error.errno not in _ABSENT:
                self._skip(name, f"the folder can't be read: {error.strerror}")
            return False

    def _refuse_spellings(self) -> None:
        """One name tells: whether case counts is a matter of the whole file system."""
        for _, folder, names in self._regular:
            for own in names:
                try:
                    as_asked = os.lstat(f"{folder}/{own}")
                except OSError:
                    continue
                with suppress(OSError):
                    if os.path.samestat(as_asked, os.lstat(f"{folder}/{own.swapcase()}")):
                        raise _MustList
                return

    def _list_folder(self, folder: str, real: str, most: float) -> None:
        prefix = f"{folder}/" if folder else ""
        regular: list[str] = []
        self._regular.append((prefix, real, regular))
        try:
            with _opened(real) as opened, os.scandir(opened) as entries:
                for entry in entries:
                    own = entry.name
                    if own[0] == ".":
                        continue
                    try:
                        if not entry.is_file(follow_symlinks=False):
                            self._visit_other(entry, prefix + own, f"{real}/{own}")
                            continue
                    except OSError as error:
                        self._skip(prefix + own, f"can't be read: {error.strerror}")
                        continue
                    if own.lower().endswith(SUFFIXES):  # nearly all of a million: what they cost counts
                        if _UNWRITABLE.search(own):
                            self._skip(prefix + own, _UNWRITABLE_REASON)
                            continue
                        regular.append(own)
                        if len(regular) >= most:
                            break
        except OSError as error:
            self._skip(folder, f"the folder can't be read: {error.strerror}")
        self.found += len(regular)

    def _visit_other(self, entry: os.DirEntry[str], name: str, path: str) -> None:
        """A link, or a folder, which is noted for later."""
        if entry.is_symlink():
            self._follow(path, name)
        elif entry.is_dir(follow_symlinks=False):
            self._note(self._folders, name, path)
        elif _has_suffix(name):
            self._skip(name, "not a regular file")

    def _follow(self, path: str, name: str) -> None:
        real = os.path.realpath(path)
        if not is_under(real, self._real_roots):
            self._skip(name, "links to a place outside the data roots")
            return
        try:
            status = os.stat(real)  # noqa: PTH116 -- a Path for each of a million links costs seconds
        except OSError as error:
            self._skip(name, f"can't be read: {error.strerror}")
            return
        if stat.S_ISDIR(status.st_mode):
            self._note(self._linked, name, real)
        elif _has_suffix(name):
            self._keep(name, status)

    def _note(self, folders: list[tuple[str, str]], name: str, real: str) -> None:
        if _UNWRITABLE.search(name):
            self._skip(name, _UNWRITABLE_REASON)
        else:
            folders.append((name, real))

    def _keep(self, name: str, status: os.stat_result) -> None:
        if _UNWRITABLE.search(name):
            self._skip(name, _UNWRITABLE_REASON)
        elif not stat.S_ISREG(status.st_mode):
            self._skip(name, "not a regular file")
        else:
            self.found += 1
            self._names.append(name)
            self._sizes.append(status.st_size)
            self._mtimes_ns.append(clamped(status.st_mtime_ns))

    def _skip(self, name: str, reason: str) -> None:
        self._skipped.append(Skipped(_printable(name or "."), reason))


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

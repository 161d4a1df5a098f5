"""The walk through a folder and its sub-folders that finds the images of a pool, without opening one."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate, pairwise
from math import inf
from operator import itemgetter

import numpy as np

from nextlabel.core.data.draw import Draw
from nextlabel.core.data.files import (
    SUFFIXES,
    UNWRITABLE,
    UNWRITABLE_REASON,
    Files,
    SkippedFile,
    has_suffix,
    printable,
    unread_reason,
    unread_suffix,
)
from nextlabel.core.data.opening import look_at, open_without_links
from nextlabel.core.data.roots import is_under, real_path
from nextlabel.core.data.stamps import Stamps
from nextlabel.core.data.stats import NUMBERS, UNKNOWN, look, stat_all
from nextlabel.core.errors import WarningCode

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}


class MustList(Exception):
    """It can't be told what a name stands for without listing the whole folder."""


class Walk:
    """A walk that takes folders first, links after them, each by name.

    So a folder keeps its own name when links lead to it, too. Names of regular files are kept by folder and looked at
    in the end, all together; what stands behind links, at once. All is kept in plain lists: tuples of a million files
    would have the garbage collector go round.
    """

    def __init__(self, folder: str, real_roots: Sequence[str], stamps: Stamps) -> None:
        """Prepare a walk. `folder` was checked, and links in its path and in the roots' paths were followed."""
        self.found = 0
        self._folder = folder
        self._listing = False
        self._regular: list[tuple[str, str, list[str]]] = []  # (prefix, folder, names in it), not looked at yet
        self._names: list[str] = []
        self._looks: list[tuple[int, ...]] = []
        self._stamps = stamps
        self._skipped: list[SkippedFile] = []
        self._real_roots = real_roots
        self._folders = [("", folder)]  # (name, path with links followed)
        self._linked: list[tuple[str, str]] = []
        self._entered: set[str] = set()

    def files(self) -> Files:
        """Return the images that were found, ascending by name, and what was skipped."""
        self._regular.sort(key=itemgetter(0))
        regular = self._found_names()
        looks = np.asarray(stat_all([(real, names) for _, real, names in self._regular]), np.int64).reshape(-1, NUMBERS)
        unknown = looks[:, 0] == UNKNOWN
        for i in np.flatnonzero(unknown).tolist():
            self._look_again(regular[i])
        if unknown.any():
            regular = [regular[i] for i in np.flatnonzero(~unknown)]
        others = np.array(self._looks, np.int64).reshape(-1, NUMBERS)
        names, looks = regular + self._names, np.concatenate([looks[~unknown], others])
        if names != sorted(names):  # as a rule they are in order: each folder's are, and most folders are
            order = sorted(range(len(names)), key=names.__getitem__)
            names, looks = [names[row] for row in order], looks[np.array(order, np.int64)]
        sizes, mtimes_ns = looks[:, :2].T.copy()
        stamps = self._stamps.of_looks(looks, self._folder, names)
        for numbers in (sizes, mtimes_ns, stamps):
            numbers.flags.writeable = False
        skipped = tuple(sorted(self._skipped, key=lambda file: (file.name, file.reason)))
        return Files(tuple(names), sizes, mtimes_ns, stamps, skipped)

    def keep(self, draw: Draw) -> int:
        """Forget what is not drawn, before it is looked at. Return how many images there are in all."""
        rows, images = draw.rows_of([*self._found_names(), *self._names])
        kept = set(rows.tolist()) if len(rows) < self.found else None
        if kept is None:
            return images
        at = 0
        for i, (prefix, real, names) in enumerate(self._regular):
            self._regular[i] = (prefix, real, [own for row, own in enumerate(names, at) if row in kept])
            at += len(names)
        others = [row - at for row in sorted(kept) if row >= at]
        self._names, self._looks = [self._names[i] for i in others], [self._looks[i] for i in others]
        return images

    def _found_names(self) -> list[str]:
        return [prefix + own for prefix, _, names in self._regular for own in names]

    def _look_again(self, name: str) -> None:
        path = f"{self._folder}/{name}"
        try:
            status = look_at(path)
        except OSError as error:
            if error.errno == errno.ELOOP:
                self._follow(path, name)
            elif self._listing or error.errno not in _ABSENT:
                self._skip(name, f"can't be read: {error.strerror}")
            return
        if not stat.S_ISDIR(status.st_mode):
            self._keep(name, status)

    def list_all(self, most: float = inf) -> None:
        """Find every image, or stop after finding `most`."""
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
        """Find those of the names that `list_all` would come upon.

        Raises MustList where a folder on the way is a link, which may be listed under another name; or where files go
        by several spellings of their names.
        """
        by_folder: dict[str, list[str]] = {}
        for name in sorted(set(names)):
            folder, slash, own = name.rpartition("/")
            if suffix := unread_suffix(own):
                self._skip_if_there(name, suffix)
            if has_suffix(own) and not own.startswith(".") and (folder or not slash) and not UNWRITABLE.search(name):
                by_folder.setdefault(folder, []).append(own)
        entered = {"": True}
        for folder, names_in_it in by_folder.items():
            if self._enters(folder, entered):
                real = f"{self._folder}/{folder}".rstrip("/")
                self._regular.append((f"{folder}/" if folder else "", real, names_in_it))
        self._refuse_spellings()

    def _skip_if_there(self, name: str, suffix: str) -> None:
        hidden = any(part.startswith(".") for part in name.split("/"))
        with suppress(OSError, ValueError):
            if not hidden and stat.S_ISREG(look_at(f"{self._folder}/{name}").st_mode):
                self._skip(name, unread_reason(suffix))

    def _enters(self, folder: str, entered: dict[str, bool]) -> bool:
        """Tell whether `list_all` would come to the folder, going folder by folder from the pool's own on."""
        way = "", *accumulate(folder.split("/"), "{}/{}".format)
        for above, below in pairwise(way):
            if below not in entered:
                own = below.removeprefix(above).removeprefix("/")
                entered[below] = own != "" and own[0] != "." and self._is_folder(below)
            if not entered[below]:
                return False
        return True

    def _is_folder(self, name: str) -> bool:
        path = f"{self._folder}/{name}"
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                raise MustList
            if stat.S_ISDIR(mode):
                os.scandir(path).close()
            return stat.S_ISDIR(mode)
        except OSError as error:
            if error.errno not in _ABSENT:
                self._skip(name, f"the folder can't be read: {error.strerror}")
            return False

    def _refuse_spellings(self) -> None:
        """Raise MustList where upper and lower case are alike. One name tells that for the whole file system."""
        for _, folder, names in self._regular:
            for own in names:
                try:
                    as_asked = os.lstat(f"{folder}/{own}")
                except OSError:
                    continue
                with suppress(OSError):
                    if os.path.samestat(as_asked, os.lstat(f"{folder}/{own.swapcase()}")):
                        raise MustList
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
                        regular.append(own)
                        if len(regular) >= most:
                            self._leave_out_unwritable(prefix, regular)
                            if len(regular) >= most:
                                break
                    elif suffix := unread_suffix(own):
                        self._skip(prefix + own, unread_reason(suffix))
        except OSError as error:
            self._skip(folder, f"the folder can't be read: {error.strerror}")
        self._leave_out_unwritable(prefix, regular)
        regular.sort()
        self.found += len(regular)

    def _leave_out_unwritable(self, prefix: str, names: list[str]) -> None:
        if not UNWRITABLE.search("".join(names)):  # of all at once: in a fifth of the time
            return
        for own in filter(UNWRITABLE.search, names):
            self._skip(prefix + own, UNWRITABLE_REASON)
        names[:] = [own for own in names if not UNWRITABLE.search(own)]

    def _visit_other(self, entry: os.DirEntry[str], name: str, path: str) -> None:
        """Follow a link, or note a folder for later; an image's name that is neither is skipped."""
        if entry.is_symlink():
            self._follow(path, name)
        elif entry.is_dir(follow_symlinks=False):
            self._note(self._folders, name, path)
        elif has_suffix(name):
            self._skip(name, "not a regular file")

    def _follow(self, path: str, name: str) -> None:
        try:
            real = real_path(path)
            if not is_under(real, self._real_roots):
                self._skip(name, "links to a place outside the data roots")
                return
            status = look_at(real)
        except OSError as error:
            self._skip(name, f"can't be read: {error.strerror}")
            return
        if stat.S_ISDIR(status.st_mode):
            self._note(self._linked, name, real)
        elif has_suffix(name):
            self._keep(name, status)
        elif suffix := unread_suffix(name):
            self._skip(name, unread_reason(suffix))

    def _note(self, folders: list[tuple[str, str]], name: str, real: str) -> None:
        if UNWRITABLE.search(name):
            self._skip(name, UNWRITABLE_REASON)
        else:
            folders.append((name, real))

    def _keep(self, name: str, status: os.stat_result) -> None:
        if UNWRITABLE.search(name):
            self._skip(name, UNWRITABLE_REASON)
        elif not stat.S_ISREG(status.st_mode):
            self._skip(name, "not a regular file")
        else:
            self.found += 1
            self._names.append(name)
            self._looks.append(look(status))

    def _skip(self, name: str, reason: str) -> None:
        self._skipped.append(SkippedFile(printable(name or "."), reason, WarningCode.FILE_LEFT_OUT))


@contextmanager
def _opened(folder: str) -> Iterator[int]:
    """Open a folder to scan it by its descriptor: entries are looked up in it, and not along the whole path."""
    descriptor = open_without_links(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)

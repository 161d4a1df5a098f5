"""Folders that stay open, and files in them: a name is looked up in the folder itself, wherever its path leads now."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedRandom, BufferedReader
from itertools import islice
from pathlib import Path

from nextlabel.core.data.opening import NOT_REGULAR, TO_LOOK, open_file, open_without_links
from nextlabel.core.data.roots import TRIES, confine, existing_folder, shown
from nextlabel.core.disk import NameIn
from nextlabel.core.errors import PathNotAllowed, PathWrongKind

LOOKED_AT = 1_000  # names of a folder in a folder


@dataclass(frozen=True)
class Folder:
    """An open folder. `path`: where it lay when it was opened, links followed."""

    path: Path
    descriptor: int

    def names(self) -> list[str]:
        """List all names in it. Raises OSError."""
        with self.entries() as entries:
            return [entry.name for entry in entries]

    @contextmanager
    def entries(self) -> Iterator[Iterator[os.DirEntry[str]]]:
        """Scan it. The path of an entry is its name. Raises OSError."""
        here = open_without_links(".", os.O_RDONLY | os.O_DIRECTORY, folder=self.descriptor)
        try:
            with os.scandir(here) as entries:
                yield entries
        finally:
            os.close(here)

    def file(self, name: str) -> File:
        return File(self.path / name, self)


@dataclass(frozen=True)
class File:
    """A name in an open folder. There may be no such file; links are not followed."""

    path: Path
    folder: Folder = field(compare=False)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def at(self) -> NameIn:
        return NameIn(self.folder.descriptor, self.name)

    def status(self) -> os.stat_result:
        """Raise OSError where there is none."""
        return os.stat(self.name, dir_fd=self.folder.descriptor, follow_symlinks=False)

    def exists(self) -> bool:
        """Tell whether there is such a file. Raises PathWrongKind where what has the name is not a regular file."""
        try:
            mode = self.status().st_mode
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(mode):
            raise PathWrongKind(f"{shown(self.path)} is not a regular file. Remove it, or name another place.")
        return True

    def is_regular(self) -> bool:
        return self._is(stat.S_ISREG)

    def is_link(self) -> bool:
        return self._is(stat.S_ISLNK)

    def is_folder_with(self, what: Callable[[str], bool]) -> bool:
        """Tell whether it is a folder, and what is asked for is true of one of the first names in it."""
        if not self._is(stat.S_ISDIR):
            return False
        try:
            here = open_without_links(self.name, os.O_RDONLY | os.O_DIRECTORY, folder=self.folder.descriptor)
        except OSError:
            return False
        try:
            with os.scandir(here) as entries:
                return any(what(entry.name) for entry in islice(entries, LOOKED_AT))
        finally:
            os.close(here)

    def open(self) -> BufferedReader:
        """Open it for reading. Raises OSError for what is no regular file, too."""
        return open_file(self.name, folder=self.folder.descriptor)

    def open_to_append(self) -> BufferedRandom:
        """Open it for reading and for writing at its end, made if need be. Raises OSError as `open` does."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
        stream = os.fdopen(open_without_links(self.name, flags, 0o666, folder=self.folder.descriptor), "a+b")
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            stream.close()
            raise OSError(errno.EINVAL, NOT_REGULAR)
        return stream

    def _is(self, kind: Callable[[int], bool]) -> bool:
        try:
            return kind(self.status().st_mode)
        except OSError:
            return False


@contextmanager
def opened_folder(path: str | Path, roots: Sequence[Path]) -> Iterator[Folder]:
    """Open a folder below the data roots.

    Raises:
        PathNotAllowed, PathNotFound, PathWrongKind, PathNotReadable
    """
    real, descriptor = _open_folder(path, roots)
    try:
        yield Folder(real, descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def opened_file(path: str | Path, roots: Sequence[Path]) -> Iterator[File]:
    """Open the folder that a file lies in, links followed as long as they stay below the roots.

    There may be no such file.

    Raises:
        PathNotAllowed, PathNotFound, PathWrongKind, PathNotReadable
    """
    real = confine(path, roots)
    with opened_folder(real.parent, roots) as folder:
        yield folder.file(real.name)


def _open_folder(path: str | Path, roots: Sequence[Path]) -> tuple[Path, int]:
    for _ in range(TRIES):
        real = existing_folder(path, roots)
        with suppress(OSError):  # it was there a moment ago
            return real, open_without_links(str(real), TO_LOOK | os.O_DIRECTORY)
    raise PathNotAllowed(f"{shown(path)} is being replaced all the time. Name a folder that stays.")

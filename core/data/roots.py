"""The door to the disk: a path is opened only where the data roots allow it."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from nextlabel.core.data.opening import TO_LOOK, look_at, open_file, open_without_links
from nextlabel.core.data_roots import is_url, names_of
from nextlabel.core.errors import PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind

SHOWN_CHARACTERS = 300
TRIES = 10  #: a link that somebody replaces just now is followed anew


def confine(path: str | Path, roots: Sequence[Path]) -> Path:
    """Follow all links of a path, which need not exist, and check that it stays under one of the roots.

    A relative path is tried under each root in order; the first that exists wins.

    Raises:
        PathNotAllowed: it leads out of the roots, is hidden below them, or no file system could hold such a name.
        PathNotFound: it is empty, or begins with a `~`, which a shell would have made a home of, and none is there.
        PathWrongKind: it is in a bucket.
    """
    text = os.fspath(path)
    if not text:
        raise PathNotFound("The path is empty.")
    if is_url(path):
        raise PathWrongKind("Only images are read from a bucket; name a file or folder on a file system instead.")
    try:
        real_roots = [real_path(root) for root in roots]
        # Path(root, text) drops the root when `text` is absolute: all candidates are the same one then
        candidates = [real_path(Path(root, text)) for root in real_roots]
        allowed = [real for real in candidates if is_under(real, real_roots)]
        real = next((real for real in allowed if os.path.lexists(real)), None) or allowed[0]
    except (ValueError, IndexError):  # NUL bytes, lone surrogates; nothing allowed
        raise not_allowed(text, roots) from None
    except OSError as error:
        raise PathNotReadable(_not_readable(Path(text), error)) from None
    if text.split("/")[0] == "~" and not os.path.lexists(real):
        raise _not_home(text, real_roots)
    if _is_hidden(real, real_roots):
        raise hidden(text)
    return Path(real)


def _not_home(text: str, real_roots: Sequence[str]) -> PathNotFound:
    """Say which path may be meant, where it is one that may be told of."""
    meant = os.path.expanduser(text)  # noqa: PTH111 -- raises nothing
    is_there = is_under(real_path(meant), real_roots) and os.path.lexists(meant)
    perhaps = f"; perhaps {shown(meant)} is meant" if is_there else ""
    return PathNotFound(
        f"{shown(text)} does not exist: a ~ is no home folder here, as it is to a shell. Write the whole path{perhaps}."
    )


def not_allowed(path: str | Path, roots: Sequence[Path]) -> PathNotAllowed:
    names = ", ".join(names_of(roots)) or "none is set"
    return PathNotAllowed(
        f"{shown(path)} is not under the data roots ({names}). Move it there, or set NEXTLABEL_DATA_ROOTS."
    )


def hidden(path: str) -> PathNotAllowed:
    return PathNotAllowed(
        f"{shown(path)} is hidden below its data root: a name in it begins with a dot. Rename it, or "
        "make it a data root itself (NEXTLABEL_DATA_ROOTS)."
    )


def existing_folder(path: str | Path, roots: Sequence[Path]) -> Path:
    """Do what `confine` does, and check that a folder is there that can be listed.

    Raises:
        PathNotAllowed, PathNotFound, PathWrongKind, PathNotReadable
    """
    real = confine(path, roots)
    mode = _mode(real)
    if not stat.S_ISDIR(mode):
        raise PathWrongKind(f"{shown(real)} is not a folder. Name the folder itself.")
    _check_readable(real, mode)
    return real


def existing_file_or_folder(path: str | Path, roots: Sequence[Path]) -> Path:
    """Do what `confine` does, and check that a regular file or a folder is there that can be read.

    Raises:
        PathNotAllowed, PathNotFound, PathWrongKind, PathNotReadable
    """
    return _readable(confine(path, roots))


def readable(path: Path) -> Path:
    """Follow links, and check that a regular file or a folder is there that can be read.

    Whoever runs this names it for themselves: it is not confined.

    Raises:
        PathNotFound, PathWrongKind, PathNotReadable
    """
    try:
        return _readable(Path(real_path(path)))
    except OSError as error:
        raise PathNotReadable(_not_readable(path, error)) from None


def _readable(real: Path) -> Path:
    mode = _mode(real)
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise PathWrongKind(f"{shown(real)} is neither a file nor a folder.")
    _check_readable(real, mode)
    return real


def existing_file(path: str | Path, roots: Sequence[Path]) -> Path:
    """Do what `existing_file_or_folder` does, and check that it is a file. Raises as that does."""
    real = existing_file_or_folder(path, roots)
    if real.is_dir():
        raise PathWrongKind(f"{shown(real)} is a folder. Name the file itself.")
    return real


def open_existing(path: str | Path, roots: Sequence[Path]) -> tuple[Path, BufferedReader]:
    """Open a file that `existing_file` finds; return its path, too. Raises as that does."""
    real = existing_file(path, roots)
    try:
        return real, open_file(str(real))
    except OSError as error:
        raise PathNotReadable(_not_readable(real, error)) from None


def real_path(path: str | Path) -> str:
    """Follow all links of a path, which need not exist. Raises OSError where a link is replaced all the time."""
    if (known := _path_of_open(path)) is not None:
        return known
    for _ in range(TRIES):
        with suppress(OSError):  # it was a link, and is none any more
            return os.path.realpath(path)
    return os.path.realpath(path)


def _path_of_open(path: str | Path) -> str | None:
    """Ask the system itself, which takes a tenth of the time; None: it doesn't tell, or there is no such file."""
    if sys.platform != "linux":
        return None
    try:
        descriptor = os.open(path, TO_LOOK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        real = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 -- a Path would cost as much again
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return real if real.startswith("/") and not real.endswith(" (deleted)") else None


def is_under(real: str, real_roots: Sequence[str]) -> bool:
    """Tell whether a path lies in (or is) one of the roots. All of them are absolute, with links followed."""
    return any(real == root or real.startswith(root.rstrip("/") + "/") for root in real_roots)


def shown(path: str | Path) -> str:
    """Quote the path for a sentence: in one line of UTF-8, and cut off where it is long."""
    text = os.fspath(path)
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…")


def _is_hidden(real: str, real_roots: Sequence[str]) -> bool:
    """Tell whether the path is hidden below every root that holds it.

    Listings leave hidden things out, so naming them is refused, too: think of .ssh or .env.
    """
    below = [Path(real).relative_to(root) for root in real_roots if is_under(real, [root])]
    return all(any(part.startswith(".") for part in path.parts) for path in below)


def _mode(real: Path) -> int:
    try:
        return look_at(str(real)).st_mode
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}:
            raise PathNotFound(f"{shown(real)} does not exist.") from None
        raise PathNotReadable(_not_readable(real, error)) from None


def _check_readable(real: Path, mode: int) -> None:
    # Tried rather than asked for: os.access() is wrong on network shares that map users.
    try:
        if stat.S_ISDIR(mode):
            os.close(open_without_links(str(real), os.O_RDONLY | os.O_DIRECTORY))
        else:
            open_file(str(real)).close()
    except OSError as error:
        raise PathNotReadable(_not_readable(real, error)) from None


def _not_readable(real: Path, error: OSError) -> str:
    return f"{shown(real)} can't be read by the service: {error.strerror}. Give it permission, or name another path."

"""List what a person may choose from: the folders and labels files under the data roots."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nextlabel.core.data.files import SUFFIXES, unread_suffix
from nextlabel.core.data.roots import confine, existing_folder, is_under
from nextlabel.core.errors import NextlabelError, PathNotReadable

MOST_LISTED = 1000
OF_LABELS = (".txt", ".tsv")


@dataclass(frozen=True)
class Listing:
    """The content of a folder.

    folders, files: paths, ascending.
    images: how many lie in the folder itself.
    unread: how many files there look like images and are not read, by suffix.
    more: there are more folders or files than are listed.
    """

    path: str | None
    parent: str | None
    folders: tuple[str, ...]
    files: tuple[str, ...]
    images: int = 0
    unread: Mapping[str, int] = field(default_factory=dict)
    more: bool = False


def list_roots(roots: Sequence[Path]) -> Listing:
    """List the data roots that are there."""
    real = dict.fromkeys(os.path.realpath(root) for root in roots)
    return Listing(None, None, tuple(root for root in real if Path(root).is_dir()), ())


def list_folder(path: str, roots: Sequence[Path]) -> Listing:
    """List a folder; leave out what is hidden, and links that lead out of the roots.

    Raises:
        PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind
    """
    folder = existing_folder(path, roots)
    folders, files, images = [], [], 0
    unread: Counter[str] = Counter()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.name.lower().endswith(SUFFIXES):
                    images += 1
                elif entry.is_dir() and _is_allowed(entry, roots):
                    folders.append(entry.path)
                elif entry.name.lower().endswith(OF_LABELS) and entry.is_file() and _is_allowed(entry, roots):
                    files.append(entry.path)
                elif suffix := unread_suffix(entry.name):
                    unread[suffix] += 1
    except OSError as error:
        raise PathNotReadable(f"{folder} can't be listed by the service: {error.strerror}.") from None
    more = len(folders) > MOST_LISTED or len(files) > MOST_LISTED
    return Listing(
        str(folder), _parent(folder, roots), _first(folders), _first(files), images, dict(sorted(unread.items())), more
    )


def _first(paths: list[str]) -> tuple[str, ...]:
    fit = [path for path in paths if path.isprintable()]
    return tuple(sorted(fit, key=lambda path: (path.casefold(), path))[:MOST_LISTED])


def _parent(folder: Path, roots: Sequence[Path]) -> str | None:
    parent = str(folder.parent)
    return parent if parent != str(folder) and is_under(parent, [os.path.realpath(root) for root in roots]) else None


def _is_allowed(entry: os.DirEntry[str], roots: Sequence[Path]) -> bool:
    if not entry.is_symlink():
        return True
    try:
        confine(entry.path, roots)
    except NextlabelError:
        return False
    return True

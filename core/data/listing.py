"""List what a person may choose from: the folders and labels files under the data roots."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nextlabel.core.data.files import SUFFIXES
from nextlabel.core.data.people import sort_out
from nextlabel.core.data.roots import confine, existing_folder, is_under
from nextlabel.core.errors import NextlabelError, PathNotReadable

MOST_LISTED = 1000


@dataclass(frozen=True)
class Listing:
    """The content of a folder.

    folders, files: paths, ascending.
    images: how many lie in the folder itself.
    more: there are more folders or files than are listed.
    """

    path: str | None
    parent: str | None
    folders: tuple[str, ...]
    files: tuple[str, ...]
    images: int = 0
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
    folders, images = [], 0
    files: dict[str, str] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.name.lower().endswith(SUFFIXES):
                    images += 1
                elif entry.is_dir() and _is_allowed(entry, roots):
                    folders.append(entry.path)
                elif entry.is_file() and _is_allowed(entry, roots):
                    files[entry.name] = entry.path
    except OSError as error:
        raise PathNotReadable(f"{folder} can't be listed by the service: {error.strerror}.") from None
    people, _ = sort_out(files)
    more = len(folders) > MOST_LISTED or len(people) > MOST_LISTED
    labels = _first([files[name] for name in people])
    return Listing(str(folder), _parent(folder, roots), _first(folders), labels, images, more)


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

"""Pools that a user names on the command line: folders of theirs, and buckets."""

from __future__ import annotations

from collections.abc import Iterable
from gettext import gettext as _
from pathlib import Path
from typing import Any

import click

from nextlabel.client.paths import OwnPath
from nextlabel.core.data.files import has_suffix
from nextlabel.core.data.labels_folder import means_something, would_count_among_labels
from nextlabel.core.data.places import Place, place_at
from nextlabel.core.data_roots import Roots, bucket_url, is_url

ALL = (Path("/"),)  # whoever types the command may read what they may read


class PoolType(OwnPath):
    """A folder that is there; or a bucket's URL, which is asked only when it is read."""

    def __init__(self) -> None:
        super().__init__(exists=True, file_okay=False)
        self.name = "POOL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or not is_url(value):
            return super().convert(value, param, ctx)
        try:
            return Path(str(bucket_url(value)))
        except ValueError as error:
            return self.fail(f"{error}.", param, ctx)


POOL = PoolType()


def named(pool: Path) -> str:
    """Return a pool as the user named it."""
    return str(bucket_url(pool)) if is_url(pool) else str(pool)


def place_of(pool: Path) -> Place:
    """Make a place of a pool that the user names: it is theirs, and a folder may link to anywhere."""
    if is_url(pool):
        return place_at(pool, Roots((), [bucket_url(pool)]))
    return place_at(pool.absolute(), (pool.absolute(), *ALL))


def keep_out_of(
    files: Iterable[Path], *, pool: Path | None = None, labels: Path | None = None, is_labels: bool = False
) -> None:
    """See that none of the files that are to be written counts among people's labels, or for an image of the pool.

    labels: what it is made of, which is people's, wherever it lies. is_labels: the files are to hold people's labels.

    Raises UsageError.
    """
    by_folder: dict[Path, list[Path]] = {}
    for file in files:
        by_folder.setdefault(file.parent, []).append(file)
    for folder, written in by_folder.items():
        real = folder.resolve()
        if pool is not None and not is_url(pool) and _gets_into(real, pool.resolve(), written):
            words = _("{out} is or lies in {pool}: its images would count for the pool's. Name a place apart from it")
            raise click.UsageError(words.format(out=folder, pool=pool))
        for file in _of_each_end(written, labels):
            if is_of(file, labels) or would_count_among_labels(file, is_labels=is_labels):
                words = _(
                    "people's labels lie in {folder}, and {file} would count among them. Name a place apart from it"
                )
                raise click.UsageError(words.format(folder=folder, file=file.name))


def _gets_into(folder: Path, pool: Path, written: list[Path]) -> bool:
    """Tell whether images come into the pool. Its own are there already, under the same names, and stay."""
    return folder.is_relative_to(pool) and any(has_suffix(file.name) and not file.exists() for file in written)


def _of_each_end(files: list[Path], labels: Path | None) -> list[Path]:
    """Of many files of one folder and suffix, two: what holds for these holds for all, but for the labels' own name."""
    by_suffix: dict[str, list[Path]] = {}
    for file in files:
        by_suffix.setdefault(file.suffix.lower(), []).append(file)
    few = [file for alike in by_suffix.values() for file in alike[:2]]
    return [*few, *(file for file in files if labels is not None and file.name == labels.name)]


def is_of(file: Path, labels: Path | None) -> bool:
    """Tell whether a file would be one of those that are exported."""
    if labels is None:
        return False
    if not labels.is_dir():
        return file.resolve() == labels.resolve()
    return means_something(file.name) and file.resolve().parent == labels.resolve()

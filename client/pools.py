"""Pools that a user names on the command line: folders of theirs, and buckets."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import Any

import click

from nextlabel.core.data.places import Place, place_at
from nextlabel.core.data_roots import Roots, bucket_url, is_url

ALL = (Path("/"),)  # whoever types the command may read what they may read


class PoolType(click.Path):
    """A folder that is there; or a bucket's URL, which is asked only when it is read."""

    def __init__(self) -> None:
        super().__init__(exists=True, file_okay=False, path_type=Path)
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


def keep_out_of(out: Path | None, *, pool: Path | None = None, labels: Path | None = None) -> None:
    """See that what is written for another tool gets neither among the images nor among the labels that it comes from.

    Raises UsageError.
    """
    if out is None:
        return
    real = out.resolve()
    if pool is not None and not is_url(pool) and real.is_relative_to(pool.resolve()):
        words = _("{out} is or lies in {pool}: its images would count for the pool's. Name a place apart from it")
        raise click.UsageError(words.format(out=out, pool=pool))
    if labels is not None and real.is_relative_to(labels.resolve()):
        words = _("{out} is or lies in {labels}: labels are there. Name a place apart from it")
        raise click.UsageError(words.format(out=out, labels=labels))

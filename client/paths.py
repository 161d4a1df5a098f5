"""Paths that a user types: they are theirs, so a `~` that the shell left alone is their home."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class OwnPath(click.Path[Path]):
    """A path of the machine that the command runs on."""

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return super().convert(at_home(value), param, ctx)


def at_home(path: Any) -> Any:
    """Put the home in the place of a `~`, as shells do where it begins a word, and not in `--out=~/a.csv`."""
    return os.path.expanduser(path) if isinstance(path, str) and path.split("/")[0] == "~" else path  # noqa: PTH111

"""Consoles that leave it to the command what becomes of output that is cut, and what names may do to a terminal."""

from __future__ import annotations

import re

from rich.console import Console

_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Out(Console):
    """Prints on stdout. Raises BrokenPipeError once nobody reads it any more: rich by itself ends as a failure does."""

    def on_broken_pipe(self) -> None:
        """Raise again what rich has just caught."""
        raise  # noqa: PLE0704


def harmless(text: str) -> str:
    """Write as `\\x1b` what a terminal obeys: names of files and classes, which are anybody's, may hold it."""
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)

"""What names of images and classes, which are anybody's, may do to a terminal: nothing."""

from __future__ import annotations

import re
import sys

import click

_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """Write as `\\x1b` what a terminal obeys: commands, and marks of reading direction."""
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def echo(text: str, *, err: bool = False) -> None:
    """Print a line on stdout, or on stderr: on a terminal what is harmless, in a file or pipe every character."""
    stream = sys.stderr if err else sys.stdout
    # color=True: click takes colours out of what no terminal reads, and a name may hold such characters
    click.echo(harmless(text) if stream.isatty() else text, err=err, color=True)  # noqa: TID251

"""The `nextlabel` command."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from gettext import gettext as _
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from nextlabel.client.commands.lazy import Cut, LazyGroup
from nextlabel.client.errors import ClientError, JobCancelled, JobFailed, Unsendable
from nextlabel.client.terminal import echo
from nextlabel.client.words import choose_language, translated
from nextlabel.core.errors import NextlabelError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

DONE, FAILED, USAGE, NOT_TAKEN, CANCELLED, INTERRUPTED, CUT = 0, 1, 2, 3, 4, 130, 141
SECTIONS: dict[str, dict[str, str] | str] = {
    "Ask": "nextlabel.client.commands.asking:COMMANDS",
    "Jobs": {
        name: f"nextlabel.client.commands.jobs:{name}"
        for name in ("jobs", "watch", "result", "cancel", "retry", "delete", "capabilities")
    },
    "People": {
        "report": "nextlabel.client.commands.report:report",
        "hand-outs": "nextlabel.client.commands.hand_outs:hand_outs",
        "give-back": "nextlabel.client.commands.hand_outs:give_back",
        "paces": "nextlabel.client.commands.paces:paces",
        "projects": "nextlabel.client.commands.projects:projects",
    },
    "Files and setting up": {
        "labels": "nextlabel.client.commands.labels:labels",
        "classes": "nextlabel.client.commands.classes:classes",
        "export": "nextlabel.client.exchange:export",
        "import": "nextlabel.client.exchange:import_",
        "up": "nextlabel.client.commands.local:up",
        "demo": "nextlabel.client.commands.local:demo",
        "keys": "nextlabel.client.keys:keys",
        "mcp": "nextlabel.client.commands.mcp:mcp",
        "completion": "nextlabel.client.commands.completion:completion",
    },
}


@click.group(cls=LazyGroup, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nextlabel")
def cli() -> None:
    """Tells people who label images which images to label next, and when to stop.

    \b
    Exit codes:
      0    done
      1    failed
      2    wrong usage
      3    refused by the service, or nobody answers
      4    the job was cancelled
      130  Ctrl-C
      141  whoever reads the output had enough of it (`| head`)
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process, with one of the exit codes above."""
    _open_what_is_closed()
    _outlive_who_reads_stderr()
    try:
        choose_language()
        code = translated(cli).main(arguments, prog_name="nextlabel", standalone_mode=False) or DONE
        sys.stdout.flush()
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        echo(said.getvalue().rstrip(), err=True)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except (BrokenPipeError, Cut):
        code = CUT
        _write_nothing_more()
    except Exception as error:
        words = in_words(error)
        if words is None:
            raise
        echo(f"nextlabel: {words}", err=True)
        code = code_of(error)
        if isinstance(error, OSError):
            _write_nothing_more()
    raise SystemExit(code)


def _open_what_is_closed() -> None:
    """Open standard streams that whoever started this has closed: else a file or connection would get their place.

    What is written to such a stdout is refused, as other programs have it; words on stderr are lost.
    """
    for number, name, mode, flags in (
        (0, "stdin", "r", os.O_RDONLY),
        (1, "stdout", "w", os.O_RDONLY),
        (2, "stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None and os.open(os.devnull, flags) == number:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - it is no path


class _Unread(io.FileIO):
    """Takes words that can't be written any more as if they were: nobody reads them."""

    def write(self, words: ReadableBuffer, /) -> int:
        try:
            return super().write(words)
        except OSError:
            return memoryview(words).nbytes


def _outlive_who_reads_stderr() -> None:
    """Lose what can't be written on stderr: that is progress and remarks, and no reason for work to be in vain."""
    was = sys.__stderr__
    if was is not None and sys.stderr is was:
        told = io.BufferedWriter(_Unread(was.fileno(), "wb", closefd=False))
        sys.stderr = io.TextIOWrapper(told, was.encoding, was.errors, line_buffering=True)


def _write_nothing_more() -> None:
    """Leave what can't be written, which Python would try to write, and complain, when it ends."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def in_words(error: Exception) -> str | None:
    """Say what went wrong, where a person can act on it; None: it is a mistake of ours, which needs its traceback."""
    if isinstance(error, NextlabelError):
        return error.detail
    if isinstance(error, UnicodeEncodeError):
        return _unwritable(error)
    if isinstance(error, OSError) and error.strerror:  # TimeoutError is one, and ours says it itself
        return ": ".join(map(str, filter(None, (error.filename, error.strerror))))
    expected = (ClientError, OSError, RuntimeError, ValidationError)  # the last one of the settings
    return str(error) if isinstance(error, expected) else None


def _unwritable(error: UnicodeEncodeError) -> str:
    what = repr(error.object[error.start : error.end])
    if error.encoding.lower().replace("_", "-") == "utf-8":
        return _("{what} is no UTF-8: rename what has it in its name").format(what=what)
    words = _("{what} can't be written as {encoding}, which is this terminal's or pipe's: set PYTHONIOENCODING=utf-8")
    return words.format(what=what, encoding=error.encoding)


def code_of(error: Exception) -> int:
    if isinstance(error, JobCancelled):
        return CANCELLED
    if isinstance(error, Unsendable):
        return USAGE
    return NOT_TAKEN if isinstance(error, ClientError) and not isinstance(error, JobFailed) else FAILED


if __name__ == "__main__":
    main()

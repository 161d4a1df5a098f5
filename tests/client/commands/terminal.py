"""Runs the command with a terminal for its stdout, as a person does."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """Return what the command prints on a terminal of 200 columns; without colours; stderr goes there, too."""
    outer, inner = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "nextlabel.client.main", *arguments],
        stdout=inner, stderr=inner, env={**os.environ, "COLUMNS": "200", "TERM": "xterm", **environment},
    ):  # fmt: skip
        os.close(inner)
        said = b""
        while more := _read(outer):
            said += more
    os.close(outer)
    return re.sub(r"\x1b\[[\d;]*m", "", said.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""

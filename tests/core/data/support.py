"""What neighbours on the same machine do to the files of others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOLDER = """
import fcntl, sys
lock = open(sys.argv[1])
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""

SWAPPER = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
one, other = sys.argv[1].encode(), sys.argv[2].encode()
print("ready", flush=True)
while True:
    if libc.renameat2(-100, one, -100, other, 2):  # RENAME_EXCHANGE
        sys.exit(ctypes.get_errno())
"""


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Have another process hold a file that it opened for reading alone."""
    with _process(HOLDER, lock):
        yield


@contextmanager
def swapped(one: Path, other: Path) -> Iterator[None]:
    """Have another process exchange two names, as often as it can."""
    with _process(SWAPPER, one, other):
        yield


@contextmanager
def _process(program: str, *arguments: Path) -> Iterator[None]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline()
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()

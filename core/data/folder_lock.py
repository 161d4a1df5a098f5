"""A lock on a folder of labels: those who change several of its files are alone, and nobody reads them half way.

The lock is a hidden file, which no reader of labels takes for labels. Processes and machines on one share see it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK_NAME = ".nextlabel.lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until nobody else changes or reads files of the folder, and keep all others out during the block.

    Raises OSError where nothing can be written.
    """
    lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Keep those out who want to be `alone_in` the folder. Where nobody ever was, there is nothing to keep out."""
    try:
        lock = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):  # a share without locks
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)

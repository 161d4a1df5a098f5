"""Sizes and times of many files, by several processes.

Each costs the system some microseconds, and the interpreter about as many, at which threads would only take turns.
This file is the program of those processes, too: it imports nothing that isn't there at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from array import array
from collections.abc import Sequence
from contextlib import suppress
from stat import S_ISREG

Batch = tuple[str, list[str]]  # a folder, and names in it

LEAST = 20_000  # names that are worth a process
MOST_HELPERS = 7
UNKNOWN = -1  # the size of what is no regular file, or can't be looked at
LATEST = 2**63 - 1


def stat_all(batches: Sequence[Batch]) -> array[int]:
    """Size in bytes and mtime in nanoseconds of each name, one after the other; a size of UNKNOWN says to look again.

    Links are not followed. A helper that dies leaves its share unknown.
    """
    total = sum(len(names) for _, names in batches)
    processes = max(1, min(_cores(), 1 + MOST_HELPERS, total // LEAST))
    mine, *others = _shares(batches, total, processes)
    helpers = [_start() for _ in others]
    for helper, share in zip(helpers, others, strict=True):
        _send(helper, share)
    found = array("q")
    for folder, names in mine:
        found.extend(_stat(folder, names))
    for helper, share in zip(helpers, others, strict=True):
        found.extend(_receive(helper, sum(len(names) for _, names in share)))
    return found


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _shares(batches: Sequence[Batch], total: int, count: int) -> list[list[Batch]]:
    """In order, of like size; a folder's names may come apart."""
    shares: list[list[Batch]] = [[] for _ in range(count)]
    at = 0
    for folder, names in batches:
        start = 0
        while start < len(names):
            share = min(count - 1, at * count // total)
            end_of_share = -(-(share + 1) * total // count)
            stop = min(len(names), start + end_of_share - at)
            shares[share].append((folder, names[start:stop]))
            at += stop - start
            start = stop
    return shares


Helper = subprocess.Popen[bytes]


def _start() -> Helper | None:
    """Should this process be killed, its helpers end by themselves, for nobody writes to them or reads any more."""
    command = [sys.executable, "-I", "-S", __file__]
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603
    except OSError:
        return None


def _send(helper: Helper | None, share: list[Batch]) -> None:
    if helper is None:
        return
    assert helper.stdin is not None
    with suppress(OSError), helper.stdin as stream:
        stream.write(os.fsencode("\0\0".join("\0".join([folder, *names]) for folder, names in share)))


def _receive(helper: Helper | None, count: int) -> array[int]:
    data = b""
    if helper is not None:
        assert helper.stdout is not None
        with helper:
            data = helper.stdout.read()
    if helper is None or helper.returncode or len(data) != 16 * count:
        return array("q", [UNKNOWN, 0]) * count
    return array("q", data)


def _stat(folder: str, names: list[str]) -> list[int]:
    """By the folder's descriptor: names are looked up in it, and not along the whole path."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return [UNKNOWN, 0] * len(names)
    found: list[int] = []
    try:
        for name in names:
            try:
                status = os.stat(name, dir_fd=opened, follow_symlinks=False)
            except OSError:
                found += (UNKNOWN, 0)
                continue
            mtime_ns = status.st_mtime_ns
            found.append(status.st_size if S_ISREG(status.st_mode) else UNKNOWN)
            found.append(mtime_ns if mtime_ns < LATEST else LATEST)
    finally:
        os.close(opened)
    return found


def _help() -> None:
    """Reads a share from standard input, all of it before the first answer, and writes what `_stat` finds."""
    found = array("q")
    for part in os.fsdecode(sys.stdin.buffer.read()).split("\0\0"):
        folder, *names = part.split("\0")
        found.extend(_stat(folder, names))
    sys.stdout.buffer.write(found.tobytes())


if __name__ == "__main__":
    _help()

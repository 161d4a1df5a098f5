"""Ask the system about many files without opening them, by several processes.

Each costs the system some microseconds, and the interpreter about as many, at which threads would only take turns.
This file is the program of those processes, too: it imports nothing of ours, and nothing that isn't there at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from array import array
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from stat import S_ISREG
from threading import Lock
from typing import AnyStr

Batch = tuple[str, list[str]]  # a folder, and names in it

LEAST = 20_000  # names that are worth a process
MOST_HELPERS = 7
UNKNOWN = -1  # the size of what is no regular file, or can't be looked at
NUMBERS, DEVICE = 5, 4  # how many there are of a file, and the place of its device among them
LATEST = 2**63 - 1  # nanoseconds; and as many before 1970

_NOTHING = (UNKNOWN, 0, 0, 0, 0)
_helping = Lock()  # an API has many threads: one of them at a time gets helpers


def stat_all(batches: Sequence[Batch]) -> array[int]:
    """Return what `look` says of each name, one after the other; a size of UNKNOWN says to look again.

    Links are not followed. A helper that dies leaves its share unknown.
    """
    total = sum(len(names) for _, names in batches)
    processes = min(_cores(), 1 + MOST_HELPERS, total // LEAST)
    if processes < 2 or not _helping.acquire(blocking=False):
        return _stat_here(batches)
    try:
        return _stat_with_helpers(_shares(batches, total, processes))
    finally:
        _helping.release()


def look(status: os.stat_result) -> tuple[int, int, int, int, int]:
    """Return size in bytes, mtime and ctime in nanoseconds, inode and device, each a signed number of 64 bits."""
    return _fit(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


def clamped(time_ns: int) -> int:
    """Cut a time off where a signed number of 64 bits ends."""
    return max(-LATEST, min(time_ns, LATEST))


def _fit(size: int, mtime_ns: int, ctime_ns: int, inode: int, device: int) -> tuple[int, int, int, int, int]:
    """Cut times off, and keep the bits of what the system counts without a sign."""
    wrapped = inode - (inode >> 63 << 64), device - (device >> 63 << 64)
    return size, clamped(mtime_ns), clamped(ctime_ns), *wrapped


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _shares(batches: Sequence[Batch], total: int, count: int) -> list[list[Batch]]:
    """Cut the names into `count` shares of like size, in order; a folder's names may come apart."""
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


def _stat_here(batches: Sequence[Batch]) -> array[int]:
    found = array("q")
    for folder, names in batches:
        found.extend(_stat(folder, names))
    return found


# --- helpers ----------------------------------------------------------------------------------------------------

Helper = subprocess.Popen[bytes]


def _stat_with_helpers(shares: list[list[Batch]]) -> array[int]:
    mine, *others = shares
    with ExitStack() as stack:
        helpers = [_start() for _ in others]
        for started in filter(None, helpers):
            stack.callback(_end, started)
        for helper, share in zip(helpers, others, strict=True):
            _send(helper, share)
        found = _stat_here(mine)
        for helper, share in zip(helpers, others, strict=True):
            found.extend(_receive(helper, sum(len(names) for _, names in share)))
    return found


def _start() -> Helper | None:
    if not sys.executable:
        return None
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
    if helper is not None:
        assert helper.stdout is not None
        data = helper.stdout.read()
        if helper.wait() == 0 and len(data) == 8 * NUMBERS * count:
            return array("q", data)
    return array("q", _NOTHING) * count


def _end(helper: Helper) -> None:
    helper.kill()
    with suppress(OSError), helper:
        pass


def _help() -> None:
    """Read a share from standard input, all of it before the first answer, and write what `_stat` finds."""
    found = array("q")
    for part in sys.stdin.buffer.read().split(b"\0\0"):
        folder, *names = part.split(b"\0")
        found.extend(_stat(folder, names))
    sys.stdout.buffer.write(found.tobytes())


def _stat(folder: AnyStr, names: list[AnyStr]) -> array[int]:
    """Look at files by their folder's descriptor: names are looked up in it, and not along the whole path."""
    try:
        opened = _open_folder(folder)
    except OSError:
        return array("q", _NOTHING) * len(names)
    found: list[int] = []
    try:
        for name in names:
            try:
                status = os.stat(name, dir_fd=opened, follow_symlinks=False)
            except OSError:
                found += _NOTHING
                continue
            if S_ISREG(status.st_mode):  # a million times over: a call of `look` would cost a third of the system's
                found += (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
            else:
                found += _NOTHING
    finally:
        os.close(opened)
    try:
        return array("q", found)
    except OverflowError:  # in years to come, or where inodes have all 64 bits
        looks = (_fit(*found[at : at + NUMBERS]) for at in range(0, len(found), NUMBERS))
        return array("q", [number for look in looks for number in look])


def _open_folder(folder: AnyStr) -> int:
    """Open a folder whose path has no link in it. Raises OSError where by now it has, and leads elsewhere."""
    no_link = getattr(os, "O_NOFOLLOW_ANY", os.O_NOFOLLOW)
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | no_link)
    try:
        if sys.platform == "linux" and os.readlink(f"/proc/self/fd/{opened}") != os.fsdecode(folder):  # noqa: PTH115
            raise NotADirectoryError
    except OSError:
        os.close(opened)
        raise
    return opened


if __name__ == "__main__":
    _help()

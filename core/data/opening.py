"""Open paths in which no link stands, so that what is opened is what was checked, whatever others rename meanwhile.

A path is checked with its links followed (roots.py), and opened as it came out of that. Whoever puts a link in the
place of a name in it, between the two, gains nothing: the system is asked to follow none. Linux does that in one call
(openat2); elsewhere the path is walked name by name. Opening never waits for the other end of a pipe.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
import time
from collections.abc import Callable
from io import BufferedReader

TO_LOOK = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK)  #: flags to open what is asked about alone, or looked in
TO_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
LEASE_S = 5.0  # a file server on the same machine may have to write back first what it holds of a file
NOT_REGULAR = "it is not a regular file"


def open_without_links(path: str, flags: int, mode: int = 0, *, folder: int | None = None) -> int:
    """Open the path, or a relative one in a folder by its descriptor. What is created gets `mode`, less the umask.

    Raises OSError: ELOOP, where a name in the path is a link; EXDEV, where a relative path leads out of the folder.
    """
    if "\0" in path:
        raise ValueError("embedded null byte")
    return _open(path, flags | os.O_CLOEXEC, mode if flags & os.O_CREAT else 0, folder)


def open_file(path: str, *, folder: int | None = None) -> BufferedReader:
    """Open a regular file for reading, as `open_without_links` does. Raises OSError for anything else, too."""
    descriptor = _without_waiting(path, folder)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return open(descriptor, "rb")  # noqa: PTH123 -- a Path can't be made of a descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, NOT_REGULAR, path)


def look_at(path: str) -> os.stat_result:
    """Return the status of what the path leads to without a link. Raises OSError."""
    descriptor = open_without_links(path, TO_LOOK)
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _without_waiting(path: str, folder: int | None) -> int:
    """Open for reading. What is asked not to wait is refused at once where another program has a lease on the file."""
    give_up_at = time.monotonic() + LEASE_S
    while True:
        try:
            return open_without_links(path, TO_READ, folder=folder)
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)


# --- in one call ------------------------------------------------------------------------------------------------

_OPENAT2 = 437  # in the table of calls that all architectures share
_AT_FDCWD = -100
_NO_SYMLINKS, _BENEATH = 0x04, 0x08


class _How(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def _openat2() -> Callable[[str, int, int, int | None], int] | None:
    """Return what opens by one call; None where the kernel hasn't it, or a sandbox forbids it."""
    if sys.platform != "linux":
        return None
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t]
    syscall.restype = ctypes.c_long
    size, byref, get_errno = ctypes.sizeof(_How), ctypes.byref, ctypes.get_errno

    def call(path: str, flags: int, mode: int, folder: int | None) -> int:
        resolve = _NO_SYMLINKS if folder is None else _NO_SYMLINKS | _BENEATH
        how = _How(flags, mode, resolve)
        at, name = _AT_FDCWD if folder is None else folder, os.fsencode(path)
        while (descriptor := syscall(_OPENAT2, at, name, byref(how), size)) < 0:
            number = get_errno()
            if number != errno.EINTR:
                raise OSError(number, os.strerror(number), path)
        return int(descriptor)

    try:
        os.close(call("/", TO_LOOK | os.O_CLOEXEC, 0, None))
    except OSError:
        return None
    return call


# --- name by name -----------------------------------------------------------------------------------------------


def _walk(path: str, flags: int, mode: int, folder: int | None) -> int:
    """Open every folder on the way by its name in the one before it."""
    if folder is not None and (path.startswith("/") or ".." in path.split("/")):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    *above, last = [name for name in path.split("/") if name] or ["."]
    at = os.open("/" if folder is None else ".", TO_LOOK | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        for name in above:
            below = _open_name(name, TO_LOOK | os.O_DIRECTORY | os.O_CLOEXEC, 0, at)
            os.close(at)
            at = below
        return _open_name(last, flags, mode, at)
    finally:
        os.close(at)


def _open_name(name: str, flags: int, mode: int, folder: int) -> int:
    try:
        descriptor = os.open(name, flags | os.O_NOFOLLOW, mode, dir_fd=folder)
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from None
        raise
    if flags & TO_LOOK == TO_LOOK and stat.S_ISLNK(os.fstat(descriptor).st_mode):  # only asked about, a link is opened
        os.close(descriptor)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
    return descriptor


_open = _openat2() or _walk

"""A lock on a folder of labels: those who change several of its files are alone, and nobody reads them half way.

The lock is a hidden file, which no reader of labels takes for labels. Processes and machines on one share see it. Who
may use the folder may use the lock: it has the folder's own permissions. So anybody who may read the folder can hold
it, and nobody waits for them for ever.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from nextlabel.core.data.folder import Folder
from nextlabel.core.data.opening import open_without_links
from nextlabel.core.data.roots import shown
from nextlabel.core.disk import share
from nextlabel.core.errors import FolderBusy, PathNotWritable

LOCK_NAME = ".nextlabel.lock"
WAIT_S = 10.0
LOOK_AGAIN_S = 0.005
_HELD = frozenset({errno.EAGAIN, errno.EACCES})


@contextmanager
def alone_in(folder: Folder, wait_s: float = WAIT_S) -> Iterator[None]:
    """Wait until nobody else changes or reads files of the folder, and keep all others out during the block.

    Raises:
        FolderBusy: somebody has held the lock for all that time.
        PathNotWritable: something else has the lock's name.
        OSError: nothing can be written.
    """
    lock = _lock_of(folder)
    try:
        _hold(lock, fcntl.LOCK_EX, folder, wait_s)
        yield
    finally:
        os.close(lock)


@contextmanager
def unchanged(folder: Folder, wait_s: float = WAIT_S) -> Iterator[None]:
    """Keep those out who want to be `alone_in` the folder. Where nobody ever was, there is nothing to keep out.

    Raises FolderBusy: somebody has been alone in it for all that time.
    """
    try:
        lock = _open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        if stat.S_ISREG(os.fstat(lock).st_mode):
            with suppress(OSError):  # a share without locks
                _hold(lock, fcntl.LOCK_SH, folder, wait_s)
        yield
    finally:
        os.close(lock)


def _open(folder: Folder, flags: int) -> int:
    return open_without_links(LOCK_NAME, flags | os.O_NONBLOCK, 0o600, folder=folder.descriptor)


def _lock_of(folder: Folder) -> int:
    """Open the lock, made if need be. Another user's is opened for reading alone, which is enough on a local disk."""
    try:
        try:
            lock = _open(folder, os.O_RDWR | os.O_CREAT)
        except PermissionError as error:
            try:
                lock = _open(folder, os.O_RDONLY)
            except FileNotFoundError:
                raise error from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise _not_a_lock(folder) from None
        raise
    if not stat.S_ISREG(os.fstat(lock).st_mode):
        os.close(lock)
        raise _not_a_lock(folder)
    of_folder = os.fstat(folder.descriptor)
    share(lock, of_folder, of_folder.st_mode & 0o066)
    if os.geteuid() == 0:  # what root makes is the folder's owner's to hold
        os.fchown(lock, of_folder.st_uid, -1)
    return lock


def _hold(lock: int, how: int, folder: Folder, wait_s: float) -> None:
    give_up_at = time.monotonic() + wait_s
    while True:
        try:
            return fcntl.flock(lock, how | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _HELD:
                raise
        if time.monotonic() > give_up_at:
            raise FolderBusy(
                f"another program has held {shown(folder.path / LOCK_NAME)} for {wait_s:g} seconds, and nobody else "
                "can work on these labels meanwhile. Try again; `fuser -v` of that file tells which program it is."
            )
        time.sleep(LOOK_AGAIN_S)


def _not_a_lock(folder: Folder) -> PathNotWritable:
    return PathNotWritable(f"{shown(folder.path / LOCK_NAME)} is no regular file. Remove it: nextlabel makes its own.")

"""Which workers of this machine are alive and which are dead, known at once and for sure.

Each worker's parent process holds a lock on a file of its own for as long as it lives; the kernel lets go of it when
the process dies, however it dies. So the jobs of a dead worker need not wait for their leases where another worker of
the machine is alive to see it, or the same worker is started again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from nextlabel.core.logs import get_logger

log = get_logger(__name__)


def presence_folder(redis_url: str) -> Path:
    """Return the folder that this user's workers of one service share, on this machine's own disk.

    A container sees no other's.
    """
    service = blake2b(redis_url.encode(), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"nextlabel-{os.getuid()}" / service


class Presence:
    """The lock of one worker, among those of its neighbours.

    Where the folder can't be used, no neighbour is found dead: the leases of what it held expire, later.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder, self._name = folder, f"{worker}.lock"
        self._opened: int | None = None
        self._lock: int | None = None

    def begin(self) -> None:
        """Take the lock that shows others that this worker is alive."""
        unlocked = f"{self._name}.new"
        try:
            self._opened = _open_ours(self._folder)
            with suppress(FileNotFoundError):
                os.unlink(unlocked, dir_fd=self._opened)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._lock = os.open(unlocked, flags, 0o600, dir_fd=self._opened)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # nobody must find it before it is locked
            os.rename(unlocked, self._name, src_dir_fd=self._opened, dst_dir_fd=self._opened)
        except OSError as error:
            log.warning("other workers of this machine won't see this one die", cause=str(error))

    def end(self) -> None:
        """Let go of the lock and remove it: this worker has stopped in good order."""
        if self._lock is not None:
            self._remove(self._name)
            os.close(self._lock)
            self._lock = None
        if self._opened is not None:
            os.close(self._opened)
            self._opened = None

    def dead(self) -> Iterator[str]:
        """Yield the names of dead workers. The lock of each is removed after the caller has dealt with it."""
        try:
            self._opened = _open_ours(self._folder) if self._opened is None else self._opened
        except OSError:  # `begin` has said so
            return
        for name in sorted(os.listdir(self._opened)):  # noqa: PTH208 -- a Path can't be made of a descriptor
            if name.endswith(".lock") and name != self._name:
                with suppress(OSError), _opened_lock(name, self._opened) as lock:  # alive, or another's find
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield name.removesuffix(".lock")
                    self._remove(name)

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._opened)


def _open_ours(folder: Path) -> int:
    """Open a folder and the one that it lies in, made if need be. Raises PermissionError where others have made them.

    Whoever has the name first in a folder of everybody's, like /tmp, would tell us who is dead.
    """
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    above = _open_one_of_ours(folder.parent, None)
    try:
        return _open_one_of_ours(folder, above)
    finally:
        os.close(above)


def _open_one_of_ours(folder: Path, above: int | None) -> int:
    name = folder if above is None else folder.name
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=above)
    opened = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    status = os.fstat(opened)
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        os.close(opened)
        raise PermissionError(f"{folder} belongs to another user, or others may write it; remove it")
    return opened


@contextmanager
def _opened_lock(name: str, folder: int) -> Iterator[int]:
    """Open a lock of ours for reading. Raises OSError for anything else that has its name."""
    lock = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(lock).st_mode):
            raise OSError(errno.EINVAL, "it is no lock")
        yield lock
    finally:
        os.close(lock)

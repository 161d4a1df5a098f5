"""Which workers of this machine are alive and which are dead, known at once and for sure.

Each worker's parent process holds a lock on a file of its own for as long as it lives; the kernel lets go of it when
the process dies, however it dies. So the jobs of a dead worker need not wait for their leases where another worker of
the machine is alive to see it, or the same worker is started again.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import IO

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
        self._folder, self._path = folder, folder / f"{worker}.lock"
        self._file: IO[bytes] | None = None

    def begin(self) -> None:
        """Take the lock that shows others that this worker is alive."""
        unlocked = self._path.with_suffix(".new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._folder.parent.stat().st_uid != os.getuid():
                raise PermissionError(f"{self._folder.parent} belongs to another user")
            self._file = unlocked.open("wb")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unlocked.rename(self._path)  # nobody must find it before it is locked
        except OSError as error:
            log.warning("other workers of this machine won't see this one die", cause=str(error))

    def end(self) -> None:
        """Let go of the lock and remove it: this worker has stopped in good order."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def dead(self) -> Iterator[str]:
        """Yield the names of dead workers. The lock of each is removed after the caller has dealt with it."""
        for path in sorted(self._folder.glob("*.lock")):
            if path != self._path:
                with suppress(OSError), path.open("rb") as file:  # alive, or another's find
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield path.name.removesuffix(".lock")
                    path.unlink(missing_ok=True)

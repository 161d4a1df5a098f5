"""What one API process has accepted of late, to compare with what Redis knows of it.

Redis counts the same in a key that nobody else writes. When it counts fewer, it went back behind what it had confirmed:
a replica took over that lacked the last writes, or its files were lost or restored. Then the jobs that stand here after
its count are those that may be lost, and no other process' jobs are needed to tell.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from threading import Lock

MOST = 10_000  # jobs that are known by their ids; a replica lags by far fewer


class Ledger:
    """The jobs that this process accepted, numbered as Redis counted them. Any thread may use it."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(8)
        self.count = 0  #: the highest number given
        self._jobs: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._lock = Lock()

    def note(self, number: int, job_id: str, owner: str) -> None:
        """Note an accepted job, the number-th of this ledger."""
        with self._lock:
            self.count = max(self.count, number)
            self._jobs[job_id] = (number, owner)
            while len(self._jobs) > MOST:
                self._jobs.popitem(last=False)

    def strike(self, job_id: str) -> None:
        """Take out a job that was deleted."""
        with self._lock:
            self._jobs.pop(job_id, None)

    def after(self, number: int) -> list[tuple[str, str]]:
        """List (id, owner) of the jobs that came after the number-th."""
        with self._lock:
            return [(job_id, owner) for job_id, (at, owner) in self._jobs.items() if at > number]

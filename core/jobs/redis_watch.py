"""What the promise rests on: a Redis that keeps what it has confirmed, and that is this stack's alone.

"202 means the job is recorded" holds as long as Redis holds. So it is asked what it is, by INFO, which managed ones
answer, too: at the start of each process, and again and again while it runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from nextlabel.core.errors import Misconfigured, StoreRefused, StoreUnavailable, StoreUnfit
from nextlabel.core.jobs.redis_info import faults_of, is_replica, notes_of
from nextlabel.core.jobs.redis_reach import check_reach
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.jobs.tenancy import FOREIGN, Stack
from nextlabel.core.logs import get_logger

log = get_logger(__name__)
ALIVE_S = 15.0  # so long after it was last seen, a process counts as alive
LOST_SHOWN_S = 86_400.0


class RedisWatch:
    """Watches over Redis for one process. `process`: its name, for others to see."""

    def __init__(self, store: JobStore, process: str) -> None:
        self._store, self._process = store, process
        self._run_id: str | None = None
        self._fsync: str | None = None
        self.faults: list[str] = []  #: why jobs should not be accepted, as of the last look
        self._whose = ""
        self.foreign = False  #: whether this Redis is another stack's, as of the last look
        self.notes: list[str] = []  #: what a person should know, and that stops nothing

    def look(self) -> None:
        """Look again: at Redis, at whose it is, and at whether it lost jobs. Raises StoreUnavailable."""
        info = self._info()
        other = None if is_replica(info) else self._store.join(self._process, ALIVE_S)
        faults = [*faults_of(info), *([FOREIGN] if other else [])]
        self._whose = f" ({_difference(self._store.stack, other)})" if other else ""
        for fault in faults:
            if fault not in self.faults:
                log.error("Redis is not fit for jobs", fault=fault + self._whose)
        self.foreign = other is not None
        losses = [] if self.foreign or is_replica(info) else self._losses()
        self.faults, self.notes = faults, [*notes_of(info, self._fsync), *losses]

    def refuse_unfit(self) -> None:
        """Return if jobs may be accepted, as of the last look. Raises StoreUnfit."""
        if self.faults:
            raise StoreUnfit("; ".join(self.faults))

    def require(self, url: str, wait_s: float = ALIVE_S + 5) -> None:
        """Look for the first time, as a process starts. Where Redis is out of reach, that is said and none refused.

        Processes of another stack may have died just now: for as long as they count as alive, they are waited for.
        `url`: Redis'. Raises Misconfigured.
        """
        if awaited := check_reach(url):
            log.warning("Redis is waited for", cause=awaited)
            return
        deadline = time.monotonic() + wait_s
        while True:
            try:
                self.look()
            except StoreRefused as error:
                raise Misconfigured(error.detail) from error
            except StoreUnavailable as error:
                log.warning("Redis is not looked at yet", cause=error.detail)
                return
            may_end = self.foreign and len(self.faults) == 1 and time.monotonic() < deadline
            if self.faults and not may_end:
                raise Misconfigured("; ".join(self.faults) + self._whose)
            if not self.faults:
                for note in self.notes:
                    log.warning("Redis", note=note)
                return
            time.sleep(1)

    def leave(self) -> None:
        """Show that this process has stopped. Raises StoreUnavailable."""
        self._store.part(self._process)

    def _info(self) -> Mapping[str, Any]:
        try:
            info = self._store.info()
        except StoreRefused as error:
            if "NOPERM" in str(error.__cause__) or "unknown command" in error.detail:
                return {}  # that is said in a note
            raise
        run_id = info.get("run_id")
        if run_id != self._run_id:
            if self._run_id is not None:
                log.warning("Redis is another process than before: it was restarted, or a replica took over")
            self._run_id, self._fsync = run_id, self._store.config("appendfsync")
        return info

    def _losses(self) -> list[str]:
        for job_id in self._store.check_ledger():
            log.error("job lost: it was accepted, and Redis no longer has it", job_id=job_id)
        lost = self._store.lost(LOST_SHOWN_S)
        if not lost:
            return []
        told = (
            f"Redis lost {len(lost)} accepted jobs within the last day: it went back behind what it had confirmed (a "
            "failover, a restart without its files), or their records were evicted or damaged; the log names them"
        )
        return [told]


def _difference(ours: Stack, other: Stack) -> str:
    if other.roots == ours.roots:
        return "it has the same data roots and another state folder"
    return f"its data roots are {_roots(other)}, and here they are {_roots(ours)}"


def _roots(stack: Stack) -> str:
    try:
        return ", ".join(map(str, json.loads(stack.roots)))
    except ValueError:
        return "unknown"

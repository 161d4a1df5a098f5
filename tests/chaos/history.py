"""What was seen and done, as plain data: the clients, the observer and the nemesis write it, the checker reads it."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nextlabel.core.jobs.record import Job, JobState
from nextlabel.core.jobs.stored import Event

CLOCK_S = 0.1  # a fault is noted a moment before it is done


@dataclass(frozen=True)
class Submission:
    """A job that was accepted: a 202 that a client saw, or a record written as by an API that died right after."""

    at: float
    client: str
    job_id: str
    workload: str
    key: str | None = None


@dataclass(frozen=True)
class Sighting:
    """A job as one client saw it. `place`: (stage_index, done); `digest`: of the whole answer."""

    at: float
    client: str
    job_id: str
    rev: int
    state: JobState
    attempt: int
    place: tuple[int, int] | None
    digest: str

    @classmethod
    def of(cls, client: str, body: Mapping[str, Any], etag: str) -> Sighting:
        progress = body["progress"]
        return cls(
            at=time.time(),
            client=client,
            job_id=body["id"],
            rev=int(etag.strip('W/"')),
            state=JobState(body["state"]),
            attempt=body["attempt"],
            place=(progress["stage_index"], progress["done"]) if progress else None,
            digest=hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16],
        )


@dataclass(frozen=True)
class Oddity:
    """An answer that no fault excuses: say 404 for a job that was accepted."""

    at: float
    client: str
    job_id: str | None
    what: str


@dataclass(frozen=True)
class Death:
    """`worker`: what the name of every victim begins with (`worker-12@host/`), or ends with (`/34`).

    `until`: when a frozen one went on; whoever was killed was struck at one instant.
    """

    at: float
    how: str  #: "process killed", "worker killed", "process frozen", "worker frozen", "worker cut off"
    worker: str
    until: float | None = None

    def hit(self, worker: str, begun: float, until: float) -> bool:
        """Whether it met that process in that time."""
        return self._is_victim(worker) and self.at <= until and begun <= (self.until or self.at) + CLOCK_S

    def _is_victim(self, worker: str) -> bool:
        return worker.endswith(self.worker) if self.worker.startswith("/") else worker.startswith(self.worker)


@dataclass(frozen=True)
class Leased:
    """A lease as a snapshot of the store had it."""

    at: float
    job_id: str
    state: str
    fence: int
    worker: str


@dataclass(frozen=True)
class LoggedClaim:
    """What a worker's log tells of one attempt; `end` is None where it never got to say."""

    job_id: str
    attempt: int
    end: str | None = None


@dataclass(frozen=True)
class TemporaryFile:
    path: str
    at: float  #: when it was last written


@dataclass(frozen=True)
class Leftovers:
    """What is there after the drain, when nothing should be."""

    leases: tuple[str, ...] = ()
    queued: tuple[str, ...] = ()
    messages: int = 0
    temporary: tuple[TemporaryFile, ...] = ()
    result_files: tuple[str, ...] = ()  #: all of them, as `job id/fence.json`
    processes: tuple[str, ...] = ()  #: workers that did not stop when asked


@dataclass
class History:
    """Grows while the run goes on. Appending to a list is one step, so threads need no lock for it."""

    submissions: list[Submission] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    followed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  #: job -> ids of events seen
    cancels: set[str] = field(default_factory=set)  #: jobs that a client asked to cancel
    oddities: list[Oddity] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    full_disk: list[tuple[float, float]] = field(default_factory=list)  #: from, until
    outages: list[tuple[str, float, float]] = field(default_factory=list)  #: of a host or between hosts: from, until
    poison_kills: Counter[str] = field(default_factory=Counter)  #: job -> how often its process was killed
    leased: list[Leased] = field(default_factory=list)
    drains_s: list[float] = field(default_factory=list)  #: from SIGTERM to the end of the worker
    faults: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)  #: by status; "none" for those that got lost
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, counter: Counter[str], name: str) -> None:
        with self._lock:
            counter[name] += 1


@dataclass(frozen=True)
class Evidence:
    """All that the checker judges: the history, and how things stand after the drain."""

    history: History
    records: Mapping[str, Job]
    events: Mapping[str, list[Event]]
    results: Mapping[str, bytes]  #: of succeeded jobs, as the API gives them
    expected: Mapping[str, bytes]  #: by workload, of the undisturbed run
    digests: Mapping[str, str] = field(default_factory=dict)  #: of each job's last answer
    claims: tuple[LoggedClaim, ...] = ()
    left: Leftovers = Leftovers()
    max_crashes: int = 3

    def workload(self, job_id: str) -> str | None:
        return next((one.workload for one in self.history.submissions if one.job_id == job_id), None)


def happened_at(event: Event) -> float:
    """Seconds; a stream's ids begin with Redis' time in ms."""
    return int(event.id.partition("-")[0]) / 1000

"""What one process of a worker has for all the jobs it works on."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from nextlabel.core.jobs.queue import JobQueue
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.settings import Settings


@dataclass(frozen=True)
class Process:
    """A worker is a parent process with its pool of processes; this is one of the pool."""

    settings: Settings
    worker: str  #: the name of its worker
    name: str  #: `<worker>/<process id>`
    store: JobStore
    lease_store: JobStore  #: with a client of its own, which doesn't retry
    queue: JobQueue
    speeds: dict[str, float] = field(default_factory=dict)  #: backbone -> images a second, as last measured

    @classmethod
    def of(cls, worker: str, settings: Settings) -> Process:
        """Describe the process that calls this."""
        return cls(
            settings,
            worker=worker,
            name=f"{worker}/{os.getpid()}",
            store=JobStore.of(settings),
            lease_store=JobStore.of(settings, timeout_s=2.0, retry=False),
            queue=JobQueue.of(settings),
        )

    def close(self) -> None:
        """Close its connections."""
        self.store.close()
        self.lease_store.close()
        self.queue.close()

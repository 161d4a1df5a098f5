"""The shards of one job, as one worker process sees them: it claims some, and calls other processes to help."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from nextlabel.core.errors import Interrupted, LeaseLost, ShardLost, StoreUnavailable
from nextlabel.core.jobs.shards import Shard, ShardProgress, ShardStore
from nextlabel.core.jobs.store import LeaseAnswer
from nextlabel.core.logs import get_logger
from nextlabel.worker.lease import GiveUpCause, Lease
from nextlabel.worker.patience import insist
from nextlabel.worker.process import Process
from nextlabel.worker.sharding.plan import plan_path

log = get_logger(__name__)
LEAST = 64  # images of a shard, unless the settings say how many a forward pass takes
FIRST = 4  # a process that doesn't know its speed with a backbone yet claims so many times the least
COUNT_EVERY_S = 2.0
MOST_FAILURES = 10  # of helpers; then no more are called, and whoever runs the job finds out what is wrong


class JobShards:
    """The shards of one job, for the process that runs it or for one that helps."""

    def __init__(self, job_id: str, process: Process, give_up: Callable[[GiveUpCause], None] = lambda _: None) -> None:
        """`give_up`: what the lease of a shard calls when the work on it doesn't stop."""
        self.job_id = job_id
        self._process, self._give_up = process, give_up
        self._store = ShardStore(process.store)
        self._least = process.settings.batch_size or LEAST
        self._processes, self._counted_at = 1, -math.inf

    def plan_path(self, plan_key: str) -> Path:
        """Return where the plan of that key lies, for all processes to read."""
        return plan_path(self._process.settings.plans_dir, self.job_id, plan_key)

    def claim(self, backbone: str) -> ShardLease | None:
        """Claim the next shard, as large as this process' speed with that backbone suggests; None: none is left."""
        settings, token = self._process.settings, secrets.token_hex(8)
        wanted = round(self._process.speeds.get(backbone, 0) * settings.shard_s) or FIRST * self._least
        shard = insist(
            lambda: self._store.claim(
                self.job_id,
                process=self._process.name,
                token=token,
                lease_s=settings.lease_s,
                wanted=max(wanted, self._least),
                least=self._least,
            )
        )
        return ShardLease(shard, backbone, self._process, self._give_up) if shard else None

    def progress(self) -> ShardProgress:
        """Count what is done and what is left."""
        return insist(lambda: self._store.progress(self.job_id))

    def call_helpers(self, progress: ShardProgress) -> None:
        """Call as many processes as there are, and as there is work for.

        Messages that no process has taken yet are counted, so there are never more than could be of use.
        """
        if progress.failures > MOST_FAILURES:
            return
        with suppress(StoreUnavailable):  # the next call will do
            welcome = min(self.count_processes() - progress.held, math.ceil(progress.free / self._least))
            queue = self._process.queue
            for _ in range(welcome - self._process.store.messages_waiting(queue.shards_key)):
                queue.call_for_help(self.job_id)

    def count_processes(self) -> int:
        """Count the processes of all workers, this one too; as they were at most COUNT_EVERY_S ago."""
        if time.monotonic() - self._counted_at > COUNT_EVERY_S:
            with suppress(StoreUnavailable):
                self._processes, self._counted_at = self._process.store.count_processes(), time.monotonic()
        return self._processes


class ShardLease:
    """A shard that this process holds for as long as the context lasts; leaving it records what was done of it."""

    def __init__(self, shard: Shard, backbone: str, process: Process, give_up: Callable[[GiveUpCause], None]) -> None:
        self.shard = shard
        self.seen = 0  #: so many of its images were tried
        self.kept = 0  #: so many of its first images are safe in the cache
        self._backbone, self._process = backbone, process
        self._begun = time.monotonic()
        self._lease = Lease(self._renew, process.settings, give_up)

    def __enter__(self) -> Self:
        self._lease.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lease.__exit__(kind, error, trace)
        seconds = time.monotonic() - self._begun
        if self.kept:
            self._process.speeds[self._backbone] = self.kept / seconds
        failed = error is not None and not isinstance(error, Interrupted)
        insist(lambda: ShardStore(self._process.store).leave(self.shard, self.kept, seconds, failed=failed))
        log.info("shard left", shard=self.shard.number, images=self.kept, of=len(self.shard), seconds=round(seconds, 3))

    def check(self) -> None:
        """Return if the work may go on. Raises Cancelled, Drained or ShardLost."""
        try:
            self._lease.check()
        except LeaseLost:
            raise ShardLost("another process has the shard now") from None

    def _renew(self) -> LeaseAnswer:
        return ShardStore(self._process.lease_store).renew(
            self.shard, worker=self._process.worker, lease_s=self._process.settings.lease_s, seen=self.seen
        )

"""The worker processes that work on one job together: shards taken, held and left, and calls for help."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from nextlabel.core.errors import Interruption, LeaseLost, ShardLost, StoreUnavailable
from nextlabel.core.jobs.queue import SHARDS_KEY, JobQueue
from nextlabel.core.jobs.shards import Shard, ShardProgress, ShardStore
from nextlabel.core.jobs.store import Claim, JobStore, LeaseAnswer
from nextlabel.core.logs import get_logger
from nextlabel.core.settings import Settings
from nextlabel.worker.lease import GiveUpCause, Lease
from nextlabel.worker.patience import insist

log = get_logger(__name__)
LEAST = 64  # images of a shard, unless the settings say how many a forward pass takes
FIRST = 4  # times as many are taken by a process whose speed with a backbone isn't known yet
COUNT_EVERY_S = 2.0
MOST_FAILURES = 10  # of helpers; then nobody is called any more, and whoever runs the job finds out what is wrong


@dataclass(frozen=True)
class Means:
    """What a worker process has for every job it works on."""

    settings: Settings
    worker: str  #: as its parent process is known
    process: str  #: this one of its processes
    store: JobStore
    lease_store: JobStore  #: with a client of its own, which doesn't retry
    queue: JobQueue
    speeds: dict[str, float] = field(default_factory=dict)  #: backbone -> images a second


class JobCrew:
    """One process' part in a job: of the process that runs it by `claim`, or of one that helps."""

    def __init__(
        self,
        job_id: str,
        means: Means,
        claim: Claim | None = None,
        give_up: Callable[[GiveUpCause], None] = lambda _: None,
    ) -> None:
        """`give_up`: of a shard's lease, see there."""
        self._job_id, self._means, self._claim, self._give_up = job_id, means, claim, give_up
        self._shards = ShardStore(means.store)
        self._least = means.settings.batch_size or LEAST
        self._processes, self._counted = 1, -math.inf

    def would_help(self, seconds_left: float | None) -> bool:
        return seconds_left is not None and seconds_left > self._means.settings.share_above_s and self._count() > 1

    def plan_path(self, key: str) -> Path:
        return self._means.settings.plans_dir / f"{self._job_id}.{key}.npz"

    def lay_out(self, key: str, images: int) -> None:
        claim = self._claim
        if claim is None or not insist(lambda: self._shards.plan(claim, key, images)):
            raise LeaseLost("another process owns the job now")
        log.info("job shared out", images=images)

    def take(self, backbone: str) -> Grip | None:
        settings, token = self._means.settings, secrets.token_hex(8)
        wanted = round(self._means.speeds.get(backbone, 0) * settings.shard_s) or FIRST * self._least
        shard = insist(
            lambda: self._shards.claim(
                self._job_id,
                process=self._means.process,
                token=token,
                lease_s=settings.lease_s,
                wanted=max(wanted, self._least),
                least=self._least,
            )
        )
        return Grip(shard, backbone, self._means, self._give_up) if shard else None

    def state(self) -> ShardProgress:
        return insist(lambda: self._shards.progress(self._job_id))

    def call(self, state: ShardProgress) -> None:
        """Messages that still wait for a free process are counted: there are never more than could be of use."""
        if state.failures > MOST_FAILURES:
            return
        with suppress(StoreUnavailable):  # the next call will do
            welcome = min(self._count() - state.held, math.ceil(state.free / self._least))
            for _ in range(welcome - self._means.store.messages_waiting(SHARDS_KEY)):
                self._means.queue.call_for_help(self._job_id)

    def _count(self) -> int:
        if time.monotonic() - self._counted > COUNT_EVERY_S:
            with suppress(StoreUnavailable):
                self._processes, self._counted = self._means.store.count_processes(), time.monotonic()
        return self._processes


class Grip:
    """A shard that this process holds, as long as the context lasts. Leaving it tells what of it was done."""

    def __init__(self, shard: Shard, backbone: str, means: Means, give_up: Callable[[GiveUpCause], None]) -> None:
        self.shard = shard
        self.seen = self.kept = 0
        self._backbone, self._means = backbone, means
        self._begun = time.monotonic()
        self._lease = Lease(self._renew, means.settings, give_up)

    def __enter__(self) -> Self:
        self._lease.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lease.__exit__(kind, error, trace)
        seconds = time.monotonic() - self._begun
        if self.kept:
            self._means.speeds[self._backbone] = self.kept / seconds
        failed = error is not None and not isinstance(error, Interruption)
        insist(lambda: ShardStore(self._means.store).leave(self.shard, self.kept, seconds, failed=failed))
        log.info("shard left", shard=self.shard.number, images=self.kept, of=len(self.shard), seconds=round(seconds, 3))

    def check(self) -> None:
        try:
            self._lease.check()
        except LeaseLost:
            raise ShardLost("another process has the shard now") from None

    def _renew(self) -> LeaseAnswer:
        return ShardStore(self._means.lease_store).renew(
            self.shard, worker=self._means.worker, lease_s=self._means.settings.lease_s, seen=self.seen
        )

"""A large job's images, divided into shards among worker processes.

The plan is a line of images 0..total; a shard is the next stretch of it, as long as the process that claims it asks
for, and shorter towards the end. Whoever runs the job makes the plan and works on it too; any other process may help.
A shard has no result but the embeddings that it puts into the cache on the shared disk, where the job reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from nextlabel.core.jobs.store import Claim, JobStore, LeaseAnswer


@dataclass(frozen=True)
class Shard:
    """The right to embed the images `start` to `stop` of the plan that is known by `key`."""

    job_id: str
    number: int
    start: int
    stop: int
    fence: int
    key: str

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class ShardProgress:
    """How far a plan has got. `done` counts images, also those that were seen in shards under way."""

    done: int
    free: int  #: images that nobody has claimed
    held: int  #: shards under way
    failures: int  #: how often a helper failed since the plan was made
    poisoned: int  #: how often processes died on one shard, once that is too often; else 0


class ShardStore:
    """The shards of all jobs. Every method raises StoreUnavailable, as the store's do."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def plan(self, claim: Claim, key: str, total: int) -> bool:
        """Make a plan of `total` images. The same key again goes on with it as it is. False when the claim is stale."""
        return bool(self._store.run_script("plan_shards", claim.job_id, claim.fence, key, total) == "ok")

    def claim(self, job_id: str, *, process: str, token: str, lease_s: float, wanted: int, least: int) -> Shard | None:
        """Give the job's next shard to that process; None when there is nothing left to claim.

        It has at most `wanted` images, and at least `least` while there are as many. `token` is as in a job's claim.
        """
        lease_ms = round(lease_s * 1000)
        claimed = self._store.run_script(
            "claim_shard", job_id, process, token, lease_ms, wanted, least, *self._store.stack
        )
        if claimed is None:
            return None
        number, start, stop, fence, key = claimed
        return Shard(job_id, int(number), int(start), int(stop), int(fence), key)

    def renew(self, shard: Shard, *, worker: str, lease_s: float, seen: int) -> LeaseAnswer:
        """Renew a shard's lease, and hear whether the work must stop. `seen`: images done, for the job's progress."""
        lease_ms = round(lease_s * 1000)
        answer = self._store.run_script("renew_shard", shard.job_id, shard.number, shard.fence, worker, lease_ms, seen)
        return cast(LeaseAnswer, answer)

    def leave(self, shard: Shard, done: int, seconds: float, *, failed: bool = False) -> bool:
        """Leave a shard whose first `done` images are in the cache; the rest is for others. False when it is stale."""
        return bool(
            self._store.run_script(
                "leave_shard", shard.job_id, shard.number, shard.fence, done, round(seconds, 3), "1" if failed else ""
            )
            == "ok"
        )

    def progress(self, job_id: str) -> ShardProgress:
        """Count what is done and what is left of the job's plan; all is 0 where there is none."""
        done, free, held, failures, poisoned = self._store.run_script("shard_progress", job_id)
        return ShardProgress(int(done), int(free), int(held), int(failures), int(poisoned))

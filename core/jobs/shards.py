"""A large job's images, shared out among workers in shards.

The plan is a line of images 0..total; a shard is the next stretch of it, as long as the worker that takes it asks for,
and shorter towards the end. Whoever runs the job lays the plan and works on it too; any other process may help. A shard
that is done has its embeddings in the cache on the shared disk, which is all that it is for: the job reads them there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from nextlabel.core.jobs.store import Claim, JobStore, LeaseAnswer


@dataclass(frozen=True)
class Shard:
    """The right to embed images `start` to `stop` of the plan that is known by `key`."""

    job_id: str
    number: int
    start: int
    stop: int
    fence: int
    key: str

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Shared:
    """How far a plan has got. `done` counts images, those seen in shards under way among them."""

    done: int
    free: int  #: images that nobody has taken
    held: int  #: shards under way
    failures: int  #: of helpers, since the plan was laid
    poisoned: int  #: how often processes died on one shard, once that is too often; else 0


class Shards:
    """Raises StoreUnavailable from every method, as the store does."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def plan(self, claim: Claim, key: str, total: int) -> bool:
        """Lays `total` images out; the same key again goes on with the plan as it is. False when the claim is stale."""
        return bool(self._store.run_script("plan_shards", claim.job_id, claim.fence, key, total) == "ok")

    def claim(self, job_id: str, *, worker: str, token: str, lease_s: float, wanted: int, least: int) -> Shard | None:
        """At most `wanted` images, not less than `least` while there are as many. None: there is nothing to take."""
        claimed = self._store.run_script("claim_shard", job_id, worker, token, round(lease_s * 1000), wanted, least)
        if claimed is None:
            return None
        number, start, stop, fence, key = claimed
        return Shard(job_id, int(number), int(start), int(stop), int(fence), key)

    def renew(self, shard: Shard, *, worker: str, lease_s: float, seen: int) -> LeaseAnswer:
        """`seen`: images done so far, for the job's progress."""
        lease_ms = round(lease_s * 1000)
        answer = self._store.run_script("renew_shard", shard.job_id, shard.number, shard.fence, worker, lease_ms, seen)
        return cast(LeaseAnswer, answer)

    def leave(self, shard: Shard, done: int, seconds: float, *, failed: bool = False) -> bool:
        """The first `done` of its images are in the cache: all of them, or the rest is for others. False when stale."""
        return bool(
            self._store.run_script(
                "leave_shard", shard.job_id, shard.number, shard.fence, done, round(seconds, 3), "1" if failed else ""
            )
            == "ok"
        )

    def state(self, job_id: str) -> Shared:
        done, free, held, failures, poisoned = self._store.run_script("shards", job_id)
        return Shared(int(done), int(free), int(held), int(failures), int(poisoned))

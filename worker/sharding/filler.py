"""Fills the cache for a large job, together with all worker processes that are free.

Whoever runs the job writes a plan, a file on the shared disk that lists the images to embed, and calls for help. All of
them, it too, claim shards of the plan (core/jobs/shards.py says how) and put the embeddings into the cache. When no
shard is left, the job goes on as if all had been in the cache from the start: what a shard left out, because an image
can't be read or was changed meanwhile, the job finds missing and looks at itself. No answer depends on who helped.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.pool import Pool
from nextlabel.core.embeddings.cache import CacheKey, EmbeddingCache
from nextlabel.core.errors import CacheUnwritable, LeaseLost, ShardLost, StorageFull, WarningCode, WorkerLost
from nextlabel.core.jobs.shards import ShardProgress, ShardStore
from nextlabel.core.jobs.store import Claim
from nextlabel.core.logs import get_logger
from nextlabel.core.neural.backbones import Backbone
from nextlabel.core.neural.engine import Watch, embed
from nextlabel.core.pipelines.cache_filler import digest_of
from nextlabel.core.pipelines.cache_writer import CacheWriter
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings
from nextlabel.worker.patience import insist
from nextlabel.worker.process import Process
from nextlabel.worker.sharding.job_shards import JobShards, ShardLease
from nextlabel.worker.sharding.plan import Plan

log = get_logger(__name__)
LOOK_EVERY_S = 1.0
IDLE_S = 0.2


class ShardedFiller:
    """The CacheFiller of the process that runs a job by `claim`."""

    def __init__(self, claim: Claim, process: Process) -> None:
        self._claim, self._process = claim, process
        self._shards = JobShards(claim.job_id, process)

    def pays(self, seconds_left: float | None) -> bool:
        """Whether the work would take long, and other processes are there to help."""
        long = seconds_left is not None and seconds_left > self._process.settings.share_above_s
        return long and self._shards.count_processes() > 1

    def fill(self, key: CacheKey, pool: Pool, rows: NDArray[np.int64], backbone: Backbone, run: Run) -> None:
        """Have all who are free embed the rows into the cache; return when nothing is left to do.

        It goes on with the plan of an earlier attempt at this job. Where no plan can be written, nothing is embedded.
        Raises LeaseLost; WorkerLost when processes died on one shard again and again.
        """
        plan_key = digest_of(key, pool)  # the same for whoever takes the job over, however far it has got by then
        path = self._shards.plan_path(plan_key)
        try:
            if not path.exists():
                Plan(key, pool.take(rows)).write(path)
            plan = Plan.read(path, run.settings.data_roots)
        except OSError as error:
            log.warning("not shared: the plan can't be written", cause=str(error))
            return
        store = ShardStore(self._process.store)
        if not insist(lambda: store.plan(self._claim, plan_key, len(plan.pool))):
            raise LeaseLost("another process owns the job now")
        log.info("job shared out", images=len(plan.pool))
        monitor = _Monitor(self._shards, run, before=len(pool) - len(plan.pool))
        try:
            while monitor.work_is_left():
                if (lease := self._shards.claim(backbone.name)) is None:
                    time.sleep(IDLE_S)
                else:
                    _work_on(lease, plan, backbone, run, monitor)
        except (StorageFull, CacheUnwritable) as error:
            run.warn(WarningCode.CACHE_NOT_WRITTEN, f"embeddings could not be shared between workers: {error.detail}")
        path.unlink(missing_ok=True)


def embed_shard(plan: Plan, lease: ShardLease, backbone: Backbone, settings: Settings, watch: Watch) -> None:
    """Embed a shard's images into the cache, those that are not there already.

    Whatever stops it, what was embedded is kept, and the lease knows how much that is. Raises StorageFull,
    CacheUnwritable, OutOfMemory, and what `watch.check` and `lease.check` raise.
    """

    def check() -> None:
        watch.check()
        lease.check()

    if not 0 <= lease.shard.start <= lease.shard.stop <= len(plan.pool):
        raise ShardLost("the shard is none of this plan's")
    part = plan.pool.take(np.arange(lease.shard.start, lease.shard.stop))
    cache = EmbeddingCache(settings.cache_dir, plan.key, backbone.dimension)
    rows = np.flatnonzero(~cache.find(part.names, part.stamps).hit)
    ends = np.append(rows, len(part))  # once i of the rows were seen, all before ends[i] is done
    writer, seen = CacheWriter(cache, part), 0
    try:
        batches = embed(backbone, part, rows.tolist(), settings, replace(watch, check=check))
        with closing(batches):
            for batch in batches:
                seen += batch.seen
                lease.seen = int(ends[seen])
                if writer.add(batch):
                    lease.kept = lease.seen
    finally:
        writer.flush()
        lease.kept = int(ends[seen])


def _work_on(lease: ShardLease, plan: Plan, backbone: Backbone, run: Run, monitor: _Monitor) -> None:
    try:
        with lease:
            embed_shard(plan, lease, backbone, run.settings, replace(run.watch, check=monitor.look))
    except ShardLost:
        return  # this process was frozen for longer than a lease: others have it now


class _Monitor:
    """Shows the job's progress, calls for help, and notices when the job must stop: once a second, between batches."""

    def __init__(self, shards: JobShards, run: Run, before: int) -> None:
        """`before`: how many of the job's images were embedded before there was a plan."""
        self._shards, self._run, self._before = shards, run, before
        self._looked_at = 0.0

    def work_is_left(self) -> bool:
        progress = self._report()
        return progress.free > 0 or progress.held > 0

    def look(self) -> None:
        """Raises when the job must stop."""
        self._run.check()
        if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._report()

    def _report(self) -> ShardProgress:
        self._looked_at = time.monotonic()
        progress = self._shards.progress()
        if progress.poisoned:
            raise WorkerLost(
                f"worker processes died {progress.poisoned} times on one stretch of the images; see their log"
            )
        self._run.advance(max(self._before + progress.done, self._run.done))
        self._shards.call_helpers(progress)
        return progress

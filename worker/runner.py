"""Claims a job, carries it out, records its end: the only place that moves a running job.

A message may come twice, late or never; the claim decides. Whatever happens in between, a job that was claimed here
ends here, is put back, or is left alone because it is no longer ours.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.embeddings.recent import RecentEmbeddings
from nextlabel.core.errors import (
    Cancelled,
    DeadlineExceeded,
    Drained,
    GaveWay,
    Interrupted,
    JobNotFound,
    LeaseLost,
    NextlabelError,
    OutOfMemory,
    StoreRefused,
    StoreUnavailable,
    StoreUnfit,
    WeightsMismatch,
)
from nextlabel.core.jobs.record import Job, JobError, JobState, JobWarning, Progress
from nextlabel.core.jobs.result_files import ResultFiles
from nextlabel.core.jobs.store import Claim
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.logs import bound, get_logger
from nextlabel.core.neural.backbones import Backbone, BackboneLoader, device_is_lost
from nextlabel.core.neural.engine import Watch
from nextlabel.core.neural.heads.kept import TrainedHeads
from nextlabel.core.neural.heads.linear import train_linear
from nextlabel.core.neural.kept_texts import KeptTexts
from nextlabel.core.neural.training import Examples
from nextlabel.core.pipelines.registry import carry_out
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings
from nextlabel.worker.giving_way import giving_way
from nextlabel.worker.hand_outs import JobHandOuts
from nextlabel.worker.lease import GiveUpCause, Lease
from nextlabel.worker.patience import insist
from nextlabel.worker.process import Process
from nextlabel.worker.sharding.filler import ShardedFiller, embed_shard
from nextlabel.worker.sharding.job_shards import JobShards, ShardLease
from nextlabel.worker.sharding.plan import Plan

log = get_logger(__name__)
REPLACE_ME = 70  # exit code; the parent starts another process in this one's place
INTERNAL = "something went wrong inside nextlabel; the worker's log has the details under this job's id"


class Runner:
    """Runs the jobs of one worker process, and keeps backbone, heads and embeddings between them."""

    def __init__(self, settings: Settings, worker: str) -> None:
        self._settings = settings
        self._process = Process.of(worker, settings)
        self._store = self._process.store
        self._results = ResultFiles(settings.results_dir)
        self._backbones = BackboneLoader(settings)
        self._heads = TrainedHeads()
        self._texts = KeptTexts()
        self._recent = RecentEmbeddings((settings.keep_embeddings_mb or 0) << 20)
        self._plan: tuple[Path, Plan] | None = None  # of the job it helped with last

    def close(self) -> None:
        self._process.close()

    def warm_up(self) -> None:
        """Do before the first job what it would wait for: load the usual backbone, and train a head once."""
        self._backbones.load_usual()
        embeddings = np.random.default_rng(0).standard_normal((20, 16)).astype(np.float32)
        train_linear(Examples(embeddings, np.arange(20) % 2, 2), seed=0)

    def run(self, job_id: str) -> None:
        """Carry out the job, if it can be claimed."""
        try:
            claim = self._claim(job_id)
        except (StoreRefused, StoreUnfit, JobNotFound) as error:
            log.warning("message dropped", job_id=job_id, cause=error.detail)
            return
        if claim is None:
            log.info("nothing to claim", job_id=job_id)
            return
        with bound(job_id=job_id, kind=claim.kind, attempt=claim.attempt):
            begun = time.monotonic()
            log.info("job started", worker=self._process.name)
            end = self._attempt(claim)
            log.info("job left", end=end, seconds=round(time.monotonic() - begun, 3))

    def help(self, job_id: str) -> None:
        """Embed one shard of a job that another process runs, and call for more helpers if more are left."""
        with bound(job_id=job_id), suppress(NextlabelError):  # what is wrong with the job, whoever runs it will find
            job = self._store.get(job_id)
            shards = JobShards(job_id, self._process, give_up=self._leave_deaf_shard)
            lease = shards.claim(str(job.request.get("backbone")))
            if lease is None:
                log.info("no shard to take")
                return
            self._work_on(lease, shards, job)
            shards.call_helpers(shards.progress())

    # --- a job --------------------------------------------------------------------------------------------------

    def _claim(self, job_id: str) -> Claim | None:
        """Claim the job, again and again until Redis answers.

        The token marks this call: if only the answer got lost, the next try gets the same claim.
        """
        token = secrets.token_hex(8)
        return insist(
            lambda: self._store.claim(job_id, process=self._process.name, token=token, lease_s=self._settings.lease_s)
        )

    def _attempt(self, claim: Claim) -> str:
        renew = partial(
            self._process.lease_store.renew, claim, worker=self._process.worker, lease_s=self._settings.lease_s
        )
        lease = Lease(renew, self._settings, give_up=partial(self._leave_deaf_job, claim))
        hand_outs = JobHandOuts(claim, self._process)
        run = Run(
            self._settings,
            self._backbones,
            check=giving_way(claim.kind, self._store, lease.check),
            publish=self._publisher(claim),
            filler=ShardedFiller(claim, self._process),
            hand_outs=hand_outs,
            heads=self._heads,
            texts=self._texts,
            recent=self._recent,
        )
        with lease:
            try:
                self._carry_out(claim, run)
                return self._finish(claim, run, JobState.SUCCEEDED)
            except LeaseLost:
                return "lease lost"
            except Drained:
                return self._put_back(claim, "drained")
            except GaveWay:
                return self._put_back(claim, "gave_way")
            except Cancelled:
                self._give_back(hand_outs)
                return self._finish(claim, run, JobState.CANCELLED)
            except Exception as error:
                self._leave_if_lost_device(error)
                self._give_back(hand_outs)
                return self._finish(claim, run, JobState.FAILED, _job_error(error, run))

    def _carry_out(self, claim: Claim, run: Run) -> None:
        self._results.check_writable()  # before hours of work
        result = carry_out(parse_request(claim.request), run)
        run.check()
        self._results.write(claim.job_id, claim.fence, _checked(result.json_parts(), run.check))

    def _finish(self, claim: Claim, run: Run, state: JobState, error: JobError | None = None) -> str:
        try:
            insist(lambda: self._store.report(claim, run.progress, run.warnings))
        except StoreRefused as refused:
            log.warning("progress and warnings not recorded", cause=refused.detail)
        try:
            recorded = insist(lambda: self._store.finish(claim, state, error))
        except StoreRefused as refused:  # the lease runs out, and a janitor decides
            log.warning("the job's end was not recorded", state=state.value, cause=refused.detail)
            return "not recorded"
        return state.value if recorded else "lease lost"

    def _give_back(self, hand_outs: JobHandOuts) -> None:
        try:
            hand_outs.give_back()
        except StoreRefused as refused:  # it ends with its time
            log.warning("a batch that nobody will see is still handed out", cause=refused.detail)

    def _put_back(self, claim: Claim, reason: str) -> str:
        try:
            is_ours = insist(lambda: self._store.put_back(claim, reason))
            if is_ours and reason == "gave_way":  # behind those that wait
                self._process.queue.send(claim.job_id)
        except StoreRefused as refused:
            log.warning("the job was not put back", cause=refused.detail)
            return "not recorded"
        except StoreUnavailable as error:  # a janitor sends it again
            log.warning("the message of a job that gave way was not sent", cause=error.detail)
        return "put back"

    def _publisher(self, claim: Claim) -> Callable[[Progress, tuple[JobWarning, ...]], None]:
        def publish(progress: Progress, warnings: tuple[JobWarning, ...]) -> None:
            try:
                self._store.report(claim, progress, warnings)
            except StoreUnavailable as error:
                log.warning("progress not shown", cause=error.detail)  # the next one will be

        return publish

    # --- a shard of somebody's job ------------------------------------------------------------------------------

    def _work_on(self, lease: ShardLease, shards: JobShards, job: Job) -> None:
        try:
            with lease:
                plan = self._plan_at(shards.plan_path(lease.shard.key))
                watch = Watch(giving_way(job.kind, self._store))
                embed_shard(plan, lease, self._backbone_of(job, plan), self._settings, watch)
        except Interrupted as why:
            log.info("shard stopped", why=why.detail)
        except FileNotFoundError:
            log.info("the plan is gone: the job has ended")
        except Exception as error:
            self._leave_if_lost_device(error)
            log.warning("shard failed", cause=str(error), exc_info=not isinstance(error, NextlabelError))

    def _plan_at(self, path: Path) -> Plan:
        if self._plan is None or self._plan[0] != path:
            self._plan = (path, Plan.read(path, self._settings.data_roots))
        return self._plan[1]

    def _backbone_of(self, job: Job, plan: Plan) -> Backbone:
        """Load the backbone that the plan names.

        Raises WeightsMismatch when this machine has other weights than the one that runs the job.
        """
        request = parse_request(job.request)
        backbone = self._backbones.load(find_backbone(plan.key.backbone), request.weights, request.seed)
        if (backbone.weights, backbone.preprocessing) != (plan.key.weights, plan.key.preprocessing):
            raise WeightsMismatch(f"the weights of {backbone.name} here differ from those where the job runs")
        return backbone

    # --- the end of this process --------------------------------------------------------------------------------

    def _leave_deaf_job(self, claim: Claim, why: GiveUpCause) -> None:
        """Record the end of a job whose work doesn't stop, and end this process with it. Runs in the lease's thread."""
        log.error("the job does not stop; ending its process", why=why)
        try:
            if why == "stalled":
                if self._store.put_back_stalled(claim, self._settings.max_crashes):
                    self._process.queue.send(claim.job_id)
            elif why == "cancel":
                self._store.finish(claim, JobState.CANCELLED)
            else:
                self._store.finish(claim, JobState.FAILED, JobError.of(DeadlineExceeded()))
        except StoreRefused as refused:  # the lease runs out, and a janitor decides
            log.warning("the job's end was not recorded", cause=refused.detail)
        leave_process()

    def _leave_deaf_shard(self, why: GiveUpCause) -> None:
        log.error("the shard does not stop; ending its process", why=why)
        leave_process()

    def _leave_if_lost_device(self, error: Exception) -> None:
        """End this process if its GPU can't be used any more.

        The record stays as it is: the parent's janitor sees this process die and puts the job back.
        """
        if device_is_lost(error):
            log.error("the GPU's context is broken; ending this process", exc_info=error)
            leave_process()


def leave_process() -> None:
    """End this process at once, whatever its threads do; the parent starts another in its place."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(REPLACE_ME)


def _checked(parts: Iterable[bytes], check: Callable[[], None]) -> Iterator[bytes]:
    """Look before each part whether the work is to go on: there may be many, and making one takes time."""
    for part in parts:
        check()
        yield part


def _job_error(error: Exception, run: Run) -> JobError:
    """Say what went wrong as the client reads it; the stack trace of a bug stays in the log."""
    stage = run.progress.stage if run.progress else None
    if isinstance(error, MemoryError):
        error = OutOfMemory("the worker's memory was too small for this job")
    if isinstance(error, NextlabelError):
        log.info("job failed", code=error.code, detail=error.detail)
        return JobError.of(error, stage)
    log.error("job failed", exc_info=error)
    return JobError(code=NextlabelError.code, detail=INTERNAL, stage=stage, retryable=False)

"""Claims a job, carries it out, records its end: the only place that moves a running job.

A message may come twice, late or never; the claim decides. Whatever happens in between, a job that was claimed here
ends here, is given back, or is left to the janitor because it is no longer ours.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from typing import TypeVar

from core.errors import Cancelled, Drained, LeaseLost, NextlabelError, OutOfMemory, StoreUnavailable
from core.jobs.record import JobError, JobState, JobWarning, Progress
from core.jobs.requests import parse_request
from core.jobs.result_files import ResultFiles
from core.jobs.store import Claim, JobStore
from core.logs import bound, get_logger
from core.neural.backbones import BackboneLoader
from core.pipelines.registry import carry_out
from core.pipelines.run import Run
from core.settings import Settings
from worker.lease import Lease

T = TypeVar("T")
log = get_logger(__name__)
RETRY_EVERY_S = 1.0
INTERNAL = "something went wrong inside nextlabel; the worker's log has the details under this job's id"


class Runner:
    """One for each worker process; keeps the backbone warm between jobs."""

    def __init__(self, settings: Settings, worker: str) -> None:
        self._settings = settings
        self._worker = f"{worker}/{os.getpid()}"
        self._host = worker
        self._store = JobStore.at(settings.redis_url)
        self._lease_store = JobStore.at(settings.redis_url, timeout_s=2.0, retry=False)
        self._results = ResultFiles(settings.results_dir)
        self._backbones = BackboneLoader(settings)

    def close(self) -> None:
        self._store.close()
        self._lease_store.close()

    def run(self, job_id: str) -> None:
        claim = self._claim(job_id)
        if claim is None:
            log.info("nothing to claim", job_id=job_id)
            return
        with bound(job_id=job_id, kind=claim.kind, attempt=claim.attempt):
            begun = time.monotonic()
            log.info("job started", worker=self._worker)
            end = self._attempt(claim)
            log.info("job left", end=end, seconds=round(time.monotonic() - begun, 3))

    def _claim(self, job_id: str) -> Claim | None:
        """Asked until it is answered: by its token a claim whose answer got lost is given again."""
        token = secrets.token_hex(8)
        return self._insist(
            lambda: self._store.claim(job_id, worker=self._worker, token=token, lease_s=self._settings.lease_s)
        )

    def _attempt(self, claim: Claim) -> str:
        lease = Lease(
            self._lease_store,
            claim,
            worker=self._host,
            lease_s=self._settings.lease_s,
            renew_every_s=self._settings.renew_every_s,
        )
        run = Run(self._settings, self._backbones, check=lease.check, publish=self._publisher(claim))
        with lease:
            try:
                self._carry_out(claim, run)
                return self._finish(claim, run, JobState.SUCCEEDED)
            except LeaseLost:
                return "lease lost"
            except Drained:
                self._insist(lambda: self._store.give_back(claim, "drained"))
                return "given back"
            except Cancelled:
                return self._finish(claim, run, JobState.CANCELLED)
            except Exception as error:
                return self._finish(claim, run, JobState.FAILED, _job_error(error, run))

    def _carry_out(self, claim: Claim, run: Run) -> None:
        result = carry_out(parse_request(claim.request), run)
        run.check()
        self._results.write(claim.job_id, claim.fence, result.model_dump_json().encode())

    def _finish(self, claim: Claim, run: Run, state: JobState, error: JobError | None = None) -> str:
        self._insist(lambda: self._store.report(claim, run.progress, run.warnings))
        recorded = self._insist(lambda: self._store.finish(claim, state, error))
        return state.value if recorded else "lease lost"

    def _publisher(self, claim: Claim) -> Callable[[Progress, tuple[JobWarning, ...]], None]:
        def publish(progress: Progress, warnings: tuple[JobWarning, ...]) -> None:
            try:
                self._store.report(claim, progress, warnings)
            except StoreUnavailable as error:
                log.warning("progress not shown", cause=error.detail)  # the next one will be

        return publish

    def _insist(self, write: Callable[[], T]) -> T:
        """An outage of Redis delays the end of a job and doesn't undo it; a lost lease is found out by the fence."""
        while True:
            try:
                return write()
            except StoreUnavailable as error:
                log.warning("waiting for Redis", cause=error.detail)
                time.sleep(RETRY_EVERY_S)


def _job_error(error: Exception, run: Run) -> JobError:
    """What the client is told; the stack trace of a bug stays in the log."""
    stage = run.progress.stage if run.progress else None
    if isinstance(error, MemoryError):
        error = OutOfMemory("the worker's memory was too small for this job")
    if isinstance(error, NextlabelError):
        log.info("job failed", code=error.code, detail=error.detail)
        return JobError(code=error.code, detail=error.detail, stage=stage, retryable=error.retryable)
    log.error("job failed", exc_info=error)
    return JobError(code=NextlabelError.code, detail=INTERNAL, stage=stage, retryable=False)

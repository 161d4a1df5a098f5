"""The right to run a job, kept alive by a thread with its own Redis client.

Out of contact with Redis, the job pauses at its next check and goes on when the fence still holds: an outage of five
minutes costs five minutes, not the job. All times are this process' monotonic clock, and a renewal counts from when it
was sent, so that our view of the lease ends before Redis' does.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from core.errors import Cancelled, Drained, LeaseLost, StoreUnavailable
from core.jobs.store import Claim, JobStore, LeaseAnswer
from core.logs import get_logger

log = get_logger(__name__)
PAUSED_LOOK_S = 0.2


class Lease:
    def __init__(self, store: JobStore, claim: Claim, *, worker: str, lease_s: float, renew_every_s: float) -> None:
        """`store` must not retry by itself: a renewal has to know at once that it failed."""
        self._store, self._claim, self._worker = store, claim, worker
        self._lease_s, self._renew_every_s = lease_s, renew_every_s
        self._renewed_at = time.monotonic()
        self._answer: LeaseAnswer = "ok"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_renewing, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Raises Cancelled, Drained or LeaseLost; waits as long as Redis is out of reach."""
        while True:
            self._raise_for_answer()
            if time.monotonic() - self._renewed_at < self._lease_s - self._renew_every_s:
                return
            time.sleep(PAUSED_LOOK_S)

    def _raise_for_answer(self) -> None:
        match self._answer:
            case "cancel":
                raise Cancelled("cancelled by request")
            case "drain":
                raise Drained("the worker is being stopped")
            case "lost":
                raise LeaseLost("another process owns the job now")

    def _keep_renewing(self) -> None:
        while not self._stop.wait(self._renew_every_s):
            sent_at = time.monotonic()
            try:
                self._answer = self._store.renew(self._claim, worker=self._worker, lease_s=self._lease_s)
                self._renewed_at = sent_at
            except StoreUnavailable as error:
                log.warning("lease not renewed", job_id=self._claim.job_id, cause=error.detail)
            except Exception:  # a dead thread would leave the job waiting for ever
                log.exception("lease not renewed", job_id=self._claim.job_id)
            if self._answer == "lost":
                return

"""Puts back what a dead worker left, and sends again what got lost. Any number of janitors may run.

A lease is only judged expired after Redis has answered us, as one and the same process and without a pause, for longer
than a lease: after a restart or a freeze every living worker gets that time to renew.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

from nextlabel.core.errors import JobNotFound, NextlabelError, StoreUnavailable
from nextlabel.core.jobs.queue import JOBS_KEY, JobQueue
from nextlabel.core.jobs.result_files import ResultFiles
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.logs import get_logger
from nextlabel.core.settings import Settings
from nextlabel.worker.presence import Presence, presence_folder

log = get_logger(__name__)
RESEND_AFTER_S = 2.0
RESEND_AGAIN_S = 10.0
FORGET_EVERY_S = 60.0


class Janitor:
    def __init__(self, settings: Settings, worker: str, processes: int = 1) -> None:
        self._settings = settings
        self._worker, self._processes = worker, processes
        self._store = JobStore.at(settings.redis_url)
        self._queue = JobQueue(settings.redis_url)
        self._results = ResultFiles(settings.results_dir)
        self._presence = Presence(presence_folder(settings.redis_url), worker)
        self._run_id = ""  # Redis'
        self._in_touch_since = self._answered_at = 0.0
        self._resent: dict[str, float] = {}
        self._forgot_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_ticking, name="janitor", daemon=True)

    def start(self) -> None:
        self._presence.begin()
        with suppress(StoreUnavailable):
            self._store.stop_draining(self._worker)
        self._thread.start()

    def drain(self) -> None:
        """The running jobs of this worker are given back at their next batch."""
        self._store.drain(self._worker)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)
        self._presence.end()
        with suppress(StoreUnavailable):  # not seen any more, it is forgotten all the same
            self._store.worker_gone(self._worker)

    def tick(self) -> None:
        """Raises StoreUnavailable; the next tick begins anew."""
        self._store.worker_seen(self._worker, self._processes)
        for holder in [*self._presence.dead(), *self._dead_processes()]:
            log.warning("it is dead; what it held is taken back", holder=holder)
            self._send_again(self._store.release(holder, self._settings.max_crashes))
        if self._long_in_touch():
            self._send_again(self._store.reap(self._settings.max_crashes))
        self._send_lost_messages()
        self._forget_old_jobs()

    def _dead_processes(self) -> list[str]:
        """Of this worker. Celery tells its parent only at the next of its own looks, five seconds apart."""
        return [holder for holder in self._store.holders(self._worker) if not _lives(int(holder.rpartition("/")[2]))]

    def _send_again(self, put_back: list[str]) -> None:
        for job_id in put_back:
            log.warning("job put back: its worker is gone", job_id=job_id)
            self._queue.send(job_id)

    def _keep_ticking(self) -> None:
        while not self._stop.wait(self._settings.janitor_every_s):
            try:
                self.tick()
            except NextlabelError as error:
                self._run_id = ""
                log.warning("janitor is waiting", cause=error.detail)
            except Exception:
                log.exception("janitor tick failed")

    def _long_in_touch(self) -> bool:
        run_id, now = self._store.server_run_id(), time.monotonic()
        paused = now - self._answered_at > self._settings.lease_s / 2
        if run_id != self._run_id or paused:
            self._run_id, self._in_touch_since = run_id, now
        self._answered_at = now
        return now - self._in_touch_since > self._settings.lease_s + 1

    def _send_lost_messages(self) -> None:
        """Fewer messages than queued jobs: some got lost. Which ones can't be told, and a double does no harm."""
        if self._store.messages_waiting(JOBS_KEY) >= self._store.queued():
            return
        now = time.monotonic()
        waiting = self._store.queued_longer_than(RESEND_AFTER_S)
        self._resent = {job_id: at for job_id, at in self._resent.items() if job_id in set(waiting)}
        for job_id in waiting:
            if now - self._resent.get(job_id, -RESEND_AGAIN_S) >= RESEND_AGAIN_S:
                log.info("message sent again", job_id=job_id)
                self._queue.send(job_id)
                self._resent[job_id] = now

    def _forget_old_jobs(self) -> None:
        if time.monotonic() - self._forgot_at < FORGET_EVERY_S:
            return
        self._forgot_at = time.monotonic()
        for job_id in self._store.ended_longer_than(self._settings.keep_jobs_days * 86_400):
            with suppress(JobNotFound):  # another janitor was quicker
                self._store.forget(job_id)
            self._results.delete(job_id)
        self._remove_old_plans()

    def _remove_old_plans(self) -> None:
        """Of jobs that ended otherwise than by success, which removes its own."""
        for path in self._settings.plans_dir.glob("*"):
            try:
                over = self._store.get(path.name.partition(".")[0]).state.is_final
            except JobNotFound:
                over = True
            if over:
                path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    """Of a child of this process. One that has died lives on, to a signal, until Celery comes to look at it."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13: its lease will tell
        return True
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False

"""Puts back the jobs of dead processes, and sends lost messages again. Any number of janitors may run.

A lease is only judged expired after Redis has answered us, as one and the same process and without a pause, for longer
than a lease: after a restart or a freeze every living worker gets that time to renew.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from nextlabel.core.errors import JobNotFound, NextlabelError, StoreRefused, StoreUnavailable
from nextlabel.core.jobs.queue import JobQueue
from nextlabel.core.jobs.record import is_job_id
from nextlabel.core.jobs.redis_watch import RedisWatch
from nextlabel.core.jobs.result_files import ResultFiles
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.logs import get_logger
from nextlabel.core.settings import DEFAULT_REDIS_PREFIX, Settings
from nextlabel.worker.presence import Presence, presence_folder
from nextlabel.worker.sharding.plan import remove_old_plans

log = get_logger(__name__)
RESEND_AFTER_S = 2.0
RESEND_AGAIN_S = 10.0
FORGET_EVERY_S = 60.0
FORGET_UNKNOWN_EVERY_S = 3600.0


class Janitor:
    """A thread in a worker's parent process that looks after the jobs once a second."""

    def __init__(
        self,
        settings: Settings,
        worker: str,
        processes: int = 1,
        is_warm: Callable[[], bool] = lambda: True,
        gpus: int | None = None,
    ) -> None:
        """`is_warm`: whether a process of the worker is up. Before one has been, others don't see the worker.

        gpus: how many the worker has; None: nobody is told.
        """
        self._settings = settings
        self._is_warm, self._was_warm = is_warm, False
        self._worker, self._processes, self._gpus = worker, processes, gpus
        self._store = JobStore.of(settings)
        self._queue = JobQueue.of(settings)
        self.redis_watch = RedisWatch(self._store, worker)
        self._results = ResultFiles(settings.results_dir)
        is_default = settings.redis_prefix == DEFAULT_REDIS_PREFIX
        service = settings.redis_url if is_default else f"{settings.redis_url} {settings.redis_prefix}"
        self._presence = Presence(presence_folder(service), worker)
        self._redis_run_id = ""
        self._in_touch_since = self._answered_at = 0.0
        self._resent: dict[str, float] = {}
        self._forgot_at = 0.0
        self._forgot_unknown_at = -FORGET_UNKNOWN_EVERY_S
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_ticking, name="janitor", daemon=True)

    def start(self) -> None:
        """Show that this worker is alive, and begin to tick."""
        self._presence.begin()
        with suppress(StoreUnavailable):
            self._store.stop_draining(self._worker)
        self._thread.start()

    def drain(self) -> None:
        """Have the jobs that this worker runs put back at their next batch."""
        self._store.drain(self._worker)

    def stop(self) -> None:
        """Stop ticking, and have this worker forgotten."""
        self._stop.set()
        self._thread.join(timeout=5)
        self._presence.end()
        with suppress(StoreUnavailable):  # a worker that is not seen any more is forgotten all the same
            self._store.forget_worker(self._worker)
            self.redis_watch.end()

    def tick(self) -> None:
        """Look once. Raises StoreUnavailable; the next tick begins anew.

        What Redis refuses, or what goes wrong with one of the duties, keeps no other from being done.
        """
        duties = (
            self.redis_watch.look, self._show_myself, self._bury_the_dead, self._reap, self._send_lost_messages,
            self._forget_old_jobs,
        )  # fmt: skip
        for duty in duties:
            try:
                duty()
                if self.redis_watch.foreign:  # its jobs are none of ours
                    self._store.forget_worker(self._worker)
                    return
            except StoreRefused as error:
                log.warning("a duty of the janitor was refused", duty=duty.__name__.strip("_"), cause=error.detail)
            except NextlabelError:
                raise
            except Exception:
                log.exception("a duty of the janitor failed", duty=duty.__name__.strip("_"))

    def _show_myself(self) -> None:
        if not self._was_warm:
            if not self._is_warm():
                return
            self._was_warm = True
            log.info("worker ready", worker=self._worker)
        self._store.note_worker(self._worker, self._processes, self._gpus)

    def _bury_the_dead(self) -> None:
        for dead in [*self._presence.dead(), *self._dead_processes()]:
            log.warning("it is dead; what it held is put back", dead=dead)
            self._send_again(self._store.put_back_dead(dead, self._settings.max_crashes))

    def _reap(self) -> None:
        if self._long_in_touch():
            self._send_again(self._store.put_back_expired(self._settings.max_crashes))

    def _dead_processes(self) -> list[str]:
        """Name the processes of this worker that hold something and are dead.

        Celery looks for dead children only every five seconds; a job need not wait for that.
        """
        holding = self._store.processes_holding(self._worker)
        return [process for process in holding if not _is_running(process.rpartition("/")[2])]

    def _send_again(self, put_back: list[str]) -> None:
        for job_id in self._keep_ids(put_back):
            log.warning("job put back: its worker is gone", job_id=job_id)
            self._queue.send(job_id)

    def _keep_ticking(self) -> None:
        while not self._stop.wait(self._settings.janitor_every_s):
            try:
                self.tick()
            except NextlabelError as error:
                self._redis_run_id = ""
                log.warning("janitor is waiting", cause=error.detail)
            except Exception:
                log.exception("janitor tick failed")

    def _long_in_touch(self) -> bool:
        """Whether Redis has answered without a restart or a pause for longer than a lease."""
        run_id, now = self._store.server_run_id(), time.monotonic()
        paused = now - self._answered_at > self._settings.lease_s / 2
        if run_id != self._redis_run_id or paused:
            self._redis_run_id, self._in_touch_since = run_id, now
        self._answered_at = now
        return now - self._in_touch_since > self._settings.lease_s + 1

    def _send_lost_messages(self) -> None:
        """Send messages again when there are fewer of them than queued jobs.

        Which ones got lost can't be known, and a message that comes twice does no harm.
        """
        if self._store.messages_waiting(self._queue.jobs_key) >= self._store.queue_length():
            return
        now = time.monotonic()
        waiting = self._keep_ids(self._store.queued_longer_than(RESEND_AFTER_S))
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
        for job_id in self._keep_ids(self._store.ended_longer_than(self._settings.keep_jobs_days * 86_400)):
            with suppress(JobNotFound):  # another janitor was quicker
                self._store.forget(job_id)
            self._results.delete(job_id)
        if time.monotonic() - self._forgot_unknown_at > FORGET_UNKNOWN_EVERY_S:
            self._forgot_unknown_at = time.monotonic()
            self._delete_results_of_unknown_jobs()
        remove_old_plans(self._settings.plans_dir, self._has_ended)  # a job that succeeds removes its own

    def _keep_ids(self, ids: list[str]) -> list[str]:
        """Return those that can be ids of jobs. The others, which something else wrote, are taken out of Redis."""
        wrong = [job_id for job_id in ids if not is_job_id(job_id)]
        if wrong:
            log.error(
                "what is no job's id was among the jobs, and is removed", ids=[job_id[:80] for job_id in wrong[:20]]
            )
            self._store.give_up(wrong)
        return [job_id for job_id in ids if is_job_id(job_id)]

    def _delete_results_of_unknown_jobs(self) -> None:
        """Delete results of jobs that Redis lost when it came back empty, as late as it would have forgotten them."""
        for job_id in self._results.older_than(self._settings.keep_jobs_days * 86_400):
            try:
                self._store.get(job_id)
            except JobNotFound:
                log.info("a result is deleted: nobody knows its job", job_id=job_id)
                self._results.delete(job_id)

    def _has_ended(self, job_id: str) -> bool:
        try:
            return self._store.get(job_id).state.is_final
        except JobNotFound:
            return True


def _is_running(process_id: str) -> bool:
    """Whether the child of this process that has that id is still running. What is no id is no child's.

    A dead child stays a zombie until Celery collects it, and a zombie can still be sent signals. So we ask for its exit
    status, and leave it for Celery to collect.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,8}", process_id):
        return False
    if not hasattr(os, "waitid"):  # macOS before Python 3.13: the lease of what it held will expire
        return True
    try:
        return os.waitid(os.P_PID, int(process_id), os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False

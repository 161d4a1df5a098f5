"""A process of the pool as it begins."""

from __future__ import annotations

import inspect
import os
import signal
from types import SimpleNamespace

from celery.concurrency.asynpool import AsynPool

from nextlabel.worker import app, devices, tasks


def test_a_worker_whose_processes_can_not_import_what_carries_jobs_out_says_so_and_ends(monkeypatch, logged):
    def lack(worker):
        raise ModuleNotFoundError("No module named 'nextlabel.core.pipelines.census'")

    ended = []
    monkeypatch.setattr(app, "set_up_logs", lambda: None)  # `logged` has
    monkeypatch.setattr(tasks, "runner_of", lack)
    monkeypatch.setattr(devices, "pin", lambda index: None)
    monkeypatch.setattr(app, "current_process", lambda: SimpleNamespace(index=0))
    monkeypatch.setattr(os, "kill", lambda pid, sent: ended.append((pid, sent)))
    app.warm_up("w@host")
    assert ended == [(os.getppid(), signal.SIGTERM)]
    assert "census" in logged()


def test_the_celery_that_is_installed_looks_for_dead_processes_as_often_as_it_is_told_to():
    pool = SimpleNamespace(maintain_pool=lambda: None)
    assert AsynPool.timers.fget(pool) == {pool.maintain_pool: app.LOOK_FOR_DEAD_EVERY_S}
    assert "in self.timers.items()" in inspect.getsource(AsynPool.register_with_event_loop)

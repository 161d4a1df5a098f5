"""The Celery app of the workers: what happens when the parent and its processes start and stop."""

from __future__ import annotations

import os
import signal
from typing import Any

from billiard import current_process
from celery import signals
from celery.concurrency.asynpool import AsynPool

from nextlabel.core.jobs.queue import celery_app
from nextlabel.core.logs import configure_logs, get_logger
from nextlabel.core.settings import Settings
from nextlabel.worker import devices, tasks
from nextlabel.worker.consumer import GoesOnWithoutAck, OnlySoundMessages, OnlyWhenReady
from nextlabel.worker.parent import Parent

LOOK_FOR_DEAD_EVERY_S = 0.25
log = get_logger(__name__)
app = celery_app(Settings().redis_url, Settings().redis_prefix)
# The pool's processes are fresh interpreters: `include` brings them this module, and with it the signals below.
app.conf.update(include=[__name__], worker_proc_alive_timeout=300)  # torch and a backbone are loaded, or made
app.steps["consumer"].update({OnlyWhenReady, GoesOnWithoutAck, OnlySoundMessages})
# Celery looks for dead processes as their pipes close, which may be just before they are, and else every five seconds.
AsynPool.timers = property(lambda pool: {pool.maintain_pool: LOOK_FOR_DEAD_EVERY_S})


@signals.setup_logging.connect
def set_up_logs(**_: Any) -> None:
    """Configure our own logs; Celery leaves them alone where this signal is connected."""
    settings = Settings()
    configure_logs(settings.log_level, as_json=settings.log_json)


@signals.worker_init.connect
def make_parent(sender: Any, **_: Any) -> None:
    """Make what runs in the parent process, before the pool has any; have it started, drained and stopped with it."""
    parent = Parent(Settings(), sender.hostname, sender.concurrency, up=processes_up)
    signals.worker_ready.connect(lambda **_: parent.start(), weak=False)
    signals.worker_shutting_down.connect(lambda **_: parent.drain(), weak=False)
    signals.worker_shutdown.connect(lambda **_: parent.stop(), weak=False)
    OnlyWhenReady.may_take = parent.may_take


def processes_up() -> int:
    """Count the processes that are warm, by what the connection of this moment knows."""
    return OnlyWhenReady.processes_up()


@signals.worker_process_init.connect
def warm_up(sender: str, **_: Any) -> None:
    """Prepare a process of the pool before the first job comes: its logs, its GPU, torch, and the usual backbone.

    Where something can't be imported, as the pipeline of a kind that has none, no process ever will: the worker ends.
    """
    set_up_logs()
    devices.pin(current_process().index or 0)
    try:
        tasks.runner_of(sender).warm_up()
    except ImportError:
        log.exception("this worker can't carry out jobs, and ends")
        os.kill(os.getppid(), signal.SIGTERM)

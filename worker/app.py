"""The Celery app of the workers: what happens when the parent and its processes start and stop."""

from __future__ import annotations

from typing import Any

from billiard import current_process
from celery import signals

from nextlabel.core.jobs.queue import celery_app
from nextlabel.core.logs import configure_logs, get_logger
from nextlabel.core.settings import Settings
from nextlabel.worker import devices, tasks
from nextlabel.worker.consumer import OnlyWhenReady
from nextlabel.worker.janitor import Janitor
from nextlabel.worker.webhooks import Deliverer

settings = Settings()
app = celery_app(settings.redis_url)
# The pool's processes are fresh interpreters: `include` brings them this module, and with it the signals below.
app.conf.update(include=[__name__], worker_proc_alive_timeout=120)  # importing torch takes its time
app.steps["consumer"].add(OnlyWhenReady)
log = get_logger(__name__)
janitors: dict[str, Janitor] = {}
deliverers: dict[str, Deliverer] = {}


@signals.setup_logging.connect
def set_up_logs(**_: Any) -> None:
    configure_logs(settings.log_level, as_json=settings.log_json)


@signals.worker_ready.connect
def begin(sender: Any, **_: Any) -> None:
    janitors[sender.hostname] = Janitor(settings, sender.hostname, processes=sender.controller.concurrency)
    janitors[sender.hostname].start()
    deliverers[sender.hostname] = Deliverer(settings)
    deliverers[sender.hostname].start()
    log.info("worker ready", worker=sender.hostname)


@signals.worker_shutting_down.connect
def drain(sender: str, **_: Any) -> None:
    if sender in janitors:
        janitors[sender].drain()


@signals.worker_shutdown.connect
def end(sender: Any, **_: Any) -> None:
    if sender.hostname in janitors:
        janitors[sender.hostname].stop()
        deliverers[sender.hostname].stop()
    log.info("worker stopped", worker=sender.hostname)


@signals.worker_process_init.connect
def warm_up(sender: str, **_: Any) -> None:
    """In each pool process: logs, its GPU, and torch loaded before the first job comes."""
    configure_logs(settings.log_level, as_json=settings.log_json)
    devices.pin(current_process().index or 0)
    tasks.runner_of(sender)

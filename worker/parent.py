"""What runs in a worker's parent process, beside Celery."""

from __future__ import annotations

from nextlabel.core.logs import get_logger
from nextlabel.core.settings import Settings
from nextlabel.worker.janitor import Janitor
from nextlabel.worker.webhooks import Deliverer

log = get_logger(__name__)


class Parent:
    """A worker's parent process: its janitor, and its deliverer of webhooks."""

    def __init__(self, settings: Settings, worker: str, processes: int) -> None:
        """`worker`: its name. `processes`: how many its pool has."""
        self._worker = worker
        self._janitor = Janitor(settings, worker, processes)
        self._deliverer = Deliverer(settings)

    def may_take(self) -> bool:
        """Whether messages may be taken: not those of another stack."""
        return not self._janitor.redis_watch.foreign

    def start(self) -> None:
        """Start both; from now on others see the worker."""
        self._janitor.start()
        self._deliverer.start()
        log.info("worker ready", worker=self._worker)

    def drain(self) -> None:
        """Have the jobs that the worker runs put back at their next batch."""
        self._janitor.drain()

    def stop(self) -> None:
        """Stop both; the worker is forgotten."""
        self._janitor.stop()
        self._deliverer.stop()
        log.info("worker stopped", worker=self._worker)

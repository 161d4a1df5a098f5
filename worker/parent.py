"""What runs in a worker's parent process, beside Celery."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nextlabel.core.logs import get_logger
from nextlabel.core.settings import Settings
from nextlabel.worker import devices
from nextlabel.worker.janitor import Janitor
from nextlabel.worker.spare import keep_spare
from nextlabel.worker.webhooks import Deliverer

log = get_logger(__name__)
LOOK_EVERY_S = 0.5


class Parent:
    """A worker's parent process: its janitor, its deliverer of webhooks, and its spare process."""

    def __init__(self, settings: Settings, worker: str, processes: int, up: Callable[[], int]) -> None:
        """Make it before the pool's processes are started, as those come from the spare.

        worker: its name. processes: how many its pool has. up: counts those that are warm.
        """
        self._worker, self._processes, self._up = worker, processes, up
        self._janitor = Janitor(settings, worker, processes, is_warm=lambda: up() > 0, gpus=devices.count_gpus())
        self._deliverer = Deliverer(settings)
        self._spawner = keep_spare(worker) if settings.spare_process else None
        self._stop = threading.Event()
        self._warmer = threading.Thread(target=self._keep_warm, name="spare", daemon=True)

    def may_take(self) -> bool:
        """Whether messages may be taken: not those of another stack."""
        return not self._janitor.redis_watch.foreign

    def start(self) -> None:
        """Start all; others see the worker once one of its processes is warm."""
        self._janitor.start()
        self._deliverer.start()
        self._warmer.start()

    def drain(self) -> None:
        """Have the jobs that the worker runs put back at their next batch."""
        self._janitor.drain()

    def stop(self) -> None:
        """Stop all; the worker is forgotten."""
        self._stop.set()
        self._warmer.join()
        if self._spawner is not None:
            self._spawner.close()
        self._janitor.stop()
        self._deliverer.stop()
        log.info("worker stopped", worker=self._worker)

    def _keep_warm(self) -> None:
        """Have the spare warm up whenever all of the pool are up: it takes no time from those that are not."""
        while self._spawner is not None and not self._stop.wait(LOOK_EVERY_S):
            if self._up() >= self._processes:
                self._spawner.warm_up()

"""When a worker takes a message off the queue."""

from __future__ import annotations

from typing import Any

from celery import bootsteps
from celery.worker import state
from celery.worker.consumer.tasks import Tasks

from nextlabel.core.logs import get_logger

log = get_logger(__name__)


class OnlyWhenReady(bootsteps.StartStopStep):
    """Takes a message only while a process of the pool is up and free to work on it.

    Celery counts the processes that a pool should have. One that has died, or is still loading torch, counts too, and
    its message would wait there for seconds while another worker is idle. Celery has no setting for this. It asks the
    channel's `can_consume` before each message, so that is what this step replaces.
    """

    requires = (Tasks,)

    def start(self, consumer: Any) -> None:
        """Replace `can_consume`, anew at each connection, whose channel is a new one.

        `_pool` and `_fileno_to_inq` are private to Celery. Where another version has them no more, messages are taken
        as Celery does by itself: jobs may wait for seconds, and none is lost.
        """
        try:
            qos, ready = consumer.task_consumer.channel.qos, consumer.pool._pool._fileno_to_inq
            celerys_own = qos.can_consume
        except AttributeError as error:
            log.warning("this Celery does not show which processes are ready; jobs may wait for one", cause=str(error))
            return
        qos.can_consume = lambda: len(state.reserved_requests) < len(ready) and celerys_own()

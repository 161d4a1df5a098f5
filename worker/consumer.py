"""When a worker takes a message off the queue."""

from __future__ import annotations

from typing import Any

from celery import bootsteps
from celery.worker import state
from celery.worker.consumer.tasks import Tasks


class OnlyWhenReady(bootsteps.StartStopStep):
    """Takes one only while a process of the pool is up and free to work on it.

    Celery counts the processes a pool should have. One that has died, or is still loading torch, counts too, and its
    message would wait there for seconds while another worker is idle. Celery has no setting for it and looks at
    `can_consume` before each message, so that is where this stands.
    """

    requires = (Tasks,)

    def start(self, consumer: Any) -> None:
        """Again at each connection, whose channel is a new one."""
        qos, ready = consumer.task_consumer.channel.qos, consumer.pool._pool._fileno_to_inq
        others = qos.can_consume
        qos.can_consume = lambda: len(state.reserved_requests) < len(ready) and others()

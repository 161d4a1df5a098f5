"""When a worker takes a message off the queue, and which messages it takes at all."""

from __future__ import annotations

import base64
import json
import sys
import uuid
from collections.abc import Callable
from queue import Empty
from typing import Any, ClassVar

import redis
from celery import bootsteps
from celery.worker import state
from celery.worker.consumer.tasks import Tasks
from kombu.transport.virtual import QoS

from nextlabel.core.jobs.queue import HELP_JOB, RUN_JOB
from nextlabel.core.jobs.record import is_job_id
from nextlabel.core.logs import get_logger

log = get_logger(__name__)


class OnlyWhenReady(bootsteps.StartStopStep):
    """Takes a message only while a process of the pool is up and free to work on it.

    Celery counts the processes that a pool should have. One that has died, or is still loading torch, counts too, and
    its message would wait there for seconds while another worker is idle. Celery has no setting for this. It asks the
    channel's `can_consume` before each message, so that is what this step replaces.
    """

    requires = (Tasks,)
    may_take: ClassVar[Callable[[], bool]] = staticmethod(lambda: True)  #: set by the worker's parent
    processes_up: ClassVar[Callable[[], int]] = staticmethod(lambda: 0)  #: how many are warm; all, where none can tell

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
            type(self).processes_up = staticmethod(lambda: sys.maxsize)
            return
        type(self).processes_up = staticmethod(lambda: len(ready))
        may_take = type(self).may_take
        qos.can_consume = lambda: len(state.reserved_requests) < len(ready) and may_take() and celerys_own()


class GoesOnWithoutAck(bootsteps.StartStopStep):
    """Lets a worker take messages again after one that Redis was not told of, since it went away just then.

    kombu counts such a message as unacknowledged for ever, and the channel, which may have one, reads no other; as it
    waits for none, it doesn't see either that the connection is lost. The record says whose the job is, whatever Redis
    thinks of the message.
    """

    requires = (Tasks,)

    def start(self, consumer: Any) -> None:
        """Replace `ack`, anew at each connection, whose channel is a new one."""
        qos = consumer.task_consumer.channel.qos
        acknowledge = qos.ack
        forget: Callable[[Any, str], None] = QoS.ack  # what kombu does next, if Redis has answered

        def ack(delivery_tag: str) -> None:
            try:
                acknowledge(delivery_tag)
            finally:
                forget(qos, delivery_tag)

        qos.ack = ack


class OnlySoundMessages(bootsteps.StartStopStep):
    """Drops what is no message of ours, says so in the log, and goes on.

    A message is a task's name and a job's id. Celery believes all the rest of it, too, and where that has not the form
    which it expects, the worker's parent ends, or a process of its pool is held for ever. Whoever can write to Redis
    could do that, and so could a stray client. So only the two are taken from what comes, and a new message is made.
    """

    requires = (Tasks,)
    dropped = 0

    def start(self, consumer: Any) -> None:
        """Look at what the channel reads, anew at each connection.

        `handlers` and `_deliver` are private to kombu: a test holds the installed one to them.
        """
        channel = consumer.task_consumer.channel
        read, deliver = channel.handlers["BRPOP"], channel.connection._deliver
        channel.handlers["BRPOP"] = lambda: self._read(read, channel)
        channel.connection._deliver = lambda message, queue: deliver(sound(message, queue), queue)

    def _read(self, read: Callable[[], Any], channel: Any) -> Any:
        try:
            return read()
        except (Empty, *channel.connection_errors):
            raise
        except redis.ResponseError as error:  # of the queue, not of a message: as bad as no connection
            log.warning("the queue can't be read", cause=str(error))
            raise redis.ConnectionError(f"the queue can't be read: {error}") from error
        except Exception as error:
            self.dropped += 1
            cause = str(error) if isinstance(error, BrokenMessage) else f"{type(error).__name__}: {error}"
            log.warning("broken message dropped", cause=cause[:300], dropped=self.dropped)
            raise Empty from error


class BrokenMessage(ValueError):
    """It is no message of ours; the message says why."""


def sound(message: Any, queue: str) -> dict[str, Any]:
    """Make a message of the task's name and the job's id in this one. Raises BrokenMessage where there is not both."""
    try:
        content_type, task, body = message["content-type"], message["headers"]["task"], message["body"]
        is_json, encoding = content_type == "application/json", message["properties"]["body_encoding"]
        (job_id,) = json.loads(base64.b64decode(body) if encoding == "base64" else body)[0] if is_json else (None,)
    except Exception as error:  # whatever it is, it has not the form of ours
        raise BrokenMessage(f"it has not the form of ours: {type(error).__name__}: {error}") from error
    if not is_json:
        raise BrokenMessage(f"Refusing to deserialize {str(content_type)[:80]!r}: messages are JSON")
    if task not in (RUN_JOB, HELP_JOB) or not is_job_id(job_id):
        raise BrokenMessage(f"it names no task of ours, or no job: {str(task)[:40]!r}, {str(job_id)[:80]!r}")
    return _message(task, job_id, queue)


def _message(task: str, job_id: str, queue: str) -> dict[str, Any]:
    """Make it as Celery does, in its protocol's second version."""
    number = str(uuid.uuid4())
    arguments = [[job_id], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    return {
        "body": base64.b64encode(json.dumps(arguments).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": task,
            "id": number,
            "root_id": number,
            "parent_id": None,
            "group": None,
            "retries": 0,
            "eta": None,
            "expires": None,
            "timelimit": [None, None],
            "argsrepr": repr((job_id,)),
            "kwargsrepr": "{}",
            "ignore_result": True,
        },
        "properties": {
            "correlation_id": number,
            "delivery_mode": 2,
            "delivery_tag": number,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
        },
    }

"""Celery as the carrier: a message is a task name and a job id, sent by name so that the API needs no worker code.

The record decides what happens; a message that is lost, doubled or late does no harm. That is why acknowledgement is
early, results are off, and publishing does not retry: the janitor sends again what got lost.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import redis
from celery import Celery
from celery.loaders.app import AppLoader
from kombu.exceptions import KombuError

from nextlabel.core.errors import StoreUnavailable
from nextlabel.core.settings import DEFAULT_REDIS_PREFIX, Settings

RUN_JOB, HELP_JOB = "run_job", "help_job"
JOBS, SHARDS = "jobs", "shards"


def messages_key(queue: str, prefix: str = DEFAULT_REDIS_PREFIX) -> str:
    """Return the Redis list that the messages of a queue wait in."""
    return f"{prefix}:mq:{queue}"


JOBS_KEY, SHARDS_KEY = messages_key(JOBS), messages_key(SHARDS)  #: where no other prefix is set


class Loader(AppLoader):  # type: ignore[misc] # Celery has no types
    """Imports modules as Python does. Celery's own takes those of the working directory first: a user's `redis.py`."""

    def import_from_cwd(self, module: str, imp: object = None, package: str | None = None) -> ModuleType:
        return import_module(module, package)


def celery_app(redis_url: str, prefix: str = DEFAULT_REDIS_PREFIX) -> Celery:
    """Make an app with our settings; docs/decisions/celery-carries-the-record-decides.md has the reasons for each."""
    app = Celery("nextlabel", broker=_broker_url(redis_url), loader=Loader)
    app.conf.update(
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=False,
        task_publish_retry=False,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=JOBS,
        task_queues={JOBS: {}, SHARDS: {}},  # served in turn: calls for help don't hold up the next job
        task_create_missing_queues=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "global_keyprefix": messages_key("", prefix),
            "socket_connect_timeout": 5,
            "socket_timeout": 30,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
        worker_pool="prefork",
        worker_pool_start_method="spawn",
        worker_lost_wait=0.1,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_max_tasks_per_child=None,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=0,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        timezone="UTC",
        enable_utc=True,
    )
    return app


class JobQueue:
    """Sends messages to the workers."""

    def __init__(self, redis_url: str, prefix: str = DEFAULT_REDIS_PREFIX) -> None:
        self.jobs_key, self.shards_key = messages_key(JOBS, prefix), messages_key(SHARDS, prefix)
        self._app = celery_app(redis_url, prefix)
        # A person waits for the answer, so we give up on a Redis that hangs sooner than a worker does.
        self._app.conf.broker_transport_options |= {"socket_connect_timeout": 2, "socket_timeout": 5}

    @classmethod
    def of(cls, settings: Settings) -> JobQueue:
        """Make the queue of the stack that has these settings."""
        return cls(settings.redis_url, settings.redis_prefix)

    def send(self, job_id: str) -> None:
        """Send the message to run a job. Raises StoreUnavailable; a janitor sends it again, as the job is recorded."""
        self._send(RUN_JOB, job_id, JOBS)

    def call_for_help(self, job_id: str) -> None:
        """Call one more process to work on a shard of the job. Raises StoreUnavailable; whoever runs it calls again."""
        self._send(HELP_JOB, job_id, SHARDS)

    def _send(self, task: str, job_id: str, queue: str) -> None:
        try:
            self._app.send_task(task, [job_id], queue=queue)
        except (KombuError, OSError, redis.RedisError) as error:
            raise StoreUnavailable(f"the message for job {job_id} could not be sent: {error}") from error

    def close(self) -> None:
        self._app.close()


def _broker_url(redis_url: str) -> str:
    """Say the URL as kombu does, which has a form of its own for Unix sockets."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{user}{parts.path}?virtual_host={database}"

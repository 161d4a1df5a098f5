"""A Redis that a test may break, and jobs on tiny pools."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from nextlabel.client.redis_server import redis_command
from nextlabel.client.stack import free_port
from nextlabel.core.jobs.record import Job, new_job_id
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.settings import Settings


class OwnRedis:
    """Keeps its data from one start to the next, as the one in production does."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(redis_command(self._folder, self._port), stdout=subprocess.DEVNULL)
        with redis.Redis.from_url(self.url) as client:
            wait_until(lambda: answers(client))

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)
            self._process = None


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def freeze(url: str, seconds: float) -> None:
    """From now on Redis takes commands and answers none for so long."""
    with redis.Redis.from_url(url) as client:
        client.execute_command("CLIENT", "PAUSE", round(seconds * 1000), "ALL")


def wait_until(met: Callable[[], Any], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not met():
        assert time.monotonic() < deadline, f"not met within {within_s} s"
        time.sleep(0.02)


def submit(store: JobStore, **fields: Any) -> Job:
    """A selection on the descriptor, unless the fields say otherwise; recorded, with no message sent."""
    request = parse_request({"kind": "selection", "backbone": "descriptor", **fields})
    return store.submit(new_job_id(), request.kind, request.model_dump_json(), deadline_s=request.deadline_s)[0]


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """Not started yet."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = OwnRedis(folder)
    yield server
    server.stop()


@pytest.fixture
def settings(tmp_path: Path, empty_redis: str) -> Settings:
    """As in production, at a tenth of the time."""
    (tmp_path / "data").mkdir()
    return Settings(
        data_roots=(tmp_path / "data",),
        state_dir=tmp_path / "state",
        cache_dir=tmp_path / "cache",
        redis_url=empty_redis,
        batch_size=4,
        decode_threads=2,
        lease_s=2.0,
        renew_every_s=0.1,
        janitor_every_s=0.05,
    )

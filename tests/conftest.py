"""Fixtures that more than one folder of tests needs: a real Redis, the logs, and the real photos where they are."""

from __future__ import annotations

import os

# Before numpy and torch are imported. Several processes share the cores: threads that wait for each other's burn them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import io
import logging
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path

import pytest
import redis
from hypothesis import settings

from nextlabel.client.redis_server import redis_command
from nextlabel.client.stack import free_port
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.logs import TALKATIVE, configure_logs
from tests.object_storage import Storage, moto_storage

os.environ.setdefault("NEXTLABEL_CPU_ENGINE", "torch")  # ready at once, where OpenVINO compiles for seconds
os.environ["LANGUAGE"] = "en"  # whatever language whoever runs the tests speaks
settings.register_profile("unhurried", deadline=None, max_examples=50)  # a busy machine is no failure
settings.register_profile("thorough", deadline=None, max_examples=1000)  # pytest --hypothesis-profile=thorough
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole stacks first: they take longest, and two of them side by side mostly wait."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


REAL_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of our own, on a free loopback port, for the whole run."""
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    server = subprocess.Popen(redis_command(folder, port), stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    client = redis.Redis.from_url(url)
    for _ in range(100):
        try:
            client.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    client.close()
    yield url
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """A server with buckets, for the whole run."""
    with moto_storage(tmp_path_factory.mktemp("storage") / "log.txt") as running:
        yield running


@pytest.fixture
def empty_redis(redis_url: str) -> str:
    """The same server with nothing in it."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url


@pytest.fixture
def logged() -> Iterator[Callable[[], str]]:
    """What has been logged so far, a JSON object a line."""
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in TALKATIVE}
    with redirect_stderr(written):
        configure_logs("INFO", as_json=True)
    yield written.getvalue
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture
def store(empty_redis: str) -> Iterator[JobStore]:
    """On that server."""
    store = JobStore.at(empty_redis)
    yield store
    store.close()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The photos and weights beside the checkout."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"needs the photos and weights in {REAL_DATA}, which are not there")
    return REAL_DATA

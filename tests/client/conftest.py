"""The real API in a real server; `worker` does to a job what one would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nextlabel.api.app import create_app
from nextlabel.client.http import Client
from nextlabel.core.jobs.result_files import ResultFiles
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.settings import Settings
from tests.api.support import Data, Worker, served, settings_for


@pytest.fixture
def data(tmp_path: Path) -> Data:
    data = Data(tmp_path / "datasets")
    data.pool("pool", "a.png", "b.png")
    data.labels("labels.txt", "a.png\tcat\nb.png\tdog\n")
    return data


@pytest.fixture
def settings(data: Data, tmp_path: Path, empty_redis: str) -> Settings:
    return settings_for(data, tmp_path, empty_redis)


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    with served(create_app(settings)) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


@pytest.fixture
def worker(settings: Settings) -> Iterator[Worker]:
    store = JobStore.at(settings.redis_url)
    yield Worker(store, ResultFiles(settings.results_dir))
    store.close()

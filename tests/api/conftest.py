"""The real app on a real Redis; no worker runs, `worker` does to a job what one would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from nextlabel.api import watcher
from nextlabel.api.app import create_app
from nextlabel.api.routes import jobs
from nextlabel.api.watcher import Bell
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
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), "http://localhost", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    """The app in a real server, for what streams or runs at once."""
    with served(create_app(settings)) as url:
        yield url


@dataclass
class Waits:
    """What the API waited for until now: how long at most, and, once a wait is over, whether a change ended it."""

    seconds: list[float] = field(default_factory=list)
    rang: list[bool] = field(default_factory=list)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """Of an API that looks at a record again only when it hears of a change."""
    made, wait = Waits(), Bell.wait

    async def noted(bell: Bell, seconds: float) -> bool:
        made.seconds.append(seconds)
        made.rang.append(await wait(bell, seconds))
        return made.rang[-1]

    for module in (watcher, jobs):
        monkeypatch.setattr(module, "LOOK_AGAIN_S", 1000.0)
    monkeypatch.setattr(Bell, "wait", noted)
    return made


@pytest.fixture
def worker(settings: Settings) -> Iterator[Worker]:
    store = JobStore.at(settings.redis_url)
    yield Worker(store, ResultFiles(settings.results_dir))
    store.close()

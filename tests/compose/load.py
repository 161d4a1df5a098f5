"""Jobs that are submitted all the time, while something is done to the service; the promise is held against them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

SHORT = {"kind": "selection", "backbone": "descriptor", "add": 5, "path_to_img": "/datasets/photos"}
LONG = {"kind": "selection", "backbone": "mobilenet", "weights": "random", "add": 5, "path_to_img": "/datasets/many"}
SEEDS = count(1)  #: no two jobs are the same


@dataclass
class Load:
    """`accepted`: ids of jobs that got a 202. `refused`: how often there was none, as while the API is away."""

    url: str
    accepted: list[str] = field(default_factory=list)
    refused: int = 0

    def __str__(self) -> str:
        return f"{len(self.accepted)} jobs accepted and done, {self.refused} refused"

    def submit(self, request: dict[str, Any]) -> None:
        try:
            answer = httpx.post(f"{self.url}/jobs", json=request | {"seed": next(SEEDS)}, timeout=20)
        except httpx.TransportError:
            self.refused += 1
            return
        assert answer.status_code in (202, 503), answer.text
        if answer.status_code == 202:
            self.accepted.append(answer.json()["id"])
        else:
            self.refused += 1

    def wait(self, within_s: float = 600) -> None:
        """Wait until each accepted job has succeeded; fail at once where one is unknown, or ended otherwise."""
        deadline = time.monotonic() + within_s
        for id_ in self.accepted:
            while (state := self._state(id_)) != "succeeded":
                assert state in ("queued", "running", "unknown"), (id_, state)
                assert time.monotonic() < deadline, (id_, state)
                time.sleep(0.5)

    def _state(self, id_: str) -> str:
        answer = httpx.get(f"{self.url}/jobs/{id_}", timeout=20)
        if answer.status_code == 503:  # Redis is still away
            return "unknown"
        assert answer.status_code == 200, answer.text
        return str(answer.json()["state"])


@contextmanager
def under_load(url: str) -> Iterator[Load]:
    """Submit a long job and then short ones all through the block; afterwards every accepted one must succeed."""
    load, stop = Load(url), threading.Event()
    load.submit(LONG)
    assert load.accepted

    def submit() -> None:
        while not stop.wait(0.5):
            load.submit(SHORT)

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        time.sleep(3)
        yield load
    finally:
        stop.set()
        thread.join()
    load.wait()

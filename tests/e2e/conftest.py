"""The whole stack in real processes: Redis, API, worker, on free loopback ports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nextlabel.client.digits import write_digits
from nextlabel.client.http import Client
from nextlabel.client.stack import Stack, free_port

WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data root of these tests: the handwritten digits, 200 images to choose from and 100 to score on."""
    folder = tmp_path_factory.mktemp("data")
    write_digits(folder)
    for pool, labels, kept in (("pool", "answers.txt", 200), ("val", "labels_val.txt", 100)):
        lines = (folder / labels).read_text().splitlines(keepends=True)
        (folder / labels).write_text("".join(lines[:kept]))
        for line in lines[kept:]:
            (folder / pool / line.split("\t")[0]).unlink()
    return folder


def settings(folder: Path, *roots: Path) -> dict[str, str]:
    return {
        "NEXTLABEL_DATA_ROOTS": os.pathsep.join(map(str, roots)),
        "NEXTLABEL_STATE_DIR": str(folder / "state"),
        "NEXTLABEL_CACHE_DIR": str(folder / "cache"),
        "NEXTLABEL_WEIGHTS_DIR": str(folder / "weights"),
        "NEXTLABEL_LEASE_S": "3",
        "NEXTLABEL_RENEW_EVERY_S": "0.5",
        "NEXTLABEL_JANITOR_EVERY_S": "0.3",
        "NEXTLABEL_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "NEXTLABEL_WEBHOOK_ALLOW_PRIVATE": "true",
        "HF_HUB_OFFLINE": "1",
    }


def start(folder: Path, *roots: Path, **more: str) -> Stack:
    """A stack of its own, with its log beside its state."""
    folder.mkdir(parents=True, exist_ok=True)
    return Stack({**settings(folder, *roots), **more}, port=free_port(), log=folder / "log.txt")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Stack]:
    """The one that tests share which leave it as they found it."""
    with start(tmp_path_factory.mktemp("stack"), data) as running:
        yield running


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    with Client(stack.url) as client:
        yield client

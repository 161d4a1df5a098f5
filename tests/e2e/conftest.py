"""The whole stack in real processes: Redis, API, worker, on free loopback ports."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, sync_playwright

from nextlabel.api.routes.page import is_built
from nextlabel.client.digits import write_digits
from nextlabel.client.http import Client
from nextlabel.client.stack import Stack, free_port
from nextlabel.core.data.labels import write_labels
from tests.core.pipelines.test_multilabel import draw as draw_several
from tests.core.pipelines.test_multilabel import write
from tests.e2e.visitor import ARGUMENTS, CHROMIUMS, PATIENCE_MS, WIDE, Visitor
from tests.pools import class_of, draw

#: Seconds: two minutes for a browser to begin, and what is waited for up to a minute is said where it never comes.
PATIENCE_S = 300
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(PATIENCE_S))


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
        "NEXTLABEL_SPARE_PROCESS": "false",  # it takes seconds of CPU, which whoever runs beside wants
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


# --- the page in a browser ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")  # no longer: Playwright's event loop would run on in tests that want one of their own
def browser() -> Iterator[Browser]:
    if not is_built():
        pytest.skip("the page is not built here (make page)")
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip(f"needs a Chromium on the PATH; looked for {', '.join(CHROMIUMS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=4 * PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pools(data: Path) -> Path:
    """pool: 60 striped images of three classes; val: 12 more, labelled."""
    folder = data / "page"
    draw(folder / "pool", red=20, green=20, blue=20)
    write_labels(folder / "val.txt", [(name, class_of(name)) for name in draw(folder / "val", red=4, green=4, blue=4)])
    return folder


@pytest.fixture(scope="session")
def said(data: Path) -> dict[str, tuple[str, ...]]:
    """What stands on the images of the pool `several`; those of `several_val` are labelled."""
    write(data / "several_val.txt", draw_several(data / "several_val", 16, start=100))
    return draw_several(data / "several", 60)


@pytest.fixture
def labels(pools: Path) -> Iterator[Path]:
    folder = pools / f"labels-{uuid4().hex[:8]}"  # what is handed out of one project is not of another
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def visit(browser: Browser, stack):
    contexts = []

    def visit(viewport=WIDE, scheme="light", url=stack.url, **more) -> Visitor:
        context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce", **more)
        visitor = Visitor(context, url)
        contexts.append(visitor)
        return visitor

    yield visit
    faults = [fault for visitor in contexts for fault in visitor.faults]
    for visitor in contexts:
        visitor.leave()
    assert faults == []


@pytest.fixture
def project(pools: Path, labels: Path) -> dict:
    """As the set-up leaves it."""
    return {
        "pool": str(pools / "pool"),
        "labels": str(labels),
        "valPool": str(pools / "val"),
        "valLabels": str(pools / "val.txt"),
        "backbone": "descriptor",
        "method": "auto",
        "add": 8,
        "person": "me",
    }

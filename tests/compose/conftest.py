"""A stack in containers, built and started as docs/deployment.md says, and what is measured of it."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, sync_playwright

from nextlabel.client.http import Client
from nextlabel.client.stack import free_port
from tests.compose.docker import BUILT_ON, REDIS, REPO, Project, base_images, missing
from tests.e2e.visitor import ARGUMENTS, CHROMIUMS
from tests.pools import draw, label

FACTS: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FACTS:
        terminalreporter.section("measured")
        terminalreporter.write_line("\n".join(FACTS))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What DATA names: 60 striped images to label, 12 with labels, and 450 that keep a worker busy for a while."""
    folder = tmp_path_factory.mktemp("data")
    folder.chmod(0o755)  # as `chmod -R o+rX` does
    draw(folder / "photos", red=20, green=20, blue=20)
    label(folder / "val.txt", draw(folder / "val", red=4, green=4, blue=4))
    draw(folder / "many", red=150, green=150, blue=150)
    return folder


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    if not os.environ.get("COMPOSE"):
        pytest.skip("`make test-compose` runs it, and takes 8 to 40 minutes")
    if wanting := missing():
        pytest.skip(wanting)
    return base_images()


@pytest.fixture(scope="session")
def override(images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file over docker-compose.yaml: looks at health more often, and takes the Redis that is there."""
    often = {"healthcheck": {"interval": "5s"}}
    services = {"redis": {"image": images[REDIS], **often}, "api": often, "worker": often}
    path = tmp_path_factory.mktemp("override") / "docker-compose.test.yaml"
    path.write_text(yaml.safe_dump({"services": services}))
    return path


@pytest.fixture(scope="session")
def build_arguments(images: dict[str, str]) -> dict[str, str]:
    given = {name: images[image] for name, image in BUILT_ON.items()}
    (index,) = re.findall(r'PIP_EXTRA_INDEX_URL: "https://([^/]+)', (REPO / "docker-compose.cpu.yaml").read_text())
    try:
        socket.getaddrinfo(index, 443)
    except OSError:  # PyPI's torch then, with CUDA
        given["PIP_EXTRA_INDEX_URL"] = ""
    return given


@pytest.fixture(scope="module")
def project(data: Path, override: Path, build_arguments: dict[str, str]) -> Iterator[Project]:
    """The stack of this tree, built and not yet started. Whatever is left of it in the end goes."""
    variables = {"DATA": str(data), "LISTEN": f"127.0.0.1:{free_port()}"}
    files = (REPO / "docker-compose.yaml", REPO / "docker-compose.cpu.yaml", override)
    project = Project("nextlabel-test", variables, files, build_arguments=build_arguments)
    project.build()
    try:
        yield project
    finally:
        project("down", "--volumes", "--timeout", "20")


@pytest.fixture
def url(project: Project) -> str:
    return f"http://{project.variables['LISTEN']}"


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip(f"needs a Chromium on the PATH; looked for {', '.join(CHROMIUMS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()

"""A real Label Studio beside a real nextlabel stack that asks for keys; no network, nothing told to anybody."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from nextlabel.client.stack import Stack, free_port
from nextlabel.core.keys import KeyFile, Scope
from tests.e2e.conftest import start
from tests.pools import draw

EMAIL, PASSWORD, TOKEN = "person@example.com", "a long password", "0123456789abcdef0123456789abcdef"
STARTS_WITHIN_S = 240  # its database is made first
SETTINGS = {
    "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
    "COLLECT_ANALYTICS": "false",
    "LATEST_VERSION_CHECK": "false",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    # nextlabel is on this machine
    "ML_BLOCK_LOCAL_IP": "false",
    "SSRF_PROTECTION_ENABLED": "false",
    # scores are those of the model's current version (docs/label-studio.md)
    "ff_front_dev_1682_model_version_dropdown_070622_short": "true",
}


@dataclass(frozen=True)
class LabelStudio:
    """`http`: its REST API, as the person who set it up."""

    url: str
    http: httpx.Client

    def ask(self, method: str, path: str, **options: Any) -> Any:
        answer = self.http.request(method, path, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json() if answer.content else None

    def tasks(self, view: int) -> list[dict[str, Any]]:
        return self.ask("GET", "/api/tasks", params={"view": view, "page_size": 200})["tasks"]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a drawn pool, whose names tell their classes, and an empty labels folder."""
    folder = tmp_path_factory.mktemp("data")
    draw(folder / "photos" / "day one", red=12, green=12)
    draw(folder / "photos" / "day two", blue=12)
    (folder / "labels").mkdir()
    return folder


@pytest.fixture(scope="session")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.json"


@pytest.fixture(scope="session")
def api_key(keys_file: Path) -> str:
    return KeyFile(keys_file).create("studio", [Scope.READ, Scope.WRITE])


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, data: Path, keys_file: Path, api_key: str) -> Iterator[Stack]:
    with start(tmp_path_factory.mktemp("stack"), data, NEXTLABEL_API_KEYS_FILE=str(keys_file)) as running:
        yield running


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[LabelStudio]:
    program = os.environ.get("LABEL_STUDIO")
    if not program:
        pytest.skip("needs a Label Studio: `make test-label-studio` installs one and says where it is")
    folder, url = tmp_path_factory.mktemp("label-studio"), f"http://127.0.0.1:{(port := free_port())}"
    command = [
        program, "start", "--no-browser", "--port", str(port), "--internal-host", "127.0.0.1",
        "--data-dir", str(folder),
        "--username", EMAIL, "--password", PASSWORD, "--user-token", TOKEN, "--enable-legacy-api-token",
    ]  # fmt: skip
    environment = {**os.environ, **SETTINGS, "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(data)}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait(url, process, folder / "log.txt")
            with httpx.Client(base_url=url, headers={"Authorization": f"Token {TOKEN}"}, timeout=60) as http:
                yield LabelStudio(url, http)
        finally:
            process.terminate()
            process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        try:
            if httpx.get(f"{url}/health").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"no answer: {log.read_text(errors='replace')[-3000:]}")

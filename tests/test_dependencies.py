"""What a process imports at run time must be what its extra installs; here everything is installed, there it isn't."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

API_AT_WORK = """
import sys
from importlib.metadata import packages_distributions

redis_url, folder, *absent = sys.argv[1:]
missing = {name for name, owners in packages_distributions().items() if set(owners) <= set(absent)}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())

from fastapi.testclient import TestClient
from nextlabel.api.app import create_app
from nextlabel.core.settings import Settings

with TestClient(create_app(Settings(redis_url=redis_url, data_roots=(folder,))), "http://localhost") as client:
    body = {"kind": "selection", "backbone": "b0", "add": 1, "path_to_img": folder}
    accepted = client.post("/jobs", json=body)
    assert accepted.status_code == 202, accepted.text
    assert client.get("/metrics").status_code == client.get("/docs").status_code == 200
"""

CLIENT_AT_WORK = """
import sys
from importlib import import_module
from importlib.metadata import packages_distributions
from pkgutil import walk_packages

folder, *absent = sys.argv[1:]
missing = {name for name, owners in packages_distributions().items() if set(owners) <= set(absent)}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())

import nextlabel
from nextlabel import *
from nextlabel.client.main import cli, main

def say(*arguments):
    try:
        main(arguments)
    except SystemExit as end:
        assert not end.code, (arguments, end.code)

for module in walk_packages(nextlabel.client.__path__, "nextlabel.client."):
    if module.name not in ("nextlabel.client.stack", "nextlabel.client.digits", "nextlabel.client.mcp_server"):
        import_module(module.name)
for name in cli.list_commands(None):
    say(name, "--help")
say("keys", "create", "anna", "--file", folder + "/keys.json")
say("export", "csv", "--labels", folder + "/labels", "--out", folder + "/out.csv")
say("import", "csv", folder + "/out.csv", "--labels", folder + "/back.txt")
say("labels", "stats", folder + "/labels", "--json")
"""

WITHOUT_THE_SERVICE = """
import sys
from importlib import util

found = util.find_spec
util.find_spec = lambda name, package=None: None if name in sys.argv[2:] else found(name, package)

from nextlabel.client.main import main

main(sys.argv[1:2])
"""

#: Needed by the client that calls the API in this test.
OF_THE_TEST = {"httpx", "httpcore", "httpx2", "httpcore2", "certifi", "truststore"}


def test_the_api_works_where_only_its_extra_is_installed(empty_redis, tmp_path):
    (tmp_path / "a.png").touch()
    installed = {distribution.metadata["Name"] for distribution in distributions()}
    there = closure("nextlabel", "api") | OF_THE_TEST
    absent = [name for name in installed if canonicalize_name(name) not in there]
    assert {"torch", "scipy", "pytest"} <= {canonicalize_name(name) for name in absent}
    ran = subprocess.run(
        [sys.executable, "-c", API_AT_WORK, empty_redis, str(tmp_path), *absent],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_the_command_and_the_client_work_where_nothing_but_the_package_itself_was_asked_for(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "anna.txt").write_text("a.png\tcat\n")
    installed = {distribution.metadata["Name"] for distribution in distributions()}
    there = closure("nextlabel")
    absent = [name for name in installed if canonicalize_name(name) not in there]
    service = {"celery", "kombu", "redis", "structlog"}
    assert {"torch", "pillow", "fastapi", "uvicorn", "packaging", *service} <= {
        canonicalize_name(name) for name in absent
    }
    ran = subprocess.run(
        [sys.executable, "-c", CLIENT_AT_WORK, str(tmp_path), *absent], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert '"anna"' in ran.stdout
    assert (tmp_path / "back.txt").read_text() == "a.png\tcat\n"


@pytest.mark.parametrize("command", ["up", "demo"])
@pytest.mark.parametrize("absent", [("torch",), ("fastapi",), ("redis", "fastapi", "torch")])
def test_what_runs_the_service_says_in_a_sentence_what_to_install_where_that_is_missing(command, absent, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_SERVICE, command, *absent],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.endswith('pip install "nextlabel[local]"\n')
    assert list(tmp_path.iterdir()) == []


def test_what_an_assistant_starts_says_in_a_sentence_what_to_install_where_that_is_missing():
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_SERVICE, "mcp", "mcp"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.endswith('pip install "nextlabel[mcp]"\n')


@pytest.mark.parametrize("heavy", ["torch", "timm", "scikit-learn", "scipy"])
def test_the_apis_extra_installs_no(heavy):
    assert heavy not in closure("nextlabel", "api")


def closure(name: str, *extras: str) -> set[str]:
    """A distribution and all that it requires, on this machine."""
    found: set[str] = set()
    waiting = [(canonicalize_name(name), frozenset(extras))]
    seen = set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        found.add(one[0])
        for text in requires(one[0]) or ():
            requirement = Requirement(text)
            if _applies(requirement, one[1]):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return found


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))

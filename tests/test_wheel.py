"""What is installed is what is tested: the wheel holds every file of the packages, and needs no checkout."""

from __future__ import annotations

import subprocess
import time

import httpx
import pytest

from nextlabel.client.stack import free_port
from tests.wheel import build, built, contents, environment, install, packaged

SCRIPT = """
import sys
from pathlib import Path

import api, client, core, worker  # the user's own
from nextlabel import Client, read_labels, write_labels

assert {module.WHOSE for module in (api, client, core, worker)} == {"the user's"}
write_labels(Path("labels.txt"), [("a.png", "cat")])
with Client(sys.argv[1]) as nextlabel:
    print(nextlabel.capabilities()["version"], read_labels(Path("labels.txt")).classes)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    return install(wheel, tmp_path_factory.mktemp("installed"))


def test_the_wheel_holds_the_tracked_files_of_the_packages_and_no_other(wheel):
    assert contents(wheel) == packaged()


def test_the_source_distribution_makes_the_same_wheel(wheel, tmp_path):
    assert contents(build(tmp_path, through_sdist=True)) == contents(wheel)


def test_nothing_but_nextlabel_lies_in_site_packages(wheel):
    assert {name.partition("/")[0] for name in contents(wheel)} == {"nextlabel"}


@pytest.mark.e2e
def test_the_stack_and_a_script_run_in_a_folder_that_has_modules_named_as_our_folders(python, tmp_path):
    for name in ("core.py", "client.py", "worker.py", "client/__init__.py", "api/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('WHOSE = "the user\'s"\n')
    (tmp_path / "script.py").write_text(SCRIPT)
    url = f"http://127.0.0.1:{(port := free_port())}"
    up = [python, "-m", "nextlabel.client.main", "up", "--port", str(port)]
    with (
        (tmp_path / "log.txt").open("wb") as log,
        subprocess.Popen(up, cwd=tmp_path, env=environment(), stdout=log, stderr=log) as stack,
    ):
        try:
            wait_until_ready(url, stack)
            asked = [python, "script.py", url]
            ran = subprocess.run(asked, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
            assert ran.stdout.endswith("('cat',)\n"), ran.stderr
            assert httpx.get(f"{url}/").status_code == (200 if built() else 503)
            for name in sorted(name for name in packaged() if name.startswith("nextlabel/api/static/page/")):
                answer = httpx.get(f"{url}/page/{name.removeprefix('nextlabel/api/static/page/')}")
                assert answer.status_code == 200, name
        finally:
            stack.terminate()


def wait_until_ready(url, stack):
    for _ in range(600):
        assert stack.poll() is None
        try:
            if httpx.get(f"{url}/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise TimeoutError(f"{url} is not ready")

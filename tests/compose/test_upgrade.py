"""An upgrade of running containers, as docs/deployment.md has it typed, from the version before. OLD= names another."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import httpx
import pytest

from nextlabel.client.http import Client
from tests.compose.conftest import FACTS
from tests.compose.docker import REPO, Project, run
from tests.compose.load import under_load

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def before(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The stack of the version before, started. Where it wants the same packages its code is put on today's layers,
    which saves the 6 GB of another torch.
    """
    tree = tmp_path_factory.mktemp("before")
    archive = subprocess.run(["git", "archive", version_before()], cwd=REPO, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", tree], input=archive, check=True)
    if (tree / "constraints.txt").read_text() == (REPO / "constraints.txt").read_text():
        shutil.copytree(REPO / "deploy/requirements", tree / "deploy/requirements", dirs_exist_ok=True)
        for name in ("Dockerfile.api", "Dockerfile.worker"):
            shutil.copy(REPO / name, tree)
    old = project.of(tree)
    old.build()
    old.up()
    return old


def version_before() -> str:
    if named := os.environ.get("OLD"):
        return named
    told = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", "HEAD^"], cwd=REPO, check=False, capture_output=True, text=True
    )
    if told.returncode:
        pytest.skip("no version was tagged before this one; OLD= names a commit")
    return told.stdout.strip()


def test_an_upgrade_under_load_loses_no_job_and_no_result(before, project, url):
    with Client(url) as client:
        asked = {"kind": "selection", "backbone": "descriptor", "add": 5, "path_to_img": "/datasets/photos"}
        client.run(asked, timeout_s=120)
        (job,) = client.jobs()
        result = client.download(job.id)
        project.build()
        with under_load(url) as load:
            begun = time.monotonic()
            project.up()
            took = time.monotonic() - begun
            time.sleep(2)
        assert client.download(job.id) == result
    images = {one.told["Image"] for one in project.containers()}
    built = run("docker", "image", "inspect", "--format", "{{.Id}}", f"{project.name}-api", f"{project.name}-worker")
    assert images >= set(built.split())
    assert "/labels" in httpx.get(f"{url}/folders").json()["folders"]
    FACTS.append(f"upgrade: {took:.0f} s, {load}")

"""The containers: built, started, used, broken, backed up and taken down. The tests are steps, in this order."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from nextlabel.core.keys import KeyFile, Scope
from tests.compose.conftest import FACTS
from tests.compose.docker import REPO, Container, Project, docker, run
from tests.compose.load import under_load
from tests.e2e.visitor import WIDE, Visitor, looked_at
from tests.pools import class_of

pytestmark = pytest.mark.timeout(3600)
IMAGES = ("api", "worker")
SERVICES = ("redis", *IMAGES)
LABELS = "/labels/photos"


def until(holds: Callable[[], bool], within_s: float = 300) -> float:
    """Wait for it; return how many seconds that took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < within_s
        time.sleep(0.2)
    return time.monotonic() - begun


def all_are(health: str, containers: list[Container]) -> bool:
    return all(one.health == health for one in containers)


def send(sign: signal.Signals, processes: list[int]) -> None:
    """To those that are still there: one that looked at a container's health has ended meanwhile, or was killed."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, sign)


def root_layers(image: str) -> list[str]:
    (told,) = json.loads(docker("image", "inspect", image))
    layers: list[str] = told["RootFS"]["Layers"]
    return layers


def layer_sizes(image: str) -> list[int]:
    """Return the bytes of each layer of an image that has any, the first one first."""
    sizes = map(int, docker("history", "--human=false", "--format", "{{.Size}}", image).split())
    return [size for size in sizes if size][::-1]


# --- the images -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_says_its_version_and_licence_and_runs_as_an_ordinary_user(project, name):
    (told,) = json.loads(docker("image", "inspect", f"{project.name}-{name}"))
    about = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    labels = {key.rpartition(".")[2]: value for key, value in told["Config"]["Labels"].items()}
    assert (labels["version"], labels["licenses"]) == (about["version"], about["license"])
    assert told["Config"]["User"] == "1000"
    FACTS.append(f"image {name}: {told['Size'] / 1e6:,.0f} MB")


@pytest.mark.parametrize("name", IMAGES)
def test_a_change_of_code_moves_megabytes(project, name, tmp_path):
    for line in run("git", "ls-files").splitlines():
        (tmp_path / line).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / line, tmp_path / line)
    changed = tmp_path / "core/errors.py"
    changed.write_text(changed.read_text() + f"\nCHANGED = {time.time()}\n")
    other = project.of(tmp_path, name=f"{project.name}-changed")
    other.build(name)
    image = f"{other.name}-{name}"
    try:
        before, after = (root_layers(one) for one in (f"{project.name}-{name}", image))
        kept = sum(1 for old, new in zip(before, after, strict=True) if old == new)
        sizes = layer_sizes(image)
    finally:
        docker("image", "rm", image)
    moved = sum(sizes[kept - len(after) :])
    FACTS.append(f"a change of code moves {moved / 1e6:.1f} of {sum(sizes) / 1e6:,.0f} MB of image {name}")
    assert 0 < moved < 30e6


# --- the start ------------------------------------------------------------------------------------------------------


def test_without_data_nothing_starts(project, tmp_path):
    env = project.env | {"DATA": str(tmp_path / "mistyped")}
    done = subprocess.run(
        ["docker", "compose", "up", "-d", "api"], env=env, check=False, capture_output=True, text=True
    )
    assert done.returncode
    assert "mistyped" in done.stderr


def test_all_containers_become_healthy(project, client):
    begun = time.monotonic()
    project.up()
    FACTS.append(f"`up --wait`: healthy after {time.monotonic() - begun:.0f} s")
    assert all_are("healthy", project.containers())
    assert len(project.containers()) == len(SERVICES)
    assert httpx.get(f"{client.url}/readyz").status_code == 200


def test_processes_are_an_ordinary_users_and_have_no_capabilities(project):
    for name in SERVICES:
        status = project.run(name, "sh", "-c", "cat /proc/1/status")
        told = dict(re.findall(r"^(\w+):\s+(\S+)", status, re.MULTILINE))
        assert (told["CapEff"], told["NoNewPrivs"]) == ("0" * 16, "1"), name
        assert told["Uid"] != "0", name


def test_volumes_belong_to_the_user_who_writes_them(project):
    owners = {name: project.run(name, "id", "-u").strip() for name in SERVICES}
    assert owners["api"] == owners["worker"] == "1000"
    for name, folders in (
        ("redis", ("/data",)),
        ("api", ("/state", "/cache", "/labels")),
        ("worker", ("/state", "/cache")),
    ):
        for folder in folders:
            assert project.run(name, "stat", "-c", "%u", folder).strip() == owners[name], (name, folder)
            project.run(name, "sh", "-c", f"touch {folder}/.probe && rm {folder}/.probe")


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("api", "/datasets"),
        ("worker", "/datasets"),
        ("worker", "/labels"),
        ("api", "/app"),
        ("api", "/usr"),
        ("redis", "/usr"),
    ],
)
def test_what_is_only_read_can_t_be_written(project, name, folder):
    project.run(name, "sh", "-c", f"! touch {folder}/.probe 2>/dev/null")


# --- a person -------------------------------------------------------------------------------------------------------


def test_a_person_labels_on_the_page(project, browser, url):
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    visitor = Visitor(context, url)
    page = visitor.open()
    page.get_by_label("Folder of photos", exact=True).fill("/datasets/photos")
    page.get_by_label("Folder of photos", exact=True).blur()
    expect(page.get_by_label("Folder for labels", exact=True)).to_have_value(LABELS)
    page.get_by_label("Images a batch").fill("6")
    page.get_by_role("radio", name="descriptor").press("Space")
    page.get_by_role("button", name="Start labelling").click()
    expect(page.get_by_role("option")).to_have_count(6, timeout=180_000)
    given = {}
    for one in range(6):
        name = looked_at(page)
        key = page.get_by_role("group", name="Classes").get_by_role("button", name=class_of(name))
        if key.count():
            key.click()
        else:
            page.get_by_role("textbox", name="Class by name").fill(class_of(name))
            page.keyboard.press("Enter")
            if given:
                page.get_by_role("dialog", name="A new class?").wait_for()
                page.keyboard.press("Enter")
        given[name] = class_of(name)
        expect(page.get_by_text(f"{one + 1} of 6")).to_be_visible()
    lines = {f"{name}\t{class_name}" for name, class_name in given.items()}
    until(lambda: set(project.run("api", "sh", "-c", f"cat {LABELS}/*.txt").splitlines()) == lines, within_s=10)
    page.keyboard.press("n")
    expect(page.get_by_text("0 of 6")).to_be_visible(timeout=60_000)
    context.close()
    assert visitor.faults == []


def test_the_loop_goes_on_over_http_from_the_labels_that_were_given_on_the_page(client):
    asked = {"backbone": "descriptor", "path_to_img": "/datasets/photos", "path_to_labels": LABELS}
    labelled = {item.name for item in client.run({"kind": "prediction", **asked}, timeout_s=120).items}
    assert len(labelled) == 54
    chosen = client.run({"kind": "selection", "add": 10, **asked}, timeout_s=120)
    assert len(chosen.data) == 10
    scored = {"path_to_img_train": "/datasets/photos", "path_to_labels_train": LABELS}
    scored |= {"path_to_img_val": "/datasets/val", "path_to_labels_val": "/datasets/val.txt"}
    assert client.run({"kind": "f1", "backbone": "descriptor", **scored}, timeout_s=120).f1_macro > 0.9


# --- keys -----------------------------------------------------------------------------------------------------------


def test_where_others_reach_it_the_api_starts_with_keys_alone(project, url, tmp_path):
    env = project.env | {"LISTEN": url.removeprefix("http://").replace("127.0.0.1", "0.0.0.0")}
    command = ["docker", "compose", "run", "--rm", "--no-deps", "-T", "api"]
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode
    assert "key" in done.stderr + done.stdout

    key = KeyFile(tmp_path / "keys" / "keys.json").create("anna", [Scope.READ])
    for path in (tmp_path / "keys", tmp_path / "keys/keys.json"):
        os.chown(path, 1000, 1000)
    with_keys = replace(project, variables=project.variables | {"KEYS": str(tmp_path / "keys")})
    with_keys.up()
    assert httpx.get(f"{url}/jobs").status_code == 401
    assert httpx.get(f"{url}/jobs", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert all_are("healthy", project.containers())
    project.up()


# --- faults ---------------------------------------------------------------------------------------------------------


def test_a_container_that_is_frozen_is_unhealthy_until_it_goes_on(project, client):
    containers = project.containers()
    frozen = [process for one in containers for process in one.processes]
    send(signal.SIGSTOP, frozen)
    try:
        until(lambda: all_are("unhealthy", containers))
    finally:
        send(signal.SIGCONT, frozen)
    until(lambda: all_are("healthy", containers))
    assert client.run({"kind": "selection", "backbone": "descriptor", "add": 3, "path_to_img": "/datasets/photos"}).data


def test_a_second_worker_takes_its_part(project, url):
    project.up("--scale", "worker=2")
    assert len(project.containers("worker")) == 2
    with under_load(url) as load:
        until(lambda: len(load.accepted) > 5)


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_that_is_killed_under_load_comes_back_and_no_job_is_lost(project, url, name):
    containers = project.containers(name)
    with under_load(url) as load:
        for one in containers:
            os.kill(one.told["State"]["Pid"], signal.SIGKILL)
        back = until(lambda: all(one.told["RestartCount"] for one in containers) and all_are("healthy", containers))
        time.sleep(2)
    FACTS.append(f"{name} killed: healthy again after {back:.0f} s, {load}")


def test_redis_is_restarted_under_load_and_no_job_is_lost(project, url):
    with under_load(url) as load:
        project("restart", "redis")
        until(lambda: all_are("healthy", project.containers()))
        time.sleep(2)
    FACTS.append(f"redis restarted: {load}")


def test_a_worker_that_is_stopped_at_work_gives_its_job_back_in_time(project, url):
    first, *_ = workers = project.containers("worker")
    with under_load(url):
        for one in workers:
            docker("stop", "--time", "90", one.id)  # Docker waits as long as stop_grace_period says
        assert [one.told["State"]["ExitCode"] for one in workers] == [0] * len(workers)
        assert not first.told["State"]["OOMKilled"]
        project.up("--scale", "worker=2")


# --- backup, restore, the end ---------------------------------------------------------------------------------------


def test_what_the_page_on_deployment_backs_up_is_there_again_when_it_is_restored(project, client, tmp_path):
    before = {job.id: job.state for job in client.jobs()}
    result = client.download(next(iter(before)), "json")
    labels = project.run("api", "sh", "-c", f"cat {LABELS}/*.txt")
    back_up, restore = commands("redis.tar")
    follow(project, back_up, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"redis.tar", "files.tar"}
    follow(project, restore, tmp_path)
    until(lambda: all_are("healthy", project.containers()))
    assert {job.id: job.state for job in client.jobs()} == before
    assert client.download(next(iter(before)), "json") == result
    assert project.run("api", "sh", "-c", f"cat {LABELS}/*.txt") == labels


def commands(word: str) -> list[str]:
    """Return the blocks of commands on the page about deployment that have this word."""
    blocks = re.findall(r"```console\n(.*?)```", (REPO / "docs/deployment.md").read_text(), re.DOTALL)
    return [re.sub(r"^\$ ", "", block, flags=re.MULTILINE) for block in blocks if word in block]


def follow(project: Project, typed: str, where: Path) -> None:
    run("bash", "-euo", "pipefail", "-c", typed, env=project.env, cwd=where)


def test_down_leaves_nothing_and_nobody_has_to_be_killed(project):
    project("stop")
    ended = {one.told["State"]["ExitCode"] for one in project.containers()}
    assert ended <= {0, 128 + signal.SIGTERM}  # not SIGKILL
    begun = time.monotonic()
    project("down", "--volumes")
    FACTS.append(f"`down --volumes`: {time.monotonic() - begun:.0f} s")
    assert project.left() == []

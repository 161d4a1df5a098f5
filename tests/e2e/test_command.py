"""The `nextlabel` command against real processes: the demo start to end, submit, watch, cancel, and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from client.http import Client
from client.stack import free_port
from tests.e2e.conftest import settings, start
from tests.e2e.test_faults import processes_of, until

pytestmark = pytest.mark.e2e
COMMAND = [sys.executable, "-m", "client.main"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip


def test_the_demo_runs_start_to_end_on_a_folder_of_ones_own_and_leaves_nothing_running(data, tmp_path):
    told = run(
        "demo", "--add", "15", "--folder", str(tmp_path / "demo"),
        *("--pool", str(data / "pool"), "--labels", str(data / "answers.txt")),
        *("--val", str(data / "val"), "--val-labels", str(data / "labels_val.txt")),
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert "uses the built-in descriptor" in " ".join(told.stdout.split())
    scores = [float(score) for score in re.findall(r"75 labels by \w+ +macro F1 ([\d.]+)", told.stdout)]
    assert len(scores) == 2
    assert min(scores) > 0.5
    assert "curl -s http://127.0.0.1:5000/jobs" in told.stdout
    assert len(list((tmp_path / "demo" / "state" / "results").iterdir())) == 20  # 5 rounds, 2 ways, 2 jobs
    assert processes_of(tmp_path / "demo") == []


def test_submit_prints_the_result_and_tells_every_fault(stack, data):
    told = run("submit", "selection", "backbone=descriptor", "add=3", "path_to_img=pool", NEXTLABEL_URL=stack.url)
    assert len(json.loads(told.stdout)["data"]) == 3
    told = run("submit", "selection", "backbone=b9", "add=0", NEXTLABEL_URL=stack.url)
    assert told.returncode == 1
    assert all(pointer in told.stderr for pointer in ("/backbone: ", "/add: ", "/path_to_img: "))


def test_a_job_can_be_submitted_without_waiting_and_watched_later(stack):
    told = run(
        "submit", "--no-wait", "selection", "backbone=descriptor", "add=1", "path_to_img=pool", NEXTLABEL_URL=stack.url
    )
    job_id = json.loads(told.stdout)["id"]
    assert json.loads(run("watch", job_id, NEXTLABEL_URL=stack.url).stdout)["state"] == "succeeded"
    told = run("cancel", job_id, NEXTLABEL_URL=stack.url)
    assert (told.returncode, told.stderr) == (1, f"nextlabel: job {job_id} has succeeded already\n")


def test_python_files_in_the_data_folder_are_not_run(tmp_path, data):
    for module in ("api", "worker", "core", "redis"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('run from the data folder')")
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        with start(tmp_path / "stack", data) as running:
            assert httpx.get(f"{running.url}/readyz").is_success
    finally:
        os.chdir(here)


def children(process: subprocess.Popen[str]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def test_what_dies_under_up_is_started_again_and_ctrl_c_ends_all_of_it(tmp_path, data):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    up = subprocess.Popen(
        [*COMMAND, "up", "--port", str(port)],
        env={**os.environ, **settings(tmp_path, data)}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    until(lambda: httpx.get(f"{url}/readyz", timeout=1).is_success)
    assert len(processes_of(tmp_path)) >= 4
    with Client(url) as client:
        before = client.submit({"kind": "selection", "backbone": "descriptor", "add": 3, "path_to_img": "pool"})["id"]
        client.wait(before, timeout_s=60)
        killed = children(up)
        assert len(killed) == 3  # Redis, the API, the worker
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(children(up)) == 3 and not set(killed) & set(children(up)))
        until(lambda: httpx.get(f"{url}/readyz", timeout=1).is_success)
        assert client.job(before)[0]["state"] == "succeeded"
        after = client.submit({"kind": "selection", "backbone": "descriptor", "add": 3, "path_to_img": "pool"})["id"]
        assert client.wait(after, timeout_s=60)["result"]["data"] == client.job(before)[0]["result"]["data"]
    up.send_signal(signal.SIGINT)
    told, _ = up.communicate(timeout=60)
    assert up.returncode == 0
    assert told.endswith("stopped\n")
    assert processes_of(tmp_path) == []

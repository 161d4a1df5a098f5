"""The `nextlabel` command against real processes: the demo start to end, the loop, watch, cancel, and Ctrl-C."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from nextlabel.client.http import Client
from nextlabel.client.stack import free_port
from nextlabel.core.data.labels import write_labels
from nextlabel.core.tasks.classification import read_labels
from tests.e2e.conftest import settings
from tests.e2e.test_faults import processes_of, until

pytestmark = pytest.mark.e2e
COMMAND = [sys.executable, "-m", "nextlabel.client.main"]


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


def test_the_loop_goes_round_by_commands_alone(stack, data, tmp_path, monkeypatch):
    monkeypatch.chdir(data)
    here = {"NEXTLABEL_URL": stack.url}
    told = run("select", "pool", "--backbone", "descriptor", "-n", "20", "--format", "csv", **here)
    assert told.returncode == 0, told.stderr
    names = [row["name"] for row in csv.DictReader(told.stdout.splitlines())]
    answers = read_labels(data / "answers.txt").classes_by_name
    write_labels(data / "by_command.txt", [(name, answers[name]) for name in names])

    told = run("select", "pool", "-l", "by_command.txt", "--backbone", "descriptor", "-n", "3", "--json", **here)
    assert len(json.loads(told.stdout)["data"]) == 3
    assert [line for line in told.stderr.splitlines() if line.startswith("select: ")]
    told = run(
        "predict", "pool", "-l", "by_command.txt", "--backbone", "descriptor", "-o", str(tmp_path / "p.txt"), **here
    )
    assert told.returncode == 0, told.stderr
    assert run("labels", "check", str(tmp_path / "p.txt"), "--pool", "pool").stdout.endswith(
        "180 of 200 images in pool are labelled\n"
    )
    told = run(
        *("f1", "pool", "-l", "by_command.txt", "--val", "val", "--val-labels", "labels_val.txt"),
        *("--backbone", "descriptor", "--json"), **here,
    )  # fmt: skip
    assert 0 < json.loads(told.stdout)["f1_macro"] <= 1


def test_a_job_is_submitted_without_waiting_watched_later_and_can_not_be_cancelled_then(stack):
    told = run("select", "pool", "--backbone", "descriptor", "-n", "1", "--no-wait", NEXTLABEL_URL=stack.url)
    job_id = told.stdout.strip()
    assert len(json.loads(run("watch", job_id, "--json", NEXTLABEL_URL=stack.url).stdout)["data"]) == 1
    told = run("cancel", job_id, NEXTLABEL_URL=stack.url)
    assert (told.returncode, told.stderr) == (3, f"nextlabel: job {job_id} has succeeded already\n")


def test_ctrl_c_leaves_a_job_to_itself(stack, client):
    # A test that runs in the background begins with SIGINT ignored.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from client.main import main; main()"
    )
    asked = subprocess.Popen(
        [sys.executable, "-c", program, "select", "pool", "--backbone", "test_vit", "--weights", "random", "-n", "1"],
        env={**os.environ, "NEXTLABEL_URL": stack.url}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    job_id = asked.stderr.readline().split()[1]
    asked.send_signal(signal.SIGINT)
    out, err = asked.communicate(timeout=60)
    assert (asked.returncode, out) == (130, "")
    assert f"nextlabel watch {job_id}" in err
    assert client.wait(job_id, timeout_s=60).state == "succeeded"


def children(process: subprocess.Popen[str]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def test_up_runs_no_python_file_that_lies_where_it_starts_restarts_what_dies_and_ends_all_at_ctrl_c(tmp_path, data):
    for module in ("api", "worker", "core", "redis"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('run from the data folder')")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    up = subprocess.Popen(
        [Path(sys.executable).with_name("nextlabel"), "up", "--port", str(port)],
        env={**os.environ, **settings(tmp_path, data)}, cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    until(lambda: httpx.get(f"{url}/readyz", timeout=1).is_success)
    assert len(processes_of(tmp_path)) >= 4
    with Client(url) as client:
        before = client.submit({"kind": "selection", "backbone": "descriptor", "add": 3, "path_to_img": "pool"}).id
        client.wait(before, timeout_s=60)
        killed = children(up)
        assert len(killed) == 3  # Redis, the API, the worker
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(children(up)) == 3 and not set(killed) & set(children(up)))
        until(lambda: httpx.get(f"{url}/readyz", timeout=1).is_success)
        assert client.job(before).state == "succeeded"
        after = client.submit({"kind": "selection", "backbone": "descriptor", "add": 3, "path_to_img": "pool"}).id
        assert client.wait(after, timeout_s=60).result.data == client.job(before).result.data
    up.send_signal(signal.SIGINT)
    told, _ = up.communicate(timeout=60)
    assert up.returncode == 0
    assert told.endswith("stopped\n")
    assert processes_of(tmp_path) == []

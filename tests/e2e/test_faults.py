"""What breaks in real life: dead processes, restarts, bad images, a full disk. Each job ends once, and rightly."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from PIL import Image

from nextlabel.client.errors import JobFailed
from nextlabel.client.http import Client
from nextlabel.client.job import Job
from nextlabel.client.stack import Stack, free_port
from tests.e2e.conftest import start

pytestmark = pytest.mark.e2e

ANSWERS = "0.png\tred\n1.png\tblue\n2.png\tred\n3.png\tblue\n"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 images large enough that embedding them takes seconds."""
    folder = tmp_path_factory.mktemp("photos") / "photos"
    folder.mkdir()
    for colour, rows in (("red", range(0, 500, 2)), ("blue", range(1, 500, 2))):
        Image.effect_noise((1400, 1400), 60).convert("RGB").save(folder / f"{colour}.bmp")
        for row in rows:
            os.link(folder / f"{colour}.bmp", folder / f"{row}.bmp")
        (folder / f"{colour}.bmp").unlink()
    return folder


@pytest.fixture(scope="module")
def few(photos: Path) -> Path:
    folder = photos.with_name("few")
    folder.mkdir()
    for row in range(5):
        os.link(photos / f"{row}.bmp", folder / f"{row}.bmp")
    return folder


def long_job(client: Client, photos: Path) -> str:
    request = {"kind": "selection", "backbone": "descriptor", "add": 5, "method": "random", "path_to_img": str(photos)}
    request["near_copies"] = "allow"  # they all look alike
    return client.submit(request).id


def wait_for(client: Client, job_id: str, met: Callable[[Job], bool], within_s: float = 30) -> Job:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        job = client.job(job_id)
        if met(job):
            return job
        time.sleep(0.05)
    raise AssertionError(f"not met within {within_s} s: {job}")


def embedding(job: Job) -> bool:
    return job.progress is not None and job.progress.stage == "embed" and job.progress.done > 0


def test_a_killed_worker_process_is_replaced_and_its_job_goes_on_long_before_its_lease_ends(tmp_path, photos):
    more = {"NEXTLABEL_LEASE_S": "60", "NEXTLABEL_SPARE_PROCESS": "true"}
    with start(tmp_path / "stack", photos.parent, **more) as own_stack, Client(own_stack.url) as client:
        job_id = long_job(client, photos)
        wait_for(client, job_id, embedding)
        running = client.job(job_id)
        os.kill(_runs(own_stack, job_id), signal.SIGKILL)
        put_back = wait_for(client, job_id, lambda job: job.last_interruption is not None, within_s=15)
        assert put_back.last_interruption.reason == "worker_lost"
        ended = client.wait(job_id, timeout_s=60)
        assert ended.attempt == 2
        assert len(ended.result.data) == 5
        assert ended.progress.stage_index >= running.progress.stage_index


def _runs(stack: Stack, job_id: str) -> int:
    """The process that holds the job's lease: the worker's name ends in its pid."""
    log = (stack.state_dir.parent / "log.txt").read_text()
    line = next(line for line in log.splitlines() if "job started" in line and job_id in line)
    return int(line.rsplit("/", 1)[1])


def test_a_job_is_cancelled_within_seconds_the_next_keeps_its_memory_and_a_restart_of_everything_loses_none(
    tmp_path, photos, few
):
    with start(tmp_path / "stack", photos.parent) as first, Client(first.url) as client:
        job_id = long_job(client, photos)
        wait_for(client, job_id, embedding)
        assert client.cancel(job_id).state == "cancelling"
        with pytest.raises(JobFailed, match="was cancelled"):
            client.wait(job_id, timeout_s=30)
        ended = client.cancel(job_id)
        assert ended.state == "cancelled"
        assert ended.progress.done < ended.progress.total  # it stopped in the middle
        after = client.wait(long_job(client, few), timeout_s=60)
        assert after.state == "succeeded"
        environment = Path(f"/proc/{_runs(first, after.id)}/environ").read_bytes()
        assert b"MALLOC_MMAP_THRESHOLD_=4294967296" in environment
        assert b"MALLOC_TRIM_THRESHOLD_=4294967296" in environment
        running, waiting = long_job(client, photos), long_job(client, few)
        wait_for(client, running, embedding)
    with start(tmp_path / "stack", photos.parent) as second, Client(second.url) as client:
        ended = client.wait(running, timeout_s=60)
        assert ended.state == "succeeded"
        assert ended.last_interruption.reason == "drained"
        assert ended.attempt == 2
        assert client.wait(waiting, timeout_s=60).attempt == 1


def test_a_whole_stack_killed_outright_leaves_nothing_running_and_loses_no_job(tmp_path, photos):
    folder = tmp_path / "stack"
    environment = {
        **os.environ,
        "NEXTLABEL_DATA_ROOTS": str(photos.parent),
        "NEXTLABEL_STATE_DIR": str(folder / "state"),
        "NEXTLABEL_CACHE_DIR": str(folder / "cache"),
        "NEXTLABEL_SPARE_PROCESS": "false",
        "NEXTLABEL_LEASE_S": "2",
        "NEXTLABEL_RENEW_EVERY_S": "0.5",
    }
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    up = subprocess.Popen(
        [sys.executable, "-m", "nextlabel.client.main", "up", "--port", str(port)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: httpx.get(f"{url}/readyz", timeout=1).is_success)
    with Client(url) as client:
        job_id = long_job(client, photos)
        wait_for(client, job_id, embedding)
    up.kill()
    up.wait()
    until(lambda: not processes_of(folder))
    with start(folder, photos.parent) as again, Client(again.url) as client:
        assert client.wait(job_id, timeout_s=60).state == "succeeded"


def until(met: Callable[[], bool], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if met():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"not met within {within_s} s")


def processes_of(folder: Path) -> list[int]:
    """Those that were started with this stack's settings."""
    mark = f"NEXTLABEL_STATE_DIR={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:  # another user's, or gone meanwhile
            continue
    return found


def test_every_odd_image_is_read_or_named_with_its_fault(stack, client, data):
    pool = data / "odd"
    (pool / "nested" / "deep").mkdir(parents=True)
    photo = Image.radial_gradient("L").resize((60, 40))
    photo.save(pool / "grey.png")
    photo.convert("P").save(pool / "palette.gif")
    photo.convert("RGBA").save(pool / "alpha.png")
    photo.convert("CMYK").save(pool / "cmyk.jpg")
    photo.convert("I;16").save(pool / "sixteen.tiff")
    rotated = Image.Exif()
    rotated[0x0112] = 6
    photo.save(pool / "rotated.jpg", exif=rotated)
    photo.save(pool / "nested" / "deep" / "имя с пробелом.webp")
    for number in range(40):
        photo.save(pool / "nested" / f"{number}.bmp")
    good = len(list(pool.rglob("*.*")))
    (pool / "truncated.jpg").write_bytes((pool / "rotated.jpg").read_bytes()[:-200])
    (pool / "empty.png").touch()
    (pool / "text.jpg").write_text("not an image")
    header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (60_000).to_bytes(4) * 2 + b"\x08\x02\x00\x00\x00"
    (pool / "bomb.png").write_bytes(header + b"\x00" * 100)
    (pool / "outside.jpg").symlink_to("/etc/hostname")

    job = client.wait(
        client.submit(
            {"kind": "selection", "backbone": "descriptor", "add": 100, "path_to_img": "odd", "near_copies": "allow"}
        ).id,
        timeout_s=60,
    )
    assert len(job.result.data) == good
    skipped = {one.name: one.reason for one in job.result.skipped}
    assert skipped.keys() == {"truncated.jpg", "empty.png", "text.jpg", "bomb.png", "outside.jpg"}
    assert {warning.code for warning in job.warnings} == {
        "unreadable_image",
        "file_left_out",
        "fewer_than_asked",
        "values_stretched",  # 8 bits in the 16 of sixteen.tiff
    }


def test_a_pool_with_too_many_unreadable_images_fails_and_names_one(client, data):
    pool = data / "broken"
    pool.mkdir()
    for number in range(4):
        (pool / f"{number}.jpg").write_text("no")
    job = client.submit({"kind": "selection", "backbone": "descriptor", "add": 1, "path_to_img": "broken"})
    with pytest.raises(JobFailed, match=r"too_many_unreadable: none of the 4 images can be read; the first is 0\.jpg"):
        client.wait(job.id, timeout_s=30)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs root to mount a small disk")
def test_a_full_disk_under_the_cache_is_a_warning_and_the_answer_is_right(tmp_path, data):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount a disk")
    request = {"kind": "selection", "backbone": "descriptor", "add": 3, "path_to_img": "pool"}
    try:
        with (
            start(tmp_path / "stack", data, NEXTLABEL_CACHE_DIR=str(small), NEXTLABEL_MIN_FREE_DISK_MB="0") as running,
            Client(running.url) as client,
        ):
            job = client.wait(client.submit(request).id, timeout_s=60)
        assert [warning.code for warning in job.warnings] == ["cache_not_written"]
        assert "No space left" in job.warnings[0].detail or "full" in job.warnings[0].detail
        assert {path.name for path in small.rglob("*") if path.is_file()} <= {"usual"}  # which backbone was used last
    finally:
        subprocess.run(["umount", small], check=True)
    assert len(job.result.data) == 3

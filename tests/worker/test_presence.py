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


@pytest.mark.parametrize("whose", ["another user's", "open to others", "a link"])
def test_a_folder_that_others_have_made_is_not_believed(tmp_path, whose):
    folder = tmp_path / "nextlabel-0" / "service"
    folder.mkdir(parents=True)
    (folder / "alive@host.lock").touch()  # nobody holds it
    if whose == "another user's":
        if os.geteuid() != 0:
            pytest.skip("only root gives folders away")
        os.chown(folder.parent, 65534, 65534)
    elif whose == "open to others":
        folder.chmod(0o777)
    else:
        folder.parent.rename(tmp_path / "real")
        folder.parent.symlink_to(tmp_path / "real")
    presence = Presence(folder, "w@host")
    presence.begin()
    assert list(presence.dead()) == []
    presence.end()


def test_a_pipe_among_the_locks_keeps_nobody_waiting(presence, tmp_path):
    os.mkfifo(tmp_path / "pipe@host.lock")
    (tmp_path / "link@host.lock").symlink_to(tmp_path / "gone")
    assert list(presence.dead()) == []


def test_the_folder_is_made_for_its_user_alone(tmp_path):
    presence = Presence(tmp_path / "nextlabel-0" / "service", "w@host")
    presence.begin()
    made = tmp_path / "nextlabel-0"
    assert [path.stat().st_mode & 0o777 for path in (made, made / "service", made / "service" / "w@host.lock")] == [
        0o700,
        0o700,
        0o600,
    ]
    presence.end()


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

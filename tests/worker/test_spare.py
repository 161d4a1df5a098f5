"""A spare process, and the spawner that makes one of the pool of it."""

from __future__ import annotations

import inspect
import json
import os
import signal
import sys
import time
from contextlib import closing, suppress

import pytest
from billiard import popen_spawn_posix
from billiard.compat import spawnv_passfds

from nextlabel.worker.spare import NUMBERS, Spare, Spawner
from tests.worker.conftest import wait_until

#: Says its process id, what it has imported, and what files it has below NUMBERS; then ends with status 7.
TELL = f"""
import json, os, sys
numbers = map(int, os.listdir("/proc/self/fd"))
mine = [n for n in numbers if 2 < n < {NUMBERS} and os.path.exists("/proc/self/fd/%d" % n)]
os.write(NUMBER, json.dumps([os.getpid(), "torch" in sys.modules, mine, sys.argv]).encode())
sys.exit(7)
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")


class Started:
    """Starts processes as billiard does, and remembers them."""

    def __init__(self):
        self.pids = []

    def __call__(self, program, arguments, files):
        self.pids.append(spawnv_passfds(program, arguments, files))
        return self.pids[-1]


@pytest.fixture
def start():
    started = Started()
    yield started
    for pid in started.pids:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@pytest.fixture
def spawner(start):
    with closing(Spawner("w@host", start)) as made:
        yield made


def told_by(spawn):
    """What a process says that `spawn` starts, given its arguments and files: -> its id, and what it has told."""
    reading, writing = os.pipe()
    arguments = [sys.executable, "-B", "-c", TELL.replace("NUMBER", str(writing)), "--billiard-fork"]
    pid = spawn(sys.executable, arguments, [writing])
    os.close(writing)
    with os.fdopen(reading) as told:
        own, has_torch, numbers, argv = json.loads(told.read())
    assert own == pid
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    return pid, has_torch, numbers == [writing], argv


def test_the_first_process_is_a_fresh_one_and_the_next_is_the_spare_which_is_warm(spawner, start):
    first, has_torch, _, argv = told_by(spawner)
    assert (first, has_torch, argv) == (start.pids[0], False, ["-c", "--billiard-fork"])
    spawner.warm_up()
    spawner.warm_up()  # says nothing more
    second, has_torch, has_the_files_alone, argv = told_by(spawner)
    assert (second, has_torch, has_the_files_alone) == (start.pids[1], True, True)
    assert argv == ["-c", "--billiard-fork"]
    assert len(start.pids) == 3  # another spare is there


def test_a_dead_spare_is_replaced_by_a_fresh_process(spawner, start):
    told_by(spawner)
    os.kill(start.pids[1], signal.SIGKILL)
    time.sleep(0.05)
    assert told_by(spawner)[:2] == (start.pids[2], False)


def test_a_spare_takes_no_file_whose_number_it_has_not_kept_free(start):
    spare = Spare("w@host", [sys.executable], start)
    assert not spare.become(["python", "-c", "pass"], [NUMBERS])
    spare.end()


@pytest.mark.parametrize("is_warm", [False, True])
def test_a_spare_ends_with_its_parent(start, is_warm):
    spare = Spare("w@host", [sys.executable], start)
    if is_warm:
        spare.warm_up()
    spare._socket.close()
    wait_until(lambda: os.waitpid(spare.pid, os.WNOHANG) != (0, 0), within_s=60)


def test_nothing_is_left_of_a_spare_that_is_not_wanted_any_more(spawner, start):
    told_by(spawner)
    spawner.close()
    with pytest.raises(ProcessLookupError):
        os.kill(start.pids[1], 0)
    told_by(spawner)
    assert len(start.pids) == 3  # no other spare was started


def test_the_billiard_that_is_installed_starts_processes_by_the_name_that_is_replaced():
    assert "self.pid = spawnv_passfds(" in inspect.getsource(popen_spawn_posix.Popen._launch)

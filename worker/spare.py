"""A spare process: it has imported torch and waits, so that one of the pool that dies is replaced within a second.

Celery's pool starts a fresh interpreter in place of a dead process, and refuses a fork server. So the parent keeps a
fresh interpreter that is warm already, as a child of its own like any other. Once the pool wants a process, the spare
is handed what the new one would have inherited, its open files, and runs what the new one would have run. Another spare
is started then, and warms up as soon as all of the pool are up: it takes no time from them.

Run as `python -m nextlabel.worker.spare WORKER SOCKET`, it is the spare: it holds no GPU, as which one will be its own
is said only then.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock

from nextlabel.core.logs import get_logger

log = get_logger(__name__)
NUMBERS = 256  #: of open files that the pool's processes may inherit; a spare opens its own above them
MESSAGE_BYTES = 1 << 16
WARM_UP = b"w"

Start = Callable[[bytes | str, Sequence[str], Sequence[int]], int]  # program, arguments, files to inherit -> process id


class Spare:
    """A spare process as its parent has it."""

    def __init__(self, worker: str, interpreter: Sequence[str], start: Start) -> None:
        """Start one, which waits before it imports anything.

        interpreter: Python with its flags. start: what the pool starts its processes by.
        """
        self._socket, theirs = socket.socketpair()
        with theirs:
            command = [*interpreter, "-m", "nextlabel.worker.spare", worker, str(theirs.fileno())]
            self.pid = start(interpreter[0], command, [theirs.fileno()])
        self._is_warm = False

    def warm_up(self) -> None:
        """Have it import and load what jobs need, unless it has been told so before."""
        if not self._is_warm:
            self._is_warm = True
            with suppress(OSError):  # it is dead, which is noticed when it is wanted
                self._socket.sendall(WARM_UP)

    def become(self, arguments: Sequence[str], files: Sequence[int]) -> bool:
        """Have it run `python -c PROGRAM`, as the arguments have it, with those files open under the same numbers.

        Returns False where it can't: it is dead, or the files are too many.
        """
        if max(files) >= NUMBERS or not self._is_running():
            return False
        self.warm_up()
        message = json.dumps({"program": arguments[arguments.index("-c") + 1], "files": list(files)}).encode()
        try:
            with self._socket:
                socket.send_fds(self._socket, [message], files)
        except OSError:
            return False
        return True

    def end(self) -> None:
        """Kill it, and collect what is left of it."""
        self._socket.close()
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _is_running(self) -> bool:
        try:
            return os.waitpid(self.pid, os.WNOHANG) == (0, 0)
        except ChildProcessError:
            return False


class Spawner:
    """Starts the processes of a worker's pool, each from the spare, where there is one.

    It takes the place of the function by which billiard's `spawn` starts a process.
    """

    def __init__(self, worker: str, start: Start) -> None:
        self._worker, self._start = worker, start
        self._spare: Spare | None = None
        self._ended = False
        self._lock = Lock()

    def __call__(self, program: bytes | str, arguments: Sequence[str], files: Sequence[int]) -> int:
        """Return the id of a process that runs the program: the spare's, or that of a fresh one.

        It runs in the parent's main thread: the system ends a spare's successors with the thread that started them.
        """
        with self._lock:
            spare, self._spare = self._spare, None
            if spare is not None and spare.become(arguments, files):
                pid = spare.pid
            else:
                if spare is not None:
                    spare.end()
                pid = self._start(program, arguments, files)
            if not self._ended:
                with suppress(OSError):  # too many processes, or too little memory: then there is none
                    self._spare = Spare(self._worker, arguments[: arguments.index("-c")], self._start)
        return pid

    def warm_up(self) -> None:
        """Have the spare import and load what jobs need."""
        with self._lock:
            if self._spare is not None:
                self._spare.warm_up()

    def close(self) -> None:
        """Let go of the spare; from now on there is none."""
        with self._lock:
            self._ended = True
            if self._spare is not None:
                self._spare.end()
                self._spare = None


def keep_spare(worker: str) -> Spawner | None:
    """Have the pool that this process is about to start take its processes from a spare.

    `spawnv_passfds` is private to billiard. Where another version has it no more, or this system can't hand over open
    files, there is no spare: a dead process is replaced by a fresh one.
    """
    from billiard import popen_spawn_posix  # noqa: PLC0415 - a spare needs it only once it is one no more

    try:
        spawner = Spawner(worker, popen_spawn_posix.spawnv_passfds)
    except AttributeError as error:
        log.warning("no spare process is kept; one that dies is replaced within seconds", cause=str(error))
        return None
    popen_spawn_posix.spawnv_passfds = spawner
    return spawner


def main() -> None:
    """Be a spare: wait to be told to warm up, do so, wait for what to become, and become it. Ends with its parent."""
    worker, number = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: the parent will say
    reserved = _reserve_numbers()
    with socket.socket(fileno=os.dup(int(number))) as parent:
        os.close(int(number))
        reserved |= _reserve_numbers()
        if not parent.recv(1):
            return
        _warm_up(worker)
        message, received, _, _ = socket.recv_fds(parent, MESSAGE_BYTES, NUMBERS)
    if not message:
        return
    wanted = json.loads(message)
    for mine, theirs in zip(received, wanted["files"], strict=True):
        os.dup2(mine, theirs, inheritable=False)
        os.close(mine)
    for unused in reserved - set(wanted["files"]):
        os.close(unused)
    sys.argv = ["-c", "--billiard-fork"]
    exec(wanted["program"], {"__name__": "__main__"})  # noqa: S102 - billiard's, as `python -c` would run it


def _reserve_numbers() -> set[int]:
    """Open all free numbers below NUMBERS, so that what is opened from now on stands above them."""
    reserved = set()
    while (number := os.open(os.devnull, os.O_RDONLY)) < NUMBERS:
        reserved.add(number)
    os.close(number)
    return reserved


def _warm_up(worker: str) -> None:
    """Import what the pool's processes do. Without a GPU, load the usual backbone, too: nothing has to be chosen.

    What goes wrong here goes wrong again in the process that the spare becomes, and is told there.
    """
    with suppress(Exception):
        from nextlabel.worker import app, devices, tasks  # noqa: PLC0415 - not before it is told to

        app.set_up_logs()
        import nextlabel.worker.runner  # noqa: PLC0415, F401 - torch, too

        if not devices.gpus():
            tasks.runner_of(worker).warm_up()


if __name__ == "__main__":
    main()

"""Redis, API and worker as child processes of this one: what `nextlabel up` and `nextlabel demo` run."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from gettext import gettext as _
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx
import redis

from nextlabel.client.redis_server import PrivateRedis, free_port
from nextlabel.core.disk import make_private
from nextlabel.core.errors import Misconfigured
from nextlabel.core.jobs.redis_info import faults_of
from nextlabel.core.jobs.redis_reach import check_reach

__all__ = ["Stack", "StackError", "free_port", "port_taken"]
STARTS_WITHIN_S = 300.0  # a worker is ready once its backbone is loaded, which may have to be quantised before
TOLD_EVERY_S = 10.0
STOPS_WITHIN_S = 60.0
RESTARTS, RESTARTS_WITHIN_S = 8, 120.0
PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """A process of the stack. `ends`: the times when it ended of late and was started again."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes]
    ends: list[float] = field(default_factory=list)


class StackError(RuntimeError):
    """The stack did not come up; the message says which part and why."""


class Stack:
    """A context: everything is up and ready inside, and nothing is left running after it.

    `environment`: NEXTLABEL_* settings, over those of this process. With NEXTLABEL_REDIS_URL among them that server is
    used; else one is started whose files lie in the state directory. `log`: what the children write to; default here.
    `own_redis` starts one in any case. `workers`: processes; default: one for each GPU, one without any. `tell` is
    called with what is waited for once it starts for ten seconds, and again where that is something else by then.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        port: int,
        workers: int | None = None,
        own_redis: bool = False,
        host: str = "127.0.0.1",
        log: Path | None = None,
        tell: Callable[[str], None] = lambda _why: None,
    ) -> None:
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        # PYTHONSAFEPATH: the current folder holds data, and an api.py in it must not be run for ours.
        self._environment = {**os.environ, **environment, "PYTHONSAFEPATH": "1"}
        if own_redis:
            self._environment.pop("NEXTLABEL_REDIS_URL", None)
        self._host, self._port, self._workers, self._tell = host, port, workers, tell
        self._log = log.open("ab") if log else None
        self.state_dir = Path(self._environment["NEXTLABEL_STATE_DIR"])
        self._children: list[Child] = []
        self._lock: IO[bytes] | None = None
        self._redis: PrivateRedis | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait(self) -> None:
        """Wait for ever. A child that ends by itself is started again: what it had recorded is there, and jobs go on.

        Raises StackError when one ends RESTARTS times within RESTARTS_WITHIN_S: then something is wrong for good.
        """
        while True:
            for child in self._children:
                if child.process.poll() is not None:
                    self._restart(child)
            time.sleep(0.5)

    def stop(self) -> None:
        """End the worker first, which gives its job back; then the API; Redis last, with everything written."""
        for child in reversed(self._children):
            child.process.terminate()
            try:
                child.process.wait(STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._children.clear()
        if self._redis is not None:
            self._redis.clean_up()
        for file in (self._lock, self._log):
            if file is not None:
                file.close()

    def _start(self) -> None:
        make_private(self.state_dir)
        if port_taken(self._host, self._port):
            words = _(
                "port {port} on {host} is taken, perhaps by a nextlabel that runs already; choose another with --port"
            )
            raise StackError(words.format(port=self._port, host=self._host))
        if "NEXTLABEL_REDIS_URL" not in self._environment:
            self._start_redis()
        else:
            _refuse_unfit(self._environment["NEXTLABEL_REDIS_URL"])
        python = [sys.executable, "-m"]
        self._spawn("api", [*python, "nextlabel.api", "--host", self._host, "--port", str(self._port)])
        self._spawn(
            "worker", [*python, "nextlabel.worker", *(["--processes", str(self._workers)] if self._workers else [])]
        )
        self._wait_until_ready()

    def _start_redis(self) -> None:
        self._lock = os.fdopen(os.open(self.state_dir / "lock", os.O_WRONLY | os.O_CREAT, 0o600), "wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            words = _(
                "another nextlabel is running from {folder}: use that one, end it, or start this one in another folder"
            )
            raise StackError(words.format(folder=self.state_dir)) from None
        self._redis = PrivateRedis(self.state_dir / "redis")
        self._spawn("redis", self._redis.command)
        self._environment["NEXTLABEL_REDIS_URL"] = self._redis.url
        self._wait_for_redis(self._redis.url)

    def _spawn(self, name: str, command: list[str]) -> None:
        self._children.append(Child(name, command, self._process(command)))

    def _restart(self, child: Child) -> None:
        now = time.monotonic()
        child.ends = [*(at for at in child.ends if now - at < RESTARTS_WITHIN_S), now]
        if len(child.ends) >= RESTARTS:
            raise self._ended(child)
        words = _("nextlabel: the {name} process ended ({code}); starting it again")
        print(words.format(name=child.name, code=child.process.returncode), file=sys.stderr)
        time.sleep(min(2 ** len(child.ends) / 4, 10))
        child.process = self._process(child.command)

    def _process(self, command: list[str]) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C reaches this process alone, which then ends the children in order.
        return subprocess.Popen(  # noqa: S603
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            umask=0o077 if self._redis and command == self._redis.command else -1,  # the jobs are its user's alone
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no threads yet
        )

    def _wait_for_redis(self, url: str) -> None:
        deadline = time.monotonic() + STARTS_WITHIN_S
        with redis.Redis.from_url(url) as client:
            while not _answers(client):  # not yet, or still reading its file
                self._check_alive()
                if time.monotonic() > deadline:
                    raise StackError(_("Redis did not answer within {seconds:g} s").format(seconds=STARTS_WITHIN_S))
                time.sleep(0.05)

    def _wait_until_ready(self) -> None:
        begun = time.monotonic()
        tell_at, told, last = begun + TOLD_EVERY_S, "", _("no answer yet")
        while (now := time.monotonic()) < begun + STARTS_WITHIN_S:
            self._check_alive()
            if now > tell_at and last != told:
                tell_at, told = now + TOLD_EVERY_S, last
                self._tell(last)
            try:
                answer = httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False)
                if answer.is_success:
                    return
                last = "; ".join(answer.json()["faults"])
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise StackError(_("not ready within {seconds:g} s: {why}").format(seconds=STARTS_WITHIN_S, why=last))

    def _check_alive(self) -> None:
        for child in self._children:
            if child.process.poll() is not None:
                raise self._ended(child)

    def _ended(self, child: Child) -> StackError:
        code = child.process.returncode
        words = _("the {name} process ended with exit code {code}; {why}")
        return StackError(words.format(name=child.name, code=code, why=self._last_words(child.name)))

    def _last_words(self, name: str) -> str:
        """Say why it ended, or where that stands.

        Redis ends when its disk is full: what it had recorded is there again once it is started with room.
        """
        log = self.state_dir / "redis" / "redis.log"
        if name == "redis" and log.is_file():
            end = log.read_text(errors="replace").strip()[-300:]
            return _("{log} ends with: {end}").format(log=log, end=end)
        return _("its log says why")


def _refuse_unfit(url: str) -> None:
    """Raises StackError where that Redis can't keep what it confirms, or never answers. Else it is waited for."""
    try:
        awaited = check_reach(url)
    except Misconfigured as error:
        raise StackError(error.detail) from None
    if awaited:
        print(f"nextlabel: {awaited}", file=sys.stderr)
        return
    with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, retry=None) as client:
        try:
            faults = list(faults_of(client.info()))
        except redis.RedisError:
            return
    if faults:
        raise StackError("; ".join(faults))


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def port_taken(host: str, port: int) -> bool:
    """Tell whether somebody listens at one of the host's addresses. Raises StackError where nobody can."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        words = _("the host {host} isn't known here: {error}; give an address with --host")
        raise StackError(words.format(host=host, error=error.strerror)) from None
    for family, *_others, address in found:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:  # as the API's server has it: `::` is not 0.0.0.0, too
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise StackError(_why_not(host, str(address[0]), port, error)) from None
    return False


def _why_not(host: str, address: str, port: int, error: OSError) -> str:
    """Say why nobody can listen at an address of the host, and what to do."""
    if error.errno == errno.EACCES:
        words = _("port {port} on {host} is for root alone ({error}); choose one above 1023 with --port")
    elif address == host:
        words = _("{address} is no address of this machine ({error}); choose one that is with --host")
    else:
        words = _(
            "{address}, which {host} stands for, is no address of this machine ({error}); choose one that is with "
            "--host"
        )
    return words.format(port=port, host=host, address=address, error=error.strerror)


def _die_with_parent() -> None:
    """Have the kernel kill this child should its parent be killed outright: records and files are made for that."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

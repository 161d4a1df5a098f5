"""Redis, the API and several workers as real processes that can be killed, frozen and started again one by one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import redis

from nextlabel.client.redis_server import redis_command
from nextlabel.client.stack import free_port
from nextlabel.core.jobs.store import JobStore
from tests.chaos.network import Link, Network

HOST = "127.0.0.1"
LEASE_S = 3.0
STARTS_WITHIN_S = 120.0
STOPS_WITHIN_S = 60.0

#: Settings of every process. Small batches and shards, so that a job has many places to be stopped at.
SETTINGS = {
    "NEXTLABEL_LEASE_S": str(LEASE_S),
    "NEXTLABEL_RENEW_EVERY_S": "0.5",
    "NEXTLABEL_JANITOR_EVERY_S": "0.3",
    "NEXTLABEL_BATCH_SIZE": "8",
    "NEXTLABEL_DECODE_THREADS": "1",
    "NEXTLABEL_CPU_THREADS": "1",
    "NEXTLABEL_MIN_FREE_DISK_MB": "0",
    "NEXTLABEL_SHARE_ABOVE_S": "1",
    "NEXTLABEL_SHARD_S": "0.5",
    "NEXTLABEL_LOG_JSON": "true",
    "HF_HUB_OFFLINE": "1",
}


class Process:
    """A process and its children, in a process group of their own, with a log of their own."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.name, self.busy = name, False  # busy: a fault is at work on it
        self._command, self.environment, self._log = command, environment, log
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.name} was never started"
        return self._child.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def signal_all(self, number: signal.Signals) -> None:
        """The whole group; nothing to do when it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        self.signal_all(signal.SIGKILL)
        assert self._child is not None
        self._child.wait()

    def ask_to_stop(self) -> None:
        """The parent alone, as `docker stop` and supervisors do."""
        assert self._child is not None
        self._child.terminate()

    def stopped_within(self, seconds: float) -> bool:
        assert self._child is not None
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def runs(self) -> bool:
        return self._child is not None and self._child.poll() is None


class Connected(Process):
    """One that reaches Redis by a link, which can be broken."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path, link: Link) -> None:
        url = f"redis://{HOST}:{link.port}/0"
        super().__init__(name, command, {**environment, "NEXTLABEL_REDIS_URL": url}, log)
        self.link = link


class ChaosStack:
    """A context: all parts run inside, and nothing is left running after it. `folder` keeps logs and files."""

    def __init__(
        self, folder: Path, *, workers: int, small_disk_kb: int = 0, settings: Mapping[str, str] = SETTINGS
    ) -> None:
        self.folder, self.data, self.logs = folder, folder / "data", folder / "logs"
        self.state, self.cache = folder / "state", folder / "cache"
        self.results = self.state / "results"
        for made in (self.data, self.logs, self.state / "redis", self.results, self.cache):
            made.mkdir(parents=True)
        self._settings = settings
        self.redis_port, self.api_port = free_port(), free_port()
        self._lay_out()
        self.workers = [self._worker(number) for number in range(workers)]
        self.retired: list[Process] = []  # workers that were asked to stop, and replaced meanwhile
        self.has_small_disk = bool(small_disk_kb) and mount_small_disk(self.results, small_disk_kb)
        self._started = workers

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lay_out(self) -> None:
        """Redis, the API, and the network between all of them."""
        self.url, self.redis_url = f"http://{HOST}:{self.api_port}", f"redis://{HOST}:{self.redis_port}/0"
        self.network = Network(self.redis_port)
        redis_server = redis_command(self.state / "redis", self.redis_port)
        self.redis = Process("redis", redis_server, dict(os.environ), self.logs / "redis.log")
        self.api = self._connected("api", "nextlabel.api", "--host", HOST, "--port", str(self.api_port))

    def start(self) -> None:
        self.redis.start()
        until(self.redis_answers, "Redis answers")
        for process in (self.api, *self.workers):
            process.start()
        until(lambda: len(self.store().workers()) == len(self.workers), "all workers are seen")
        until(self.api_answers, "the API answers")

    def replace(self, worker: Process) -> None:
        """A new worker in the place of one that is gone, or going."""
        self._started += 1
        new = self._worker(self._started - 1, instead_of=worker)
        new.start()
        self.workers[self.workers.index(worker)] = new

    def stop_workers(self) -> list[str]:
        """All of them drained. -> names of those that did not stop when asked."""
        stopping = [*self.workers, *self.retired]
        for worker in stopping:
            worker.ask_to_stop()
        deadline = time.monotonic() + STOPS_WITHIN_S
        return [one.name for one in stopping if not one.stopped_within(max(0.1, deadline - time.monotonic()))]

    def close(self) -> None:
        for process in (*self.workers, *self.retired, self.api, self.redis):
            if process.runs:
                process.kill()
        self._close_network()
        if self.has_small_disk:
            subprocess.run(["umount", self.results], check=True)
            self.has_small_disk = False

    def store(self) -> JobStore:
        return JobStore.at(self.redis_url)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, decode_responses=True)

    def redis_answers(self) -> bool:
        with self.client() as client:
            return bool(client.ping())

    def api_answers(self) -> bool:
        return httpx.get(f"{self.url}/healthz", timeout=2).is_success

    def _close_network(self) -> None:
        self.network.close()

    def _worker(self, number: int, instead_of: Process | None = None) -> Process:
        """As on another machine: it has an address of Redis of its own, so no other worker sees its process die."""
        return self._connected(f"worker-{number}", "nextlabel.worker", "--processes", "1")

    def _connected(self, name: str, module: str, *arguments: str) -> Connected:
        command = [sys.executable, "-m", module, *arguments]
        return Connected(name, command, self._environment(), self.logs / f"{name}.log", self.network.link())

    def _environment(self) -> dict[str, str]:
        places = {
            "NEXTLABEL_DATA_ROOTS": str(self.data),
            "NEXTLABEL_STATE_DIR": str(self.state),
            "NEXTLABEL_CACHE_DIR": str(self.cache),
            "NEXTLABEL_WEIGHTS_DIR": str(self.folder / "weights"),
        }
        return {**os.environ, **self._settings, **places}


def until(met: Callable[[], bool], what: str, within_s: float = STARTS_WITHIN_S) -> None:
    """Raises AssertionError when it takes longer."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if met():
                return
        except (httpx.TransportError, redis.RedisError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"waited {within_s:g} s in vain until {what}")


def mount_small_disk(folder: Path, size_kb: int) -> bool:
    """Whether this user and this machine let us."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", folder]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0

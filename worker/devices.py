"""Which GPUs a worker has, found without touching CUDA: the parent must not hold a context that its children need."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import takewhile
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"), Path("/dev/dxg"))  # NVIDIA's, AMD's, and that of Windows' Linux


def gpus() -> list[str]:
    """List the GPUs' ids as CUDA_VISIBLE_DEVICES has them; none on a machine without a GPU."""
    if VISIBLE in os.environ:
        ids = [gpu.strip() for gpu in os.environ[VISIBLE].split(",")]
        return list(takewhile(lambda gpu: gpu not in ("", "-1"), ids))  # CUDA stops at the first wrong one, too
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    listed = subprocess.run(  # noqa: S603
        [tool, "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, check=False, timeout=30
    )
    return listed.stdout.split() if listed.returncode == 0 else []


def count_gpus() -> int | None:
    """Count them; None where a driver is there, and nobody says of what: containers may come without nvidia-smi."""
    found = gpus()
    if not found and VISIBLE not in os.environ and any(driver.exists() for driver in DRIVERS):
        return None
    return len(found)


def pin(process_index: int) -> None:
    """Let this process see one GPU only, before torch is imported: process i of a worker gets its i-th."""
    mine = gpus()
    if mine:
        os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        os.environ[VISIBLE] = mine[process_index % len(mine)]

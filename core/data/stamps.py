"""Stamps: a number for each file that changes whenever the file does, from what its file system tells unopened.

Size and time of change don't tell a file from another that took its name: renumbered frames of a camera have the same.
So the inode counts and the time of the last change of state (ctime), which no program can set. But not everywhere do
they mean that: some file systems make inodes up anew at each mount, and FAT keeps no ctime. What a file system gives
is found out by its type, once for each device.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.stats import DEVICE, look

# Of other types, FUSE, CIFS and 9p among them, it isn't known that a file keeps its inode for ever.
INODES_LAST = frozenset(
    {
        *("bcachefs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "ntfs3", "overlay", "ramfs"),
        *("reiserfs", "squashfs", "tmpfs", "ubifs", "xfs", "zfs"),
        *("ceph", "gfs2", "gpfs", "lustre", "nfs", "nfs4", "ocfs2"),
    }
)
WITHOUT_CTIME = frozenset({"exfat", "msdos", "vfat"})  # what they show is forgotten when they are unmounted
ASK_AGAIN_S = 60.0
_BITS = (1 << 64) - 1


class Meaning(NamedTuple):
    """Which of the numbers that a file system tells of a file stay the same for as long as the file does."""

    ctime: bool
    inode: bool


class Stamps:
    """Makes stamps, and remembers the devices it has met."""

    def __init__(self) -> None:
        self._meanings: dict[int, Meaning] = {}

    def of_file(self, descriptor: int) -> int:
        """Make the stamp of an open file."""
        size, mtime_ns, ctime_ns, inode, device = look(os.fstat(descriptor))
        meaning = self._meanings.get(device) or self._learn(device, descriptor)
        stamp: int = _mixed(size, mtime_ns, ctime_ns if meaning.ctime else 0, inode if meaning.inode else 0)
        return stamp - (stamp >> 63 << 64)

    def of_looks(self, looks: NDArray[np.int64], folder: str, names: Sequence[str]) -> NDArray[np.int64]:
        """Make the stamps, (N,) int64, of N files in a folder from their `looks`, (N, 5), as stats.look gives them."""
        numbers = np.ascontiguousarray(looks[:, :DEVICE].T).view(np.uint64)
        devices, first = np.unique(looks[:, DEVICE], return_index=True)
        for device, row in zip(devices.tolist(), first.tolist(), strict=True):
            meaning = self._meanings.get(device) or self._learn_by_path(device, f"{folder}/{names[row]}")
            meaningless = [2 + i for i, lasts in enumerate(meaning) if not lasts]
            if meaningless:
                numbers[np.ix_(meaningless, looks[:, DEVICE] == device)] = 0
        stamps: NDArray[np.int64] = _mixed(*numbers).view(np.int64)
        return stamps

    def _learn_by_path(self, device: int, path: str) -> Meaning:
        try:
            descriptor = os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC)
        except OSError:
            return meaning_on(None)  # gone this moment
        try:
            return self._learn(device, descriptor)
        finally:
            os.close(descriptor)

    def _learn(self, device: int, descriptor: int) -> Meaning:
        meaning = self._meanings[device] = meaning_on(_type_of_file_system(device, descriptor))
        return meaning


def meaning_on(file_system: str | None) -> Meaning:
    """Tell what the numbers of a file system mean, by its type in /proc/self/mountinfo; None: the type is unknown."""
    return Meaning(ctime=file_system not in WITHOUT_CTIME, inode=file_system in INODES_LAST)


_types: dict[int, tuple[float, str | None]] = {}  # by device: when it was asked for, and what it was


def _type_of_file_system(device: int, descriptor: int) -> str | None:
    """Return the type of the file system that a file lies on, asked for anew after a minute: that takes 0.2 ms."""
    asked_at, file_system = _types.get(device, (-inf, None))
    if time.monotonic() - asked_at < ASK_AGAIN_S:
        return file_system
    file_system = _ask_for_type(descriptor)
    _types[device] = time.monotonic(), file_system
    return file_system


def _ask_for_type(descriptor: int) -> str | None:
    """Find the type by the mount that the file was opened on, and not by its device.

    Btrfs and overlays have devices that no mount is listed with.
    """
    try:
        mount_id = re.search(r"^mnt_id:\s*(\d+)", Path(f"/proc/self/fdinfo/{descriptor}").read_text(), re.MULTILINE)
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in mounts:
        mount, _, source = line.partition(" - ")
        if mount_id and mount.split(" ", 1)[0] == mount_id[1]:
            return source.split(" ", 1)[0]
    return None


def _mixed(*numbers: Any) -> Any:
    """Mix several numbers into one of 64 bits: Python's integers, or arrays of uint64 row by row.

    Each step is one-to-one, so files that differ in one of the numbers alone never share a stamp; others do once in
    2^64. (A multiplier of SplitMix64: Steele et al. 2014.)
    """
    mixed: Any = 0x9E3779B97F4A7C15
    for number in numbers:
        mixed = ((mixed ^ (number & _BITS)) * 0xBF58476D1CE4E5B9) & _BITS
        mixed ^= mixed >> 27
    return mixed

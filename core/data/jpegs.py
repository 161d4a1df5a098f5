"""JPEGs that a GPU's decoder may take: read and looked at, not decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

START, END = b"\xff\xd8", b"\xff\xd9"
BASELINE, PROGRESSIVE = 0xC0, 0xC2
SCAN, EXIF, ADOBE = 0xDA, 0xE1, 0xEE
ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers with nothing behind them
YCBCR = 1  # Adobe's mark of the usual colours


@dataclass(frozen=True, eq=False)
class Jpeg:
    """A whole file (n,) uint8. height, width: as stored; orientation: EXIF's 1 to 8, how to turn it upright."""

    path: Path
    data: NDArray[np.uint8]
    height: int
    width: int
    orientation: int


def read_jpeg(path: Path, *, max_pixels: int) -> Jpeg | None:
    """None for all but a complete JPEG of the usual kinds, 8 bits in 3 colours: `decode` knows what to make of it."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    if data[:2].tobytes() != START or data[-2:].tobytes() != END:
        return None
    try:
        return _looked_at(path, data, max_pixels)
    except (IndexError, ValueError):  # a header that ends in the middle
        return None


def _looked_at(path: Path, data: NDArray[np.uint8], max_pixels: int) -> Jpeg | None:
    head, at, orientation = data.data, 2, 1
    while head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF or marker in ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = head[at + 2] << 8 | head[at + 3]
        part = bytes(head[at + 4 : at + 2 + length])
        if marker in (BASELINE, PROGRESSIVE):
            height, width = part[1] << 8 | part[2], part[3] << 8 | part[4]
            usual = part[0] == 8 and part[5] == 3 and (part[6], part[9], part[12]) == (1, 2, 3)
            fits = 0 < height * width <= max_pixels
            return Jpeg(path, data, height, width, orientation) if usual and fits else None
        if 0xC0 < marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a kind of JPEG that hardware doesn't know
            return None
        if marker == SCAN or (marker == ADOBE and part[:5] == b"Adobe" and part[11] != YCBCR):
            return None
        if marker == EXIF and part[:6] == b"Exif\0\0":
            orientation = _orientation(part)
        at += 2 + length
    return None


def _orientation(exif: bytes) -> int:
    try:
        parsed = Image.Exif()
        parsed.load(exif)
        value = parsed.get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata around good pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1

"""Read JPEGs that a GPU's decoder may take, and look at their headers without decoding them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from nextlabel.core.data.files import ImageFile

START, END = b"\xff\xd8", b"\xff\xd9"
BASELINE, PROGRESSIVE = 0xC0, 0xC2
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # of all kinds of JPEG; hardware knows the first and third
SCAN, APP1, ADOBE = 0xDA, 0xE1, 0xEE
ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers with nothing behind them
YCBCR = 1  # Adobe's mark of the usual colours
CHEAP_SCANS = 400_000_000  # pixels of all scans together: as much as is decoded in a second. Usual are 10 scans
MOST_BYTES_A_PIXEL = 8  # no JPEG has more, but for its metadata


@dataclass(frozen=True, eq=False)
class Jpeg:
    """A whole file, (n,) uint8. Height and width are as stored; EXIF's orientation, 1 to 8, turns it upright."""

    data: NDArray[np.uint8]
    height: int
    width: int
    orientation: int


def read_jpeg(file: ImageFile, *, max_pixels: int) -> Jpeg | None:
    """Read an image file that was just opened.

    None for all but a complete JPEG of the usual kinds, 8 bits in 3 colours: `decode` knows what to make of it."""
    try:
        if file.read(2) != START:
            return None
        size = file.seek(0, os.SEEK_END)
        if size > MOST_BYTES_A_PIXEL * max_pixels:
            return None
        data = np.empty(size, np.uint8)
        file.seek(0)
        if file.readinto(data.data) != size or data[-2:].tobytes() != END:
            return None
        return _inspect(data, max_pixels)
    except (OSError, IndexError):  # a header that ends in the middle
        return None


def count_scans(data: bytes) -> int:
    """Count the scans of a JPEG, and those of small copies of it among its metadata."""
    return data.count(bytes([0xFF, SCAN]))


def has_end(data: bytes) -> bool:
    """Tell whether an end marker stands behind the beginning of the pixels: some have more behind it."""
    return data.find(END, max(after for _, _, after in _parts(memoryview(data)))) >= 0


def has_all_scans(data: bytes) -> bool:
    """Tell whether the scans that a JPEG begins make a whole picture: each channel, each frequency, to the last bit."""
    parts = list(_parts(memoryview(data)))
    channels = max(part[5] for marker, part, _ in parts if marker in FRAMES)
    bits_left: dict[tuple[int, int], int] = {}
    for scan in data[parts[-1][2] :].split(bytes([0xFF, SCAN]))[1:]:
        of = scan[2]
        first, last, bits = scan[3 + 2 * of : 6 + 2 * of]
        for channel in scan[3 : 3 + 2 * of : 2]:
            bits_left |= dict.fromkeys(((channel, frequency) for frequency in range(first, last + 1)), bits & 0xF)
    return len(bits_left) == 64 * channels > 0 and not any(bits_left.values())


def _inspect(data: NDArray[np.uint8], max_pixels: int) -> Jpeg | None:
    """Read the header; None: the JPEG is not of the usual kinds, larger than `max_pixels`, or may be dear."""
    frames: list[tuple[int, memoryview]] = []
    exif: list[bytes] = []
    other_metadata: list[bytes] = []
    after = 0
    for marker, part, after in _parts(data.data):  # noqa: B007 -- the last one counts
        if marker in FRAMES:
            frames.append((marker, part))
        elif marker == APP1:
            (exif if bytes(part[:6]) == b"Exif\0\0" else other_metadata).append(bytes(part))
        elif marker == ADOBE and bytes(part[:5]) == b"Adobe" and part[11] != YCBCR:
            return None
    if len(frames) != 1 or frames[0][0] not in (BASELINE, PROGRESSIVE) or len(exif) > 1:
        return None
    orientation = _orientation(exif[0]) if exif else None
    if orientation is None and any(b"tiff:Orientation" in part for part in [*exif, *other_metadata]):
        return None  # Pillow reads it from XMP, too
    frame = frames[0][1]
    height, width = frame[1] << 8 | frame[2], frame[3] << 8 | frame[4]
    usual = frame[0] == 8 and frame[5] == 3 and (frame[6], frame[9], frame[12]) == (1, 2, 3)
    if not usual or not 0 < height * width <= max_pixels:
        return None
    has_one_scan = frames[0][0] == BASELINE and data[after + 4] == frame[5]
    if not has_one_scan and height * width * count_scans(data.tobytes()) > CHEAP_SCANS:
        return None
    return Jpeg(data, height, width, orientation if orientation is not None and 1 <= orientation <= 8 else 1)


def _parts(head: memoryview) -> Iterator[tuple[int, memoryview, int]]:
    """Yield (marker, content, where it ends) of each part that stands before the pixels."""
    at = 2
    while head[at] == 0xFF and (marker := head[at + 1]) != SCAN:
        if marker == 0xFF or marker in ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = head[at + 2] << 8 | head[at + 3]
        yield marker, head[at + 4 : at + 2 + length], at + 2 + length
        at += 2 + length


def _orientation(exif: bytes) -> int | None:
    try:
        parsed = Image.Exif()
        parsed.load(exif)
        value = parsed.get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata around good pixels
        return None
    return value if isinstance(value, int) else None

"""Small files that take long, or much memory, to decode."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image


def jpeg_of_many_scans(side: int = 4000, times: int = 500, mode: str = "L") -> bytes:
    """A progressive JPEG whose last scan comes again and again: some 15 s as it is."""
    stream = io.BytesIO()
    Image.new(mode, (side, side), "teal" if mode == "RGB" else 99).save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * times + data[-2:]


def bmp_of_runs(side: int = 4000) -> bytes:
    """A BMP whose rows end after one pixel: some 5 s as it is, since Pillow fills them up in Python."""
    pixels, palette = b"\1\1\0\0" * side + b"\0\1", bytes(1024)
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(pixels), 2835, 2835, 256, 0)
    start = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start) + header + palette + pixels


def tiff_of_floats(side: int = 4000) -> bytes:
    """A TIFF of a few kilobytes whose values take 64 MB, and what is made of them more."""
    stream = io.BytesIO()
    Image.fromarray(np.zeros((side, side), np.float32)).save(stream, "TIFF", compression="tiff_adobe_deflate")
    return stream.getvalue()

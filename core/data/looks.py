"""How dark and how blurred an image is, told from a small picture of it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Look:
    """brightness: the mean of all pixels, 0 (black) to 1 (white). sharpness: the variance of the Laplacian of those
    pixels, 0 where there is no edge; it says something beside that of other images of one pool alone."""

    brightness: float
    sharpness: float


def look_at(picture: bytes) -> Look:
    """Look at a JPEG. Raises OSError where it is none."""
    with Image.open(io.BytesIO(picture)) as image:
        grey = np.asarray(image.convert("L"), dtype=np.float32) / 255
    padded = np.pad(grey, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return Look(brightness=float(grey.mean()), sharpness=float((around - 4 * grey).var()))

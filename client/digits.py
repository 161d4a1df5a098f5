"""The demo's own pool: the 1,797 real handwritten digits that scikit-learn carries, written as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

SIDE = 32
VALIDATION_SHARE = 1 / 6
LEVELS = 16  # the data's own grey levels


def write_digits(folder: Path) -> None:
    """Write images into pool/ and val/, and their classes into answers.txt and labels_val.txt; the split is fixed."""
    digits = load_digits()
    held_out = np.random.default_rng(0).random(len(digits.target)) < VALIDATION_SHARE
    for name, labels, rows in (
        ("pool", "answers.txt", np.flatnonzero(~held_out)),
        ("val", "labels_val.txt", np.flatnonzero(held_out)),
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for row in rows:
            grey = (digits.images[row] * (255 / LEVELS)).round().astype(np.uint8)  # (8, 8), 0..16 -> 0..255
            Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / name / f"{row:04d}.png")
        (folder / labels).write_text("".join(f"{row:04d}.png\t{digits.target[row]}\n" for row in rows))

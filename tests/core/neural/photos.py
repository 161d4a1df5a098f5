"""Photos made up, how a network wants them, and when two of the same are the same."""

from __future__ import annotations

import numpy as np
from PIL import Image


def config(crop_mode="center", interpolation="bicubic", crop_pct=0.875, size=(48, 48)):
    return {
        "input_size": (3, *size),
        "interpolation": interpolation,
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
        "crop_pct": crop_pct,
        "crop_mode": crop_mode,
    }


def smooth(width, height, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 5 + 1, width // 5 + 1, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def assert_the_same_but_for_rounding(ours, theirs):
    """Pillow rounds to levels between its two passes, and which it does first depends on the sizes."""
    apart = np.abs(ours.astype(float) - theirs.astype(float))
    assert np.quantile(apart, 0.99) <= 3
    assert apart.mean() < 0.35

"""An image made otherwise while a detector learns: larger or smaller, cut, lighter or darker; its boxes go along."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nextlabel.core.metrics.detection import Truth
from nextlabel.core.neural.detection.letterbox import FILL, Small

TIMES = 1.5  # as large, or as small, at most
LIGHTER = 0.2  # by that share at most; as much for how colourful it is, and a quarter for each colour
SEEN = 0.4  # of a box: if less of it is left, it is neither there nor not


def made_otherwise(image: Small, truth: Truth, rng: np.random.Generator) -> tuple[Small, Truth]:
    """Return another image of the same form, and what is drawn on it."""
    height, width = image.pixels.shape[:2]
    frame = np.array([width, height])
    times = math.exp(rng.uniform(-1, 1) * math.log(TIMES))
    size = np.maximum(np.round(frame * times).astype(int), 1)
    room = frame - size  # below 0 where it is larger than the frame
    corner = np.floor(rng.uniform(np.minimum(room, 0), np.maximum(room, 0) + 1)).astype(int)
    resized = Image.fromarray(np.ascontiguousarray(image.pixels)).resize(tuple(size), Image.Resampling.BILINEAR)
    pasted = Image.new("RGB", (width, height), (FILL, FILL, FILL))
    pasted.paste(resized, tuple(corner))

    places = image.shrink(truth.places) * (size / frame)[[0, 1, 0, 1]] + [*corner, 0, 0]
    low, high = np.maximum(corner, 0), np.minimum(corner + size, frame)
    ends = np.clip(np.concatenate([places[:, :2], places[:, :2] + places[:, 2:]], axis=1), [*low] * 2, [*high] * 2)
    cut = np.concatenate([ends[:, :2], ends[:, 2:] - ends[:, :2]], axis=1)
    seen = cut[:, 2:].prod(axis=1) / places[:, 2:].prod(axis=1)
    there = seen > 0
    drawn = Truth(cut[there], truth.classes[there], (truth.crowd | (seen < SEEN))[there])
    return Small(_coloured(np.asarray(pasted), rng), width, height), drawn


def _coloured(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    values = pixels.astype(np.float32)
    light, colourful = 1 + rng.uniform(-LIGHTER, LIGHTER, 2)
    tint = light * (1 + rng.uniform(-LIGHTER / 4, LIGHTER / 4, 3))
    grey = values.mean(axis=2, keepdims=True)
    return ((grey + (values - grey) * colourful) * tint).clip(0, 255).astype(np.uint8)

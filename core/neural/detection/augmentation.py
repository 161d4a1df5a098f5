"""An image and its boxes made otherwise by chance, so that few labelled images teach as more of them would."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nextlabel.core.data.boxes import Floats
from nextlabel.core.metrics.detection import Truth
from nextlabel.core.neural.detection.letterbox import FILL, Small

SMALLEST, LARGEST = 0.6, 1.6  # times as large
LIGHT = 0.3  # the logarithm of the most that contrast and brightness are multiplied by
LEAST_SEEN = 0.4  # of a box's area: less of it teaches neither what it is nor that nothing is there
LEAST_SIDE = 1.0  # pixels


class Window(NamedTuple):
    """What is seen of an image, `scale` times as large: from x, y on, which lie beyond it where it is made smaller."""

    x: float
    y: float
    scale: float


def augmented(image: Small, truth: Truth, rng: np.random.Generator) -> tuple[Small, Truth]:
    """Make an image larger or smaller within its frame, and of another contrast and brightness."""
    height, width = image.pixels.shape[:2]
    window = _window(height, width, rng)
    pixels = _lit(_seen(image.pixels, window), rng)
    return Small(pixels, image.width, image.height), _moved(truth, image, window)


def _window(height: int, width: int, rng: np.random.Generator) -> Window:
    scale = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
    x, y = rng.random(2) * (1 - 1 / scale) * [width, height]
    if scale < 1:  # whole pixels of grey
        x, y = np.trunc(np.array([x, y]) * scale) / scale
    return Window(float(x), float(y), scale)


def _seen(pixels: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    image, bilinear = Image.fromarray(pixels), Image.Resampling.BILINEAR
    if window.scale >= 1:
        low = np.array([window.x, window.y])
        high = np.minimum(low + np.array([width, height]) / window.scale, [width, height])
        return np.asarray(image.resize((width, height), bilinear, box=(*low.tolist(), *high.tolist())))
    left, top = (round(-low * window.scale) for low in (window.x, window.y))
    size = [max(1, round(side * window.scale)) for side in (width, height)]
    seen = np.full_like(pixels, FILL)
    smaller = np.asarray(image.resize((size[0], size[1]), bilinear))
    seen[top : top + size[1], left : left + size[0]] = smaller[: height - top, : width - left]
    return seen


def _lit(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    contrast, brightness = np.exp(rng.uniform(-LIGHT, LIGHT, 2)).astype(np.float32)
    mean = pixels.mean(dtype=np.float32)
    levels = ((np.arange(256, dtype=np.float32) - mean) * contrast + mean) * brightness
    lit: NDArray[np.uint8] = np.clip(levels, 0, 255).astype(np.uint8)[pixels]
    return lit


def _moved(truth: Truth, image: Small, window: Window) -> Truth:
    """Cut boxes at the frame; those that are hardly within it are as crowds, and those that are beyond it are gone."""
    frame = np.array(image.pixels.shape[1::-1], np.float64)
    places = image.shrink(truth.places)
    low = (places[:, :2] - [window.x, window.y]) * window.scale
    sides = places[:, 2:] * window.scale
    inner_low, inner_high = np.clip(low, 0, frame), np.clip(low + sides, 0, frame)
    inner = inner_high - inner_low
    seen = inner.prod(axis=1) / sides.prod(axis=1)
    kept = (inner >= LEAST_SIDE).all(axis=1)
    cut: Floats = np.concatenate([inner_low, inner], axis=1)[kept] / image.scale
    return Truth(cut, truth.classes[kept], (truth.crowd | (seen < LEAST_SEEN))[kept])

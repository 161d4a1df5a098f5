"""Images varied by chance, so that few of them teach more: nearer or farther, elsewhere, in other light."""

from __future__ import annotations

from math import exp, log

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nextlabel.core.data.boxes import Floats
from nextlabel.core.metrics.detection import Truth
from nextlabel.core.neural.detection.letterbox import FILL, Small

FARTHEST, NEAREST = 0.6, 1.6  # times as large, what an image shows becomes
LEAST_SEEN = 0.4  # of a box cut by the edge; where less of it is left, it is neither to be found nor not
LEAST_SIDE = 2.0  # pixels of what is left
LIGHT, TINT = 0.3, 0.08  # the share by which an image, and each of its channels, becomes lighter or darker at most


def varied(image: Small, truth: Truth, rng: np.random.Generator) -> tuple[Small, Truth]:
    """Return a part of it made larger, or all of it made smaller and laid somewhere, as many pixels as before."""
    height, width = image.pixels.shape[:2]
    zoom = exp(rng.uniform(log(FARTHEST), log(NEAREST)))
    corner = rng.uniform(0, 1, 2) * (1 - 1 / zoom) * (width, height)  # of what is seen; below 0, beside the image
    pixels = _lit(_seen(image.pixels, corner, zoom), rng)
    places = image.shrink(truth.places) * zoom
    places[:, :2] -= corner * zoom
    return Small(pixels, width, height), cut(truth._replace(places=places), width, height)


def cut(truth: Truth, width: int, height: int) -> Truth:
    """Cut boxes at the edge, and leave out those beyond it. Where little is left of one, it counts neither way."""
    low, high = (np.clip(ends, 0, (width, height)) for ends in _ends(truth.places))
    sides = high - low
    little = sides.prod(axis=1) < LEAST_SEEN * truth.places[:, 2:].prod(axis=1)
    crowd = truth.crowd | little | (sides < LEAST_SIDE).any(axis=1)
    left = (sides > 0).all(axis=1)
    return Truth(np.concatenate([low, sides], axis=1)[left], truth.classes[left], crowd[left])


def _ends(places: Floats) -> tuple[Floats, Floats]:
    return places[:, :2], places[:, :2] + places[:, 2:]


def _seen(pixels: NDArray[np.uint8], corner: Floats, zoom: float) -> NDArray[np.uint8]:
    """Show what lies from that corner on, zoomed; grey where there is no image."""
    left, top = corner.tolist()
    shown = Image.fromarray(np.ascontiguousarray(pixels)).transform(
        (pixels.shape[1], pixels.shape[0]),
        Image.Transform.AFFINE,
        (1 / zoom, 0, left, 0, 1 / zoom, top),
        Image.Resampling.BILINEAR,
        fillcolor=(FILL,) * 3,
    )
    return np.asarray(shown)


def _lit(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    factors = (1 + rng.uniform(-LIGHT, LIGHT)) * (1 + rng.uniform(-TINT, TINT, 3))
    levels = np.clip(np.arange(256)[:, None] * factors + 0.5, 0, 255).astype(np.uint8)  # (256, 3)
    return np.stack([levels[:, channel][pixels[..., channel]] for channel in range(3)], axis=2)

"""Images made as the detector takes them: their longer side of one length, BGR, filled up to what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from nextlabel.core.data.boxes import Floats
from nextlabel.core.data.decoder import Decoder
from nextlabel.core.data.files import ImageFile
from nextlabel.core.data.images import read_shape
from nextlabel.core.neural.crops import MOST_PIXELS_COPIED, TORCH_RESIZES
from nextlabel.core.neural.uploads import Gathered, ReadImage

LARGER = 1_024  # pixels of the longer side, at most, of what crops are taken from
FILL = 114  # grey, as YOLOX was trained
TURNED = [2, 1, 0]  # RGB to BGR; a slice of step -1 takes three times as long


@dataclass(frozen=True, eq=False)
class Small:
    """An image of width x height pixels, made smaller or larger: (h, w, 3) BGR.

    larger: the same with more of its pixels, RGB; None where nobody needs them.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    larger: Image.Image | None = None

    @property
    def scale(self) -> float:
        """How many pixels of it a pixel of the image is."""
        height, width = self.pixels.shape[:2]
        return float(max(height, width) / max(self.width, self.height))

    def shrink(self, places: Floats) -> Floats:
        """Boxes of the image -> of this: (n, 4) x, y, width, height."""
        return places * self.scale


class BoxReader:
    """Reads images whose longer side is to be `side` pixels. larger: whether they are wanted larger, too."""

    decodes_on_device = False

    def __init__(self, side: int, images_at_once: int = 32, *, larger: bool = False) -> None:
        self.side, self.images_at_once = side, images_at_once
        self._larger = max(side, LARGER) if larger else None

    def read(self, file: ImageFile, decoder: Decoder) -> ReadImage:
        """Raises UnreadableImage."""
        width, height, _ = read_shape(file, max_pixels=decoder.max_pixels)
        file.seek(0)
        image, remarks = decoder.decode(file, draft_size=self._larger or self.side)
        scale = self.side / max(width, height)
        larger = None
        if self._larger is not None:
            most = min(1.0, self._larger / max(width, height))
            larger = image if max(image.size) <= self._larger else _resized(image, most, width, height)
        prepared: Any = Small(_small(image, scale, width, height), width, height, larger)
        return ReadImage(prepared, remarks)

    def gather(self, prepared: Sequence[Any]) -> Gathered:
        """Put them into an array of objects: they are of several sizes."""
        batch = np.empty(len(prepared), object)
        batch[:] = prepared
        return Gathered(batch, {})


def _small(image: Image.Image, scale: float, width: int, height: int) -> NDArray[np.uint8]:
    """Make an image of width x height pixels, which may have been decoded smaller, `scale` times as large: BGR."""
    size = _size(scale, width, height)
    if not TORCH_RESIZES or image.width * image.height > MOST_PIXELS_COPIED or size == image.size:
        return np.asarray(image.resize(size, Image.Resampling.BILINEAR))[..., TURNED]
    whole = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    resized = functional.interpolate(whole, size=size[::-1], mode="bilinear", antialias=True)[0]
    return resized.permute(1, 2, 0).numpy()[..., TURNED]


def _resized(image: Image.Image, scale: float, width: int, height: int) -> Image.Image:
    return image.resize(_size(scale, width, height), Image.Resampling.BILINEAR)


def _size(scale: float, width: int, height: int) -> tuple[int, int]:
    return max(1, round(width * scale)), max(1, round(height * scale))


def filled_up(images: Sequence[NDArray[np.generic]], height: int, width: int) -> NDArray[np.generic]:
    """Lay images (h, w, 3), of one type, into the corner of an array each: (B, 3, height, width)."""
    batch: NDArray[np.generic] = np.full((len(images), 3, height, width), FILL, images[0].dtype)
    for i, pixels in enumerate(images):
        batch[i, :, : pixels.shape[0], : pixels.shape[1]] = np.moveaxis(pixels, 2, 0)
    return batch

"""Boxes as a backbone sees them: each cut out of its image with a little of what is around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nextlabel.core.data.boxes import Floats
from nextlabel.core.data.decoder import Decoder
from nextlabel.core.data.files import ImageFile
from nextlabel.core.data.images import read_shape
from nextlabel.core.neural.backbones import Backbone
from nextlabel.core.neural.detection.letterbox import LARGER
from nextlabel.core.neural.uploads import Gathered, ReadImage

AROUND = 0.18  # of a box's sides is cut out with it, on each; a backbone looks at the middle 7/8 of that
SIDE = 256  # pixels of what is cut out


class WholeReader:
    """Reads images to cut boxes out of: each with its width and height, of which it may have been made smaller."""

    decodes_on_device = False
    images_at_once = 8

    def read(self, file: ImageFile, decoder: Decoder) -> ReadImage:
        """Raises UnreadableImage."""
        width, height, _ = read_shape(file, max_pixels=decoder.max_pixels)
        file.seek(0)
        image, remarks = decoder.decode(file, draft_size=LARGER)
        image.thumbnail((LARGER, LARGER), Image.Resampling.BILINEAR)
        prepared: Any = (image, width, height)
        return ReadImage(prepared, remarks)

    def gather(self, prepared: Sequence[Any]) -> Gathered:
        """Put them into an array of objects."""
        batch = np.empty(len(prepared), object)
        for i, one in enumerate(prepared):
            batch[i] = one
        return Gathered(batch, {})


def embed_crops(backbone: Backbone, image: Image.Image, width: int, height: int, places: Floats) -> NDArray[np.float32]:
    """Embed boxes (n, 4) of an image of that size, which may have been made smaller: (n, d)."""
    scale = max(image.size) / max(width, height)
    crops = [backbone.prepare(_cut(image, place)) for place in places * scale]
    at_once = backbone.images_at_once
    parts = [backbone.forward(backbone.gather(crops[at : at + at_once]).batch) for at in range(0, len(crops), at_once)]
    return np.concatenate([np.empty((0, backbone.dimension), np.float32), *parts])


def _cut(image: Image.Image, place: Floats) -> Image.Image:
    """Cut a box and what is around it out, and make it a square. Beyond the edge there is nothing to be seen."""
    around = place[2:] * AROUND
    low = np.clip(place[:2] - around, 0, np.array(image.size) - 1)
    high = np.clip(place[:2] + place[2:] + around, low + 1, image.size)
    return image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=(*low.tolist(), *high.tolist()), reducing_gap=2.0)

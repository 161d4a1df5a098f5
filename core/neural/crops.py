"""What a network sees of an image: resized, then its middle cut out, as the weights' own transform does it.

Pixels are those of Pillow, which the weights' own transform resizes with. PyTorch gives the same in half the time
where it has AVX2. How an axis is resized is a matrix, too, and that is how a GPU does it (core/neural/uploads.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

RESAMPLINGS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
TORCH_RESIZES = torch.backends.cpu.get_cpu_capability().startswith("AVX")  # others have kernels that nobody measured
MOST_PIXELS_COPIED = 24_000_000  # from Pillow to PyTorch, twice for a moment, in each of the threads
MOST_TIMES_KEPT = 4.0  # the whole of a long, narrow image would be enlarged for the little that is kept of it
REACH = {"bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}  # of the filter, in pixels of the smaller scale


@dataclass(frozen=True)
class Cut:
    """What is cut out of an axis of `length` pixels that is resized to `resized`: `size` pixels from `start` on."""

    length: int
    resized: int
    start: int
    size: int

    @property
    def source(self) -> tuple[float, float]:
        """Return where the cut begins and ends on the axis as it was, in pixels."""
        scale = self.length / self.resized
        return self.start * scale, min((self.start + self.size) * scale, self.length)


@dataclass(frozen=True)
class Crop:
    """How an image is resized, and its middle cut out.

    height, width: of what the network takes. resized: (h, w) before the middle is cut out.
    squash: whether an image is made to fit that whatever its shape; else its shape is kept, and it covers it.
    """

    height: int
    width: int
    resized: tuple[int, int]
    squash: bool
    interpolation: str

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Crop | None:
        """Read timm's data config. Return None for what it does in another way (a border around, a rare filter)."""
        if config["crop_mode"] not in ("center", "squash") or config["interpolation"] not in RESAMPLINGS:
            return None
        _, height, width = config["input_size"]
        resized = (math.floor(height / config["crop_pct"]), math.floor(width / config["crop_pct"]))
        return cls(height, width, resized, config["crop_mode"] == "squash", config["interpolation"])

    def cuts(self, height: int, width: int) -> tuple[Cut, Cut]:
        """Return the vertical and the horizontal cut of an image of that size, rounded as timm rounds."""
        resized_h, resized_w = self._resized(height, width)
        return (
            Cut(height, resized_h, round((resized_h - self.height) / 2), self.height),
            Cut(width, resized_w, round((resized_w - self.width) / 2), self.width),
        )

    def __call__(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and cut an RGB image: (H, W, 3) uint8."""
        vertical, horizontal = self.cuts(image.height, image.width)
        times_kept = vertical.resized * horizontal.resized / (self.height * self.width)
        small = image.height * image.width <= MOST_PIXELS_COPIED and times_kept <= MOST_TIMES_KEPT
        if TORCH_RESIZES and self.interpolation in ("bilinear", "bicubic") and small:
            return self._by_torch(image, vertical, horizontal)
        return self._by_pillow(image, vertical, horizontal)

    def _by_torch(self, image: Image.Image, vertical: Cut, horizontal: Cut) -> NDArray[np.uint8]:
        """Resize the whole image: torch knows no part of one that begins between two pixels."""
        whole = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        size = (vertical.resized, horizontal.resized)
        resized = F.interpolate(whole, size=size, mode=self.interpolation, antialias=True)[0]
        rows, columns = (slice(cut.start, cut.start + cut.size) for cut in (vertical, horizontal))
        return np.ascontiguousarray(resized[:, rows, columns].permute(1, 2, 0).numpy())

    def _by_pillow(self, image: Image.Image, vertical: Cut, horizontal: Cut) -> NDArray[np.uint8]:
        """Resize its rows first, then its columns: between the two, Pillow rounds to levels, and asked for both at once
        it begins with whichever is cheaper, which a crop may turn round.
        """
        (top, bottom), (left, right) = vertical.source, horizontal.source
        resampling = RESAMPLINGS[self.interpolation]
        image = image.resize((self.width, image.height), resampling, box=(left, 0, right, image.height))
        return np.asarray(image.resize((self.width, self.height), resampling, box=(0, top, self.width, bottom)))

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        wanted_h, wanted_w = self.resized
        if self.squash:
            return self.resized
        if wanted_h != wanted_w:
            ratio = min(height / wanted_h, width / wanted_w)
            return round(height / ratio), round(width / ratio)
        short, long = sorted((height, width))
        longer = int(wanted_h * long / short)
        return (wanted_h, longer) if height <= width else (longer, wanted_w)


def resize_matrices(cuts: Sequence[Cut], interpolation: str, length: int, device: torch.device) -> Tensor:
    """Return what each resized pixel takes of each pixel of its axis, as Pillow computes it: (n, size, length) float32.

    cuts: of n axes of up to `length` pixels, all of one size.
    """
    scale = np.array([cut.length / cut.resized for cut in cuts])
    first = np.array([cut.source[0] for cut in cuts])
    reach = REACH[interpolation] * np.maximum(scale, 1.0)
    centres = first[:, None] + (np.arange(cuts[0].size) + 0.5) * scale[:, None]  # (n, size)
    begin = np.maximum(np.floor(centres - reach[:, None] + 0.5), 0)
    end = np.minimum(np.floor(centres + reach[:, None] + 0.5), [[cut.length] for cut in cuts])
    narrowed = 1 / np.maximum(scale, 1.0)[:, None, None]
    table = np.stack([centres - 0.5, begin, end])[..., None]  # (3, n, size, 1)
    middle, first_taken, first_left = torch.from_numpy(table).to(device, torch.float32)
    pixels = torch.arange(length, dtype=torch.float32, device=device)
    weights: Tensor = _filter(interpolation, (pixels - middle) * torch.from_numpy(narrowed).to(device, torch.float32))
    weights = weights * ((pixels >= first_taken) & (pixels < first_left))
    weights /= weights.sum(dim=-1, keepdim=True)
    return weights


def _filter(interpolation: str, x: Tensor) -> Tensor:
    x = x.abs()
    if interpolation == "bilinear":
        return (1 - x).clamp(min=0)
    if interpolation == "lanczos":
        return torch.where(x < REACH["lanczos"], torch.sinc(x) * torch.sinc(x / 3), 0)
    inner = (1.5 * x - 2.5) * x * x + 1  # Keys' cubic, a = -1/2
    outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, inner, torch.where(x < 2, outer, 0))

"""Images -> pixels in a GPU's memory. JPEGs go there as they are: its own decoder is faster than many cores.

Resized by two matrix products, which give what Pillow gives (core/neural/crops.py), give or take a level of 255: half
precision rounds, and in which order is summed depends on the largest image of the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

try:
    from torchvision.io import ImageReadMode, decode_jpeg
except ImportError:  # it is to leave torchvision one day (docs/dependencies.md); Pillow decodes then
    decode_jpeg = None

from nextlabel.core.data.images import SAME_TONE, Decoded, Remark, decode
from nextlabel.core.data.jpegs import Jpeg
from nextlabel.core.errors import UnreadableImage
from nextlabel.core.logs import get_logger
from nextlabel.core.neural.crops import Crop, resize_matrices

MOST_JPEGS, MOST_PIXELS = 128, 100_000_000  # decoded at once

log = get_logger(__name__)

Prepared: TypeAlias = NDArray[np.generic] | Jpeg  # what a thread makes of one image file


class ReadImage(NamedTuple):
    """What a thread makes of one image file, and what is to be said of it."""

    prepared: Prepared
    remarks: Remark


class Gathered(NamedTuple):
    """A batch of images; and for those of its positions that could not be read after all, why. What else was found."""

    batch: Any
    faults: Mapping[int, str]
    remarks: Mapping[int, Remark] = MappingProxyType({})


class Uploader:
    """Puts images into a GPU's memory, on a stream of its own: the next ones come while the network is at work on
    these.
    """

    def __init__(self, shape: tuple[int, int, int], crop: Crop | None, device: torch.device) -> None:
        """Take `shape` (H, W, 3) of the pixels, and what to make of JPEGs. Without a crop, `takes_jpegs` is False."""
        self._shape, self._crop, self._device = shape, crop, device
        self.takes_jpegs = crop is not None and _decodes_jpegs(device)
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        # Half precision holds levels of 255 exactly; it is for matrix units, which CPUs have none of.
        self._dtype = torch.float16 if device.type == "cuda" else torch.float32

    def __call__(self, items: Sequence[Prepared]) -> Gathered:
        """Return (n, 3, H, W) uint8 in the GPU's memory, once all are there. What can't be read is black."""
        faults: dict[int, str] = {}
        jpegs_at = {i: item for i, item in enumerate(items) if isinstance(item, Jpeg)}
        height, width, channels = self._shape
        with self._own_stream():
            images = torch.zeros((len(items), height, width, channels), dtype=torch.uint8, device=self._device)
            images = images.permute(0, 3, 1, 2)
            self._copy({i: item for i, item in enumerate(items) if not isinstance(item, Jpeg)}, images)
            for jpegs in _together(jpegs_at):
                self._decode(jpegs, images, faults)
            flat = _flat(images).tolist() if jpegs_at else []
        if self._stream is not None:
            self._stream.synchronize()
        return Gathered(images, faults, _remarks({i: jpegs_at[i] for i in flat if i in jpegs_at}, faults))

    def _own_stream(self) -> AbstractContextManager[object]:
        return torch.cuda.stream(self._stream) if self._stream is not None else nullcontext()

    def _copy(self, prepared: dict[int, NDArray[np.generic]], images: Tensor) -> None:
        if prepared:
            pixels = torch.from_numpy(np.stack(list(prepared.values()))).to(self._device)
            images[list(prepared)] = pixels.permute(0, 3, 1, 2)

    def _decode(self, jpegs: dict[int, Jpeg], images: Tensor, faults: dict[int, str]) -> None:
        """Decode JPEGs into `images`. Where memory, or a JPEG that the decoder refuses, makes it fail, try halves of
        them.
        """
        if self._resized(jpegs, images):
            return
        if self._stream is not None:
            torch.cuda.empty_cache()  # only here has what failed let go of its memory
        if len(jpegs) == 1:
            self._decode_on_cpu(jpegs, images, faults)
            return
        order = list(jpegs.items())
        for half in (order[: len(order) // 2], order[len(order) // 2 :]):
            self._decode(dict(half), images, faults)

    def _resized(self, jpegs: dict[int, Jpeg], images: Tensor) -> bool:
        try:
            self._resize(jpegs, images)
        except torch.AcceleratorError:
            raise
        except RuntimeError:  # the decoder says of memory and of a bad JPEG no more than that
            return False
        return True

    def _decode_on_cpu(self, jpegs: dict[int, Jpeg], images: Tensor, faults: dict[int, str]) -> None:
        assert self._crop is not None
        for i, jpeg in jpegs.items():
            try:
                prepared = self._crop(_decoded(jpeg).image)
            except UnreadableImage as error:
                faults[i] = error.detail
            else:
                self._copy({i: prepared}, images)

    def _resize(self, jpegs: dict[int, Jpeg], images: Tensor) -> None:
        """Decode and resize JPEGs of any sizes at once: each is laid into the corner of a picture as large as the
        largest.
        """
        assert self._crop is not None
        encoded = [torch.from_numpy(jpeg.data) for jpeg in jpegs.values()]
        if self._stream is not None:
            self._stream.synchronize()  # it decodes on a stream of its own, maybe into memory that this one just freed
        decoded = decode_jpeg(encoded, mode=ImageReadMode.RGB, device=self._device)  # each (3, h, w) uint8
        upright = [_turned(image, jpeg.orientation) for jpeg, image in zip(jpegs.values(), decoded, strict=True)]
        sizes = [tuple(image.shape[1:]) for image in upright]
        height, width = max(h for h, _ in sizes), max(w for _, w in sizes)
        pixels = torch.zeros((len(upright), 3, height, width), dtype=self._dtype, device=self._device)
        corners = [row[:, :h, :w] for row, (h, w) in zip(pixels, sizes, strict=True)]
        torch._foreach_copy_(corners, upright)  # one by one, each would wait for the interpreter that readers hold
        cuts_of = {size: self._crop.cuts(*size) for size in set(sizes)}
        cuts = [cuts_of[size] for size in sizes]
        vertical, horizontal = (
            resize_matrices(of_axis, self._crop.interpolation, length, self._device).to(self._dtype)[:, None]
            for of_axis, length in zip(zip(*cuts, strict=True), (height, width), strict=True)
        )
        pixels = (pixels @ horizontal.mT).round_().clamp_(0, 255)  # Pillow rounds in between, too
        pixels = (vertical @ pixels).round_().clamp_(0, 255)
        images[torch.tensor(list(jpegs), device=self._device)] = pixels.to(torch.uint8)


def _decoded(jpeg: Jpeg) -> Decoded:
    return decode(BytesIO(jpeg.data.tobytes()), max_pixels=jpeg.height * jpeg.width)


def _remarks(jpegs: dict[int, Jpeg], faults: dict[int, str]) -> dict[int, Remark]:
    """Look at whole pictures, of which so far is known what was cut from them; add what can't be read to `faults`."""
    remarks = {}
    for i, jpeg in jpegs.items():
        if i not in faults:
            try:
                remarks[i] = _decoded(jpeg).remarks
            except UnreadableImage as error:
                faults[i] = error.detail
    return remarks


def _flat(images: Tensor) -> Tensor:
    """Find those of the images (n, 3, H, W) that may be cut from a picture of one tone."""
    low, high = images.flatten(2).aminmax(dim=2)
    return (high - low <= 2 * SAME_TONE).all(dim=1).nonzero().flatten()


def _together(jpegs: dict[int, Jpeg]) -> Iterator[dict[int, Jpeg]]:
    """Group JPEGs of like size, for the largest of a group says how much memory each takes."""
    part: dict[int, Jpeg] = {}
    for i, jpeg in sorted(jpegs.items(), key=lambda one: max(one[1].height, one[1].width)):
        side = max(jpeg.height, jpeg.width)  # of a square that holds it and those before, whichever way up
        if part and (len(part) == MOST_JPEGS or (len(part) + 1) * side * side > MOST_PIXELS):
            yield part
            part = {}
        part[i] = jpeg
    if part:
        yield part


def _turned(image: Tensor, orientation: int) -> Tensor:
    """Turn an image (3, h, w) as EXIF says: orientations 5 to 8 swap the axes, and some mirror it."""
    if orientation >= 5:
        image = image.transpose(1, 2)
    flipped = {2: (2,), 3: (1, 2), 4: (1,), 6: (2,), 7: (1, 2), 8: (1,)}.get(orientation, ())
    return image.flip(flipped) if flipped else image


def _decodes_jpegs(device: torch.device) -> bool:
    """Try whether torchvision's build and the driver can decode a small JPEG."""
    if decode_jpeg is None:
        return False
    stream = BytesIO()
    Image.new("RGB", (16, 16), "red").save(stream, "JPEG")
    encoded = torch.from_numpy(np.frombuffer(stream.getvalue(), np.uint8).copy())
    try:
        (image,) = decode_jpeg([encoded], mode=ImageReadMode.RGB, device=device)
    except (torch.AcceleratorError, torch.OutOfMemoryError):
        raise
    except (RuntimeError, OSError) as error:
        log.warning("JPEGs are decoded by the CPU: torchvision can't on this device", cause=str(error)[:300])
        return False
    return bool((image.float().mean(dim=(1, 2)).cpu() - torch.tensor([254.0, 0, 0])).abs().max() < 8)

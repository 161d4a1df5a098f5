"""Open images that nobody has vouched for: each becomes RGB, or an error that says why not."""

from __future__ import annotations

import re
import threading
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,  # noqa: F401 -- the six formats of a pool register themselves; else Pillow imports all it has
    ExifTags,
    GifImagePlugin,  # noqa: F401
    Image,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from nextlabel.core.data.files import ImageFile
from nextlabel.core.errors import UnreadableImage

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")


def decode(stream: ImageFile, *, max_pixels: int, draft_size: int | None = None) -> Image.Image:
    """Decode the first frame of an image file to 8-bit RGB, upright by its EXIF orientation. Any thread may call this.

    Transparency is laid on white. 16-bit grey keeps its upper 8 bits; 32-bit and float grey is stretched from its
    smallest to its largest finite value. With `draft_size`, a JPEG is decoded at 1/2, 1/4 or 1/8 of its size (much
    faster, not the same pixels) so long as its short side stays at least twice `draft_size`; without, exactly.

    Raises:
        UnreadableImage: empty, cut short, corrupted, of another format, or its header claims more than `max_pixels`, in
            which case nothing is decoded.
    """
    _prepare_pillow(max_pixels)
    try:
        return _decode(stream, max_pixels, draft_size)
    except (UnreadableImage, MemoryError):  # what memory is short of is no fault of the image
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(max_pixels) from None
    except UnidentifiedImageError:
        raise UnreadableImage(f"none of {', '.join(FORMATS)}, or its header is damaged") from None
    except Exception as error:  # Pillow's decoders raise whatever the damage leads them to
        raise UnreadableImage(f"cut short, damaged or not supported ({_words(error)})") from error


def _decode(stream: ImageFile, max_pixels: int, draft_size: int | None) -> Image.Image:
    _check_head(stream.read(30), max_pixels)
    image: Image.Image = Image.open(stream, formats=FORMATS)
    _check_size(image.size, max_pixels)
    if draft_size is not None:
        image.draft(None, (2 * draft_size, 2 * draft_size))  # nothing but JPEG heeds it
    image.load()
    return _upright(_rgb(image), _orientation(image))


# --- before anything is decoded ---------------------------------------------------------------------------------

_PILLOW = threading.Lock()
_QUIET = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as filterwarnings() makes it


def _prepare_pillow(max_pixels: int) -> None:
    """Let images up to `max_pixels` pass Pillow's own limit, and keep it from warning of odd metadata.

    Pillow knows both for the whole process only, and catch_warnings() in one thread undoes another's. So the limit
    only rises, and the filter stays.
    """
    with _PILLOW:
        if Image.MAX_IMAGE_PIXELS is not None and max_pixels > Image.MAX_IMAGE_PIXELS:
            Image.MAX_IMAGE_PIXELS = max_pixels
        if warnings.filters[:1] != [_QUIET]:
            warnings.filterwarnings("ignore", module=r"PIL\.")


def _check_head(head: bytes, max_pixels: int) -> None:
    if not head:
        raise UnreadableImage("the file is empty")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and len(head) == 30:
        _check_size(_webp_size(head), max_pixels)  # Pillow allocates the canvas of a WebP when it opens it


def _webp_size(head: bytes) -> tuple[int, int]:
    if head[12:16] == b"VP8X":
        return _little(head[24:27]) + 1, _little(head[27:30]) + 1
    if head[12:16] == b"VP8L":
        bits = _little(head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise _too_large(max_pixels)


def _too_large(max_pixels: int) -> UnreadableImage:
    return UnreadableImage(f"its header claims more pixels than NEXTLABEL_MAX_IMAGE_PIXELS allows ({max_pixels:,})")


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


# --- to upright RGB ---------------------------------------------------------------------------------------------

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _orientation(image: Image.Image) -> object:
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata around good pixels
        return None


def _upright(image: Image.Image, orientation: object) -> Image.Image:
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _grey((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in {"I", "F"}:
        return _grey(_stretched(np.asarray(image, dtype=np.float64)))
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _grey(values: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(values).convert("RGB")


def _stretched(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    scale = 255 / (high - low) if high > low else 0.0
    return ((np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) * scale).round().astype(np.uint8)


def _on_white(image: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=image)
    return canvas

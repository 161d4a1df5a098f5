"""Open images that nobody has vouched for: each becomes RGB, or an error that says why not."""

from __future__ import annotations

import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from enum import IntFlag
from importlib import import_module
from io import BytesIO
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,  # noqa: F401 -- the formats of a pool register themselves; else Pillow imports all it has
    ExifTags,
    GifImagePlugin,  # noqa: F401
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)
from PIL.ImageFile import ImageFile

from nextlabel.core.data.files import HEIF_READER, READS_HEIF
from nextlabel.core.data.files import ImageFile as PoolFile
from nextlabel.core.data.jpegs import CHEAP_SCANS, END, SCAN, count_scans, has_all_scans, has_end
from nextlabel.core.errors import UnreadableImage

FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"]
if AvifImagePlugin.SUPPORTED:
    FORMATS.append("AVIF")
if READS_HEIF:
    import_module(HEIF_READER).register_heif_opener()
    FORMATS.append("HEIF")


class Remark(IntFlag):
    """What a person should know of a picture that was decoded. The numbers are kept in caches."""

    STRETCHED = 1  #: its values have no fixed range, or use fewer bits than they are stored in
    ALPHA_IGNORED = 2  #: it is transparent everywhere; its colours are shown
    ONE_TONE = 4  #: it shows nothing
    WITHOUT_END = 8  #: a JPEG that has all its pixels, but not the marker at its end


NOTHING = Remark(0)


class Decoded(NamedTuple):
    """A picture: 8-bit RGB, upright."""

    image: Image.Image
    remarks: Remark


class Dear(Exception):
    """Decoding the image may take long, or much memory."""


def decode(stream: PoolFile, *, max_pixels: int, draft_size: int | None = None, cheap: bool = False) -> Decoded:
    """Decode the first frame of an open image file to 8-bit RGB, upright by its EXIF orientation. Any thread may call
    this.

    Transparency is laid on white, unless it is everywhere, when it is ignored. Grey and colours of 16 bits keep the
    upper 8 of the 8 to 16 that their greatest value needs; 32-bit and float grey is stretched from its
    smallest to its largest finite value. With `draft_size`, a JPEG is decoded at 1/2, 1/4 or 1/8 of its size (much
    faster, not the same pixels) so long as its short side stays at least twice `draft_size`; without, exactly.

    Raises:
        Dear: with `cheap`, what may take more than about a second or 500 MB; nothing is decoded.
        UnreadableImage: empty, cut short, corrupted, of another format, or its header claims more than `max_pixels`, in
            which case nothing is decoded.
    """
    _prepare_pillow(max_pixels)
    try:
        return _decode(stream, max_pixels, draft_size, cheap)
    except (UnreadableImage, MemoryError, Dear):  # what memory is short of is no fault of the image
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(max_pixels) from None
    except UnidentifiedImageError:
        raise UnreadableImage(_why_unidentified(stream)) from None
    except Exception as error:  # Pillow's decoders raise whatever the damage leads them to
        raise UnreadableImage(f"cut short, damaged or not supported ({_words(error)})") from error


def read_shape(stream: PoolFile, *, max_pixels: int) -> tuple[int, int, int]:
    """Read (width, height, EXIF orientation 1 to 8) from an open image's header; width and height are of the upright
    image. Any thread may call this. Raises UnreadableImage."""
    _prepare_pillow(max_pixels)
    try:
        image = _opened(stream, max_pixels)
    except (UnreadableImage, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(max_pixels) from None
    except Exception as error:  # Pillow's readers raise whatever the damage leads them to
        raise UnreadableImage(f"none of {', '.join(FORMATS)}, or its header is damaged ({_words(error)})") from None
    said = _orientation(image)
    orientation = said if isinstance(said, int) and said in _TURNS else 1
    width, height = image.size
    return (height, width, orientation) if orientation >= LYING else (width, height, orientation)


def _decode(stream: PoolFile, max_pixels: int, draft_size: int | None, cheap: bool) -> Decoded:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(30)
    if not head:
        raise UnreadableImage("the file is empty")
    canvas = _webp_size(head) if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and len(head) == 30 else (0, 0)
    _check_size(canvas, max_pixels)  # which Pillow allocates when it opens a WebP
    if cheap and (canvas[0] * canvas[1] > CHEAP_PIXELS or size > CHEAP_BYTES or head[4:8] == AVIF_OR_HEIC):
        raise Dear
    image = _opened(stream, max_pixels)
    takes_long = cheap and _takes_long(image, stream)
    _draft(image, draft_size)
    if takes_long or (cheap and image.width * image.height > CHEAP_PIXELS):
        raise Dear
    remarks = NOTHING
    upper = _rawmode(image)  # loading forgets it
    if image.format in JPEGS and not _has_end(stream, size):
        image, remarks = _ended(stream, max_pixels, draft_size), Remark.WITHOUT_END
    image.load()
    orientation = _orientation(image)
    if upper in LOWER and _is_dark(image):
        image, remarks = _deepened(image, upper, stream), Remark.STRETCHED
    rgb, more = _rgb(image)
    if more:
        remarks |= more
    if _is_one_tone(rgb):
        remarks |= Remark.ONE_TONE
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return Decoded(rgb if turn is None else rgb.transpose(turn), remarks)


def _opened(stream: PoolFile, max_pixels: int) -> Image.Image:
    image: Image.Image = Image.open(stream, formats=FORMATS)
    _check_size(image.size, max_pixels)
    _mend_planes(image)
    return image


def _draft(image: Image.Image, draft_size: int | None) -> None:
    if draft_size is not None:
        image.draft(None, (2 * draft_size, 2 * draft_size))  # nothing but JPEG heeds it


# --- before anything is decoded ---------------------------------------------------------------------------------

_PILLOW = threading.Lock()
_QUIET = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as filterwarnings() makes it

# What Pillow knows of little-endian TIFFs, and not of the others.
TiffImagePlugin.OPEN_INFO.setdefault((b"MM", 0, (1,), 1, (16,), ()), ("I;16B", "I;16B"))


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


def _why_unidentified(stream: PoolFile) -> str:
    stream.seek(0)
    if stream.read(4) in TIFF_HEADS:
        return (
            "a TIFF of a kind that is not read (64-bit floats, say, or more than four channels), or damaged; convert it"
        )
    return f"none of {', '.join(FORMATS)}, or its header is damaged"


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


# --- what may be dear -------------------------------------------------------------------------------------------

CHEAP_BYTES = 16_000_000  # of a file: what stands before the pixels is read piece by piece
CHEAP_PIXELS = 32_000_000
CHEAP_WIDE_PIXELS = 8_000_000  # of more than 8 bits a channel
CHEAP_RUNS = 250_000  # pixels of a BMP with run lengths, which Pillow decodes in Python: 2 million a second
AVIF_OR_HEIC = b"ftyp"  # their decoders are the youngest, and do the most
TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
CHEAP_TIFFS = {"raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "group3", "group4", "tiff_ccitt"}


def _takes_long(image: Image.Image, stream: PoolFile) -> bool:
    """Judge an image that was opened and not yet decoded by its header; JPEGs with several scans by their number."""
    pixels = image.width * image.height
    if image.format in JPEGS:
        jpeg = cast("JpegImagePlugin.JpegImageFile", image)
        return not _has_one_scan(jpeg, stream) and pixels * _scans(stream) > CHEAP_SCANS
    if image.mode[:1] in {"I", "F"} or _rawmode(image) in LOWER:
        pixels *= CHEAP_PIXELS // CHEAP_WIDE_PIXELS
    if image.format == "TIFF":
        tile = int(_tag(image, TILE_WIDTH, 0)) * int(_tag(image, TILE_HEIGHT, 0))
        return max(pixels, tile) > CHEAP_PIXELS or image.info.get("compression") not in CHEAP_TIFFS
    if isinstance(image, ImageFile) and image.tile and image.tile[0].codec_name == "bmp_rle":
        return pixels > CHEAP_RUNS
    return pixels > CHEAP_PIXELS


def _has_one_scan(image: JpegImagePlugin.JpegImageFile, stream: PoolFile) -> bool:
    """Tell whether the scan that Pillow stopped behind holds all channels, and nothing refines it."""
    length = 6 + 2 * image.layers
    stream.seek(max(0, stream.tell() - 2 - length))
    return "progressive" not in image.info and stream.read(5) == bytes([0xFF, SCAN, 0, length, image.layers])


def _scans(stream: PoolFile) -> int:
    stream.seek(0)
    return count_scans(stream.read())


# --- a JPEG without its end -------------------------------------------------------------------------------------

JPEGS = ("JPEG", "MPO")
CUT = "cut short, damaged or not supported (a JPEG without its end, of which pixels are missing)"
FILLINGS = (bytes(64), b"\x55" * 64, bytes(range(64, 128)))


def _has_end(stream: PoolFile, size: int) -> bool:
    """Tell whether a JPEG has its end marker: nearly all do at their very end, which costs no more than a look."""
    last = stream.getvalue()[-2:] if isinstance(stream, BytesIO) else os.pread(stream.fileno(), 2, max(0, size - 2))
    if last == END:
        return True
    stream.seek(0)
    return has_end(stream.read())


def _ended(stream: PoolFile, max_pixels: int, draft_size: int | None) -> Image.Image:
    """Decode a JPEG that lacks its end marker. Raises UnreadableImage where pixels are missing, too.

    No decoder tells that. But what stands between the last pixel and the end is skipped, and what stands in the place
    of missing pixels is shown: so all fillings show the same picture only where nothing is missing.
    """
    stream.seek(0)
    data = stream.read().rstrip(b"\0").rstrip(b"\xff")  # zeros fill up what was never received
    if not has_all_scans(data):
        raise UnreadableImage(CUT)
    images = [_opened(BytesIO(data + filling + END), max_pixels) for filling in FILLINGS]
    for image in images:
        _draft(image, draft_size)
    pixels = {image.tobytes() for image in images}
    if len(pixels) > 1:
        raise UnreadableImage(CUT)
    return images[0]


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
LYING = 5  # from this orientation on, width and height are exchanged
PROBES = 8  # pixels across and down that tell of nearly every picture that it has more than one tone
SAME_TONE = 2  # levels of 255 apart, and nobody sees it
FAINT = 8  # an alpha of 255 up to which a picture on white is white to the eye


def _orientation(image: Image.Image) -> object:
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata around good pixels
        return None


def _rgb(image: Image.Image) -> tuple[Image.Image, Remark]:
    image = _as_meant(image) if image.format == "TIFF" else image
    if image.mode.startswith("I;16"):
        return _from_16_bits(image)
    if image.mode in {"I", "F"}:
        return _from_range(image), Remark.STRETCHED
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image, NOTHING
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB"), NOTHING


def _as_meant(image: Image.Image) -> Image.Image:
    """Undo what Pillow takes some TIFFs for: signed bytes for 0..255, a channel that is no alpha for one."""
    if image.mode == "L" and _tag(image, Tags.SampleFormat, 1) == SIGNED:
        return image.point([level ^ 0x80 for level in range(256)])
    if image.mode == "RGBA" and _tag(image, Tags.ExtraSamples, 0) not in ALPHAS:  # infrared, or whatever else
        return image.convert("RGB")
    return image


def _on_white(image: Image.Image) -> tuple[Image.Image, Remark]:
    """Lay an RGBA image on white; an alpha that is nothing, or next to it, everywhere says nothing, and hides all."""
    if _extrema(image)[3][1] <= FAINT:
        return image.convert("RGB"), Remark.ALPHA_IGNORED
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=image)
    return canvas, NOTHING


def _extrema(image: Image.Image) -> tuple[tuple[int, int], ...]:
    """Return the least and the greatest value of each channel; there are several."""
    return cast("tuple[tuple[int, int], ...]", image.getextrema())


def _is_one_tone(image: Image.Image) -> bool:
    corner = cast("tuple[int, ...]", image.getpixel((0, 0)))
    middle = cast("tuple[int, ...]", image.getpixel((image.width // 2, image.height // 2)))
    if any(abs(one - other) > SAME_TONE for one, other in zip(corner, middle, strict=True)):
        return False  # of most images that is all that is looked at
    probes = image.resize((PROBES, PROBES), Image.Resampling.NEAREST)
    return _is_flat(probes) and _is_flat(image)


def _is_flat(image: Image.Image) -> bool:
    return all(high - low <= SAME_TONE for low, high in _extrema(image))


# --- more than 8 bits -------------------------------------------------------------------------------------------

Tags = ExifTags.Base
# Tags of TIFF: MaxSampleValue, PlanarConfiguration, GDAL's.
GREATEST_VALUE, PLANES, NODATA = 281, 284, 42113
TILE_WIDTH, TILE_HEIGHT = 322, 323
SIGNED = 2  # SampleFormat
ALPHAS = (1, 2)  # ExtraSamples
NO_VALUES = (-9999.0, -32768.0, -float(np.finfo(np.float32).max))  # the least, where it is these, stands for no value
ROWS_OF_PIXELS = 1_000_000  # that are made wider at once


def _depth(greatest: int) -> int:
    """Return the bits that are in use where this is the greatest value: 8 at least."""
    return max(8, greatest.bit_length())


def _from_16_bits(image: Image.Image) -> tuple[Image.Image, Remark]:
    stored = min(16, int(_tag(image, Tags.BitsPerSample, 16)))
    depth = _depth(max(int(values[values != 0xFFFF].max(initial=0)) for values in _strips(image)))
    depth = min(stored, max(depth, _depth(int(_tag(image, GREATEST_VALUE, 0)))))
    upper = _grey(image, lambda values: np.minimum(values >> (depth - 8), 255).astype(np.uint8))
    return upper, Remark.STRETCHED if depth < stored else NOTHING


def _from_range(image: Image.Image) -> Image.Image:
    """Stretch grey of 32 bits or floating point; what is not finite, or stands for no value, is dark or light."""
    try:
        nodata = np.float64(_tag(image, NODATA, "nan").strip("\0 "))
    except (ValueError, AttributeError):
        nodata = np.float64("nan")
    low, high = _range_of(image, nodata)
    if low in NO_VALUES:
        low, high = _range_of(image, nodata, np.float64(low))
    scale = 255 / (high - low) if high > low else 0.0

    def level(values: NDArray[Any]) -> NDArray[np.uint8]:
        wide = np.clip(np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low), low, high)
        levels: NDArray[np.uint8] = ((wide - low) * scale).round().astype(np.uint8)
        return levels

    return _grey(image, level)


def _range_of(image: Image.Image, *no_values: np.float64) -> tuple[float, float]:
    """Return the least and the greatest of the finite values, but for those; 0 and 0 where there is none."""
    low, high = np.inf, -np.inf
    for values in _strips(image):
        seen = np.isfinite(values)
        for none in no_values:
            if np.isfinite(none):
                seen &= values != none.astype(values.dtype)
        if seen.any():
            low, high = min(low, float(values[seen].min())), max(high, float(values[seen].max()))
    return (low, high) if low <= high else (0.0, 0.0)


def _grey(image: Image.Image, level: Callable[[NDArray[Any]], NDArray[np.uint8]]) -> Image.Image:
    """Make RGB of an image with one value a pixel; white is 0 in some TIFFs, which Pillow turns for 8 bits only."""
    grey = np.concatenate([level(values) for values in _strips(image)])
    return Image.fromarray(~grey if _tag(image, Tags.PhotometricInterpretation, 1) == 0 else grey).convert("RGB")


def _strips(image: Image.Image) -> Iterator[NDArray[Any]]:
    """Yield the values, some rows (h, W, ...) at a time: a whole image of wide values is a multiple of its memory."""
    width, height = image.size
    unsigned = image.mode == "I" and _tag(image, Tags.SampleFormat, 0) == 1
    rows = max(1, ROWS_OF_PIXELS // width)
    for top in range(0, height, rows):
        values = np.asarray(image.crop((0, top, width, min(height, top + rows))))
        yield values.view(np.uint32) if unsigned else values


def _tag(image: Image.Image, number: int, default: Any) -> Any:
    """Return a tag of a TIFF; the first, where each channel has its own."""
    if image.format != "TIFF":  # isinstance takes a microsecond, of which there are few for an image
        return default
    value = cast("TiffImagePlugin.TiffImageFile", image).tag_v2.get(number, default)
    return value[0] if isinstance(value, tuple) and value else value


# --- colours of 16 bits -----------------------------------------------------------------------------------------

# Pillow keeps the upper byte of each; told that the bytes come the other way round, it keeps the lower.
OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
LOWER = {
    f"{channels};16{order}": f"{channels};16{other}"
    for channels in ("RGB", "RGBA", "RGBX", "CMYK", *"RGBACMYK")
    for order, other in OTHER.items()
}
LOWER["LA;16B"] = "RGBA"  # grey, its lower byte, alpha, its lower byte


def _mend_planes(image: Image.Image) -> None:
    """Have planes of 16 bits a channel read as such: Pillow takes each of their bytes for a pixel."""
    if _tag(image, PLANES, 1) == 2 and _tag(image, Tags.BitsPerSample, 8) == 16:
        order = "L" if image.tag_v2.prefix == b"II" else "B"  # type: ignore[attr-defined]
        _give_rawmodes(image, lambda mode: f"{mode};16{order}" if len(mode) == 1 else mode)


def _rawmode(image: Image.Image) -> str:
    tiles = cast("ImageFile", image).tile
    args = tiles[0].args if tiles else None
    return str(args[0] if isinstance(args, tuple) else args)


def _give_rawmodes(image: Image.Image, changed: Callable[[str], str]) -> None:
    assert isinstance(image, ImageFile)
    for i, tile in enumerate(image.tile):
        args = (changed(tile.args[0]), *tile.args[1:]) if isinstance(tile.args, tuple) else changed(str(tile.args))
        image.tile[i] = tile._replace(args=args)


def _is_dark(image: Image.Image) -> bool:
    """Tell whether colours, of which these are the upper bytes, need fewer than 16 bits."""
    colours = _extrema(image)[: 4 if image.mode == "CMYK" else 3]
    greatest = max(high for _, high in colours) << 8 | 0xFF
    return max(_depth(greatest), _depth(int(_tag(image, GREATEST_VALUE, 0)))) < 16


def _deepened(image: Image.Image, rawmode: str, stream: PoolFile) -> Image.Image:
    """Stretch colours of 16 bits that use fewer, of which `image` has the upper bytes: alpha by itself."""
    stream.seek(0)
    lower: Image.Image = Image.open(stream, formats=FORMATS)
    _mend_planes(lower)
    _give_rawmodes(lower, lambda mode: LOWER[mode])
    bands = [1, 1, 1, 3] if rawmode == "LA;16B" else list(range(len(image.getbands())))
    colours = len(bands) - (image.mode == "RGBA")

    def wide() -> Iterator[NDArray[np.uint16]]:
        for upper, low in zip(_strips(image), _strips(lower), strict=True):
            yield upper.astype(np.uint16) << 8 | low[..., bands]

    greatest = np.max([values.max(axis=(0, 1)) for values in wide()], axis=0)
    depths = [_depth(int(greatest[:colours].max()))] * colours + [_depth(int(alpha)) for alpha in greatest[colours:]]
    shifts, top = np.array(depths, np.uint16) - 8, 0
    stretched = Image.new(image.mode, image.size)
    for values in wide():
        stretched.paste(Image.fromarray((values >> shifts).astype(np.uint8), image.mode), (0, top))
        top += len(values)
    return stretched

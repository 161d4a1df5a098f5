import base64
import contextlib
import io
import re
import resource
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nextlabel.core.data.images import FORMATS, Remark
from nextlabel.core.errors import UnreadableImage
from tests.image_files import decode, remarks, tiff

MANY = 100_000_000
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def photo(size=(64, 48)):
    """Smooth colours, so that a lossy format keeps them nearly."""
    y, x = np.mgrid[: size[1], : size[0]]
    bands = [x * 255 // size[0], y * 255 // size[1], (x + y) * 255 // sum(size)]
    return Image.fromarray(np.stack(bands, axis=-1).astype(np.uint8))


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def put(tmp_path, data, name="picture"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def decoded(tmp_path, image, kind, **options):
    rgb = decode(put(tmp_path, encoded(image, kind, **options)), max_pixels=MANY)
    assert rgb.mode == "RGB"
    return rgb


def reason(path, max_pixels=MANY):
    with pytest.raises(UnreadableImage) as caught:
        decode(path, max_pixels=max_pixels)
    assert path.name not in caught.value.detail
    return caught.value.detail


def difference(one, other):
    return np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max()


# --- formats and modes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "tolerance"), [("PNG", 0), ("BMP", 0), ("TIFF", 0), ("GIF", 40), ("JPEG", 12), ("WEBP", 12)]
)
def test_each_format_of_a_pool_is_decoded(tmp_path, kind, tolerance):
    rgb = decoded(tmp_path, photo(), kind)
    assert rgb.size == (64, 48)
    assert difference(rgb, photo()) <= tolerance


@pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA", "PCX", "EPS", "PDF"])
def test_other_formats_are_refused_under_any_suffix(tmp_path, kind):
    path = put(tmp_path, encoded(photo(), kind), "image.jpg")
    assert re.fullmatch("none of JPEG, PNG, .*, GIF.*, or its header is damaged", reason(path))


def test_grey_becomes_rgb(tmp_path):
    assert decoded(tmp_path, Image.new("L", (4, 4), 99), "PNG").getpixel((0, 0)) == (99, 99, 99)


def test_one_bit_becomes_black_and_white(tmp_path):
    image = Image.new("1", (4, 4), 0)
    image.putpixel((1, 0), 1)
    rgb = decoded(tmp_path, image, "PNG")
    assert [rgb.getpixel((x, 0)) for x in (0, 1)] == [BLACK, WHITE]


def test_a_palette_becomes_its_colours(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putpixel((1, 0), 1)
    rgb = decoded(tmp_path, image, "PNG")
    assert [rgb.getpixel((x, 0)) for x in (0, 1)] == [RED, GREEN]


@pytest.mark.parametrize(
    ("transparency", "colours"), [(0, [WHITE, GREEN]), (bytes([128, 0]), [(255, 127, 127), WHITE])]
)
def test_transparent_palette_colours_are_laid_on_white(tmp_path, transparency, colours):
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putpixel((1, 0), 1)
    rgb = decoded(tmp_path, image, "PNG", transparency=transparency)
    assert [rgb.getpixel((x, 0)) for x in (0, 1)] == colours


@pytest.mark.parametrize(
    ("mode", "pixel", "colour"),
    [
        ("RGBA", (255, 0, 0, 255), RED),
        ("RGBA", (255, 0, 0, 0), WHITE),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("LA", (0, 0), WHITE),
        ("LA", (0, 255), BLACK),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_laid_on_white(tmp_path, kind, mode, pixel, colour):
    image = Image.new(mode, (8, 8), pixel)
    image.putpixel((7, 7), (*pixel[:-1], 255))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    image = image.convert("RGBA") if kind == "WEBP" else image
    assert difference(decoded(tmp_path, image, kind, **options).getpixel((3, 3)), colour) <= 1


def test_a_transparent_colour_of_grey_and_rgb_is_laid_on_white(tmp_path):
    grey, colour = Image.new("L", (2, 2), 7), Image.new("RGB", (2, 2), RED)
    grey.putpixel((1, 1), 9)
    colour.putpixel((1, 1), BLUE)
    assert decoded(tmp_path, grey, "PNG", transparency=7).getpixel((0, 0)) == WHITE
    assert decoded(tmp_path, colour, "PNG", transparency=RED).getpixel((0, 0)) == WHITE
    assert decoded(tmp_path, colour, "PNG", transparency=GREEN).getpixel((0, 0)) == RED


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_not_inverted(tmp_path, kind):
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # Pillow writes JPEG inverted and marked, as Adobe does
    assert difference(decoded(tmp_path, image, kind).getpixel((8, 8)), RED) <= 4


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_keeps_its_upper_bits(tmp_path, kind):
    image = Image.fromarray(np.array([[0, 255, 256, 32768, 65535]], dtype=np.uint16))
    assert np.asarray(decoded(tmp_path, image, kind))[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_big_endian_sixteen_bit_grey_keeps_its_upper_bits(tmp_path):
    image = Image.frombytes("I;16B", (2, 1), b"\x80\x00\x01\xff")
    assert np.asarray(decoded(tmp_path, image, "TIFF"))[0, :, 0].tolist() == [128, 1]


def test_sixteen_bit_grey_with_a_transparent_value_is_decoded(tmp_path):
    image = Image.fromarray(np.full((2, 2), 32768, dtype=np.uint16))
    assert decoded(tmp_path, image, "PNG", transparency=5).getpixel((0, 0)) == (128, 128, 128)


def test_sixteen_bit_colour_with_a_transparent_colour_is_decoded(tmp_path):
    row = b"\0" + struct.pack(">6H", 65535, 0, 0, 0, 0, 65535)
    data = png(2, 1, bits=16, colour=2, rows=row, before=chunk(b"tRNS", struct.pack(">3H", 1, 2, 3)))
    rgb = decode(put(tmp_path, data), max_pixels=MANY)
    assert [rgb.getpixel((x, 0)) for x in (0, 1)] == [RED, BLUE]


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_wide_grey_is_stretched_from_its_smallest_to_its_largest_value(tmp_path, dtype):
    image = Image.fromarray(np.array([[-1000, 0, 1000]], dtype=dtype))
    assert np.asarray(decoded(tmp_path, image, "TIFF"))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0, np.nan, np.inf, -np.inf], [0, 255, 0, 255, 0]),
        ([5.0, 5.0], [0, 0]),
        ([np.nan, np.nan], [0, 0]),
        ([-3e38, 3e38], [0, 255]),
        ([0.0, 1e-45], [0, 255]),
    ],
)
def test_float_grey_survives_what_floats_can_be(tmp_path, values, expected):
    image = Image.fromarray(np.array([values], dtype=np.float32))
    assert np.asarray(decoded(tmp_path, image, "TIFF"))[0, :, 0].tolist() == expected


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_of_many_frames_the_first_counts(tmp_path, kind):
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
    rgb = decoded(tmp_path, frames[0], kind, save_all=True, append_images=frames[1:])
    assert difference(rgb.getpixel((8, 8)), RED) <= 4


def test_a_stereo_jpeg_is_its_first_photo(tmp_path):
    rgb = decoded(tmp_path, photo(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))])
    assert difference(rgb, photo()) <= 12


# --- what the container can hold, and what is in it -------------------------------------------------------------

GREYS = np.arange(256, dtype=np.uint16).reshape(16, 16)
COLOURS = np.stack([GREYS, GREYS[::-1], GREYS.T], axis=-1)
DEPTHS = [9, 10, 11, 12, 13, 14, 15]


def alike(path, pixels):
    """Whether the picture has these 8-bit pixels, grey (H, W) or RGB (H, W, 3)."""
    rgb = np.asarray(decode(path, max_pixels=MANY))
    return np.array_equal(rgb, pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1))


def rows_of(values):
    return b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)


@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("white", [0, 1])
def test_grey_that_uses_fewer_bits_than_16_is_stretched_and_said(tmp_path, bits, order, white):
    path = put(tmp_path, tiff(GREYS << (bits - 8), order=order, photometric=white))
    assert alike(path, GREYS if white else 255 - GREYS)
    assert remarks(path, max_pixels=MANY) == Remark.STRETCHED


@pytest.mark.parametrize("bits", DEPTHS)
def test_a_png_of_fewer_bits_than_16_is_stretched_and_said(tmp_path, bits):
    values = GREYS << (bits - 8)
    path = put(tmp_path, png(16, 16, bits=16, colour=0, rows=rows_of(values)))
    assert alike(path, GREYS)
    assert remarks(path, max_pixels=MANY) == Remark.STRETCHED


@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("kind", ["<", ">", "planes", "lzw", "PNG"])
def test_colours_that_use_fewer_bits_than_16_are_stretched_and_said(tmp_path, bits, kind):
    values = COLOURS << (bits - 8)
    if kind == "PNG":
        data = png(16, 16, bits=16, colour=2, rows=rows_of(values.reshape(16, -1)))
    else:
        data = tiff(values, order=">" if kind == ">" else "<", photometric=2, planes=kind == "planes")
    path = put(tmp_path, data)
    assert alike(path, COLOURS)
    assert remarks(path, max_pixels=MANY) == Remark.STRETCHED


@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_colours_of_16_bits_keep_the_upper_8(tmp_path, order, planes):
    path = put(tmp_path, tiff(COLOURS * 257, order=order, photometric=2, planes=planes))
    assert alike(path, COLOURS)
    assert remarks(path, max_pixels=MANY) == Remark(0)


@pytest.mark.parametrize(("colour", "channels"), [(4, 1), (6, 3)])
def test_an_alpha_of_few_bits_is_stretched_by_itself(tmp_path, colour, channels):
    values = (np.dstack([GREYS] if channels == 1 else [COLOURS]) << 4).reshape(16, 16, channels)
    for alpha, shown in ((4095, COLOURS if channels == 3 else GREYS), (65535, COLOURS if channels == 3 else GREYS)):
        pixels = np.concatenate([values, np.full((16, 16, 1), alpha, np.uint16)], axis=2)
        path = put(tmp_path, png(16, 16, bits=16, colour=colour, rows=rows_of(pixels.reshape(16, -1))))
        assert alike(path, shown)


def test_a_dark_picture_of_16_bits_stays_dark_where_its_tag_says_that_it_could_be_light(tmp_path):
    dark = put(tmp_path, tiff(GREYS << 4, t281=65535))
    assert alike(dark, GREYS >> 4)
    assert remarks(dark, max_pixels=MANY) == Remark(0)


def test_bits_are_told_by_the_greatest_value_alone(tmp_path):
    values = np.array([[0, 1 << 11, 5]], np.uint16)  # of 12 bits, though it uses little more than half of them
    assert np.asarray(decode(put(tmp_path, tiff(values)), max_pixels=MANY))[0, :, 0].tolist() == [0, 128, 0]


@pytest.mark.parametrize("order", "<>")
def test_signed_grey_is_stretched_and_said(tmp_path, order):
    path = put(tmp_path, tiff(np.array([[-1000, 0, 1000]], np.int16), order=order))
    assert np.asarray(decode(path, max_pixels=MANY))[0, :, 0].tolist() == [0, 128, 255]
    assert remarks(path, max_pixels=MANY) == Remark.STRETCHED


def test_unsigned_grey_of_32_bits_is_not_taken_for_signed(tmp_path):
    path = put(tmp_path, tiff(np.array([[0, 1 << 31, 0xFFFFFFFF]], np.uint32)))
    assert np.asarray(decode(path, max_pixels=MANY))[0, :, 0].tolist() == [0, 128, 255]


def test_white_may_be_the_least_value_of_floats_too(tmp_path):
    path = put(tmp_path, tiff(np.array([[0, 1]], np.float32), photometric=0))
    assert np.asarray(decode(path, max_pixels=MANY))[0, :, 0].tolist() == [255, 0]


def test_what_a_tiff_declares_to_be_no_value_does_not_take_the_range(tmp_path):
    values = np.array([[-9999, 100, 200]], np.float32)
    path = put(tmp_path, tiff(values, t42113=b"-9999\0"))
    assert np.asarray(decode(path, max_pixels=MANY))[0, :, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("none", [-9999, -32768, float(np.finfo(np.float32).min)])
def test_a_least_value_that_stands_for_none_does_not_take_the_range_either(tmp_path, none):
    path = put(tmp_path, tiff(np.array([[none, 100, 200]], np.float32)))
    assert np.asarray(decode(path, max_pixels=MANY))[0, :, 0].tolist() == [0, 0, 255]


def test_the_greatest_value_of_16_bits_beside_fewer_is_no_value(tmp_path):
    path = put(tmp_path, tiff(np.array([[0, 2048, 4095, 65535]], np.uint16)))
    assert np.asarray(decode(path, max_pixels=MANY))[0, :, 0].tolist() == [0, 128, 255, 255]
    assert remarks(path, max_pixels=MANY) == Remark.STRETCHED


@pytest.mark.parametrize("order", "<>")
def test_signed_bytes_are_not_taken_for_unsigned(tmp_path, order):
    path = put(tmp_path, tiff(np.array([[-128, -1, 0, 127]], np.int8), order=order))
    assert np.asarray(decode(path, max_pixels=MANY))[0, :, 0].tolist() == [0, 127, 128, 255]


def test_a_fourth_channel_of_a_tiff_is_no_alpha_unless_it_says_so(tmp_path):
    pixels = np.array([[[10, 20, 30, 0], [40, 50, 60, 128]]], np.uint8)
    path = put(tmp_path, tiff(pixels, photometric=2))
    assert np.asarray(decode(path, max_pixels=MANY))[0].tolist() == [[10, 20, 30], [40, 50, 60]]


def test_an_alpha_that_nobody_sees_anything_by_is_none(tmp_path):
    image = Image.merge("RGBA", [*photo().split(), Image.new("L", photo().size, 5)])
    path = put(tmp_path, encoded(image, "PNG"))
    assert difference(decode(path, max_pixels=MANY), photo()) == 0
    assert remarks(path, max_pixels=MANY) == Remark.ALPHA_IGNORED


def test_a_tiff_of_a_kind_that_is_not_read_is_not_said_to_be_none(tmp_path):
    assert reason(put(tmp_path, tiff(np.array([[0.5, 1]], np.float64)))).startswith("a TIFF of a kind that is not read")


@pytest.mark.parametrize("mode", ["1", "L"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_white_may_be_the_least_value_of_one_and_of_eight_bits(tmp_path, mode, compression):
    image = Image.new(mode, (16, 8), 0)
    image.paste(255, (0, 0, 8, 8))
    data = encoded(image, "TIFF", compression=compression)
    one = struct.pack("<HHI", 262, 3, 1)
    assert data.count(one + b"\1\0") == 1
    rgb = decode(put(tmp_path, data.replace(one + b"\1\0", one + b"\0\0")), max_pixels=MANY)
    assert [rgb.getpixel((x, 0)) for x in (0, 15)] == [BLACK, WHITE]


def test_lab_is_shown_in_its_colours(tmp_path):
    image = Image.new("LAB", (8, 8), (138, 209, 198))  # sRGB's red
    assert difference(decoded(tmp_path, image, "TIFF").getpixel((3, 3)), RED) <= 6


# --- an alpha that says nothing, a picture that shows nothing ---------------------------------------------------


def bmp_with_alpha(rgba):
    height, width = rgba.shape[:2]
    pixels = rgba[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 32, 3, len(pixels), 2835, 2835, 0, 0) + masks
    header += b"BGRs" + bytes(48) + struct.pack("<IIII", 4, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 138 + len(pixels), 0, 0, 138) + header + pixels


@pytest.mark.parametrize("kind", ["BMP", "PNG", "TIFF", "WEBP", "AVIF"])
def test_an_alpha_that_is_empty_everywhere_is_none_and_said(tmp_path, kind):
    rgba = photo().convert("RGBA")
    rgba.putalpha(0)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    data = bmp_with_alpha(np.asarray(rgba)) if kind == "BMP" else encoded(rgba, kind, **options)
    path = put(tmp_path, data)
    assert difference(decode(path, max_pixels=MANY), photo()) <= (40 if kind == "AVIF" else 0)
    assert remarks(path, max_pixels=MANY) == Remark.ALPHA_IGNORED


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_a_palette_that_is_all_transparent_shows_its_colours(tmp_path, kind):
    image = Image.new("P", (16, 16))
    image.putpalette([*RED, *GREEN])
    path = put(tmp_path, encoded(image, kind, transparency=0))
    assert decode(path, max_pixels=MANY).getpixel((5, 5)) == RED
    assert remarks(path, max_pixels=MANY) == Remark.ALPHA_IGNORED | Remark.ONE_TONE


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_empty_alpha_of_the_first_frame_is_none(tmp_path, kind):
    empty = photo().convert("RGBA")
    empty.putalpha(0)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    path = put(
        tmp_path, encoded(empty, kind, save_all=True, append_images=[photo().convert("RGBA")], **options), "animated"
    )
    assert Remark.ALPHA_IGNORED in remarks(path, max_pixels=MANY)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_a_picture_of_one_tone_is_remarked(tmp_path, kind):
    flat, speck = Image.new("RGB", (100, 70), (90, 100, 110)), Image.new("RGB", (100, 70), (90, 100, 110))
    speck.paste(BLACK, (33, 41, 36, 44))  # between the pixels that are looked at first
    options = {"lossless": True} if kind == "WEBP" else {}
    assert remarks(put(tmp_path, encoded(flat, kind, **options)), max_pixels=MANY) == Remark.ONE_TONE
    assert remarks(put(tmp_path, encoded(speck, kind, **options)), max_pixels=MANY) == Remark(0)
    assert remarks(put(tmp_path, encoded(photo(), kind)), max_pixels=MANY) == Remark(0)


# --- a JPEG without its end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0, "quality": 95}])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_jpeg_without_its_end_marker_is_read_and_said(tmp_path, options, cut):
    data = encoded(photo((201, 133)), "JPEG", **options)
    whole, path = put(tmp_path, data, "whole"), put(tmp_path, data[:-cut])
    assert difference(decode(path, max_pixels=MANY), decode(whole, max_pixels=MANY)) == 0
    assert remarks(path, max_pixels=MANY) == Remark.WITHOUT_END
    assert decode(path, max_pixels=MANY, draft_size=20).size == decode(whole, max_pixels=MANY, draft_size=20).size


def test_a_jpeg_may_have_more_behind_its_end(tmp_path):
    for behind in (bytes(500), b"trailer", encoded(photo(), "PNG")):
        path = put(tmp_path, encoded(photo(), "JPEG") + behind)
        assert difference(decode(path, max_pixels=MANY), photo()) <= 12
        assert remarks(path, max_pixels=MANY) == Remark(0)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_was_never_received_whole_is_not_grey_but_unreadable(tmp_path, progressive):
    data = encoded(photo((201, 133)), "JPEG", progressive=progressive)
    assert "pixels are missing" in reason(put(tmp_path, data[: len(data) * 2 // 3] + bytes(len(data) // 3)))
    ended = put(tmp_path, data[:-2] + bytes(4000))
    assert remarks(ended, max_pixels=MANY) == Remark.WITHOUT_END


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(10, 1200), progressive=st.booleans())
def test_a_jpeg_that_is_cut_is_unreadable(tmp_path_factory, cut, progressive):
    rng = np.random.default_rng(cut)
    noise = Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8))
    data = encoded(noise, "JPEG", progressive=progressive)
    assert "damaged" in reason(put(tmp_path_factory.getbasetemp(), data[:-cut], "short.jpg"))


# --- formats of libraries that may not be there -----------------------------------------------------------------


def test_avif_is_decoded(tmp_path):
    assert difference(decoded(tmp_path, photo(), "AVIF"), photo()) <= 40


HEIC = base64.b64decode(  # 32 x 16, red beside blue
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAA"
    "AERAAAEAAQAAAAABoAABAAAAAAAAAE4AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADc"
    "aXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAA"
    "AwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFw"
    "AAAAIAAAAAEAAAAQAAAAAf///+AAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAVm1kYXQAAABK"
    "KAGvUhdOZOb86r//lSv/6cSQ8nEAr/5C9V95iT/W8oQftNqklgR2mw1oagV1ZTIZaJVEQtL5YXtT7NO3uLmK42y2Tj0W97xgAWc="
)


@pytest.mark.skipif("HEIF" not in FORMATS, reason="the extra `heic` is not installed")
def test_heic_is_decoded_where_its_reader_is_installed(tmp_path):
    rgb = decode(put(tmp_path, HEIC), max_pixels=MANY)
    assert rgb.size == (32, 16)
    assert difference([rgb.getpixel((x, 8)) for x in (4, 28)], [(200, 30, 30), (20, 41, 220)]) <= 4


# --- orientation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("orientation", "corner"), [(1, 0), (2, 1), (3, 3), (4, 2), (5, 0), (6, 1), (7, 3), (8, 2)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_the_image_stands_upright_by_its_exif(tmp_path, kind, orientation, corner):
    image = Image.new("RGB", (48, 32))
    image.paste(WHITE, (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = decoded(tmp_path, image, kind, exif=exif)
    width, height = rgb.size
    assert (width, height) == ((48, 32) if orientation < 5 else (32, 48))
    corners = [(5, 5), (width - 5, 5), (5, height - 5), (width - 5, height - 5)]
    assert [rgb.getpixel(at)[0] > 200 for at in corners] == [at == corner for at in range(4)]


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0garbage!!", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_damaged_metadata_does_not_cost_the_image(tmp_path, exif):
    assert difference(decoded(tmp_path, photo(), "JPEG", exif=exif), photo()) <= 12


def test_metadata_that_pillow_warns_of_does_not_cost_the_image(tmp_path):
    entries = struct.pack("<HHHII", 2, 0x010F, 2, 1000, 0xFFFF) + struct.pack("<HHII", 0x0110, 2, 1000, 0xFFFF)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + entries + b"\0\0\0\0"
    data = encoded(photo(), "JPEG", exif=exif)
    with pytest.warns(UserWarning, match="larger than file"), Image.open(io.BytesIO(data)) as image:
        image.getexif()
    assert difference(decode(put(tmp_path, data), max_pixels=MANY), photo()) <= 12


# --- the smaller decoding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "draft_size", "expected"),
    [
        ((1600, 1200), 224, (800, 600)),
        ((1800, 896), 112, (450, 224)),
        ((899, 897), 224, (450, 449)),
        ((300, 200), 224, (300, 200)),
    ],
)
def test_a_draft_keeps_twice_the_short_side_asked_for(tmp_path, size, draft_size, expected):
    path = put(tmp_path, encoded(photo(size), "JPEG"))
    assert decode(path, max_pixels=MANY, draft_size=draft_size).size == expected
    assert decode(path, max_pixels=MANY).size == size


def test_a_draft_looks_like_the_image(tmp_path):
    path = put(tmp_path, encoded(photo((640, 480)), "JPEG", quality=95))
    rgb = decode(path, max_pixels=MANY, draft_size=60)
    assert rgb.size == (160, 120)
    assert difference(rgb, photo((640, 480)).resize((160, 120), Image.Resampling.BOX)) <= 12


def test_other_formats_have_no_draft(tmp_path):
    path = put(tmp_path, encoded(photo(), "PNG"))
    assert difference(decode(path, max_pixels=MANY, draft_size=2), photo()) == 0


# --- what can't be read -----------------------------------------------------------------------------------------


def test_files_that_are_not_there_empty_or_a_folder_are_said(tmp_path):
    assert reason(tmp_path / "gone.jpg") == "the file can't be opened: No such file or directory"
    assert reason(tmp_path) == "the file can't be opened: Is a directory"
    assert reason(put(tmp_path, b"", "void.jpg")) == "the file is empty"


def test_links_in_a_loop_are_said(tmp_path):
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    assert reason(tmp_path / "loop.jpg").startswith("the file can't be opened: ")


def test_a_forbidden_file_is_said(shared_path, as_nobody):
    path = put(shared_path, encoded(photo(), "PNG"))
    path.chmod(0)
    error = as_nobody(lambda: decode(path, max_pixels=MANY))
    assert isinstance(error, UnreadableImage)
    assert error.detail == "the file can't be opened: Permission denied"


def test_text_is_no_image(tmp_path):
    assert "none of JPEG" in reason(put(tmp_path, b"<html>not found</html>", "page.jpg"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_a_truncated_file_is_unreadable(tmp_path, kind):
    data = encoded(photo(), kind)
    assert "damaged" in reason(put(tmp_path, data[: len(data) // 2]))


def test_an_unreadable_image_is_a_nextlabel_error_with_a_code():
    assert UnreadableImage.code == "unreadable_image"


# --- decompression bombs ----------------------------------------------------------------------------------------


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, *, bits=8, colour=2, rows=b"", before=b""):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + before + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def patched(data, at, fmt, *values):
    return data[:at] + struct.pack(fmt, *values) + data[at + struct.calcsize(fmt) :]


def webp(kind, head):
    body = b"WEBP" + kind + struct.pack("<I", len(head)) + head
    return b"RIFF" + struct.pack("<I", len(body)) + body + bytes(30)


def bombs():
    jpeg = encoded(photo(), "JPEG")
    yield "PNG", png(50_000, 50_000)
    yield "JPEG", patched(jpeg, jpeg.index(b"\xff\xc0") + 5, ">HH", 65_000, 65_000)
    yield "GIF screen", patched(encoded(photo(), "GIF"), 6, "<HH", 65_000, 65_000)
    yield "BMP", patched(encoded(photo(), "BMP"), 18, "<ii", 50_000, 50_000)
    tiff = encoded(Image.new("L", (70_001, 1)), "TIFF")
    yield "TIFF", tiff.replace(struct.pack("<HHII", 257, 4, 1, 1), struct.pack("<HHII", 257, 4, 1, 70_001))
    yield "WEBP extended", webp(b"VP8X", struct.pack("<I", 0) + b"\xff\xff\xff" * 2)
    yield "WEBP lossless", webp(b"VP8L", b"\x2f" + b"\xff\xff\xff\x0f")
    yield "WEBP lossy", webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + b"\xff\x3f\xff\x3f")


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in bombs()])
def test_a_bomb_is_refused_by_its_header_before_memory_is_taken(tmp_path, data):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert reason(put(tmp_path, data)).startswith("its header claims more pixels than NEXTLABEL_MAX_IMAGE_PIXELS")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_the_limit_is_exact(tmp_path, kind):
    path = put(tmp_path, encoded(photo(), kind))
    assert decode(path, max_pixels=64 * 48).size == (64, 48)
    assert "(3,071)" in reason(path, max_pixels=64 * 48 - 1)


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0"}])
def test_the_size_of_each_kind_of_webp_is_read_from_its_header(tmp_path, options):
    path = put(tmp_path, encoded(photo((301, 203)), "WEBP", **options))
    assert decode(path, max_pixels=301 * 203).size == (301, 203)
    reason(path, max_pixels=301 * 203 - 1)


def test_the_limit_may_be_above_pillows_own(tmp_path):
    path = put(tmp_path, encoded(Image.new("1", (20_000, 10_000)), "PNG"))
    assert decode(path, max_pixels=200_000_000).size == (20_000, 10_000)
    reason(path, max_pixels=199_999_999)


# --- damage of any kind -----------------------------------------------------------------------------------------

SOUND = {
    "JPEG": encoded(photo(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
    "PNG": encoded(photo(), "PNG"),
    "PNG palette": encoded(photo().quantize(16), "PNG", transparency=3),
    "GIF": encoded(photo(), "GIF"),
    "BMP": encoded(photo(), "BMP"),
    "TIFF": encoded(photo(), "TIFF"),
    "TIFF deflate": encoded(photo(), "TIFF", compression="tiff_adobe_deflate"),
    "WEBP": encoded(photo(), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"),
}


@pytest.mark.parametrize("kind", SOUND)
@given(data=st.data())
def test_damage_decodes_or_is_unreadable_and_nothing_else(tmp_path_factory, kind, data):
    sound = bytearray(SOUND[kind])
    places = st.integers(0, min(len(sound), 1000) - 1) | st.integers(0, len(sound) - 1)
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        sound[at] = value
    length = data.draw(st.just(len(sound)) | st.integers(0, len(sound)))
    path = put(tmp_path_factory.getbasetemp(), bytes(sound[:length]), "damaged")
    with contextlib.suppress(UnreadableImage):
        assert decode(path, max_pixels=1_000_000).mode == "RGB"


def test_threads_decode_odd_images_without_a_warning(tmp_path):
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x010F, 2, 1000, 0xFFFF) + b"\0\0\0\0"
    path = put(tmp_path, encoded(photo(), "JPEG", exif=exif))
    with ThreadPoolExecutor(8) as threads:
        sizes = list(threads.map(lambda _: decode(path, max_pixels=MANY).size, range(200)))
    assert set(sizes) == {(64, 48)}


def test_listing_and_labels_need_no_pillow():
    code = "import sys, core.data.labels, core.data.pool, core.data.roots; sys.exit('PIL' in sys.modules)"
    root = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0

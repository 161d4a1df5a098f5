import numpy as np
import pytest
from PIL import Image

from tests.image_files import read_jpeg
from tests.images_that_are_dear import jpeg_of_many_scans

PIXELS = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
ORIENTATION = 0x0112


@pytest.fixture
def photo(tmp_path):
    def save(name="a.jpg", mode="RGB", **options):
        path = tmp_path / name
        Image.fromarray(PIXELS).convert(mode).save(path, **options)
        return path

    return save


def turned(value):
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 20, "optimize": True}])
def test_a_jpeg_is_read_whole_with_its_size(photo, options):
    path = photo(**options)
    jpeg = read_jpeg(path, max_pixels=1200)
    assert (jpeg.height, jpeg.width, jpeg.orientation) == (30, 40, 1)
    assert jpeg.data.tobytes() == path.read_bytes()


@pytest.mark.parametrize("value", range(1, 9))
def test_its_orientation_is_told(photo, value):
    assert read_jpeg(photo(exif=turned(value)), max_pixels=1200).orientation == value


@pytest.mark.parametrize("exif", [turned(9), turned(0), b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_an_orientation_that_makes_no_sense_is_upright(photo, exif):
    assert read_jpeg(photo(exif=exif), max_pixels=1200).orientation == 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.jpg", {"mode": "L"}),
        ("a.jpg", {"mode": "CMYK"}),
        ("a.jpg", {"format": "PNG"}),
        ("a.webp", {}),
        ("a.jpg", {"keep_rgb": True}),
    ],
)
def test_what_is_no_usual_jpeg_is_left_to_pillow(photo, name, options):
    assert read_jpeg(photo(name, **options), max_pixels=1200) is None


def test_an_orientation_that_stands_in_xmp_alone_is_left_to_pillow(photo):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    assert read_jpeg(photo(xmp=xmp), max_pixels=1200) is None
    assert read_jpeg(photo(xmp=xmp, exif=turned(3)), max_pixels=1200).orientation == 3


def test_exif_in_two_parts_is_left_to_pillow(photo):
    path = photo(exif=turned(6))
    whole = path.read_bytes()
    at, length = whole.index(b"\xff\xe1"), int.from_bytes(whole[whole.index(b"\xff\xe1") + 2 :][:2])
    path.write_bytes(whole[:at] + 2 * whole[at : at + 2 + length] + whole[at + 2 + length :])
    assert read_jpeg(path, max_pixels=1200) is None


def test_a_file_far_too_large_for_its_pixels_is_not_read(photo):
    path = photo()
    path.write_bytes(path.read_bytes()[:-2] + bytes(10_000) + b"\xff\xd9")
    assert read_jpeg(path, max_pixels=1200) is None


def test_more_pixels_than_allowed_are_left_to_pillow_which_says_so(photo):
    assert read_jpeg(photo(), max_pixels=1199) is None


def test_a_file_cut_short_anywhere_is_left_to_pillow(photo, tmp_path):
    whole = photo().read_bytes()
    for length in (*range(0, len(whole), 7), *range(len(whole) - 7, len(whole))):
        (tmp_path / "cut.jpg").write_bytes(whole[:length])
        assert read_jpeg(tmp_path / "cut.jpg", max_pixels=1200) is None


def test_a_header_cut_short_before_a_proper_end_is_left_to_pillow(photo, tmp_path):
    whole = photo().read_bytes()
    for length in range(whole.index(b"\xff\xc0") + 16):
        (tmp_path / "cut.jpg").write_bytes(whole[:length] + b"\xff\xd9")
        assert read_jpeg(tmp_path / "cut.jpg", max_pixels=1200) is None


def test_a_jpeg_that_may_be_dear_is_left_to_others(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg_of_many_scans(side=800, times=20, mode="RGB"))
    assert read_jpeg(path, max_pixels=10**8) is not None
    path.write_bytes(jpeg_of_many_scans(side=800, times=700, mode="RGB"))
    assert read_jpeg(path, max_pixels=10**8) is None

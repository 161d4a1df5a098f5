"""Images as a detector takes them are Pillow's, made smaller and BGR."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nextlabel.core.data.decoder import Decoder
from nextlabel.core.neural.detection.letterbox import BoxReader, filled_up
from nextlabel.core.settings import Settings


@pytest.fixture
def photo(tmp_path):
    """It is 120 x 90 pixels, of many colours."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(coarse).resize((120, 90), Image.Resampling.BICUBIC).save(path)
    return path


def read(path, **options):
    with path.open("rb") as file:
        return BoxReader(**options).read(file, Decoder.of(Settings())).prepared


@pytest.mark.parametrize(("side", "size"), [(64, (64, 48)), (120, (120, 90)), (160, (160, 120))])
def test_the_longer_side_has_the_length_that_was_asked_for(photo, side, size):
    small = read(photo, side=side)
    assert (small.width, small.height) == (120, 90)
    with Image.open(photo) as image:
        expected = np.asarray(image.resize(size, Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(small.pixels[..., ::-1] - expected).max() <= 1


def test_more_of_its_pixels_are_there_for_who_wants_them(photo):
    assert read(photo, side=64).larger is None
    with Image.open(photo) as image:
        np.testing.assert_array_equal(np.asarray(read(photo, side=64, larger=True).larger), np.asarray(image))


def test_what_is_filled_up_keeps_its_type_and_its_corner():
    image = np.full((2, 3, 3), 7, np.uint8)
    filled = filled_up([image], 4, 4)
    assert (filled.shape, filled.dtype) == ((1, 3, 4, 4), np.uint8)
    assert (filled[0, :, :2, :3] == 7).all()
    assert (filled[0, :, 2:] == 114).all()

"""A box is cut out where it is on the image, also where the picture is smaller than that."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw

from nextlabel.core.data.cut_outs import SIDE, cut_out


def test_what_is_in_the_box_is_in_the_middle_and_each_edge_has_its_colour():
    image = Image.new("RGB", (400, 200), "white")
    ImageDraw.Draw(image).rectangle((150, 50, 189, 89), fill="black")  # 300, 100, 80, 80 of an image of twice the size
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG")
    cut = cut_out(jpeg.getvalue(), (800, 400), [None, (300, 100, 80, 80)])
    with Image.open(io.BytesIO(cut)) as shown:
        assert max(shown.size) == SIDE
        assert sum(shown.getpixel((SIDE // 2, SIDE // 2))) < 60
        red, _, blue = shown.getpixel((SIDE // 4, SIDE // 2))
        assert blue > red + 60


def test_a_box_at_the_edge_is_cut_there():
    jpeg = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(jpeg, "JPEG")
    cut_out(jpeg.getvalue(), (40, 30), [(-5, -5, 60, 60), None])


@pytest.mark.parametrize("box", [(300, 10, 20, 20), (10, 300, 20, 20), (-300, 10, 20, 20)])
def test_of_a_box_beyond_the_image_there_is_no_picture(box):
    jpeg = io.BytesIO()
    Image.new("RGB", (100, 80), "white").save(jpeg, "JPEG")
    assert cut_out(jpeg.getvalue(), (100, 80), [box]) is None

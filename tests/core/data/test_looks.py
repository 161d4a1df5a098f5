"""Dark is told from bright, and sharp from blurred."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from nextlabel.core.data.looks import look_at


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def test_black_is_0_white_is_1_and_neither_has_an_edge():
    for shade, brightness in ((0, 0.0), (255, 1.0)):
        look = look_at(jpeg(Image.new("L", (32, 16), shade)))
        assert (look.brightness, look.sharpness) == (brightness, 0)


def test_an_image_is_less_sharp_the_more_it_is_blurred_and_as_bright():
    noise = np.random.default_rng(0).integers(0, 256, (80, 120), dtype=np.uint8)
    looks = [look_at(jpeg(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(radius)))) for radius in (0, 1, 4)]
    assert looks[0].sharpness > 5 * looks[1].sharpness > 25 * looks[2].sharpness
    assert max(look.brightness for look in looks) - min(look.brightness for look in looks) < 0.02

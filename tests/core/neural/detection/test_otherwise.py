"""An image that is made otherwise has its boxes where its objects are, and none beyond it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.metrics.detection import Truth
from nextlabel.core.neural.detection.letterbox import Small
from nextlabel.core.neural.detection.otherwise import made_otherwise

WIDTH, HEIGHT, SHRUNK = 64, 48, 4  # the image itself is four times as large


@given(st.integers(0, 2**32 - 1))
def test_a_box_stays_around_its_object_and_what_is_hardly_seen_of_one_counts_neither_way(seed):
    rng = np.random.default_rng(seed)
    x, y, w, h = int(rng.integers(0, 40)), int(rng.integers(0, 30)), int(rng.integers(8, 24)), int(rng.integers(8, 18))
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[y : y + h, x : x + w] = 255
    truth = Truth(np.array([[x, y, w, h]]) * float(SHRUNK), np.array([1]), np.array([False]))
    image, drawn = made_otherwise(Small(pixels, WIDTH * SHRUNK, HEIGHT * SHRUNK), truth, rng)
    assert image.pixels.shape == pixels.shape
    rows, columns = np.nonzero(image.pixels.max(axis=2) > 150)
    if not len(drawn.places):
        assert len(rows) <= WIDTH  # a line at the edge, at most
        return
    ((left, top, width, height),) = image.shrink(drawn.places)
    assert left >= 0
    assert top >= 0
    assert left + width <= WIDTH + 1e-6
    assert top + height <= HEIGHT + 1e-6
    if len(rows) and not drawn.crowd[0]:
        seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        np.testing.assert_allclose((left, top, left + width, top + height), seen, atol=1.6)

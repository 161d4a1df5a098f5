from __future__ import annotations

import numpy as np
import pytest

from nextlabel.core.metrics.detection import Truth
from nextlabel.core.neural.detection.letterbox import Small
from nextlabel.core.neural.detection.varied import FARTHEST, NEAREST, cut, varied


def truth(*places):
    return Truth(np.array(places, float).reshape(-1, 4), np.arange(len(places)), np.zeros(len(places), bool))


def test_a_box_is_cut_at_the_edge_and_left_out_beyond_it():
    found = cut(truth((-2, 5, 10, 10), (30, 5, 10, 10), (10, 10, 5, 5)), 20, 20)
    assert found.places.tolist() == [[0, 5, 8, 10], [10, 10, 5, 5]]
    assert found.classes.tolist() == [0, 2]
    assert not found.crowd.any()


def test_of_what_little_is_left_nothing_is_taught():
    found = cut(truth((-7, 5, 10, 10), (-3, 0, 4, 4)), 20, 20)
    assert found.places.tolist() == [[0, 5, 3, 10], [0, 0, 1, 4]]
    assert found.crowd.tolist() == [True, True]


@pytest.mark.parametrize("seed", range(8))
def test_a_box_stays_around_what_it_was_drawn_around(seed):
    """The image is black but for a white rectangle, and twice as large as the detector sees it."""
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[20:40, 30:55] = 255
    shown, found = varied(Small(pixels, 160, 120), truth((60, 40, 50, 40)), np.random.default_rng(seed))
    assert shown.pixels.shape == pixels.shape
    assert shown.scale == 1
    white = shown.pixels[..., 0]
    y, x = np.nonzero(white > 0.8 * white.max())  # what lies beside the image is grey, less than half as light
    ((left, top, width, height),) = found.places
    np.testing.assert_allclose(
        [x.min(), y.min(), x.max() + 1, y.max() + 1], [left, top, left + width, top + height], atol=1.5
    )
    if not found.crowd.any() and left > 0 and left + width < 80:
        assert 25 * FARTHEST <= width <= 25 * NEAREST


def test_chance_draws_the_same_twice():
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    once, twice = (varied(Small(pixels, 32, 24), truth((4, 4, 10, 10)), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(once[0].pixels, twice[0].pixels)
    np.testing.assert_array_equal(once[1].places, twice[1].places)

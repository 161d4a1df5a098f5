"""A bright square on a dark image, made otherwise by chance: its box goes where it goes."""

from __future__ import annotations

import numpy as np
import pytest

from nextlabel.core.metrics.detection import Truth
from nextlabel.core.neural.detection import augmentation
from nextlabel.core.neural.detection.augmentation import Window, augmented
from nextlabel.core.neural.detection.letterbox import FILL, Small

WIDTH, HEIGHT = 640, 480  # of the image; the network's is half of that


def square(x, y, side):
    """A square of the small image, and its box in the pixels of the image."""
    pixels = np.full((HEIGHT // 2, WIDTH // 2, 3), 20, np.uint8)
    pixels[y : y + side, x : x + side] = 240
    places = np.array([[x, y, side, side]], float) * 2
    return Small(pixels, WIDTH, HEIGHT), Truth(places, np.array([3]), np.zeros(1, bool))


def seen_through(monkeypatch, *window):
    monkeypatch.setattr(augmentation, "_window", lambda *_: Window(*window))
    monkeypatch.setattr(augmentation, "LIGHT", 0)


def test_boxes_stay_around_their_objects(monkeypatch):
    monkeypatch.setattr(augmentation, "LIGHT", 0)
    image, truth = square(150, 110, 24)
    rng, sides = np.random.default_rng(0), []
    for _ in range(40):
        again, moved = augmented(image, truth, rng)
        assert again.pixels.shape == image.pixels.shape
        assert (again.width, again.height) == (WIDTH, HEIGHT)
        if not len(moved.places):
            continue
        bright = np.argwhere(again.pixels[..., 0] > 180)[:, ::-1]
        x, y, width, height = moved.places[0] * again.scale
        assert np.abs(bright.min(axis=0) - [x, y]).max() < 1.5
        assert np.abs(bright.max(axis=0) + 1 - [x + width, y + height]).max() < 1.5
        sides.append(width)
    assert min(sides) < 18
    assert max(sides) > 32


def test_an_image_made_smaller_has_nothing_around_it(monkeypatch):
    seen_through(monkeypatch, -40, -20, 0.75)
    again, moved = augmented(*square(100, 100, 20), np.random.default_rng(0))
    assert (again.pixels[:15] == FILL).all()
    assert (again.pixels[:, :30] == FILL).all()
    assert moved.places[0].tolist() == [210, 180, 30, 30]


@pytest.mark.parametrize(("x", "crowd"), [(110, False), (115, True), (130, None)])
def test_a_box_that_is_hardly_seen_is_not_learnt_and_one_beyond_is_gone(monkeypatch, x, crowd):
    seen_through(monkeypatch, x, 60, 1.6)
    _, moved = augmented(*square(100, 100, 20), np.random.default_rng(0))
    assert moved.crowd.tolist() == ([] if crowd is None else [crowd])
    assert len(moved.places) == len(moved.classes) == len(moved.crowd)


def test_light_changes_and_an_image_without_a_box_has_none(monkeypatch):
    seen_through(monkeypatch, 0, 0, 1)
    monkeypatch.setattr(augmentation, "LIGHT", 0.3)
    image, _ = square(100, 100, 20)
    nothing = Truth(np.empty((0, 4)), np.empty(0, int), np.empty(0, bool))
    looks = [augmented(image, nothing, np.random.default_rng(seed)) for seed in (0, 1, 0)]
    assert [len(truth.places) for _, truth in looks] == [0, 0, 0]
    first, other, same = (one.pixels for one, _ in looks)
    assert (first != other).any()
    assert (first == same).all()

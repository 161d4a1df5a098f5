"""What is in a box is told by its own pixels: the built-in descriptor tells the colours of squares apart."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nextlabel.core.neural.backbones import DescriptorBackbone
from nextlabel.core.neural.detection.crop_classifier import (
    CropClassifier,
    CropHead,
    embed_crops,
    geometric_mean,
)
from nextlabel.core.neural.detection.letterbox import Small

RED, BLUE = (210, 50, 40), (40, 80, 210)
PLACES = np.array([[10.0, 10, 40, 40], [100, 10, 40, 40]])  # a red square, and a blue one


@pytest.fixture(scope="module")
def image():
    """It is twice as large as the detector sees it, and so small grey all over."""
    larger = np.full((80, 160, 3), 128, np.uint8)
    larger[10:50, 10:50] = RED
    larger[10:50, 100:140] = BLUE
    return Small(np.full((40, 80, 3), 128, np.uint8), 160, 80, Image.fromarray(larger))


@pytest.fixture(scope="module")
def classifier(image):
    """It has seen five of each; class 1 was on no crop."""
    seen = embed_crops(DescriptorBackbone(), [image], [np.repeat(PLACES, 5, axis=0)])
    return CropClassifier(CropHead.train(seen, np.repeat([0, 2], 5), 3, seed=0), DescriptorBackbone())


def test_what_the_detector_can_not_tell_the_pixels_do(image, classifier):
    sure = np.array([[0.4, 0.0, 0.4], [0.5, 0.0, 0.5]])
    ((said, which),) = classifier([image], [(PLACES, sure)])
    assert which[:2].tolist() == [1, 0]
    assert said.classes[:2].tolist() == [2, 0]
    np.testing.assert_array_equal(said.places[:2], PLACES[::-1])
    assert said.scores[0] > 0.25
    assert (np.diff(said.scores) <= 0).all()
    assert 1 not in said.classes


def test_of_boxes_on_one_object_the_surest_is_told(image, classifier):
    beside = PLACES[[0, 0]] + [[0, 0, 0, 0], [2, 0, 0, 0]]
    ((said, which),) = classifier([image], [(beside, np.array([[0.3, 0.0, 0.3], [0.0, 0.0, 0.6]]))])
    assert set(which.tolist()) == {1}
    assert said.classes[0] == 2  # the detector is sure that it is no red one


def test_unlikely_boxes_are_not_looked_at(image, classifier):
    ((said, which),) = classifier([image], [(PLACES, np.full((2, 3), 0.04))])
    assert (len(said.scores), len(which)) == (0, 0)
    assert embed_crops(DescriptorBackbone(), [image], [np.empty((0, 4))]).shape == (0, DescriptorBackbone.dimension)


def test_each_image_of_several_has_its_own_boxes(image, classifier):
    blank = Small(image.pixels, 160, 80, Image.new("RGB", (160, 80), (128, 128, 128)))
    alike = np.full((2, 3), 0.4)
    likely, unlikely = (PLACES, alike), (PLACES, alike / 10)
    (one, _), (nothing, _), (other, _) = classifier([image, blank, image], [likely, unlikely, (PLACES[1:], alike[1:])])
    assert one.classes[:2].tolist() in ([0, 2], [2, 0])
    assert len(nothing) == 0
    assert other.classes[0] == 2
    assert classifier([], []) == []


def test_of_one_class_all_crops_are_of_it():
    head = CropHead.train(np.ones((3, 4), np.float32), np.array([1, 1, 1]), 2, seed=0)
    assert head.probabilities(np.zeros((1, 4), np.float32))[0, 1] == pytest.approx(1)


def test_the_mean_of_two_sums_to_one_and_needs_both():
    mean = geometric_mean(np.array([[0.2, 0.2], [0.1, 0.0]]), np.array([[0.9, 0.1], [0.5, 0.5]]))
    np.testing.assert_allclose(mean, [[0.75, 0.25], [1, 0]])

"""A light head on what an untrained network sees learns squares and discs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nextlabel.core.metrics.detection import Truth
from nextlabel.core.neural.detection import frozen, light
from nextlabel.core.neural.detection.frozen import Frozen, Maps, Mixing, Seer
from nextlabel.core.neural.detection.light import Lesson, Mapped, train_light
from nextlabel.core.neural.detection.network import Yolox, positions
from nextlabel.core.neural.training import drawn_from
from tests import shapes
from tests.core.neural.detection.test_training import CONTENTS, example


@pytest.fixture(scope="module")
def seer():
    with drawn_from(0):
        return Seer(Frozen(Yolox(80, width=8, depth=1), None), "tiny", "random", 64, "torch")


@pytest.fixture(scope="module")
def examples(tmp_path_factory, seer):
    folder = tmp_path_factory.mktemp("shapes")
    drawn = [example(folder, line) for line in shapes.draw(folder, *(CONTENTS * 2))]
    return [Mapped(one.image, one.truth, seer.see([one.image])[0]) for one in drawn]


def mixing(examples):
    return Mixing.of([one.maps for one in examples])


def lessons(examples):
    return [Lesson.of(one, np.random.default_rng(0), mixing(examples)) for one in examples]


def trained(examples, passes, seed=0):
    return train_light(lessons(examples[:9]), examples[9:], 2, mixing=mixing(examples[:9]), passes=passes, seed=seed)


def test_it_starts_from_the_boxes_that_the_frozen_network_says(seer, examples):
    one = examples[0]
    points = mixing(examples).points(one.maps)
    head = light.LightHead(points.seen.shape[1], 2)
    boxes, _, _ = head(points, *positions(64, 64))
    pixels = torch.from_numpy(np.full((1, 3, 64, 64), 114, np.float32))
    pixels[0, :, : shapes.HEIGHT] = torch.from_numpy(np.moveaxis(one.image.pixels.astype(np.float32), 2, 0))
    expected = seer.network.detector(pixels).boxes[0]
    torch.testing.assert_close(boxes, expected, rtol=0.02, atol=0.2)


def test_it_learns(examples):
    def loss(head):
        return light._loss(head, Lesson.join(lessons(examples[:9]))).item()

    assert loss(trained(examples, 1_600).head) < 0.8 * loss(trained(examples, 8).head)


def test_the_same_seed_trains_the_same_head(examples):
    once, twice = (trained(examples, 80, seed=3).head.state_dict() for _ in range(2))
    assert all(torch.equal(once[name], twice[name]) for name in once)


def test_positions_within_a_crowd_teach_nothing(examples):
    crowd = Truth(np.array([[0.0, 0, 64, 64]]), np.array([0]), np.array([True]))
    one = Mapped(examples[0].image, crowd, examples[0].maps)
    assert len(Lesson.of(one, np.random.default_rng(0), mixing(examples)).classes) == 0


def test_maps_without_boxes_are_mixed_along_what_varies(monkeypatch):
    monkeypatch.setattr(frozen, "MIXED", 1)
    rng = np.random.default_rng(0)
    fine, middle, coarse = (rng.normal(size=(3, s, s)).astype(np.float16) for s in (8, 4, 2))
    fine[1:] = 0  # varies along its first channel alone
    maps = Maps((), (fine, middle, coarse), np.zeros(3, np.float16))
    points = Mixing.of([maps]).points(maps)
    assert points.seen.shape == (64 + 16 + 4, 9 + 2 + 3)
    middle_of_3_x_3 = points.seen[:64, 3 + 4].abs().numpy()
    np.testing.assert_allclose(middle_of_3_x_3, np.abs(fine[0].reshape(-1)), rtol=1e-2)
    assert points.seen[-1, :3].tolist() == [0, 0, 1]
    assert points.said[0, :2].tolist() == [0.5, 0.5]

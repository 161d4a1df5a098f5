"""A large detector by shape: a tiny D-FINE, untrained at first, on a CPU. How good a real one gets is not measured."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from nextlabel.core.errors import WeightsMismatch
from nextlabel.core.neural.detection import large
from nextlabel.core.neural.detection.large import fine_tune_large, read_large
from nextlabel.core.neural.detection.letterbox import Small
from tests import large_weights, shapes
from tests.core.neural.detection.test_training import CONTENTS, example

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("transformers")
    return large_weights.write(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    return [example(folder, line) for line in shapes.draw(folder, *(CONTENTS * 2))]


def trained(folder, examples, passes, tick=lambda *_: None):
    network, learnt, held = read_large(folder, 2, 0), examples[:10], examples[10:]
    return fine_tune_large(network, learnt, held, 2, 64, "cpu", passes=passes, seed=0, tick=tick)


def loss(network, examples):
    with large.seeded(0, CPU), torch.no_grad():
        return float(large._loss(network.train(), examples[:8], 64, CPU))


def test_training_makes_it_less_wrong_and_what_is_held_out_judges_it(folder, examples):
    found = trained(folder, examples, 160)
    assert (found.images, found.held_out) == (10, 2)
    assert found.map50 is not None
    assert loss(found.network, examples) < 0.9 * loss(read_large(folder, 2, 0), examples)


def test_the_same_seed_trains_the_same_network_and_a_tick_stops_it_within_a_batch(folder, examples):
    once, twice = (trained(folder, examples, 16).network.state_dict() for _ in range(2))
    assert all(torch.equal(once[name], twice[name]) for name in once)

    class Stopped(Exception): ...

    def tick(done, _total):
        told.append(done)
        if len(told) == 2:
            raise Stopped

    told: list[int] = []
    with pytest.raises(Stopped):
        trained(folder, examples, 8_000, tick)
    assert told == [0, 8]


def test_boxes_are_pixels_of_the_image_whatever_its_form_and_end_at_its_edge():
    image = Small(np.zeros((48, 64, 3), np.uint8), 640, 480)
    boxes = np.array([[0.5, 0.5, 0.5, 0.5], [1.0, 0.5, 0.2, 0.2], [0.5, 0.5, 0.0, 0.2]])
    detected, queries = large._boxes_of(image, boxes, np.array([[0.1, 0.0], [0.0, 0.9], [0.5, 0.0]]))
    np.testing.assert_allclose(detected.places, [[576, 192, 64, 96], [160, 120, 320, 240]])
    assert (detected.classes.tolist(), detected.scores.tolist(), queries.tolist()) == ([1, 0], [0.9, 0.1], [1, 0])


def test_another_network_is_refused(folder, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "yolos"}))
    with pytest.raises(WeightsMismatch, match="yolos"):
        read_large(tmp_path, 2, 0)

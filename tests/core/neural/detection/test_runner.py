"""A network says the same of an image whatever runs it, and whatever other images are looked at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nextlabel.core.data.decoder import Decoder
from nextlabel.core.neural.detection import runner as module
from nextlabel.core.neural.detection.detector import Detector
from nextlabel.core.neural.detection.letterbox import BoxReader, Small
from nextlabel.core.neural.detection.network import Yolox
from nextlabel.core.neural.detection.runner import runner
from nextlabel.core.neural.detection.weights import find_weights, read_weights
from nextlabel.core.settings import Settings

SIDES = (64, 48, 33, 20, 64, 90)  # of images 64 pixels wide: four shapes once they are filled up


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Yolox(3, width=4, depth=1).eval()


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return [Small(rng.integers(0, 256, (side, 64, 3), dtype=np.uint8), 64, side) for side in SIDES * 2]


def told(run, images):
    return [[part.copy() for part in one] for one in run(images)]


def test_an_image_is_filled_up_to_the_next_multiples_alone(network):
    image = Small(np.zeros((40, 70, 3), np.uint8), 140, 80)
    ((boxes, *_),) = told(runner(network, "torch"), [image])
    assert boxes.shape[1] == 8 * 12 + 4 * 6 + 2 * 3


@pytest.mark.parametrize("compiled", [1, 3])  # fewer than there are shapes: one network serves the others
def test_openvino_says_of_images_of_any_shapes_what_torch_says(network, images, compiled, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setattr(module, "COMPILED", compiled)
    one, other = (told(runner(network, engine), images) for engine in ("torch", "openvino"))
    for a, b in zip(one, other, strict=True):
        for expected, found in zip(a, b, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-3, rtol=1e-4)


def test_what_is_said_of_an_image_depends_on_no_other(network, images):
    pytest.importorskip("openvino")
    together = told(runner(network, "openvino"), images)
    for i in (6, 8, 9, 11):  # one of each shape, after others of it, by a network that has seen none
        (alone,) = told(runner(network, "openvino"), [images[i]])
        assert all((x == y).all() for x, y in zip(together[i], alone, strict=True))


def test_who_stops_listening_does_not_spoil_the_next_look(network, images):
    pytest.importorskip("openvino")
    run = runner(network, "openvino")
    expected = told(run, images[:2])
    next(run(images))
    again = told(run, images[:2])
    for a, b in zip(expected, again, strict=True):
        assert all((x == y).all() for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("data", ["bccd", "cards"])
def test_on_photos_both_engines_find_the_same_boxes(real_data, data):
    """Needs the weights and photos of ../shared."""
    pytest.importorskip("openvino")
    reader, decoder = BoxReader(320), Decoder.of(Settings())
    small = []
    for path in sorted((real_data / data / "images").iterdir())[::40]:
        with path.open("rb") as file:
            small.append(reader.read(file, decoder).prepared)
    network = read_weights(find_weights(Settings(weights_dir=real_data / "weights")))
    one, other = (Detector(network, engine=engine)(small) for engine in ("torch", "openvino"))
    assert len(one) == 10
    for a, b in zip(one, other, strict=True):
        one_s, other_s = (said.detected.from_score(0.02) for said in (a, b))
        assert len(one_s) == len(other_s) > 0
        alike = np.abs(one_s.places[:, None] - other_s.places).max(axis=2) < 1e-2
        alike &= np.abs(one_s.scores[:, None] - other_s.scores) < 1e-4
        alike &= one_s.classes[:, None] == other_s.classes
        assert alike.any(axis=0).all()
        assert alike.any(axis=1).all()
        np.testing.assert_allclose(a.features, b.features, atol=1e-5)

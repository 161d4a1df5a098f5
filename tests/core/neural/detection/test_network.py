"""The network, its weights, and what becomes of what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from nextlabel.core.data.boxes import Detected
from nextlabel.core.errors import WeightsMismatch, WeightsUnavailable
from nextlabel.core.neural.detection import detector
from nextlabel.core.neural.detection.detector import MOST_BOXES, Detector, Seen, boxes_of, is_background, likely
from nextlabel.core.neural.detection.letterbox import Small
from nextlabel.core.neural.detection.network import Raw, Yolox
from nextlabel.core.neural.detection.weights import FILE, URL, find_weights, read_weights
from nextlabel.core.settings import Settings


def small(height=32, width=64, scale=1):
    return Small(np.zeros((height, width, 3), np.uint8), width * scale, height * scale)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Yolox(3, width=4, depth=1).eval()


def test_it_speaks_of_every_position_of_three_strides(network):
    with torch.inference_mode():
        said = network(torch.zeros(2, 3, 64, 96))
    n = 8 * 12 + 4 * 6 + 2 * 3
    assert said.boxes.shape == (2, n, 4)
    assert said.objects.shape == (2, n)
    assert said.classes.shape == (2, n, 3)
    assert said.described.shape[:2] == (2, n)
    assert (said.boxes[..., 2:] > 0).all()


def test_the_published_network_has_its_0_9_million_numbers():
    assert sum(p.numel() for p in Yolox(80).parameters()) == 904_463


def test_new_classes_that_are_known_say_what_they_said():
    torch.manual_seed(0)
    network = Yolox(2, width=4, depth=1).eval()
    pixels = 100 * torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        before = network(pixels).classes
        network.new_classes(3, {2: 0, 0: 1})
        after = network(pixels).classes
    assert torch.equal(after[..., [2, 0]], before)
    assert (after[..., 1].sigmoid() < 0.1).all()


def test_boxes_come_back_in_pixels_of_the_image_within_it_and_once():
    places = np.array([[16, 16, 16, 16], [16.5, 16, 16, 16], [60, 16, 40, 8], [16, 16, 16, 16]], float)
    sure = np.array([[0.9, 0], [0.8, 0], [0, 0.7], [0.004, 0.5]])
    said, positions = boxes_of(small(scale=2), places, sure)
    assert positions.tolist() == [0, 2, 3]
    assert said.classes.tolist() == [0, 1, 1]
    np.testing.assert_allclose(said.places, [[16, 16, 32, 32], [80, 24, 48, 16], [16, 16, 32, 32]])
    np.testing.assert_allclose(said.scores, [0.9, 0.7, 0.5])


@pytest.mark.parametrize("most", [1, 3, 40])
def test_the_surest_boxes_do_not_depend_on_how_many_are_wanted(most):
    rng = np.random.default_rng(0)
    places = np.concatenate([rng.uniform(10, 50, (1_500, 2)), rng.uniform(8, 12, (1_500, 2))], axis=1)
    sure = rng.uniform(0, 1, (1_500, 3)).round(3)  # some are as sure as others
    (all_of_them, there), (some, here) = (boxes_of(small(64), places, sure, n) for n in (MOST_BOXES, most))
    assert len(all_of_them) > 40
    assert some.scores.tolist() == all_of_them.scores[:most].tolist()
    assert here.tolist() == there[:most].tolist()


def test_of_logits_those_are_looked_at_that_are_likely_and_among_the_highest():
    logits = np.array([[9, -9], [-9, -9], [1, 3], [-9, 2]], np.float32)
    assert likely(logits).tolist() == [0, 2, 3]
    assert likely(logits, 8).tolist() == [0, 2, 3]
    assert likely(logits, 2).tolist() == [0, 2]
    assert likely(logits - 20, 2).tolist() == []


def test_where_nothing_is_sure_enough_nothing_is_said(network):
    said, positions = boxes_of(small(), np.ones((4, 4)), np.zeros((4, 2)))
    assert len(said) == len(positions) == 0
    assert len(Detector(network, engine="torch")([])) == 0


def test_what_describes_boxes_is_left_out_for_who_needs_no_more():
    detected = Detected(np.zeros((2, 4)), np.array([0, 1]), np.array([0.9, 0.2]))
    kept = Seen(detected, np.ones((2, 64), np.float32), np.ones(8, np.float32)).undescribed()
    assert kept.detected is detected
    assert kept.described.nbytes == 0
    assert len(kept.features) == 8


def test_openvino_finds_the_boxes_that_torch_finds(network):
    pytest.importorskip("openvino")
    rng = np.random.default_rng(0)
    images = [Small(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8), 128, 96) for _ in range(2)]
    one, other = (Detector(network, engine=engine)(images) for engine in ("torch", "openvino"))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.detected.places, b.detected.places, atol=1e-2)
        np.testing.assert_allclose(a.detected.scores, b.detected.scores, atol=1e-5)
        np.testing.assert_allclose(a.features, b.features, atol=1e-5)


@pytest.mark.parametrize(("engine", "class_free"), [("torch", False), ("torch", True), ("openvino", False)])
def test_boxes_alone_are_the_same_boxes(network, engine, class_free):
    if engine == "openvino":
        pytest.importorskip("openvino")
    rng = np.random.default_rng(0)
    images = [Small(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8), 128, 96) for _ in range(2)]
    alone, described = (
        Detector(network, engine=engine, class_free=class_free, boxes_alone=only)(images) for only in (True, False)
    )
    for a, b in zip(alone, described, strict=True):
        assert len(a.detected)
        for name in ("places", "classes", "scores"):
            np.testing.assert_array_equal(getattr(a.detected, name), getattr(b.detected, name))
        assert not a.described.size


def test_without_the_weights_file_it_is_said_which_one_goes_where(tmp_path):
    with pytest.raises(WeightsUnavailable, match=FILE) as refused:
        find_weights(Settings(weights_dir=tmp_path))
    assert URL in refused.value.detail
    assert str(tmp_path) in refused.value.detail
    assert "predictions of your own" in refused.value.detail


def test_another_file_of_that_name_is_refused(tmp_path):
    (tmp_path / FILE).write_bytes(b"an older export wants other pixels")
    with pytest.raises(WeightsMismatch, match="its sha256 is"):
        find_weights(Settings(weights_dir=tmp_path))


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([(0, 0, 100, 70, 0.9), (10, 10, 20, 20, 0.3)], [True, False]),
        ([(0, 0, 100, 69, 0.9), (10, 10, 20, 20, 0.3)], [False, False]),
        ([(0, 0, 100, 70, 0.9), (10, 10, 20, 20, 0.29)], [False, False]),
        ([(0, 0, 100, 70, 0.9)], [False]),
    ],
)
def test_a_box_around_nearly_all_of_an_image_is_no_object_where_others_are_drafted(boxes, expected):
    numbers = np.array(boxes, float)
    found = Detected(numbers[:, :4], np.zeros(len(boxes), np.int64), numbers[:, 4])
    assert is_background(found, 100, 100).tolist() == expected


def test_boxes_around_the_background_take_no_place_of_those_that_are_wanted(monkeypatch):
    """Four around seven tenths of the image, the surest, and 36 apart from each other."""
    wide = [(50, 35, 100, 70), (50, 65, 100, 70), (35, 50, 70, 100), (65, 50, 70, 100)]
    boxes = torch.tensor([*wide, *((8 + 16 * x, 8 + 16 * y, 9, 9) for x in range(6) for y in range(6))]).float()
    objects = torch.linspace(4, 1, len(boxes))
    raw = Raw(*(part[None] for part in (boxes, objects, torch.zeros(40, 0), torch.zeros(40, 2), torch.zeros(2))))
    monkeypatch.setattr(detector, "runner", lambda *_: lambda images: [raw for _ in images])
    image = Small(np.zeros((100, 100, 3), np.uint8), 100, 100)
    (seen,) = Detector(None, class_free=True, most=30)([image])
    assert seen.detected.places[:, 2].tolist() == [9.0] * 30
    assert len(seen.described) == 30


def test_the_published_weights_find_cards_without_any_label(real_data):
    """Needs the weights and photos of ../shared."""
    pytest.importorskip("openvino")
    path = find_weights(Settings(weights_dir=real_data / "weights"))
    photo = next((real_data / "cards" / "images").iterdir())
    with Image.open(photo) as image:
        upright = image.convert("RGB")
    scale = 320 / max(upright.size)
    pixels = np.asarray(upright.resize((round(upright.width * scale), round(upright.height * scale))))[..., ::-1]
    (seen,) = Detector(read_weights(path), engine="torch", class_free=True)([Small(pixels.copy(), *upright.size)])
    assert seen.detected.scores.max() > 0.3

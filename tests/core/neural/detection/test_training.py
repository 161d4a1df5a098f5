"""A tiny network, untrained at first, learns squares and discs; what it doesn't have to learn is left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from nextlabel.core.metrics.detection import Truth
from nextlabel.core.neural.detection import training
from nextlabel.core.neural.detection.kept import KeptDetectors
from nextlabel.core.neural.detection.letterbox import Small
from nextlabel.core.neural.detection.network import Yolox
from nextlabel.core.neural.detection.training import Example, Known, fine_tune, split
from nextlabel.core.neural.detection.weights import read_weights
from nextlabel.core.neural.training import drawn_from
from tests import shapes

CONTENTS = [["square"], ["disc"], ["square", "disc"], [], ["disc", "disc"], ["square", "square", "disc"]]


def example(folder, line):
    with Image.open(folder / line["name"]) as image:
        pixels = np.asarray(image.convert("RGB"))[..., ::-1].copy()
    boxes = line["boxes"]
    truth = Truth(
        np.array([box["box"] for box in boxes], float).reshape(-1, 4),
        np.array([["disc", "square"].index(box["class"]) for box in boxes], int),
        np.zeros(len(boxes), bool),
    )
    return Example(Small(pixels, shapes.WIDTH, shapes.HEIGHT), truth)


def tiny(seed=0):
    with drawn_from(seed):
        return Yolox(80, width=8, depth=1)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    return [example(folder, line) for line in shapes.draw(folder, *(CONTENTS * 2))]


@pytest.fixture(scope="module")
def trained(examples):
    return fine_tune(tiny(), examples[:10], examples[10:], 2, passes=16, seed=0)


def loss(network, examples):
    with torch.no_grad():
        return float(training._loss(network, examples, lambda *_: None, 0, 1))


def test_training_makes_it_less_wrong(examples):
    few = [one for one in examples if len(one.truth.classes)][:4]
    before = tiny()
    before.new_classes(2)
    after = fine_tune(tiny(), few, [], 2, passes=200, seed=0).network
    assert loss(after, few) < 0.9 * loss(before, few)


def test_thresholds_come_of_what_is_held_out(trained):
    assert (trained.images, trained.held_out) == (10, 2)
    assert trained.map50 is not None
    assert 0 < trained.calibration.floor <= trained.calibration.thresholds.min()


def test_a_kept_detector_is_the_same_and_a_torn_file_is_none(trained, tmp_path):
    kept = KeptDetectors(tmp_path / "kept")
    assert kept.get("a", 2) is None
    kept.keep("a", trained)
    again = kept.get("a", 2)
    assert again.said() == trained.said()
    for name, value in trained.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name])
    (tmp_path / "kept" / "a.safetensors").write_bytes(b"torn")
    assert kept.get("a", 2) is None


def test_the_same_seed_trains_the_same_network(examples):
    once, twice = (fine_tune(tiny(), examples[:4], [], 2, passes=8, seed=3).network.state_dict() for _ in range(2))
    assert all(torch.equal(once[name], twice[name]) for name in once)


def test_where_none_is_held_out_thresholds_are_a_guess(examples):
    few = fine_tune(tiny(), examples[:3], [], 2, passes=8, seed=0)
    assert (few.images, few.held_out, few.map50, few.passes) == (3, 0, None, 8)
    assert few.calibration.thresholds.tolist() == [0.3, 0.3]


def test_images_on_which_nothing_is_teach_too(examples):
    empty = [one for one in examples if not len(one.truth.classes)]
    before = {name: value.clone() for name, value in tiny().state_dict().items()}
    after = fine_tune(tiny(), empty, [], 1, passes=8, seed=0).network.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before if "for_class" in name)
    assert all(torch.isfinite(value).all() for value in after.values())


def test_in_a_crowd_nothing_is_learnt_that_nothing_is_there(examples):
    crowd = Truth(np.array([[0.0, 0, 64, 64]]), np.array([0]), np.array([True]))
    empty = Truth(np.empty((0, 4)), np.empty(0, int), np.empty(0, bool))
    network = tiny()
    assert loss(network, [Example(examples[0].image, empty)]) > 0
    assert loss(network, [Example(examples[0].image, crowd)]) == 0


def test_a_mirrored_image_has_its_boxes_mirrored(examples):
    one = examples[0]
    turned = one.turned()
    x, y, width, height = one.truth.places[0]
    assert turned.truth.places[0].tolist() == [shapes.WIDTH - x - width, y, width, height]
    np.testing.assert_array_equal(turned.image.pixels[:, ::-1], one.image.pixels)


def test_on_real_pictures_of_blood_cells_120_passes_find_most_cells(real_data):
    """20 pictures to learn from, 4 of them held out, which it is judged by here, too."""
    pytest.importorskip("openvino")
    folder = real_data / "bccd"
    coco = json.loads((folder / "annotations.json").read_text())
    classes = sorted(one["id"] for one in coco["categories"])
    blood = []
    for image in coco["images"][:20]:
        drawn = [one for one in coco["annotations"] if one["image_id"] == image["id"]]
        with Image.open(folder / "images" / image["file_name"]) as photo:
            pixels = np.asarray(photo.convert("RGB").resize((256, 192)))[..., ::-1].copy()
        truth = Truth(
            np.array([one["bbox"] for one in drawn], float),
            np.array([classes.index(one["category_id"]) for one in drawn]),
            np.zeros(len(drawn), bool),
        )
        blood.append(Example(Small(pixels, image["width"], image["height"]), truth))
    network = read_weights(real_data / "weights" / "yolox_nano.onnx")
    trained = fine_tune(network, blood[4:], blood[:4], len(classes), passes=120, seed=0)
    assert trained.map50 > 0.4


def test_of_few_images_none_is_held_out():
    assert split([True] * 4, seed=0) == ([0, 1, 2, 3], [])


def test_what_is_held_out_leaves_an_image_with_a_box_to_learn_from():
    for only in range(10):
        learnt, held = split([i == only for i in range(10)], seed=0)
        assert only in learnt
        assert sorted(learnt + held) == list(range(10))
        assert len(held) == 2


def test_what_was_held_out_before_stays_so_and_new_images_are_divided_by_chance():
    learnt, held = split([True] * 20, seed=0)
    stays = {i: i + 7 for i in range(20)}  # beside 10 that are new
    known = Known({}, frozenset(stays[i] for i in learnt), frozenset(stays[i] for i in held))
    after, aside = split([True] * 30, 0, known)
    assert known.learnt <= set(after)
    assert known.held <= set(aside)
    assert sorted(after + aside) == list(range(30))
    assert len(aside) == 6
    assert {tuple(split([True] * 30, seed, known)[1]) for seed in range(3)} != {tuple(aside)}


def test_nothing_that_was_learnt_from_is_held_out_where_too_few_are_new():
    learnt, held = split([True] * 10, 0, Known({}, frozenset(range(9)), frozenset()))
    assert (learnt, held) == (list(range(9)), [9])


def test_a_file_that_another_process_lets_go_of_keeps_none_from_being_kept(trained, tmp_path):
    kept = KeptDetectors(tmp_path)
    (tmp_path / "gone.safetensors").symlink_to(tmp_path / "nothing")
    kept.keep("a", trained, {"of": "a"})
    assert kept.lessons() == {"a": {"of": "a"}}

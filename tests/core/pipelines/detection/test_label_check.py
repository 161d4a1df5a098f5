"""Which boxes look wrong beside those of somebody else's detector, or of ours that had not seen them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from nextlabel.core.data.boxes import Box, BoxedImage
from nextlabel.core.errors import InvalidRequest, NoLabels, TooManyUnreadable
from nextlabel.core.kinds.label_check import DetectionLabelCheckResult
from nextlabel.core.kinds.registry import parse_request, result_adapter
from nextlabel.core.neural.detection.weights import FILE
from nextlabel.core.pipelines.detection.unseen import folds_of
from nextlabel.core.pipelines.registry import carry_out
from tests import shapes
from tests.core.pipelines.conftest import Bench


def lines(drawn):
    boxed = {name: [{"class": c, "box": box} for c, box in boxes] for name, boxes in drawn.items()}
    return "".join(
        json.dumps({"name": name, "width": 100, "height": 50, "boxes": boxes}) + "\n" for name, boxes in boxed.items()
    )


def test_it_names_what_was_overlooked_swapped_badly_placed_and_spurious(bench):
    folder = bench.root / "pool"
    folder.mkdir()
    right = {f"{i}.png": [("cat", [10, 10, 20, 20]), ("dog", [60, 10, 20, 20])] for i in range(4)}
    wrong = {
        "a.png": [("cat", [10, 10, 20, 20]), ("cat", [60, 10, 20, 20])],  # the second is a dog
        "b.png": [("cat", [18, 10, 20, 20])],  # beside the cat; the dog was overlooked
        "c.png": [("cat", [10, 10, 20, 20]), ("dog", [60, 10, 20, 20]), ("dog", [0, 40, 9, 9])],  # the third is nothing
    }
    for name in (*right, *wrong, "unlabelled.png", "disputed.png"):
        Image.new("RGB", (100, 50)).save(folder / name)
    labels = bench.root / "labels"
    labels.mkdir()
    (labels / "boxes-anna.jsonl").write_text(lines({**right, **wrong, "disputed.png": [("cat", [1, 1, 9, 9])]}))
    (labels / "boxes-ben.jsonl").write_text(lines({"disputed.png": []}))
    rows = [f"{name},{c},{x},10,20,20,0.9\n" for name in (*right, *wrong) for c, x in (("cat", 10), ("dog", 60))]
    (bench.root / "found.csv").write_text("name,class,x,y,width,height,score\n" + "".join(rows))
    body = {
        "kind": "label_check",
        "task": "detection",
        "path_to_img": str(folder),
        "path_to_labels": str(labels),
        "path_to_predictions": str(bench.root / "found.csv"),
    }
    result = carry_out(parse_request(body), bench.new_run())
    told = {(item.name, item.suspicion, item.class_name, item.suggested) for item in result.items}
    assert told == {
        ("a.png", "swapped", "cat", "dog"),
        ("b.png", "badly_placed", "cat", "cat"),
        ("b.png", "overlooked", None, "dog"),
        ("c.png", "spurious", "dog", None),
    }
    assert [item.rank for item in result.items] == [1, 2, 3, 4]
    assert (result.labels, result.boxes, result.by_suspicion["swapped"]) == (7, 14, 1)
    assert [conflict.name for conflict in result.conflicts] == ["disputed.png"]
    assert result_adapter.validate_json(result.model_dump_json()) == result
    assert all(len(row) == len(result.columns) for row in result.rows())


def test_where_the_detector_often_confuses_two_classes_it_says_so_and_these_count_less(bench):
    folder = bench.root / "pool"
    folder.mkdir()
    drawn = {f"{i}.png": [("cat" if i % 2 else "dog", [10, 10, 20, 20])] for i in range(10)}
    for name in drawn:
        Image.new("RGB", (100, 50)).save(folder / name)
    (bench.root / "boxes.jsonl").write_text(lines({**drawn, "8.png": [("dog", [16, 10, 20, 20])]}))
    called = ["cat" if i in (0, 2) or i % 2 else "dog" for i in range(10)]
    rows = [f"{i}.png,{name},10,10,20,20,0.9\n" for i, name in enumerate(called)]
    (bench.root / "found.csv").write_text("name,class,x,y,width,height,score\n" + "".join(rows))
    body = {"kind": "label_check", "task": "detection", "path_to_img": str(folder)}
    body |= {"path_to_labels": str(bench.root / "boxes.jsonl"), "path_to_predictions": str(bench.root / "found.csv")}
    bench.run = bench.new_run()
    result = carry_out(parse_request(body), bench.run)
    assert [(one.name, one.suspicion) for one in result.items] == [
        ("8.png", "badly_placed"),
        ("0.png", "swapped"),
        ("2.png", "swapped"),
    ]
    assert result.items[0].score < 0.5  # and it is sure of the classes by 0.9
    assert "of 10 drawn boxes, 2 are taken for another class" in bench.warning("few_labels").detail


def test_where_nothing_is_predicted_rightly_it_does_not_say_that_nothing_looks_wrong():
    told = {"items": (), "by_suspicion": {}, "map50": 0.0, "conflicts": (), "labels": 3, "boxes": 4}
    result = DetectionLabelCheckResult.model_construct(**told, thresholds={"cat": None})
    assert "that can't be told" in next(iter(result.sentences()))
    result = DetectionLabelCheckResult.model_construct(**told, thresholds={"cat": 0.5})
    assert "what looks wrong: nothing" in next(iter(result.sentences()))


def test_it_needs_nothing_else_that_sees_images_and_trains_nothing_where_predictions_are_brought():
    body = {"kind": "label_check", "task": "detection", "path_to_img": "p", "path_to_labels": "l"}
    parse_request(body)
    with pytest.raises(InvalidRequest) as caught:
        parse_request({**body, "backbone": "b0", "path_to_predictions": "x", "passes": 100})
    faults = {fault.pointer: fault.code for fault in caught.value.faults}
    assert faults == {"/passes": "invalid_value", "/backbone": "invalid_value"}


def of_shapes(bench, lines, **fields):
    body = {
        "kind": "label_check",
        "task": "detection",
        "path_to_img": str(bench.root / "shapes"),
        "path_to_labels": shapes.write(bench.root / "boxes.jsonl", lines),
        "image_size": 64,
        **fields,
    }
    bench.run = bench.new_run()
    return carry_out(parse_request(body), bench.run)


def test_each_image_is_judged_by_a_detector_that_was_not_trained_on_it(bench):
    drawn = shapes.draw(bench.root / "shapes", *[["square"], ["disc"], []] * 3)
    boxes = [tuple(Box(one["class"], *one["box"]) for one in line["boxes"]) for line in drawn]
    images = {i: BoxedImage(shapes.WIDTH, shapes.HEIGHT, of_image) for i, of_image in enumerate(boxes)}
    fold = folds_of(images, 3, seed=0)
    assert [sorted(i % 3 for i in np.flatnonzero(fold == f)) for f in range(3)] == [[0, 1, 2]] * 3
    result = of_shapes(bench, drawn, weights="random", passes=8)
    assert len(list(bench.settings.detectors_dir.iterdir())) == 3
    assert (result.labels, result.boxes, result.manifest.backbone) == (9, 6, "yolox_nano")
    assert result.map50 < 0.5
    assert bench.warned_of() == ["random_weights", "few_labels"]
    stages = list(dict.fromkeys(progress.stage for progress in bench.told))
    assert stages == ["read", "train", "predict", "judge"]
    with pytest.raises(NoLabels, match="3 images at least; there are 2"):
        of_shapes(bench, drawn[:3], weights="random")


def test_one_image_of_a_fold_that_cannot_be_read_is_told_and_two_of_twelve_are_too_many(bench):
    drawn = shapes.draw(bench.root / "shapes", *[["square"], ["disc"], []] * 4)

    def tear(name):
        torn = bench.root / "shapes" / name
        torn.write_bytes(torn.read_bytes()[:600])

    tear(drawn[2]["name"])
    result = of_shapes(bench, drawn, weights="random", passes=8)
    assert (result.labels, [one.name for one in result.skipped]) == (11, [drawn[2]["name"]])
    tear(drawn[5]["name"])
    with pytest.raises(TooManyUnreadable, match="2 of 12 images can't be read"):
        of_shapes(bench, drawn, weights="random", passes=8)


def test_where_most_images_show_crowds_each_fold_has_an_object_all_the_same():
    of_object, of_crowd = (BoxedImage(99, 99, (Box("cow", 10, 10, 20, 20, crowd),)) for crowd in (False, True))
    images = dict(enumerate([of_object] * 3 + [of_crowd] * 27))
    for seed in range(20):
        assert sorted(folds_of(images, 3, seed)[:3]) == [0, 1, 2]


@pytest.mark.real_data
def test_faults_that_were_put_into_labels_are_found_without_anybodys_predictions(tmp_path, real_data):
    weights = tmp_path / "weights"  # without a backbone's, which would name what is in boxes, and take its time
    weights.mkdir()
    (weights / FILE).symlink_to((real_data / "weights" / FILE).resolve())
    bench = Bench(tmp_path, weights_dir=weights)
    drawn = shapes.draw(bench.root / "shapes", *[["square"], ["disc"], ["square", "disc"], []] * 6)
    overlooked, swapped, spurious = (drawn[i]["boxes"] for i in (2, 4, 7))
    overlooked.pop()
    swapped[0]["class"] = "disc"
    spurious.append({"class": "disc", "box": [20, 20, 15, 15]})
    result = of_shapes(bench, drawn, passes=100)
    told = [(item.name, item.suspicion) for item in result.items]
    faults = {(drawn[i]["name"], kind) for i, kind in ((2, "overlooked"), (4, "swapped"), (7, "spurious"))}
    assert faults.intersection(told[:3])
    assert len(told) < 12
    assert result.map50 > 0.6

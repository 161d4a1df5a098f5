"""Whether methods of boxes beat chance, by replays of light heads of a few passes."""

from __future__ import annotations

import numpy as np
import pytest

from nextlabel.core.data.boxes import Box, BoxedImage
from nextlabel.core.errors import InvalidRequest, NoLabels, NothingToValidate
from nextlabel.core.kinds.registry import parse_request, result_adapter
from nextlabel.core.pipelines.detection import audit
from nextlabel.core.pipelines.detection.audit import at_equal_boxes, mingled
from nextlabel.core.pipelines.registry import carry_out
from tests import shapes

QUICK = {"weights": "random", "image_size": 64, "passes": 16, "repeats": 2, "budget": 30}


def ask(bench, lines, **fields):
    body = {
        "kind": "audit",
        "task": "detection",
        "path_to_img": str(bench.root / "pool"),
        "path_to_labels": shapes.write(bench.root / "boxes.jsonl", lines),
        **QUICK,
        **fields,
    }
    bench.run = bench.new_run()
    return carry_out(parse_request(body), bench.run)


def test_methods_begin_alike_with_one_detector_and_are_compared_at_equal_boxes(bench, monkeypatch):
    trained, finder_of = [], audit.finder_of
    monkeypatch.setattr(audit, "finder_of", lambda *of, **how: trained.append(len(of[2])) or finder_of(*of, **how))
    drawn = shapes.draw(bench.root / "pool", *[["square"], ["disc", "disc"]] * 31)
    result = ask(bench, drawn, methods=["auto"])
    assert result_adapter.validate_json(result.model_dump_json()) == result
    assert [arm.method for arm in result.arms] == ["random", "auto"]
    assert (result.images, result.validation_images, result.detector) == (37, 25, "light head on yolox_nano")
    for arm in result.arms:
        assert arm.images == (20, 30)
        assert arm.boxes[0] == result.arms[0].boxes[0]
        assert arm.map50[0] == result.arms[0].map50[0]
        assert 30 <= arm.boxes[1] <= 60
    assert trained == [20, 30, 30] * 2
    assert (result.arms[0].gain, result.arms[0].verdict) == (0, "no better")
    assert len(list(result.rows())) == 4
    assert "On your labels" in result.sentence
    done = [progress.done for progress in bench.told if progress.stage == "train"]
    assert done == sorted(done)
    with pytest.raises(NoLabels, match="60 images at least on which a box is drawn; there are 59"):
        ask(bench, [*drawn[:59], *({**line, "boxes": []} for line in drawn[59:])])


def test_a_validation_set_without_a_box_is_refused_and_finds_no_method_no_better(bench):
    drawn = shapes.draw(bench.root / "pool", *[["square"]] * 60)
    val = shapes.write(bench.root / "val.jsonl", shapes.draw(bench.root / "val", [], []))
    with pytest.raises(NothingToValidate, match=r"on none of the labelled validation images \(2\) is a box"):
        ask(bench, drawn, path_to_img_val=str(bench.root / "val"), path_to_labels_val=val)


@pytest.mark.usefixtures("backbone_here")
def test_rounds_without_a_box_find_nothing_where_a_backbone_alone_lies_here(bench, monkeypatch):
    monkeypatch.setattr(audit, "LEAST_LABELS", 2)
    monkeypatch.setattr(audit, "FIRST", 3)
    drawn = shapes.draw(bench.root / "pool", ["square"], ["disc"], *[[]] * 10)
    result = ask(bench, drawn, methods=["auto"], weights=None, budget=None)
    assert result.manifest.backbone == "mobilenet"
    assert result.detector in ("mobilenet", "light head on mobilenet")
    for arm in result.arms:
        assert (arm.images, arm.boxes[0], arm.map50[0]) == ((3, 4), 0, 0)


def test_images_with_a_box_are_spread_evenly_each_in_its_order():
    drawn = {row: BoxedImage(9, 9, (Box("disc", 1, 1, 2, 2),) if row < 2 else ()) for row in range(6)}
    assert mingled([5, 4, 1, 0, 3, 2], drawn) == [5, 1, 4, 3, 0, 2]
    assert mingled([1, 0], drawn) == [1, 0]


def test_methods_of_boxes_are_replayed_unless_others_are_named():
    body = {"kind": "audit", "task": "detection", "path_to_img": "p", "path_to_labels": "l"}
    assert [method.name for method in parse_request(body).methods] == ["auto", "det_sum"]


def test_who_draws_twice_the_boxes_for_the_same_score_gains_nothing_at_equal_images_and_loses_at_equal_boxes():
    boxes, scores = np.array([[10.0, 20, 40]]), np.array([[0.1, 0.2, 0.3]])
    grid, chance, theirs = at_equal_boxes(boxes, scores, 2 * boxes, scores)
    assert grid.tolist() == pytest.approx([20, 40 / np.sqrt(2), 40])
    np.testing.assert_allclose(chance, [[0.2, 0.25, 0.3]])
    np.testing.assert_allclose(theirs, [[0.1, 0.15, 0.2]])


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"methods": ["margin"]}, "/methods/0"),
        ({"methods": ["auto", "vae"]}, "/methods/1"),
        ({"backbone": "b0"}, "/backbone"),
        ({"detector": "best"}, "/detector"),
        ({"task": "classification", "backbone": "b0", "methods": ["det_sum"]}, "/methods/0"),
        ({"task": "classification", "backbone": "b0", "detector": "light"}, "/detector"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, pointer):
    body = {"kind": "audit", "task": "detection", "path_to_img": "p", "path_to_labels": "l", **fields}
    with pytest.raises(InvalidRequest) as refused:
        parse_request(body)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]

"""Boxes found by a detector that is trained here: predictions, selections and scores, on squares and discs.

An untrained small network learns too little of 16 passes to find anything rightly; what it says is dealt with alike.
"""

from __future__ import annotations

import gc
import json
import tracemalloc

import numpy as np
import pytest

from nextlabel.core.data.boxes import Box, BoxedImage, Detected
from nextlabel.core.errors import (
    ClassesNeverMeet,
    InvalidRequest,
    NameNotInPool,
    NoLabels,
    NothingToPredict,
    WeightsUnavailable,
)
from nextlabel.core.kinds.registry import parse_request, result_adapter
from nextlabel.core.pipelines.detection import finder, naming, training_set
from nextlabel.core.pipelines.detection.prediction import beside
from nextlabel.core.pipelines.detection.training_set import learnt_rows
from nextlabel.core.pipelines.registry import carry_out
from tests import shapes

QUICK = {"weights": "random", "image_size": 64, "passes": 16}
HEAD = "name,class,x,y,width,height,score\n"


def ask(bench, kind, labels="boxes.jsonl", check=lambda: None, **fields):
    bench.run = bench.new_run(check)
    body = {"kind": kind, "task": "detection", "path_to_img": str(bench.root / "pool"), **fields}
    if labels:
        body["path_to_labels"] = str(bench.root / labels)
    result = carry_out(parse_request(body), bench.run)
    assert result_adapter.validate_json(result.model_dump_json()) == result
    return result


def names(lines):
    return [line["name"] for line in lines]


@pytest.mark.usefixtures("drawn")
def test_every_unlabelled_image_has_its_boxes_within_it_the_surest_first(bench, drawn):
    result = ask(bench, "prediction", **QUICK)
    assert [item.name for item in result.items] == names(drawn[8:])
    assert (result.detector.images, result.detector.held_out, result.detector.image_size) == (7, 1, 64)
    assert result.detector.classes == ("disc", "square")
    for item in result.items:
        assert (item.width, item.height) == (64, 48)
        scores = [box.score for box in item.boxes]
        assert scores == sorted(scores, reverse=True)
        for box in item.boxes:
            x, y, width, height = box.box
            assert min(x, y) >= 0
            assert x + width <= 64.01
            assert y + height <= 48.01
            assert box.draft == (box.score >= result.detector.thresholds[box.class_name])
    assert bench.warned_of() == ["random_weights"]


def test_a_detector_is_trained_once_for_the_same_labels_and_says_the_same_again(bench, drawn):
    first = ask(bench, "prediction", **QUICK)
    assert ("train", 0, 16) in [(told.stage, told.done, told.total) for told in bench.told]
    kept = list(bench.settings.detectors_dir.iterdir())
    assert len(kept) == 1
    second = ask(bench, "prediction", **QUICK)
    assert first == second
    assert "train" not in {told.stage for told in bench.told}
    assert list(bench.settings.detectors_dir.iterdir()) == kept
    kept[0].write_bytes(b"torn")
    assert ask(bench, "prediction", **QUICK) == first
    shapes.write(bench.root / "boxes.jsonl", drawn[:7])
    ask(bench, "prediction", **QUICK)
    assert len(list(bench.settings.detectors_dir.iterdir())) == 2


@pytest.mark.usefixtures("drawn")
def test_small_objects_are_looked_at_larger_and_otherwise_by_chance_unless_a_size_is_asked_for(bench, monkeypatch):
    monkeypatch.setattr(finder, "SIDE", 64)
    monkeypatch.setattr(finder, "LARGER_SIDE", 96)
    asked = {"weights": "random", "passes": 16}
    usual = ask(bench, "prediction", **asked)
    monkeypatch.setattr(training_set, "SMALL", 100)
    small = ask(bench, "prediction", **asked)
    as_asked = ask(bench, "prediction", **QUICK)
    told = [(one.detector.image_size, one.detector.augmented) for one in (usual, small, as_asked)]
    assert told == [(64, False), (96, True), (64, True)]
    assert small.manifest.preprocessing.startswith("letterbox=96")
    assert len(list(bench.settings.detectors_dir.iterdir())) == 3
    assert ask(bench, "selection", **asked, add=1).detector == small.detector


def test_before_a_box_is_drawn_things_are_proposed_without_a_class(bench, drawn):
    shapes.write(bench.root / "nothing.jsonl", [{**line, "boxes": []} for line in drawn[:2]])
    for labels, count in ((None, 12), ("nothing.jsonl", 10)):
        result = ask(bench, "prediction", labels, weights="random", image_size=64)
        assert len(result.items) == count
        assert result.detector is None
        assert "train" not in {told.stage for told in bench.told}
        assert {box.class_name for item in result.items for box in item.boxes} <= {None}


def test_named_images_are_looked_at_and_nothing_lies_on_top_of_what_was_drawn(bench, drawn):
    asked = [drawn[0]["name"], "no.png", drawn[9]["name"]]
    result = ask(bench, "prediction", names=asked, **QUICK)
    assert [item.name for item in result.items] == [asked[0], asked[2]]
    assert bench.warned_of()[0] == "name_without_image" or "name_without_image" in bench.warned_of()


@pytest.mark.parametrize(
    ("names", "error", "why"),
    [((), NothingToPredict, "labelled are 12 of 12.*`names`"), (["no.png"], NameNotInPool, "none.*no.png")],
)
def test_where_no_image_is_left_to_predict_nothing_is_trained(bench, drawn, names, error, why):
    shapes.write(bench.root / "boxes.jsonl", drawn)
    with pytest.raises(error, match=why):
        ask(bench, "prediction", names=names, **QUICK)
    assert bench.run.progress.stage == "read"


def test_a_prediction_on_top_of_a_drawn_box_is_left_out_whatever_its_class():
    said = Detected(np.array([[10.0, 10, 20, 20], [50, 10, 20, 20]]), np.array([1, 1]), np.array([0.9, 0.8]))
    kept = beside(said, BoxedImage(100, 50, (Box("cat", 11, 10, 20, 20),)))
    assert kept.places.tolist() == [[50, 10, 20, 20]]
    assert beside(said, None) is said
    assert beside(said, BoxedImage(100, 50)) is said


@pytest.mark.parametrize(
    ("misnames", "worse", "named_by"), [(True, False, "descriptor"), (True, True, None), (False, False, None)]
)
def test_boxes_are_named_by_their_pixels_if_it_pays_on_images_held_out(
    bench, drawn, monkeypatch, misnames, worse, named_by
):
    monkeypatch.setattr(naming, "USUAL", "descriptor")
    monkeypatch.setattr(naming, "misnames", lambda *_: misnames)
    monkeypatch.setattr(naming, "does_worse", lambda *_: worse)
    first = ask(bench, "prediction", **QUICK)
    assert first.detector.named_by == named_by
    assert ("crops=descriptor" in first.manifest.preprocessing) == (named_by is not None)
    assert ask(bench, "prediction", **QUICK) == first  # as it was kept


def test_views_may_pay_where_a_tenth_is_misnamed_and_what_is_not_found_is_not():
    classes = np.arange(100) % 4
    some_wrong = np.where(np.arange(100) < 30, 3 - classes, classes)
    assert naming.misnames(classes, some_wrong)
    assert not naming.misnames(classes, classes)
    assert not naming.misnames(classes, np.where(some_wrong == classes, classes, -1))
    assert not naming.misnames(classes[:0], classes[:0])


def test_views_do_worse_only_beyond_chance():
    classes = np.zeros(100, int)
    half = np.arange(100) % 2
    assert naming.does_worse(classes, half, classes + 1)
    assert not naming.does_worse(classes, half, half)
    assert not naming.does_worse(classes[:10], np.repeat([0, 1], 5), np.repeat([0, 1], [4, 6]))


def test_without_weights_it_is_said_what_to_do(bench, drawn):
    with pytest.raises(WeightsUnavailable, match=r"yolox_nano\.onnx"):
        ask(bench, "prediction", image_size=64)


def test_training_stops_within_a_batch(bench, drawn):
    class Stopped(Exception): ...

    def check():
        if bench.run.progress is not None and bench.run.progress.stage == "train":
            calls.append(bench.run.done)
        if len(calls) == 12:
            raise Stopped

    calls: list[int] = []
    with pytest.raises(Stopped):
        ask(bench, "prediction", check=check, **{**QUICK, "passes": 80_000})
    assert max(calls) < 40


def test_a_score_needs_nothing_but_two_labelled_sets(bench, drawn, f1_request):
    shapes.write(bench.root / "val.jsonl", drawn[8:])
    body = {**f1_request, **QUICK}
    result = carry_out(parse_request(body), bench.new_run())
    assert result.validation_images == 4
    assert result.detector.boxes + result.detector.held_out > 0
    assert 0 <= result.map50 <= 1
    shapes.write(bench.root / "boxes.jsonl", [{**line, "boxes": []} for line in drawn[:8]])
    with pytest.raises((InvalidRequest, NoLabels)):
        carry_out(parse_request(body), bench.new_run())


def test_a_validation_image_that_ends_early_is_left_out_and_not_scored_as_one_on_which_nothing_was_found(
    bench, drawn, f1_request
):
    shapes.write(bench.root / "val.jsonl", drawn[8:])
    torn = bench.root / "pool" / drawn[8]["name"]
    torn.write_bytes(torn.read_bytes()[:600])
    bench.run = bench.new_run()
    result = carry_out(parse_request({**f1_request, **QUICK}), bench.run)
    assert result.validation_images == 3
    assert [one.name for one in result.skipped] == [drawn[8]["name"]]
    assert sorted(bench.warned_of()) == ["random_weights", "unreadable_image"]


@pytest.mark.parametrize(
    ("drawn_otherwise", "judged_otherwise", "error"),
    [({"crowd": True}, {}, NoLabels), ({}, {"class": "zebra"}, ClassesNeverMeet)],
)
def test_of_crowds_alone_and_for_other_classes_nothing_is_trained(
    bench, drawn, f1_request, drawn_otherwise, judged_otherwise, error
):
    for file, lines, otherwise in (("boxes", drawn[:8], drawn_otherwise), ("val", drawn[8:], judged_otherwise)):
        changed = [{**line, "boxes": [{**box, **otherwise} for box in line["boxes"]]} for line in lines]
        shapes.write(bench.root / f"{file}.jsonl", changed)
    bench.run = bench.new_run()
    with pytest.raises(error):
        carry_out(parse_request({**f1_request, **QUICK}), bench.run)
    assert bench.run.progress.stage == "read"


def test_a_class_that_nothing_is_learnt_of_is_named_once_and_before_anything_is_trained(bench, drawn, f1_request):
    zebra = {**drawn[8], "boxes": [{**drawn[8]["boxes"][0], "class": "zebra"}]}
    shapes.write(bench.root / "val.jsonl", [zebra, *drawn[9:]])
    bench.run = bench.new_run()
    result = carry_out(parse_request({**f1_request, **QUICK}), bench.run)
    assert result.classes_without_predictions == ("zebra",)
    assert bench.warned_of() == ["class_never_trained", "random_weights"]


def test_images_on_which_nothing_is_labelled_for_both_sides_are_learnt_from(bench, drawn, f1_request):
    shapes.write(bench.root / "val.jsonl", drawn[6:])
    bench.run = bench.new_run()
    result = carry_out(parse_request({**f1_request, **QUICK}), bench.run)
    assert result.detector.images + result.detector.held_out == 6
    assert list(bench.warning("in_both_sets").names) == names(drawn[6:8])


def test_a_selection_tells_boxes_doubts_and_hours(bench, drawn):
    result = ask(bench, "selection", add=3, cost={"image_s": 10, "box_s": 2}, **QUICK)
    assert len(set(result.data)) == 3
    assert set(result.data) <= set(names(drawn[8:]))
    assert (result.method.asked, result.method.name) == ("auto", "uherding")
    assert (result.candidates, result.looked_at) == (4, 4)
    assert result.expected_boxes == pytest.approx(sum(item.expected_boxes for item in result.items), abs=1e-4)
    assert result.expected_s == pytest.approx(30 + 2 * result.expected_boxes, abs=1e-3)
    for item in result.items:
        assert {one.box for one in item.in_doubt} <= {box.box for box in item.boxes}
    few = ask(bench, "selection", add=3, cost={"image_s": 10, "box_s": 2, "most_s": 11}, **QUICK)
    assert len(few.data) <= 1


@pytest.mark.parametrize("method", ["det_sum", "det_max", "det_mean", "class_sum", "ppal", "random", "maxherding"])
def test_every_method_of_boxes_selects(bench, drawn, method):
    result = ask(bench, "selection", add=2, method=method, near_copies="allow", **QUICK)
    assert len(result.data) == 2
    assert result.method.name == method


def test_before_a_box_is_drawn_images_are_chosen_that_stand_for_the_pool(bench, drawn):
    result = ask(bench, "selection", None, add=3, weights="random", image_size=64, class_quotas={"disc": 1})
    assert "before somebody draws" in bench.warning("class_quotas_unused").detail
    assert result.method.name == "maxherding"
    assert result.detector is None
    assert len(result.data) == 3


def test_a_backbone_tells_where_images_lie_if_one_is_named(bench, drawn):
    result = ask(bench, "selection", add=2, backbone="descriptor", **QUICK)
    assert len(result.data) == 2
    assert "embed" in [progress.stage for progress in bench.told]


def test_predictions_that_were_brought_along_serve_without_a_detector(bench, drawn):
    lines = [f"{line['name']},cat,1,1,20,20,{score}" for line, score in zip(drawn[8:11], (0.95, 0.5, 0.9), strict=True)]
    (bench.root / "found.csv").write_text(HEAD + "\n".join(lines) + "\n")
    brought = {"path_to_predictions": str(bench.root / "found.csv")}
    with (bench.root / "found.csv").open("a") as file:
        file.write("elsewhere.png,cat,1,1,20,20,0.9\n")
    result = ask(bench, "selection", add=1, **brought)
    assert list(result.data) == [drawn[9]["name"]]
    assert result.method.name == "class_sum"
    assert [(one.class_name, one.score) for one in result.items[0].in_doubt] == [("cat", 0.5)]
    assert "cat 0.50" in result.items[0].reason
    assert result.detector is None
    assert set(bench.warned_of()) == {"without_prediction", "prediction_without_image", "near_copies_unknown"}
    assert bench.warning("prediction_without_image").names == ("elsewhere.png",)
    quotas = {"cat": 1, "dog": 1}
    with_quotas = ask(bench, "selection", add=3, class_quotas=quotas, **brought)
    assert with_quotas.data[0] == drawn[9]["name"]
    assert len(with_quotas.data) == 1  # all show a cat, none a dog
    assert "'dog'" in bench.warning("class_quota_unmet").detail
    none = ask(bench, "selection", add=3, class_quotas={"cat": 0}, **brought)
    assert none.data == ()
    herded = ask(bench, "selection", add=1, backbone="descriptor", **brought)
    assert herded.method.name == "uherding"


def test_predictions_without_a_box_are_chosen_among_by_chance_and_it_is_said(bench, drawn):
    lines = [json.dumps({"name": line["name"], "boxes": []}) for line in drawn[8:11]]
    (bench.root / "found.jsonl").write_text("\n".join(lines))
    brought = str(bench.root / "found.jsonl")
    for method in ("auto", "det_sum"):
        result = ask(bench, "selection", None, add=2, method=method, path_to_predictions=brought)
        assert (len(result.data), result.method.name) == (2, "random")
        assert "the predictions have no box" in result.method.why


def test_a_batch_that_is_cut_short_by_time_says_so(bench, drawn):
    lines = [f"{line['name']},cat,1,1,20,20,0.5" for line in drawn[8:11]]
    (bench.root / "found.csv").write_text(HEAD + "\n".join(lines) + "\n")
    brought = {"path_to_predictions": str(bench.root / "found.csv")}
    assert ask(bench, "selection", add=3, cost={"most_s": 0.1}, **brought).data == ()
    assert "longer than most_s" in bench.warning("fewer_than_asked").detail


def test_what_another_detector_says_is_drafted_beside_what_was_drawn_and_within_the_image(bench, drawn):
    right = [(line["name"], box) for line in drawn[:8] for box in line["boxes"]]
    found = [f"{name},{box['class']},{','.join(map(str, box['box']))},0.8" for name, box in right]
    unlabelled, other = (line["name"] for line in drawn[8:10])
    found += [f"{unlabelled},disc,60,40,20,20,0.9", f"{unlabelled},disc,1,1,9,9,0.3"]
    found += [f"{drawn[3]['name']},disc,1,1,9,9,0.9"]
    (bench.root / "found.csv").write_text(HEAD + "\n".join(found) + "\n")
    brought = {"path_to_predictions": str(bench.root / "found.csv")}
    result = ask(bench, "prediction", **brought)
    (item,) = result.items
    assert (item.name, item.width, item.height, result.detector) == (unlabelled, 64, 48, None)
    assert [(box.box, box.score, box.draft) for box in item.boxes] == [
        ((60, 40, 4, 8), 0.9, True),
        ((1, 1, 9, 9), 0.3, False),
    ]
    assert set(bench.warned_of()) == {"without_prediction", "boxes_of_another_size"}
    assert other in bench.warning("without_prediction").names
    named = ask(bench, "prediction", names=[drawn[0]["name"], drawn[3]["name"]], **brought)
    assert [len(item.boxes) for item in named.items] == [0, 1]
    alone = ask(bench, "prediction", None, **brought)
    assert [box.draft for box in alone.items[-1].boxes] == [True, True]
    with pytest.raises(InvalidRequest, match="/path_to_predictions"):
        parse_request({"kind": "prediction", "backbone": "b0", "path_to_img": "p", "path_to_labels": "l", **brought})


def test_a_predicted_box_is_held_as_a_few_numbers(bench, drawn):
    lines = [f"{line['name']},cat,{i % 10},{i // 10},9,9,0.9" for line in drawn for i in range(100)]
    (bench.root / "found.csv").write_text(HEAD + "\n".join(lines) + "\n")
    body = {"kind": "prediction", "task": "detection", "path_to_img": str(bench.root / "pool")}
    request = parse_request({**body, "path_to_predictions": str(bench.root / "found.csv")})
    carry_out(request, bench.new_run())  # what is loaded and kept the first time
    tracemalloc.start()
    result = carry_out(request, bench.new_run())
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(len(item.boxes) for item in result.items) == 1_200
    assert held < 200 * 1_200  # bytes; as objects 900 each


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"method": "margin"}, "/method"),
        ({"method": "ppal", "path_to_predictions": "x"}, "/method"),
        ({"method": "uherding", "path_to_predictions": "x"}, "/method"),
        ({"passes": 100, "path_to_predictions": "x"}, "/passes"),
        ({"head": "mlp"}, "/head"),
        ({"detector": "large", "weights": "random"}, "/weights"),
        ({"cost": {"box": 3}}, "/cost/box/[key]"),
    ],
)
def test_what_makes_no_sense_for_boxes_is_refused(fields, pointer):
    body = {"kind": "selection", "task": "detection", "path_to_img": "p", "path_to_labels": "l", "add": 3, **fields}
    with pytest.raises(InvalidRequest) as refused:
        parse_request(body)
    assert pointer in [fault.pointer for fault in refused.value.faults]


@pytest.mark.parametrize(
    "fields", [{"method": "det_sum"}, {"image_size": 320}, {"passes": 100}, {"cost": {"image_s": 3}}], ids=json.dumps
)
def test_what_is_of_boxes_alone_is_refused_for_classes(fields):
    body = {"kind": "selection", "backbone": "mobilenet", "path_to_img": "p", "add": 3, **fields}
    with pytest.raises(InvalidRequest) as refused:
        parse_request(body)
    assert [fault.pointer for fault in refused.value.faults] == [f"/{next(iter(fields))}"]


def test_of_very_many_images_those_that_chance_takes_are_learnt_from_and_one_with_a_box_at_least():
    box = Box("disc", 1, 2, 3, 4)
    empty, boxed = BoxedImage(9, 9), BoxedImage(9, 9, (box,))
    assert learnt_rows(dict.fromkeys(range(9), boxed), 3, 0) == sorted(np.random.default_rng(0).permutation(9)[:3])
    for only in range(9):
        assert only in learnt_rows({**dict.fromkeys(range(9), empty), only: boxed}, 1, 0)

"""What more boxes would bring, by detectors of a few passes."""

from __future__ import annotations

import pytest

from nextlabel.core.errors import ClassesNeverMeet, InvalidRequest, NoLabels, NothingToValidate
from nextlabel.core.kinds.registry import parse_request, result_adapter
from nextlabel.core.pipelines.detection import learning_curve
from nextlabel.core.pipelines.registry import carry_out
from tests import shapes

QUICK = {"weights": "random", "image_size": 64, "passes": 8, "repeats": 2, "ahead": [30]}


def ask(bench, lines, **fields):
    body = {
        "kind": "learning_curve",
        "task": "detection",
        "path_to_img": str(bench.root / "pool"),
        "path_to_labels": shapes.write(bench.root / "boxes.jsonl", lines),
        **QUICK,
        **fields,
    }
    bench.run = bench.new_run()
    return carry_out(parse_request(body), bench.run)


@pytest.fixture
def seeds(monkeypatch):
    """The seeds of all detectors that are trained, as they are."""
    seeds, finder_of = [], learning_curve.finder_of

    def noted(request, *of, **how):
        seeds.append(request.seed)
        return finder_of(request, *of, **how)

    monkeypatch.setattr(learning_curve, "finder_of", noted)
    return seeds


def test_points_are_of_growing_parts_and_the_forecast_counts_images_and_boxes(bench, seeds):
    drawn = shapes.draw(bench.root / "pool", *[["square"], ["disc", "disc"]] * 12)
    result = ask(bench, drawn)
    assert result_adapter.validate_json(result.model_dump_json()) == result
    assert (result.images, result.boxes, result.validation_images) == (24, 36, 24)
    assert [point.images for point in result.points] == [4, 5, 8, 12]
    assert [point.boxes for point in result.points] == sorted(point.boxes for point in result.points)
    assert all(len(point.repeats) == 2 and 0 <= point.map50 <= 1 for point in result.points)
    (ahead,) = result.forecast
    assert (result.now.images, ahead.images, ahead.boxes) == (24, 54, 81)
    assert ahead.low <= ahead.map50 <= ahead.high
    assert result.advice.verdict == "go_on"
    assert "24 labelled images are too few" in result.advice.sentence
    assert len(list(result.rows())) == 6
    done = [progress.done for progress in bench.told if progress.stage == "train"]
    assert done == sorted(done)
    assert not bench.settings.detectors_dir.exists()
    assert seeds == [0, 1] * 4


def test_a_validation_set_scores_all_repeats_and_of_images_that_were_chosen_nothing_is_forecast(bench):
    drawn = shapes.draw(bench.root / "pool", *[["square"], ["disc"]] * 13)
    shapes.draw(bench.root / "pool", *[[]] * 40, seed=1)
    val = {
        "path_to_img_val": str(bench.root / "pool"),
        "path_to_labels_val": shapes.write(bench.root / "val.jsonl", drawn[:4]),
    }
    result = ask(bench, drawn, **val)
    assert (result.images, result.validation, result.validation_images) == (22, "held out", 4)
    assert result.points[-1].images == 22
    assert (result.now.map50, result.forecast[0].low, result.forecast[0].high) == (None, 0, 1)
    assert bench.warning("labels_not_random")
    with pytest.raises(NoLabels, match="20 labelled images at least; there are 19"):
        ask(bench, drawn[:23], **val)


def test_a_validation_set_on_which_nothing_that_is_learnt_can_be_found_is_refused_and_forecasts_no_zero(bench):
    drawn = shapes.draw(bench.root / "pool", *[["square"], ["disc"]] * 11)
    lines = shapes.draw(bench.root / "val", ["square"], ["disc"], [])

    def by(*classes):
        val = [
            {**line, "boxes": [{**box, "class": name} for box in line["boxes"] if name]}
            for line, name in zip(lines, classes, strict=True)
        ]
        labels = shapes.write(bench.root / "val.jsonl", val)
        return ask(bench, drawn, path_to_img_val=str(bench.root / "val"), path_to_labels_val=labels)

    with pytest.raises(NothingToValidate, match=r"on none of the labelled validation images \(3\) is a box"):
        by(None, None, None)
    with pytest.raises(ClassesNeverMeet, match=r"\('zebra'\) has a training label"):
        by("zebra", "zebra", "zebra")
    assert by("square", "zebra", None).validation_images == 3
    assert bench.warning("class_never_trained").names == ("zebra",)


def test_without_an_object_to_learn_nothing_is_said_of_the_validation_set_and_with_one_it_scores(bench):
    drawn = shapes.draw(bench.root / "pool", *[["square"]] * 21)
    val = {
        "path_to_img_val": str(bench.root / "val"),
        "path_to_labels_val": shapes.write(
            bench.root / "val.jsonl", shapes.draw(bench.root / "val", ["square"], ["disc"])
        ),
    }
    empty = [{**line, "boxes": []} for line in drawn]
    with pytest.raises(NoLabels, match="on none of the labelled training images is a box"):
        ask(bench, empty, **val)
    assert ask(bench, [drawn[0], *empty[1:]], **val).boxes == 1


def test_what_is_not_of_boxes_is_refused():
    body = {"kind": "learning_curve", "task": "detection", "path_to_img": "p", "path_to_labels": "l", "backbone": "b0"}
    with pytest.raises(InvalidRequest, match="/backbone"):
        parse_request(body)
    with pytest.raises(InvalidRequest, match="/passes"):
        parse_request({**body, "task": "classification", "passes": 100})
    assert parse_request({**body, "backbone": None}).repeats == 5

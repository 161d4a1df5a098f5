"""Training that goes on from a detector that is kept: from which, and what stays held out."""

from __future__ import annotations

import pytest

from nextlabel.core.errors import InvalidRequest, WarningCode
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.neural.detection.kept import KeptDetectors
from nextlabel.core.pipelines.detection import earlier, finder, training_set
from nextlabel.core.pipelines.registry import carry_out
from tests import shapes

QUICK = {"weights": "random", "image_size": 64}


@pytest.fixture(autouse=True)
def _few_passes(monkeypatch):
    monkeypatch.setattr(finder, "PASSES", 16)


@pytest.fixture
def ask(bench, drawn):
    """Ask for boxes of the last image, or something else, with so many of the twelve images labelled."""

    def ask(labelled, *, kind="prediction", lines=drawn, **fields):
        shapes.write(bench.root / "boxes.jsonl", lines[:labelled])
        body = {
            "kind": kind,
            "task": "detection",
            "path_to_img": str(bench.root / "pool"),
            "path_to_labels": str(bench.root / "boxes.jsonl"),
            **QUICK,
            **({"warm": True, "names": [drawn[11]["name"]]} if kind == "prediction" else {}),
            **fields,
        }
        bench.run = bench.new_run()
        return carry_out(parse_request(body), bench.run)

    return ask


def kept(bench):
    return KeptDetectors(bench.settings.detectors_dir)


def trained_in(bench):
    """How many images are to pass in all, as it was told."""
    (total,) = {one.total for one in bench.told if one.stage == "train"}
    return total


def test_training_goes_on_from_the_detector_of_fewer_labels_with_half_the_passes(bench, ask):
    first = ask(6).detector
    assert (first.warm_from, first.passes, trained_in(bench)) == (None, 16, 16)
    assert [one.code for one in bench.run.warnings] == [WarningCode.RANDOM_WEIGHTS]
    (key,) = kept(bench).lessons()
    result = ask(8)
    second = result.detector
    assert (second.warm_from.detector, second.warm_from.images, second.warm_from.trainings) == (key, 6, 1)
    assert (second.passes <= 8, trained_in(bench), bench.run.warnings) == (True, 8, ())
    assert ask(8) == result
    assert len(kept(bench).lessons()) == 2
    assert ask(8, kind="selection", add=1, warm=True).detector == second
    ask(8, passes=16)
    assert (trained_in(bench), len(kept(bench).lessons())) == (16, 3)


def test_what_was_learnt_from_is_learnt_from_again_and_what_was_held_out_stays_so(bench, ask):
    learnt, held = set(), set()
    for labelled in (5, 7, 10):
        before = set(kept(bench).lessons())
        detector = ask(labelled, seed=3).detector
        (key,) = set(kept(bench).lessons()) - before
        lessons = kept(bench).lessons()[key]
        assert learnt <= set(lessons["learnt"])
        assert held <= set(lessons["held"])
        learnt, held = set(lessons["learnt"]), set(lessons["held"])
        assert not learnt & held
        assert (detector.images, detector.held_out) == (len(learnt), len(held))
        assert (len(learnt), len(held)) == (labelled - labelled // 5, labelled // 5)
    assert detector.warm_from.trainings == 2


@pytest.mark.parametrize("changed", ["box", "taken back", "seed", "too few known", "replaced"])
def test_where_not_all_that_it_learnt_from_is_as_it_was_training_begins_anew(bench, ask, drawn, changed):
    ask(4)
    if changed == "box":
        moved = [{**drawn[0], "boxes": [{"class": "disc", "box": [1, 1, 9, 9]}]}, *drawn[1:]]
        detector = ask(6, lines=moved).detector
    elif changed == "taken back":
        detector = ask(5, lines=drawn[1:]).detector
    elif changed == "seed":
        detector = ask(6, seed=1).detector
    elif changed == "too few known":
        detector = ask(10).detector
    else:
        path = bench.root / "pool" / drawn[0]["name"]
        path.write_bytes((bench.root / "pool" / drawn[11]["name"]).read_bytes())
        detector = ask(6).detector
    assert detector.warm_from is None


def test_what_was_known_stays_known_though_it_is_not_read_this_time(bench, ask, monkeypatch):
    first = ask(6).detector
    for module in (earlier, training_set):
        monkeypatch.setattr(module, "MOST_LEARNT_FROM", 6)
    (before,) = kept(bench).lessons().values()
    second = ask(10).detector  # of which 6 are read, and all that were known are two thirds of as many
    assert (second.warm_from.images, second.images + second.held_out) == (first.images + first.held_out, 6)
    (after,) = (one for one in kept(bench).lessons().values() if one["trainings"] == 1)
    learnt, held = set(after["learnt"]), set(after["held"])
    assert (set(before["learnt"]) <= learnt, set(before["held"]) <= held, learnt & held) == (True, True, set())
    assert len(learnt | held) > 6


def test_a_class_that_is_new_is_learnt_beside_those_known(ask, drawn):
    lines = [drawn[0], *(line for line in drawn if {box["class"] for box in line["boxes"]} == {"disc"})]
    assert ask(4, lines=lines[1:]).detector.classes == ("disc",)
    both = ask(5, lines=[*lines[1:5], drawn[0]]).detector
    assert (both.classes, both.warm_from.images) == (("disc", "square"), 4)


def test_after_three_such_trainings_one_begins_anew(ask):
    trainings = [ask(labelled).detector.warm_from for labelled in (6, 7, 8, 9, 10)]
    assert [one and one.trainings for one in trainings] == [None, 1, 2, 3, None]


def test_of_two_that_know_as_much_the_one_used_last_is_gone_on_from(ask):
    ask(6)
    ask(8)
    assert ask(8, warm=False).detector.warm_from is None
    ask(8)
    assert ask(9).detector.warm_from.trainings == 2


def test_what_judges_and_what_does_not_ask_for_it_says_the_same_whatever_is_kept(bench, ask, drawn, f1_request):
    shapes.write(bench.root / "val.jsonl", drawn[10:])
    body = {**f1_request, **QUICK}
    shapes.write(bench.root / "boxes.jsonl", drawn[:8])
    cold = carry_out(parse_request(body), bench.new_run())
    for path in bench.settings.detectors_dir.iterdir():
        path.unlink()
    ask(6)
    assert ask(8).detector.warm_from.images == 6
    assert carry_out(parse_request(body), bench.new_run()) == cold
    assert ask(8, warm=False).detector == cold.detector


@pytest.mark.parametrize("kind", ["f1", "label_check", "learning_curve", "audit"])
def test_kinds_that_judge_know_no_warm(kind):
    with pytest.raises(InvalidRequest) as refused:
        parse_request({"kind": kind, "task": "detection", "warm": True})
    assert "/warm" in [fault.pointer for fault in refused.value.faults]


@pytest.mark.parametrize(
    "fields", [{"task": "classification"}, {"detector": "light"}, {"path_to_predictions": "found.csv"}]
)
def test_warm_where_nothing_is_trained_whole_is_refused(fields):
    body = {"kind": "prediction", "task": "detection", "path_to_img": "p", "backbone": None, "warm": True, **fields}
    with pytest.raises(InvalidRequest) as refused:
        parse_request(body)
    assert [fault.pointer for fault in refused.value.faults if fault.pointer == "/warm"] == ["/warm"]


def test_a_kept_file_that_is_torn_is_not_gone_on_from(bench, ask):
    ask(6)
    for path in bench.settings.detectors_dir.iterdir():
        path.write_bytes(path.read_bytes()[:-10])
    assert ask(8).detector.warm_from is None

"""Average precision equal to COCO's own program to the last digit, and the kinds of misses by hand."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from nextlabel.core.data.boxes import Detected
from nextlabel.core.metrics.box_counts import BoxCounts
from nextlabel.core.metrics.detection import Calibration, Truth, named, score


def truth(*objects, crowd=()):
    """objects: (class, x, y, width, height)."""
    return Truth(
        np.array([one[1:] for one in objects], float).reshape(-1, 4),
        np.array([one[0] for one in objects], int),
        np.array([i in crowd for i in range(len(objects))], bool),
    )


def said(*predictions):
    """predictions: (class, x, y, width, height, score)."""
    return Detected(
        np.array([one[1:5] for one in predictions], float).reshape(-1, 4),
        np.array([one[0] for one in predictions], int),
        np.array([one[5] for one in predictions], float),
    )


def scored(truths, detected, classes=("cat", "dog")):
    return score(truths, detected, classes, np.random.default_rng(0))


def by_coco(truths, detected, n_classes):
    """mAP, mAP@50, AR by COCO's own program; -1 where there is none."""
    annotations = [
        {"image_id": i, "category_id": int(c), "bbox": box.tolist(), "area": box[2] * box[3], "iscrowd": int(crowd)}
        for i, one in enumerate(truths)
        for box, c, crowd in zip(*(one.places, one.classes, one.crowd), strict=True)
    ]
    annotations = [{"id": at, **one} for at, one in enumerate(annotations, start=1)]
    results = [
        {"image_id": i, "category_id": int(c), "bbox": box.tolist(), "score": float(s)}
        for i, one in enumerate(detected)
        for box, c, s in zip(one.places, one.classes, one.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i} for i in range(len(truths))],
            "categories": [{"id": c} for c in range(n_classes)],
            "annotations": annotations,
        }
        coco.createIndex()
        found = coco.loadRes(results) if results else COCO()
        if not results:
            found.dataset = {**coco.dataset, "annotations": []}
            found.createIndex()
        run = COCOeval(coco, found, "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run.stats[0], run.stats[1], run.stats[8]


SIDES = st.integers(1, 12)
PLACES = st.tuples(st.integers(0, 12), st.integers(0, 12), SIDES, SIDES)
OBJECTS = st.lists(st.tuples(st.integers(0, 2), PLACES, st.booleans()), max_size=5)
PREDICTIONS = st.lists(
    st.tuples(st.integers(0, 2), PLACES, st.sampled_from([0.1, 0.2, 0.5, 0.5000001, 0.9])), max_size=6
)


@settings(max_examples=60)
@given(st.lists(st.tuples(OBJECTS, PREDICTIONS), min_size=1, max_size=4))
def test_it_is_what_cocos_own_program_says_to_the_last_digit(images):
    truths = [
        truth(*((c, *place) for c, place, _ in objects), crowd=[i for i, one in enumerate(objects) if one[2]])
        for objects, _ in images
    ]
    detected = [said(*((c, *place, s) for c, place, s in predictions)) for _, predictions in images]
    mine = scored(truths, detected, ("a", "b", "c"))
    theirs = by_coco(truths, detected, 3)
    ours = (mine.mean_average_precision, mine.map50, mine.average_recall)
    assert tuple(-1 if one is None else one for one in ours) == theirs


def test_it_is_so_with_many_boxes_and_only_the_100_best_of_a_class_count():
    rng = np.random.default_rng(1)
    truths, detected = [], []
    for _ in range(12):
        boxes = rng.uniform(0, 100, (30, 2))
        sizes = rng.uniform(5, 40, (30, 2))
        classes = rng.integers(0, 3, 30)
        truths.append(Truth(np.hstack([boxes, sizes]), classes, rng.random(30) < 0.1))
        near = np.repeat(np.hstack([boxes, sizes]), 15, axis=0) + rng.normal(0, 2, (450, 4))
        guessed = np.where(rng.random(450) < 0.8, np.repeat(classes, 15), rng.integers(0, 3, 450))
        detected.append(Detected(np.maximum(near, 0.5), guessed, np.round(rng.random(450), 2)))
    mine = scored(truths, detected, ("a", "b", "c"))
    assert (mine.mean_average_precision, mine.map50, mine.average_recall) == by_coco(truths, detected, 3)
    low, high = mine.mean_average_precision_interval
    assert low < mine.mean_average_precision < high
    assert all(one.ap50_interval[0] <= one.ap50 <= one.ap50_interval[1] for one in mine.per_class)


def test_of_nothing_there_is_no_score():
    for truths, detected in (([], []), ([truth()], [said()]), ([truth()], [said((0, 1, 1, 5, 5, 0.9))])):
        mine = scored(truths, detected)
        assert (mine.mean_average_precision, mine.map50, mine.average_recall, mine.f1) == (None,) * 4
        assert (mine.map50_interval, mine.per_class[0].ap50) == (None, None)
    assert [miss.kind for miss in mine.misses] == []  # no threshold is best for a class without an object


def test_the_truth_scores_1_and_a_class_that_nobody_predicts_0():
    objects = [(0, 1, 1, 5, 5), (1, 20, 20, 9, 9)]
    mine = scored([truth(*objects)], [said(*((*one, 0.8) for one in objects))])
    assert (mine.mean_average_precision, mine.average_recall, mine.f1) == pytest.approx((1, 1, 1))
    assert mine.misses == ()
    mine = scored([truth(*objects)], [said((0, 1, 1, 5, 5, 0.8))])
    assert (mine.map50, [one.ap50 for one in mine.per_class]) == (pytest.approx(0.5), pytest.approx([1, 0]))
    assert mine.per_class[1].threshold is None


def test_the_threshold_is_where_f1_is_best_and_equal_scores_go_together():
    objects = [(0, 10 * i, 0, 5, 5) for i in range(3)]
    right = [(*one, s) for one, s in zip(objects, (0.9, 0.6, 0.1), strict=True)]
    wrong = [(0, 0, 50, 5, 5, s) for s in (0.6, 0.2, 0.2, 0.2)]
    (cat, _) = scored([truth(*objects)], [said(*right, *wrong)]).per_class
    assert (cat.threshold, cat.precision, cat.recall_there) == (0.6, 2 / 3, 2 / 3)
    assert cat.f1 == pytest.approx(2 / 3)


def test_each_miss_has_its_kind_and_the_confusion_counts_them():
    here = truth((0, 0, 0, 10, 10), (0, 20, 0, 10, 10), (1, 40, 0, 10, 10), (0, 60, 0, 10, 10), (0, 80, 0, 10, 10))
    predictions = said(
        (0, 0, 0, 10, 10, 0.6),
        (0, 1, 0, 10, 10, 0.5),  # the first once more
        (0, 26, 0, 10, 10, 0.5),  # beside the second
        (0, 40, 0, 10, 10, 0.5),  # a dog taken for a cat
        (0, 90, 90, 5, 5, 0.5),  # nothing there
        (1, 66, 0, 10, 10, 0.5),  # a dog beside a cat
        (1, 0, 50, 10, 10, 0.1),  # below the threshold
    )
    right = [(0, 0, 0, 9, 9), (0, 20, 0, 9, 9), (0, 40, 0, 9, 9), (1, 60, 0, 9, 9), (1, 80, 0, 9, 9)]
    mine = scored([here, truth(*right)], [predictions, said(*((*one, 0.3) for one in right))])
    kinds = {(miss.kind, miss.truth) for miss in mine.misses}
    assert kinds == {("double", 0), ("place", 1), ("class", 2), ("both", 3), ("background", None), ("missed", 4)}
    # by truth: cat, dog, nothing; by prediction: cat, dog, nothing
    assert mine.confusion.tolist() == [[4, 0, 3], [1, 2, 0], [3, 1, 0]]


def test_a_prediction_in_a_crowd_counts_neither_way_however_many_there_are():
    crowd = truth((0, 0, 0, 100, 100), (0, 200, 0, 10, 10), crowd=[0])
    mine = scored([crowd], [said((0, 10, 10, 5, 5, 0.9), (0, 50, 50, 5, 5, 0.9), (0, 200, 0, 10, 10, 0.8))])
    assert (mine.map50, mine.misses, mine.per_class[0].objects) == (pytest.approx(1), (), 1)


def test_one_object_is_drafted_once_as_what_it_is_most_surely():
    calibration = Calibration(np.array([0.5, 0.3]), np.ones(2), 0.05)
    predictions = said(
        (0, 0, 0, 10, 10, 0.6),
        (1, 0, 1, 10, 10, 0.7),  # the same object, more surely
        (0, 0, 4, 10, 10, 0.55),  # beside both: another one
        (0, 50, 0, 10, 10, 0.49),  # surer than the next, and yet below its own threshold
        (1, 50, 0, 10, 10, 0.4),
    )
    assert calibration.drafts(predictions).tolist() == [False, True, True, False, True]
    assert calibration.drafts(said()).tolist() == []


def test_what_scores_say_of_counts_is_learnt_from_boxes_of_whatever_class_and_not_from_crowds():
    objects = [truth((0, 0, 0, 10, 10), (0, 50, 0, 10, 10), (0, 0, 50, 90, 40), crowd=(2,))] * 50
    unsure = [said((1, 0, 0, 10, 10, 0.6), (0, 50, 0, 10, 10, 0.4), (0, 80, 80, 10, 10, 0.001))] * 50
    counts = Calibration.of(objects, unsure, 2).counts
    assert counts.expected(counts.chances(np.array([0.6, 0.4])).sum()) == pytest.approx(2, rel=0.06)
    doubled = [said((0, 0, 0, 10, 10, 0.6), (1, 0, 0, 10, 10, 0.6))] * 50
    assert Calibration.of(objects, doubled, 2).counts.chances(np.array([0.6])) == pytest.approx(0.5, abs=0.02)


def test_counts_are_kept_with_a_detector_and_one_kept_before_them_counts_as_it_did():
    assert Calibration.of([], [], 1).counts == Calibration.unknown(1).counts == BoxCounts()
    learnt = Calibration.of([truth((0, 0, 0, 10, 10))] * 9, [said((0, 0, 0, 10, 10, 0.4))] * 9, 1)
    assert learnt.counts != BoxCounts()
    assert Calibration.heard(learnt.said()).counts == learnt.counts
    before = learnt.said()
    del before["counts"]
    assert Calibration.heard(before).counts == BoxCounts()
    counts = Calibration.heard({**before, "boxes_per_score": 2.0, "boxes_missed": 1.0}).counts
    assert counts.expected(counts.chances(np.array([0.3, 0.9])).sum()) == pytest.approx(1 + 2 * 1.2)


def test_an_object_is_named_by_the_surest_prediction_at_it():
    objects = truth((0, 0, 0, 10, 10), (1, 50, 50, 10, 10), (1, 20, 20, 9, 9), (1, 80, 80, 9, 9), crowd=(3,))
    there = said((0, 0, 0, 10, 10, 0.6), (1, 1, 0, 10, 10, 0.2), (0, 20, 20, 9, 9, 0.5), (1, 20, 20, 9, 9, 0.4))
    assert [one.tolist() for one in named([truth(), objects], [there, there])] == [[0, 1, 1], [0, -1, 0]]
    assert [one.tolist() for one in named([objects], [said()])] == [[0, 1, 1], [-1, -1, -1]]

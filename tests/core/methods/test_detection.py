"""What the doubts of boxes come to for an image, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nextlabel.core.data.boxes import Detected
from nextlabel.core.methods.auto import AutoOfBoxes, settle_for_boxes
from nextlabel.core.methods.base import Inputs
from nextlabel.core.methods.detection import GIVEN_DOUBTS, entropy, hard_sum, k_medoids, unlikeness
from nextlabel.core.methods.found_boxes import FoundBoxes
from nextlabel.core.methods.registry import METHODS, parse_method

HALF = np.log(2)  # the entropy of a score of 0.5


def boxes(*images, quality=(0.0, 0.0), described=None):
    """images: each a list of (class, score)."""
    said = [
        Detected(
            np.tile([0.0, 0, 1, 1], (len(one), 1)), np.array([c for c, _ in one], int), np.array([s for _, s in one])
        )
        for one in images
    ]
    return FoundBoxes.of(said, np.array(quality, float), described)


def picked(method, found, add=1, **more):
    n = len(found.starts) - 1
    inputs = Inputs(**{"candidates": np.arange(n), "boxes": found, **more})
    return parse_method(method).select(inputs, add, np.random.default_rng(0)).rows.tolist()


CROWD = [(0, 0.9)] * 10  # ten rather sure boxes
ODD = [(0, 0.5)]
MIXED = [(0, 0.5), (0, 0.99)]


def test_an_even_score_is_most_doubtful_and_a_sure_one_hardly():
    np.testing.assert_allclose(entropy(np.array([0.5, 0.9])), [0.693147, 0.325083], atol=1e-6)
    assert np.isfinite(entropy(np.array([0.0, 1.0]))).all()


def test_a_sum_wants_the_crowd_a_mean_the_one_odd_box_and_a_maximum_does_not_mind_company():
    found = boxes(CROWD, ODD, MIXED, [])
    assert picked("det_sum", found) == [0]
    assert picked("det_mean", found) == [1]
    assert set(picked("det_max", found, add=2)) == {1, 2}


def test_every_class_counts_alike_however_many_boxes_it_has():
    found = boxes([(0, 0.5), (0, 0.5)], [(1, 0.5)], [(0, 0.5)], [(0, 0.5)])
    assert picked("det_sum", found) == [0]
    assert picked("class_sum", found) == [1]


def test_a_class_that_is_found_well_counts_less():
    found = boxes([(0, 0.5)], [(1, 0.5)], quality=(0.9, 0.1))
    assert picked("class_sum", found) == [1]
    np.testing.assert_allclose(hard_sum(boxes([(0, 0.5)], quality=(1.0,))), [HALF])
    # 1 + 0.3 * 0.2 * ln(1 + (e^(1/0.3) - 1) * 1) = 1 + 0.06 / 0.3
    np.testing.assert_allclose(hard_sum(boxes([(0, 0.5)], quality=(0.0,))), [1.2 * HALF])


def test_only_candidates_are_picked_and_only_their_boxes_count():
    found = boxes([(0, 0.5)], [(0, 0.5)], [(1, 0.5)])
    assert picked("class_sum", found, candidates=np.array([1])) == [1]
    assert picked("det_sum", found, add=5, candidates=np.array([0, 2])) in ([0, 2], [2, 0])


def test_an_image_on_which_nothing_was_found_has_a_turn_before_the_surest_ones():
    found = boxes([], *([(0, score)] for score in np.linspace(0.5, 0.999, 40)))
    order = picked("det_sum", found, add=41)
    assert 35 <= order.index(0) < 40
    assert order[-1] == 40


def test_ppal_takes_doubtful_images_whose_objects_look_unlike():
    same, other = np.array([[1.0, 0]], np.float32), np.array([[0, 1.0]], np.float32)
    found = boxes([(0, 0.5)], [(0, 0.5)], [(0, 0.45)], described=[same, same, other])
    assert set(picked("ppal", found, add=2)) in ({0, 2}, {1, 2})


def test_objects_are_as_unlike_as_their_nearest_of_the_class():
    x, y = np.array([[1.0, 0]], np.float32), np.array([[0, 1.0]], np.float32)
    found = boxes([(0, 0.5)], [(0, 0.9)], [(1, 0.5)], [], described=[x, y, x, np.empty((0, 2), np.float32)])
    expected = [[0, 1, 2, 2], [1, 0, 2, 2], [2, 2, 0, 2], [2, 2, 2, 0]]
    np.testing.assert_allclose(unlikeness(found), expected)


def test_medoids_are_the_middles_of_clusters():
    at = np.array([0.0, 1, 2, 10, 11, 12])
    assert set(k_medoids(np.abs(at[:, None] - at[None, :]), 2).tolist()) == {1, 4}
    assert k_medoids(np.zeros((2, 2)), 5).tolist() == [0, 1]


def test_a_tenth_of_what_auto_picks_is_for_coverage_and_the_rest_for_doubt():
    rng = np.random.default_rng(0)
    doubts = np.zeros((40, 1))
    doubts[:20] = 1.0
    inputs = Inputs(
        candidates=np.arange(40),
        embeddings=(rng.normal(0, 0.3, (40, 2)) + np.repeat([[3, 0], [-3, 0]], 20, axis=0)).astype(np.float32),
        logits=doubts,
        units=GIVEN_DOUBTS,
    )
    rows = AutoOfBoxes().select(inputs, 20, rng).rows
    assert len(rows) == 20
    assert (rows[:18] < 20).sum() >= 17
    assert (rows[18:] >= 20).all()


@pytest.mark.parametrize(
    ("asked", "boxes", "embeddings", "chosen"),
    [
        ("auto", False, True, "maxherding"),
        ("auto", True, False, "class_sum"),
        ("det_sum", False, True, "maxherding"),
        ("det_sum", True, True, "det_sum"),
        ("random", False, True, "random"),
        ("uherding", False, True, "maxherding"),
        ("auto", False, False, "random"),
        ("det_sum", False, False, "random"),
    ],
)
def test_before_a_box_is_drawn_images_are_chosen_by_coverage(asked, boxes, embeddings, chosen):
    method, why = settle_for_boxes(parse_method(asked), boxes=boxes, embeddings=embeddings)
    assert method.name == chosen
    assert why


def test_methods_say_which_tasks_they_are_of():
    assert METHODS["det_sum"].tasks() == ("detection",)
    assert METHODS["margin"].tasks() == ("classification", "multilabel")
    assert METHODS["mixture"].tasks() == ("classification",)
    assert "detection" in METHODS["uherding"].tasks()

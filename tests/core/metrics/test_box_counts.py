"""How many objects images hold, by the scores of what is found on them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.metrics.box_counts import ENDS, SURE, BoxCounts

# of a score, so many boxes that are of an object, and that are not
MANY_OF_A_SCORE = st.tuples(st.floats(0, 1), st.integers(0, 2000), st.integers(0, 2000))


def slope(scores, right):
    """Return by how much the penalised loss changes with shift and steepness, where they are what was learnt."""
    counts = BoxCounts.of([scores], [right], np.array([1.0]))
    wrong_by = right - counts.chances(scores)
    logits = np.log(np.clip(scores, ENDS, 1 - ENDS) / (1 - np.clip(scores, ENDS, 1 - ENDS)))
    drawn_back = SURE * (counts.shift, counts.steepness - 1)
    return np.array([wrong_by.sum(), logits @ wrong_by]) - drawn_back


def expected(counts, *scores):
    return float(counts.expected(counts.chances(np.array(scores)).sum()))


def test_without_images_to_learn_from_scores_count_as_they_are():
    counts = BoxCounts.of([], [], np.array([]))
    assert counts == BoxCounts()
    assert expected(counts, 0.2, 0.9) == pytest.approx(1.1)


def test_few_images_change_little_and_many_tell_what_a_score_is_worth():
    def by(images):
        return BoxCounts.of([np.array([0.3])] * images, [np.array([True])] * images, np.ones(images))

    assert expected(by(1), 0.3) < 0.8
    assert expected(by(50), 0.3) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("scores", "share"),
    [(np.ones(1000), 0.7), (np.random.default_rng(0).uniform(0.05, 0.3, 4000), 0.6), (np.full(1000, 1e-4), 1)],
    ids=["all sure, some wrong", "unsure, most right", "hardly seen, all right"],
)
def test_scores_that_say_other_than_what_is_so_are_learnt(scores, share):
    right = np.random.default_rng(1).random(len(scores)) < share
    assert slope(scores, right) == pytest.approx(0, abs=1e-3)
    learnt = BoxCounts.of([scores], [right], np.array([1.0])).chances(scores)
    assert learnt.mean() == pytest.approx(right.mean(), abs=0.01)


@given(st.lists(MANY_OF_A_SCORE, max_size=6))
def test_whatever_the_scores_are_what_is_learnt_fits_best(of_a_score):
    scores = np.concatenate([np.empty(0), *(np.full(yes + no, score) for score, yes, no in of_a_score)])
    right = np.concatenate([np.empty(0, np.bool_), *(np.arange(yes + no) < yes for _, yes, no in of_a_score)])
    assert slope(scores, right) == pytest.approx(0, abs=1e-2)


def test_many_low_scores_don_t_come_to_what_few_high_ones_do():
    """Of boxes with 0.9 all are right, of those with 0.3 one of ten."""
    rng = np.random.default_rng(0)
    scores = [np.concatenate([np.full(rng.integers(0, 4), 0.9), np.full(rng.integers(0, 10), 0.3)]) for _ in range(200)]
    right = [(one > 0.5) | (rng.random(len(one)) < 0.1) for one in scores]
    counts = BoxCounts.of(scores, right, np.array([one.sum() for one in right]))
    assert expected(counts, 0.9, 0.9, 0.9) == pytest.approx(3, abs=0.2)
    assert expected(counts, *[0.3] * 9) == pytest.approx(0.9, abs=0.3)


def test_what_a_detector_never_finds_is_expected_on_every_image():
    blind = BoxCounts.of([np.empty(0)] * 200, [np.empty(0, np.bool_)] * 200, np.full(200, 2))
    assert expected(blind) == pytest.approx(2, abs=0.05)
    assert expected(blind, 0.9) == pytest.approx(2.9, abs=0.05)
    seeing_too_much = BoxCounts.of([np.array([0.9])] * 200, [np.array([False])] * 200, np.zeros(200))
    assert expected(seeing_too_much, 0.9, 0.9, 0.9) == pytest.approx(0, abs=0.1)


def test_sums_that_don_t_tell_images_apart_are_drawn_towards_their_mean():
    """Each image holds 4 objects, of which a half is found by chance: a larger sum is chance, too."""
    rng = np.random.default_rng(0)
    right = [np.ones(rng.binomial(4, 0.5), np.bool_) for _ in range(500)]
    counts = BoxCounts.of([np.full(len(one), 0.8) for one in right], right, np.full(500, 4))
    assert expected(counts, *[0.8] * 4) == pytest.approx(4, abs=0.1)
    assert expected(counts) == pytest.approx(4, abs=0.1)

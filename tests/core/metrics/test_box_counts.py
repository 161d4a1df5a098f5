"""How many objects images hold, by the scores of what is found on them."""

from __future__ import annotations

import numpy as np
import pytest

from nextlabel.core.metrics.box_counts import BoxCounts


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

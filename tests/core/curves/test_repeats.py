"""Curves drawn again from repeats, and how far chance moves a score."""

import numpy as np
import pytest

from nextlabel.core.curves.repeats import drawn_again

SIZES = np.array([5.0, 10, 20])
REPEATS = np.array([[0.2, 0.3, 0.4], [0.4, 0.3, 0.4]])


def test_how_far_chance_moves_a_score_is_told_by_all_sizes_and_by_few_of_them_less_surely():
    reached = np.array([0.25, 0.3, 0.35])
    curves, chance = drawn_again(SIZES, REPEATS, reached, pooled=False)
    assert chance == pytest.approx(np.sqrt(0.02 / 0.75 / 2) * 4.303 / 1.96, rel=1e-3)
    assert drawn_again(SIZES, REPEATS, reached, pooled=True)[1] == pytest.approx(
        np.sqrt(0.02 / 3 / 2) * 3.182 / 1.96, rel=1e-3
    )
    assert set(curves[:, 2].round(6)) == {0.35}
    assert set(curves[:, 0].round(6)) == {0.15, 0.25, 0.35}


@pytest.mark.parametrize("reached", [[0.02, 0.1, 0.2], [0.9, 0.98, 1]])
def test_no_curve_that_is_drawn_again_leaves_what_a_score_can_be(reached):
    """Folds of which one finds nothing: together they come to less than their mean, and it is moved by as much."""
    curves, _ = drawn_again(SIZES, np.array([[0, 0, 0.1], [0.9, 0.8, 1]]), np.array(reached), pooled=True)
    assert curves.min() >= 0
    assert curves.max() <= 1

import numpy as np
import pytest

from nextlabel.core.curves.comparison import area, compare, labels_for

LABELS = np.array([10.0, 100.0, 1000.0])


def repeated(curve, noise=0.0):
    return np.array(curve) + noise * np.random.default_rng(0).standard_normal((5, 1))


def test_the_area_counts_each_stretch_by_its_logarithm():
    assert area(LABELS, np.array([[0.0, 1.0, 1.0]])) == pytest.approx([0.75])


def test_labels_for_a_score_lie_between_two_points_by_their_logarithm():
    assert labels_for(0.5, LABELS, np.array([0.0, 1.0, 1.0])) == pytest.approx(np.sqrt(1000))
    assert labels_for(0.0, LABELS, np.array([0.2, 0.5, 0.9])) == 10
    assert labels_for(0.95, LABELS, np.array([0.2, 0.5, 0.9])) is None


def test_a_method_that_is_there_with_a_tenth_saves_nine_tenths():
    found = compare(LABELS, repeated([0.1, 0.5, 0.9]), repeated([0.5, 0.9, 0.95]), np.random.default_rng(0))
    assert found.saved == pytest.approx(0.9)
    assert found.gain == pytest.approx(((0.4 + 0.4) / 2 + (0.4 + 0.05) / 2) / 2)


def test_chance_beside_itself_gains_and_saves_nothing():
    chance = repeated([0.1, 0.5, 0.9], 0.05)
    found = compare(LABELS, chance, chance, np.random.default_rng(0))
    assert (found.gain, found.gain_interval) == (0, (0, 0))
    assert found.saved == pytest.approx(0)


def test_a_method_that_does_not_get_there_saves_nothing_that_could_be_told():
    found = compare(LABELS, repeated([0.1, 0.5, 0.9]), repeated([0.1, 0.4, 0.6]), np.random.default_rng(0))
    assert (found.saved, found.saved_interval) == (None, None)
    assert found.gain < 0


def test_the_interval_is_student_s_t_of_the_paired_differences():
    chance = np.zeros((3, 3))
    scores = np.array([[0.1], [0.2], [0.3]]) * np.ones(3)
    found = compare(LABELS, chance, scores, np.random.default_rng(0))
    half = 4.302653 * 0.1 / np.sqrt(3)
    assert found.gain_interval == pytest.approx((0.2 - half, 0.2 + half), abs=1e-6)


def test_the_interval_of_what_is_saved_holds_it():
    rng = np.random.default_rng(1)
    chance = np.array([0.1, 0.5, 0.9]) + rng.normal(0, 0.02, (5, 3))
    scores = np.array([0.3, 0.8, 0.95]) + rng.normal(0, 0.02, (5, 3))
    found = compare(LABELS, chance, scores, np.random.default_rng(0))
    low, high = found.saved_interval
    assert low < found.saved < high < 1

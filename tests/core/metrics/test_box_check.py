"""Each kind of suspicion by hand."""

import itertools

import numpy as np
import pytest

from nextlabel.core.metrics.box_check import Sure, suspects
from tests.core.metrics.test_detection import said, truth

LEAST = np.array([0.5, 0.5, np.inf])
SURE = Sure(LEAST, LEAST, LEAST)


def found(objects, predictions, crowd=()):
    return [
        (one.kind, one.truth, one.detection)
        for one in suspects([truth(*objects, crowd=crowd)], [said(*predictions)], SURE)
    ]


CAT = (0, 0, 0, 10, 10)


def test_what_is_predicted_as_it_was_drawn_is_beyond_suspicion():
    assert found([CAT], [(*CAT, 0.9)]) == []
    assert found([], []) == []


def test_a_sure_prediction_where_nothing_is_drawn_was_overlooked_and_an_unsure_one_is_nothing():
    assert found([CAT], [(*CAT, 0.9), (0, 50, 50, 9, 9, 0.8), (0, 80, 80, 9, 9, 0.3)]) == [("overlooked", None, 1)]
    assert found([], [(0, 50, 50, 9, 9, 0.8)]) == [("overlooked", None, 0)]


def test_what_was_overlooked_is_told_once_by_the_surest_of_the_classes_that_it_may_be():
    assert found([], [(0, 50, 50, 9, 9, 0.6), (1, 50, 51, 9, 9, 0.8), (0, 80, 50, 9, 9, 0.7)]) == [
        ("overlooked", None, 1),
        ("overlooked", None, 2),
    ]


def test_a_class_that_can_not_be_told_right_from_wrong_says_nothing():
    assert found([(2, 0, 0, 10, 10)], [(2, 50, 50, 9, 9, 0.99)]) == []


def test_another_class_that_is_surer_than_the_drawn_one_makes_it_swapped():
    assert found([CAT], [(1, 0, 0, 10, 10, 0.9)]) == [("swapped", 0, 0)]
    assert found([CAT], [(1, 0, 0, 10, 10, 0.6), (*CAT, 0.9)]) == []


def test_faults_of_the_labels_do_not_hide_themselves_by_the_threshold_that_they_move():
    sure = Sure.of(np.array([0.9, 0.9, np.inf]), np.array([0.95, 0.96, np.inf]))
    assert sure.alone.tolist() == [0.95, 0.96, np.inf]
    assert sure.otherwise.tolist() == [0.475, 0.48, np.inf]
    ((one, *others),) = [suspects([truth(CAT)], [said((1, 0, 0, 10, 10, 0.7))], sure)]
    assert (one.kind, others) == ("swapped", [])


def test_the_same_class_beside_it_makes_it_badly_placed():
    assert found([CAT], [(0, 4, 0, 10, 10, 0.9)]) == [("badly_placed", 0, 0)]
    assert found([CAT], [(0, 1, 0, 10, 10, 0.9)]) == []


def test_a_box_that_nothing_predicted_supports_is_spurious_but_not_one_around_a_crowd():
    assert found([CAT, (0, 50, 50, 9, 9)], [(*CAT, 0.9)]) == [("spurious", 1, None)]
    assert found([CAT], [], crowd=[0]) == []


def test_the_most_suspicious_come_first_across_images():
    images = [truth(CAT), truth(CAT), *[truth(CAT)] * 200]
    predictions = [said(), said((1, 0, 0, 10, 10, 0.9)), *[said((*CAT, 0.9))] * 200]
    ranked = suspects(images, predictions, SURE)
    assert [(one.image, one.kind) for one in ranked] == [(1, "swapped"), (0, "spurious")]
    assert [one.score for one in ranked] == [0.9, 0.5]


def test_what_the_detector_often_takes_for_the_other_class_is_hardly_suspected_as_swapped():
    """It confuses cats with dogs, and takes one dog for a cat."""
    images = [*[truth(CAT)] * 40, *[truth((1, 0, 0, 10, 10))] * 40]
    cats = [said((1, 0, 0, 10, 10, 0.9))] * 20 + [said((*CAT, 0.9))] * 20
    predictions = [*cats, said((*CAT, 0.8)), *[said((1, 0, 0, 10, 10, 0.9))] * 39]
    ranked = suspects(images, predictions, SURE)
    assert [one.image for one in ranked[:1]] == [40]
    assert {one.kind for one in ranked} == {"swapped"}
    assert len(ranked) == 21
    assert ranked[1].score < 0.15 < ranked[0].score


def scores(n, wrong, cats=1000):
    """Of n dogs some are taken for cats, and nothing else is contradicted."""
    images = [*[truth(CAT)] * cats, *[truth((1, 0, 0, 10, 10))] * n]
    right = [said((*CAT, 0.9))] * cats + [said((1, 0, 0, 10, 10, 0.9))] * (n - wrong)
    return [one.score for one in suspects(images, [*right, *[said((*CAT, 0.9))] * wrong], SURE)]


@pytest.mark.parametrize(("n", "wrong"), [(100, 5), (40, 2), (20, 2), (3, 2), (2, 1)])
def test_as_few_swapped_boxes_as_people_err_about_count_in_full_in_small_classes_too(n, wrong):
    assert scores(n, wrong) == pytest.approx([0.9] * wrong)


def test_with_each_more_that_is_contradicted_all_count_a_little_less_and_never_half_at_once():
    told = [scores(100, wrong)[0] for wrong in range(5, 30)]
    assert told == sorted(told, reverse=True)
    assert all(less > 0.8 * more for more, less in itertools.pairwise(told))
    assert told[1] == pytest.approx(0.9 * 0.05 / (0.05 + 1 / 110))
    assert told[-1] < 0.2


def test_of_a_class_with_few_boxes_a_detector_that_confuses_all_others_is_believed_less():
    images = [*[truth((1, 0, 0, 10, 10))] * 3, *[truth(CAT)] * 40]
    predictions = [said((*CAT, 0.9)), *[said((1, 0, 0, 10, 10, 0.9))] * 22, *[said((*CAT, 0.9))] * 20]
    (dog,) = [one.score for one in suspects(images, predictions, SURE) if one.image == 0]
    assert dog < 0.5 < scores(3, 1)[0]

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from nextlabel.core.metrics.multilabel import agreement, average_precision, label_counts, score


@st.composite
def answers(draw: st.DrawFn):
    """Truth and probabilities of a few images and classes; some probabilities are the same."""
    images, classes = draw(st.integers(1, 12)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 9_999)))
    truth = rng.random((images, classes)) < 0.4
    return truth, rng.integers(0, draw(st.sampled_from([3, 1000])), (images, classes)) / 1000


def scored(truth, probabilities, thresholds=0.5, trained=None):
    classes = [f"c{i}" for i in range(truth.shape[1])]
    needed = np.broadcast_to(np.asarray(thresholds, float), truth.shape[1:])
    known = classes if trained is None else trained
    return score(truth, probabilities, needed, classes, trained=known, rng=np.random.default_rng(0))


@settings(max_examples=40, deadline=None)
@given(given_=answers())
def test_scores_are_those_of_scikit_learn(given_):
    truth, probabilities = given_
    found, decided = scored(truth, probabilities, 0.4), probabilities >= 0.4
    occurs = np.flatnonzero(truth.any(axis=0))
    assert found.f1_micro == pytest.approx(f1_score(truth, decided, average="micro", zero_division=0))
    if len(occurs):
        macro = f1_score(truth, decided, average="macro", labels=occurs, zero_division=0)
        assert found.f1_macro == pytest.approx(macro)
        aps = [average_precision_score(truth[:, c], probabilities[:, c]) for c in occurs]
        assert found.mean_average_precision == pytest.approx(np.mean(aps))
    both_none = (~truth.any(axis=1) & ~decided.any(axis=1)).mean()
    by_image = f1_score(truth, decided, average="samples", zero_division=0) + both_none
    assert found.f1_sample == pytest.approx(by_image)


@settings(max_examples=40, deadline=None)
@given(given_=answers(), seed=st.integers(0, 99))
def test_a_weight_counts_as_so_many_copies_of_the_image(given_, seed):
    truth, probabilities = given_
    weights = np.random.default_rng(seed).integers(0, 4, len(truth))
    assume(weights @ truth[:, 0] > 0)
    expected = average_precision_score(np.repeat(truth[:, 0], weights), np.repeat(probabilities[:, 0], weights))
    found = average_precision(truth[:, 0], probabilities[:, 0], weights[None].astype(float))
    assert found[0] == pytest.approx(expected)


def test_two_images_and_two_classes_by_hand():
    truth = np.array([[True, True], [True, False]])
    found = scored(truth, np.array([[0.9, 0.2], [0.4, 0.7]]))
    assert [(one.precision, one.recall, one.support, one.predicted) for one in found.per_class] == [
        (1.0, 0.5, 2, 1),
        (0.0, 0.0, 1, 1),
    ]
    assert (found.f1_macro, found.exact) == (pytest.approx(1 / 3), 0.0)
    assert found.f1_sample == pytest.approx((2 / 3 + 0) / 2)
    assert found.together.tolist() == [[2, 1], [1, 1]]
    assert found.together_predicted.tolist() == [[1, 0], [0, 1]]
    assert found.taken_for.tolist() == [[0, 1], [0, 0]]


def test_an_image_that_has_nothing_and_is_given_nothing_is_right():
    assert scored(np.zeros((1, 2), bool), np.zeros((1, 2))).f1_sample == 1.0


def test_a_class_that_was_never_trained_counts_as_missed():
    truth = np.array([[True, False], [False, True]])
    found = scored(truth, np.array([[0.9, 0.0], [0.1, 0.0]]), trained=["c0"])
    assert (found.f1_macro, found.mean_average_precision) == (0.5, pytest.approx((1 + 0.5) / 2))
    assert found.absent_from_training == ("c1",)
    assert [one.threshold for one in found.per_class] == [0.5, None]


def test_intervals_hold_the_score_and_narrow_with_more_images():
    rng = np.random.default_rng(0)
    truth = rng.random((2_000, 3)) < 0.3
    probabilities = np.clip(truth * 0.4 + rng.random(truth.shape) * 0.6, 0, 1)
    few, many = scored(truth[:100], probabilities[:100]), scored(truth, probabilities)
    for found in (few, many):
        for value, (low, high) in (
            (found.f1_macro, found.f1_macro_interval),
            (found.mean_average_precision, found.mean_average_precision_interval),
            *((one.f1, one.f1_interval) for one in found.per_class),
        ):
            assert low <= value <= high
    assert np.diff(many.f1_macro_interval) < np.diff(few.f1_macro_interval)


def test_models_agree_wholly_or_by_chance():
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 2_000, 3)) < 0.3
    assert agreement(one, one) == 1.0
    assert abs(agreement(one, other)) < 0.05
    assert agreement(np.zeros((4, 2), bool), np.zeros((4, 2), bool)) == 1.0


def test_counts_add_up():
    rng = np.random.default_rng(0)
    truth, decided = rng.random((2, 40, 3)) < 0.5
    parts = label_counts(truth[:15], decided[:15]) + label_counts(truth[15:], decided[15:])
    np.testing.assert_array_equal(parts, label_counts(truth, decided))


@pytest.mark.parametrize(
    ("truth", "probabilities", "says"),
    [
        (np.zeros((0, 2), bool), np.zeros((0, 2)), "one image"),
        (np.zeros((2, 2)), np.zeros((2, 2)), "of bools"),
        (np.zeros((2, 2), bool), np.zeros((2, 3)), "fit together"),
        (np.zeros((1, 1), bool), np.full((1, 1), 1.5), r"in 0\.\.1"),
        (np.zeros((1, 1), bool), np.full((1, 1), np.nan), r"in 0\.\.1"),
    ],
)
def test_what_does_not_fit_together_is_refused(truth, probabilities, says):
    with pytest.raises(ValueError, match=says):
        scored(truth, probabilities)

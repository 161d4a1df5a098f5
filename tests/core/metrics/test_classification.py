"""Small matrices worked out by hand, scikit-learn as the second opinion, and simulations for what is random."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from nextlabel.core.metrics import classification as metrics
from nextlabel.core.metrics.classification import (
    ClassificationScores,
    bootstrap_f1_macro,
    bootstrap_interval,
    class_counts,
    cohens_kappa,
    confusion_matrix,
    expected_calibration_error,
    f1_interval,
    f1_per_class,
    score,
)
from nextlabel.core.metrics.f1 import macro_f1

NAMES = ("ant", "bee", "cat", "dog", "eel", "fox")


def test_two_classes_are_scored_as_by_hand():
    # ant: 3 images, 2 found, 3 predicted -> precision 2/3, recall 2/3, F1 2*2/(3+3) = 2/3
    # bee: 2 images, 1 found, 2 predicted -> precision 1/2, recall 1/2, F1 2*1/(2+2) = 1/2
    scores = scored([0, 0, 0, 1, 1], [0, 0, 1, 1, 0], NAMES[:2])

    ant, bee = scores.per_class
    assert (ant.name, ant.support, ant.predicted) == ("ant", 3, 3)
    assert (ant.precision, ant.recall, ant.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (bee.precision, bee.recall, bee.f1) == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    assert scores.confusion.tolist() == [[2, 1], [1, 1]]
    assert scores.f1_macro == pytest.approx(7 / 12)  # (2/3 + 1/2) / 2
    assert scores.f1_weighted == pytest.approx(3 / 5)  # (3 * 2/3 + 2 * 1/2) / 5
    assert scores.accuracy == scores.f1_micro == pytest.approx(3 / 5)


def test_a_class_never_predicted_has_precision_0():
    # ant: 2 of 2 found, 3 predicted -> precision 2/3, recall 1, F1 4/5; bee: 0 of 1 found, never predicted
    scores = scored([0, 0, 1], [0, 0, 0], NAMES[:2])

    ant, bee = scores.per_class
    assert (ant.precision, ant.recall, ant.f1) == pytest.approx((2 / 3, 1, 4 / 5))
    assert (bee.precision, bee.recall, bee.f1, bee.support, bee.predicted) == (0, 0, 0, 1, 0)
    assert scores.f1_macro == pytest.approx(2 / 5)


def test_a_class_without_validation_image_is_not_averaged_but_costs_the_others_recall():
    # ant: 1 of 2 found, 1 predicted -> F1 2/3; bee: 2 of 2 -> F1 1; cat: predicted once, never true
    scores = scored([0, 0, 1, 1], [0, 2, 1, 1], NAMES[:3])

    assert scores.absent_from_validation == ("cat",)
    assert scores.per_class[0].recall == 1 / 2
    assert scores.per_class[2].f1 == 0
    assert scores.f1_macro == pytest.approx(5 / 6)  # (2/3 + 1) / 2, not / 3


def test_a_class_that_was_not_trained_is_averaged_as_missed():
    # ant: 2 of 2 found, 2 predicted; bee: 1 of 1 found, 2 predicted -> F1 2/3; cat: never predicted, 0 of 1 found
    scores = scored([0, 0, 1, 2], [0, 0, 1, 1], NAMES[:3], trained=("ant", "bee"))

    assert scores.absent_from_training == ("cat",)
    assert scores.absent_from_validation == ()
    assert scores.f1_macro == pytest.approx(5 / 9)  # (1 + 2/3 + 0) / 3


def test_a_perfect_classifier_scores_1_with_an_interval_of_no_width():
    scores = scored([0, 1, 2, 2], [0, 1, 2, 2], NAMES[:3])

    assert (scores.f1_macro, scores.f1_weighted, scores.accuracy) == (1, 1, 1)
    assert scores.f1_macro_interval == (1, 1)


def test_a_classifier_that_is_always_wrong_scores_0():
    scores = scored([0, 0, 1], [1, 1, 0], NAMES[:2])

    assert (scores.f1_macro, scores.f1_weighted, scores.accuracy) == (0, 0, 0)
    assert scores.f1_macro_interval == (0, 0)


def test_one_class_and_one_image_are_enough():
    scores = scored([0], [0], ("ant",))

    assert (scores.f1_macro, scores.f1_macro_interval, scores.confusion.tolist()) == (1, (1, 1), [[1]])


def test_the_first_of_equally_probable_classes_is_predicted():
    scores = score_of(np.array([1]), np.array([[0.0, 0.5, 0.5]]), NAMES[:3])

    assert [each.predicted for each in scores.per_class] == [0, 1, 0]


def test_half_precision_probabilities_are_accepted():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(100), size=50).astype(np.float16)
    truth = np.arange(50, dtype=np.int32)

    assert 0 <= score_of(truth, probabilities, tuple(f"class {i:02}" for i in range(100))).accuracy <= 1


def test_confusion_has_a_row_for_each_true_class():
    assert confusion_matrix(np.array([0, 0, 2]), np.array([1, 1, 0]), 3).tolist() == [[0, 2, 0], [0, 0, 0], [1, 0, 0]]


def test_f1_of_a_stack_is_the_f1_of_each_matrix():
    stack = np.random.default_rng(0).integers(0, 3, (4, 5, 3, 3))

    assert f1_per_class(stack).shape == (4, 5, 3)
    assert f1_per_class(stack)[2, 3].tolist() == f1_per_class(stack[2, 3]).tolist()


@st.composite
def predictions(draw, fewest_classes=1):
    """Truth and prediction, index by index, and the number of classes."""
    n_classes = draw(st.integers(fewest_classes, len(NAMES)))
    index = st.integers(0, n_classes - 1)
    pairs = draw(st.lists(st.tuples(index, index), min_size=1, max_size=40))
    truth, predicted = zip(*pairs, strict=True)
    return list(truth), list(predicted), n_classes


@given(predictions(fewest_classes=2))  # of one class, scikit-learn's confusion matrix warns
def test_scikit_learn_agrees(case):
    truth, predicted, n_classes = case
    scores = scored(truth, predicted, NAMES[:n_classes], resamples=1)

    everywhere = range(n_classes)
    columns = sklearn_metrics.precision_recall_fscore_support(truth, predicted, labels=everywhere, zero_division=0)
    for name, column in zip(("precision", "recall", "f1", "support"), columns, strict=True):
        assert [getattr(each, name) for each in scores.per_class] == pytest.approx(list(column))
    assert scores.confusion.tolist() == sklearn_metrics.confusion_matrix(truth, predicted, labels=everywhere).tolist()
    assert scores.accuracy == pytest.approx(sklearn_metrics.accuracy_score(truth, predicted))
    for average, labels in (("macro", sorted(set(truth))), ("weighted", None), ("micro", None)):
        theirs = sklearn_metrics.f1_score(truth, predicted, labels=labels, average=average, zero_division=0)
        assert getattr(scores, f"f1_{average}") == pytest.approx(theirs)


@given(predictions())
def test_the_interval_of_a_few_classes_holds_the_score(case):
    truth, predicted, n_classes = case
    scores = scored(truth, predicted, NAMES[:n_classes])

    low, high = scores.f1_macro_interval
    assert 0 <= low <= scores.f1_macro + 1e-12
    assert scores.f1_macro - 1e-12 <= high <= 1


def test_the_interval_of_many_classes_covers_the_true_score_though_replicates_fall_below_it():
    # 50 classes of 10 images, 80 % right: the replicates' own percentiles would cover about 82 %.
    rng = np.random.default_rng(0)
    world = np.full((50, 50), 0.2 / 49)
    np.fill_diagonal(world, 0.8)
    true_f1_macro = f1_per_class(world).mean()

    intervals = [bootstrap_interval(rng.multinomial(10, world), rng, 200) for _ in range(100)]

    assert sum(low <= true_f1_macro <= high for low, high in intervals) / 100 >= 0.88


def test_replicates_of_two_images_have_the_four_outcomes_of_drawing_twice():
    # One ant taken for an ant, one bee taken for an ant. Drawn again, each with the chance stated:
    #   both the ant, 1/4: only ants occur, F1 1
    #   one of each,  1/2: ant 2*1/(1+2) = 2/3, bee 0, mean 1/3
    #   both the bee, 1/4: only bees occur, F1 0
    replicates = bootstrap_f1_macro(np.array([[1, 0], [1, 0]]), np.random.default_rng(0), 20_000)

    values, times = np.unique(replicates, return_counts=True)
    assert values == pytest.approx([0, 1 / 3, 1])
    assert times / 20_000 == pytest.approx([1 / 4, 1 / 2, 1 / 4], abs=0.015)


def test_drawing_cells_is_the_same_as_drawing_images():
    rng = np.random.default_rng(0)
    truth = np.array([0] * 30 + [1] * 20 + [2] * 8 + [3] * 2)
    predicted = np.where(rng.random(60) < 0.7, truth, rng.integers(0, 4, 60))

    by_cells = bootstrap_f1_macro(confusion_matrix(truth, predicted, 4), rng, 6000)
    by_images = [f1_macro(truth[rows], predicted[rows]) for rows in rng.integers(0, 60, (6000, 60))]

    quantiles = (0.025, 0.25, 0.5, 0.75, 0.975)
    assert np.quantile(by_cells, quantiles) == pytest.approx(np.quantile(by_images, quantiles), abs=0.02)


def test_the_interval_covers_the_true_score_about_as_often_as_it_says():
    # 300 images at a time from a known world: three classes, the third rare and hard.
    rng = np.random.default_rng(0)
    world = np.array([[0.45, 0.03, 0.02], [0.06, 0.30, 0.04], [0.01, 0.03, 0.06]])
    true_f1_macro = f1_per_class(world).mean()

    intervals = [bootstrap_interval(rng.multinomial(300, world.ravel()).reshape(3, 3), rng, 400) for _ in range(200)]

    assert sum(low <= true_f1_macro <= high for low, high in intervals) / 200 >= 0.88


def test_a_class_missing_from_a_replicate_does_not_count_against_it():
    # The bee has one image, and is missing from e^-1 of the replicates. All images are right in all of them.
    assert bootstrap_f1_macro(np.array([[50, 0], [0, 1]]), np.random.default_rng(0), 100).tolist() == [1.0] * 100


def test_the_same_seed_gives_the_same_bytes():
    confusion = np.array([[20, 3, 0], [4, 11, 1], [0, 2, 5]])
    first, second = (bootstrap_f1_macro(confusion, np.random.default_rng(7)).tobytes() for _ in range(2))

    assert first == second
    assert first != bootstrap_f1_macro(confusion, np.random.default_rng(8)).tobytes()


def test_the_replicates_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
    confusion = np.array([[20, 3, 0], [4, 11, 1], [0, 2, 5]])
    at_once = bootstrap_f1_macro(confusion, np.random.default_rng(7), 100)
    monkeypatch.setattr(metrics, "_COUNTS_AT_ONCE", 50)  # 7 replicates of 7 cells

    assert bootstrap_f1_macro(confusion, np.random.default_rng(7), 100).tolist() == at_once.tolist()


def test_calibration_error_is_the_weighted_gap_of_the_bins():
    # two bins: (0, 0.5] holds 0.4, right: |0.4 - 1| = 0.6; (0.5, 1] holds 0.6, 0.8, 1.0, two right: |2.4 - 2| = 0.4
    confidence = np.array([0.4, 0.6, 0.8, 1.0])
    correct = np.array([True, False, True, True])

    assert expected_calibration_error(confidence, correct, bins=2) == pytest.approx((0.6 + 0.4) / 4)


def test_calibration_bins_are_closed_on_the_right_and_take_0():
    # (0, 0.5] holds 0.0 and 0.5, both right: |0.5 - 2| = 1.5; (0.5, 1] holds 1.0, wrong: 1
    confidence = np.array([0.0, 0.5, 1.0])

    assert expected_calibration_error(confidence, np.array([True, True, False]), bins=2) == pytest.approx(2.5 / 3)


def test_confidence_that_is_borne_out_has_no_calibration_error():
    confidence = np.repeat([0.3, 0.7], 10)
    correct = np.array([True] * 3 + [False] * 7 + [True] * 7 + [False] * 3)

    assert expected_calibration_error(confidence, correct) == pytest.approx(0)


def test_scores_carry_the_calibration_error_of_the_winning_class():
    # 0.9 and right, 0.6 and wrong: two bins of the 15, (|0.9 - 1| + |0.6 - 0|) / 2
    scores = score_of(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]), NAMES[:2])

    assert scores.calibration_error == pytest.approx(0.35)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30), st.integers(1, 20))
def test_calibration_error_lies_between_the_overall_gap_and_1(pairs, bins):
    confidence, correct = (np.array(column) for column in zip(*pairs, strict=True))

    error = expected_calibration_error(confidence, correct, bins)

    assert abs(confidence.mean() - correct.mean()) - 1e-9 <= error <= 1 + 1e-9


FITS = {
    "truth": np.array([0, 1]),
    "probabilities": np.array([[0.9, 0.1], [0.2, 0.8]]),
    "classes": ("ant", "bee"),
    "trained": ("ant", "bee"),
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"truth": np.array([], int), "probabilities": np.empty((0, 2))}, "no validation image"),
        ({"truth": np.array([0, 2])}, "outside the 2 classes"),
        ({"truth": np.array([0, -1])}, "outside the 2 classes"),
        ({"truth": np.array([0.0, 1.0])}, "class indices"),
        ({"truth": np.array([[0, 1]])}, "class indices"),
        ({"probabilities": np.array([[0.9, 0.1]])}, r"\(2, 2\), not \(1, 2\)"),
        ({"probabilities": np.array([[0.9, 0.1], [np.nan, 0.8]])}, "not finite"),
        ({"probabilities": np.array([[1.1, -0.1], [0.2, 0.8]])}, "below 0"),
        ({"probabilities": np.array([[0.9, 0.1], [0.5, 0.8]])}, "off by 0.3"),
        ({"classes": ("ant", "ant")}, "stands twice"),
        ({"trained": ("ant", "cow")}, "not in classes: cow"),
        ({"trained": ("ant",)}, "'bee' was not trained"),
        ({"resamples": 0}, "at least 1"),
    ],
)
def test_inputs_that_do_not_fit_together_are_refused_in_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        score(**{**FITS, "rng": np.random.default_rng(0), **change})


def scored(truth, predicted, classes, *, trained=None, resamples=200) -> ClassificationScores:
    """Scores these predictions, made with certainty."""
    return score_of(np.array(truth), np.eye(len(classes))[predicted], classes, trained=trained, resamples=resamples)


def score_of(truth, probabilities, classes, *, trained=None, resamples=200) -> ClassificationScores:
    truth.flags.writeable = probabilities.flags.writeable = False
    trained = classes if trained is None else trained
    return score(truth, probabilities, classes, trained=trained, rng=np.random.default_rng(0), resamples=resamples)


def f1_macro(truth, predicted):
    """Macro F1 in the plainest words."""
    each = [
        2 * np.sum((truth == c) & (predicted == c)) / (np.sum(truth == c) + np.sum(predicted == c))
        for c in np.unique(truth)
    ]
    return np.mean(each)


# --- what adds up, and agreement --------------------------------------------------------------------------------


def test_class_counts_of_two_parts_add_up_to_those_of_the_whole():
    truth, guessed = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    parts = class_counts(truth[:2], guessed[:2], 3) + class_counts(truth[2:], guessed[2:], 3)
    assert parts.tolist() == class_counts(truth, guessed, 3).tolist() == [[1, 1, 0], [2, 1, 1], [2, 2, 0]]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_macro_f1_of_counts_is_that_of_the_confusion_matrix(pairs):
    truth, guessed = np.array(pairs).T
    confusion = confusion_matrix(truth, guessed, 4)
    occurring = confusion.sum(axis=1) > 0
    assert macro_f1(class_counts(truth, guessed, 4)) == pytest.approx(f1_per_class(confusion)[occurring].mean())


def test_kappa_by_hand():
    first, second = np.array([0] * 25 + [1] * 25), np.array([0] * 20 + [1] * 5 + [0] * 10 + [1] * 15)
    assert cohens_kappa(first, second, 2) == pytest.approx(0.4)  # agreed .7, by chance .5


def test_kappa_of_two_that_always_say_the_same_class_is_one_and_not_a_division_by_zero():
    same = np.zeros(10, np.int64)
    assert cohens_kappa(same, same, 3) == 1.0


def test_the_interval_of_one_class_is_wide_where_images_are_few_even_if_all_are_right():
    low, high = f1_interval(hits=3, support=3, predicted=3)
    assert high == 1
    assert low == pytest.approx(0.61, abs=0.01)  # Wilson's of 3 of 3 begins at 0.438
    assert f1_interval(hits=300, support=300, predicted=300)[0] > 0.98
    assert f1_interval(hits=0, support=0, predicted=0) is None


def test_the_interval_of_one_class_covers_its_true_f1():
    rng = np.random.default_rng(0)
    truth = [0.16, 0.04, 0.02, 0.78]  # hits, missed, taken for it, others: F1 is 0.32 / 0.38
    drawn = rng.multinomial(200, truth, size=2000).tolist()
    intervals = [f1_interval(hits, hits + missed, hits + surplus) for hits, missed, surplus, _ in drawn]
    assert 0.93 < np.mean([low <= 0.32 / 0.38 <= high for low, high in intervals]) < 0.97

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.neural.cross_validation import out_of_fold_logits
from nextlabel.core.neural.heads.kept import TrainedHeads
from nextlabel.core.neural.heads.named import LEAST_GAIN
from nextlabel.core.neural.heads.registry import HEADS, train_head
from nextlabel.core.neural.training import Examples
from tests.core.neural.labelled import clusters, labelled_sets

CLASSES, DIMENSION = 4, 60


def images(seed, labels=16, spread=2.0):
    """Few labelled images, and many that nobody has labelled."""
    X, y = clusters(labels + 400, CLASSES, DIMENSION, spread, seed)
    X += 5  # as a network's: all on one side of the origin
    return (X[:labels], y[:labels]), (X[labels:], y[labels:])


def units(X):
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


GOOD = units(5 + 3 * np.eye(CLASSES, DIMENSION))


def accuracy(head, of):
    X, y = of
    return float((head.logits(X).argmax(axis=1) == y).mean())


def both(seed, names, name="linear"):
    labelled, rest = images(seed)
    heads = [train_head(name, Examples(*labelled, CLASSES, given), seed=0) for given in (None, names)]
    return *heads, *(accuracy(head, rest) for head in heads)


@pytest.mark.parametrize("name", ["linear", "linear_alone"])
def test_good_names_teach_a_head_of_few_labels_much(name):
    gains = [after - before for *_, before, after in (both(seed, GOOD, name) for seed in range(5))]
    assert min(gains) > 0.05
    assert np.mean(gains) > 0.1


def test_useless_names_are_left_aside_or_do_next_to_no_harm():
    found = [both(seed, units(5 + np.random.default_rng([seed, 1]).normal(size=GOOD.shape))) for seed in range(20)]
    weights = [head.details["names"] for _, head, *_ in found]
    assert sum(weight == 0 for weight in weights) >= 12
    assert np.mean([after - before for *_, before, after in found]) > -0.01


def test_names_of_other_classes_are_left_aside_and_the_head_is_as_it_is_without():
    for seed in range(5):
        before, after, *_ = both(seed, GOOD[[1, 2, 3, 0]])
        assert (after.details["names"], after.named) == (0.0, None)
        assert np.array_equal(before.weights, after.weights)
        assert "names" not in before.details


def test_as_few_labels_as_can_not_tell_names_from_chance_leave_them_aside():
    (X, y), _ = images(0, labels=CLASSES)
    head = train_head("linear", Examples(X[:2], y[:2], 2, GOOD[:2]), seed=0)
    assert 2 * np.log(2) < LEAST_GAIN
    assert head.named is None


def test_many_labels_have_the_last_word_on_names():
    (X, y), rest = images(0, labels=800, spread=1.0)
    alone = train_head("linear", Examples(X, y, CLASSES), seed=0)
    head = train_head("linear", Examples(X, y, CLASSES, GOOD + 0.02 * np.eye(CLASSES, DIMENSION)[[1, 2, 3, 0]]), seed=0)
    assert accuracy(head, rest) > accuracy(alone, rest) - 0.01


@given(labelled_sets(), st.integers(0, 2**32 - 1))
def test_whatever_the_labels_and_names_are_logits_are_finite(labelled, seed):
    X, y = labelled
    classes = int(y.max()) + 1
    names = units(np.random.default_rng(seed).normal(size=(classes, X.shape[1])))
    head = train_head("linear", Examples(X, y, classes, names), seed=0)
    assert np.isfinite(head.logits(X)).all()


def test_heads_that_judge_labels_by_the_others_listen_to_the_names_of_the_classes_they_know():
    (X, y), _ = images(1, labels=24)
    y[y == 3] = 2
    y[0] = 3  # alone in its class: one fold's head knows three classes
    named = train_head("linear", Examples(X, y, CLASSES, GOOD), seed=0)
    alone = train_head("linear", Examples(X, y, CLASSES), seed=0)
    assert named.names_of(np.array([2, 0])).tolist() == GOOD[[2, 0]].tolist()
    with_names, without = (out_of_fold_logits(head, Examples(X, y, CLASSES), seed=0) for head in (named, alone))
    assert not np.allclose(with_names, without)
    assert np.isfinite(with_names).all()


def test_a_kept_head_is_that_of_the_same_names():
    (X, y), _ = images(2)
    kept = TrainedHeads()
    heads = [kept.get("linear", Examples(X, y, CLASSES, names), seed=0) for names in (None, GOOD, GOOD, None)]
    assert heads[0] is heads[3] is not heads[1] is heads[2]


def test_a_network_takes_names_and_does_not_listen():
    (X, y), _ = images(3)
    assert train_head("mlp", Examples(X, y, CLASSES, GOOD), seed=0).names is None
    assert set(HEADS) == {"linear", "linear_alone", "mlp"}

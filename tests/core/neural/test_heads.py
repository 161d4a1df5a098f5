"""Both heads: one contract, then what is particular to each."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info

from nextlabel.core.neural.folds import stratified_folds
from nextlabel.core.neural.heads import kept as kept_module
from nextlabel.core.neural.heads.kept import TrainedHeads
from nextlabel.core.neural.heads.linear import DEFAULT_STRENGTH, STRENGTHS, _between_classes, train_linear
from nextlabel.core.neural.heads.registry import HEADS, train_head
from nextlabel.core.neural.heads.scaling import Scaling
from nextlabel.core.neural.heads.temperature import best_temperature
from nextlabel.core.neural.training import ROWS_AT_ONCE
from tests.core.neural.labelled import clusters


@pytest.mark.parametrize("name", HEADS)
def test_every_head_learns_what_can_be_learnt(name):
    embeddings, targets = clusters(90)
    unseen, truth = clusters(300, seed=1)
    head = train_head(name, embeddings, targets, 3, seed=0)
    assert np.mean(head.logits(unseen).argmax(axis=1) == truth) > 0.97


@pytest.mark.parametrize("name", HEADS)
def test_one_image_of_each_of_two_classes_is_enough(name):
    embeddings = np.array([[0, 1, 5], [1, 0, 5]], np.float32)
    logits = train_head(name, embeddings, np.array([0, 1]), 2, seed=0).logits(embeddings)
    assert logits.argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize("name", HEADS)
def test_done_never_falls_and_ends_at_the_total(name):
    ticks: list[tuple[int, int]] = []
    embeddings, targets = clusters(60)
    train_head(name, embeddings, targets, 3, seed=0, tick=lambda done, total: ticks.append((done, total)))
    done, totals = zip(*ticks, strict=True)
    assert list(done) == sorted(done)
    assert set(totals) == {done[-1]}


@pytest.mark.parametrize("name", HEADS)
def test_what_the_tick_raises_ends_the_training(name):
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    embeddings, targets = clusters(60)
    threads = torch.get_num_threads(), threadpool_info()
    with pytest.raises(Stop):
        train_head(name, embeddings, targets, 3, seed=0, tick=stop)
    assert (torch.get_num_threads(), threadpool_info()) == threads


@pytest.mark.parametrize("name", HEADS)
def test_more_images_than_one_slice_get_the_logits_they_get_alone(name):
    head = train_head(name, *clusters(6), 3, seed=0)
    embeddings, _ = clusters(ROWS_AT_ONCE + 5)
    np.testing.assert_allclose(head.logits(embeddings)[-6:], head.logits(embeddings[-6:]), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", HEADS)
def test_no_image_has_no_logits(name):
    assert train_head(name, *clusters(6), 3, seed=0).logits(np.empty((0, 8), np.float32)).shape == (0, 3)


# --- linear -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", [5, 200], ids=["more images than dimensions", "fewer"])
@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_linear_finds_the_minimum_that_scikit_learn_finds(dimension, strength):
    embeddings, targets = clusters(80, dimension=dimension, spread=1.5)
    head = train_linear(embeddings, targets, 3, seed=0, strength=strength)
    scaling = replace(Scaling.of(embeddings), mean=_between_classes(embeddings, targets))
    Z = scaling(embeddings).astype(np.float64)
    Z = np.column_stack([Z, np.ones(len(Z))])  # the bias is regularised, too
    options = {"class_weight": "balanced", "fit_intercept": False, "tol": 1e-8, "max_iter": 10_000}
    theirs = LogisticRegression(C=strength, **options).fit(Z, targets).predict_proba(Z)
    np.testing.assert_allclose(softmax(head.logits(embeddings), axis=1), theirs, atol=5e-3)
    assert head.details["converged"] == 1


def test_the_origin_of_linear_lies_between_the_classes_and_nearer_to_those_with_many_images():
    embeddings = np.repeat([[0.0], [1.0]], [30, 60], axis=0).astype(np.float32)
    targets = np.repeat([0, 1], [30, 60])
    centre = (30 / 60 * 0 + 60 / 90 * 1) / (30 / 60 + 60 / 90)  # each class counts n / (n + 30)
    assert _between_classes(embeddings, targets) == pytest.approx([centre])


def test_a_class_is_found_however_few_images_it_has_beside_the_others():
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], [95, 5])
    embeddings = (targets[:, None] * 2.0 + rng.normal(size=(100, 20))).astype(np.float32)
    head = train_linear(embeddings, targets, 2, seed=0)
    fresh = (2.0 + rng.normal(size=(200, 20))).astype(np.float32)
    assert (head.logits(fresh).argmax(axis=1) == 1).mean() > 0.95


def test_linear_regularises_noise_more_than_clear_classes():
    clear = train_head("linear", *clusters(90, spread=0.1), 3, seed=0)
    noise = train_head("linear", *clusters(90, spread=100), 3, seed=0)
    assert float(noise.details["strength"]) < float(clear.details["strength"])
    assert noise.details["strength"] in STRENGTHS


def test_linear_with_too_few_images_takes_the_default_strength_and_no_temperature():
    head = train_head("linear", *clusters(48), 3, seed=0)
    assert (head.details["strength"], head.details["folds"], head.temperature) == (DEFAULT_STRENGTH, 0, 1)


def test_linear_is_cross_validated_in_spite_of_a_class_of_one_image():
    embeddings, targets = clusters(90)
    targets[0] = 3
    head = train_head("linear", embeddings, targets, 4, seed=0)
    assert head.details["folds"] == 3


@pytest.mark.parametrize("name", HEADS)
def test_the_temperature_makes_confidence_match_accuracy(name):
    embeddings, targets = clusters(250, dimension=50, spread=2)
    unseen, truth = clusters(3000, dimension=50, spread=2, seed=1)
    logits = train_head(name, embeddings, targets, 3, seed=0).logits(unseen)
    confidence = softmax(logits, axis=1).max(axis=1).mean()
    assert confidence == pytest.approx(np.mean(logits.argmax(axis=1) == truth), abs=0.06)


def test_mlp_differs_between_seeds():
    embeddings, targets = clusters(12)
    one, two = (train_head("mlp", embeddings, targets, 3, seed=seed).logits(embeddings) for seed in (1, 2))
    assert not np.array_equal(one, two)


# --- both -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_factor_on_true_logits(factor):
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(20_000, 4))
    targets = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)  # drawn from their softmax
    temperature, nll = best_temperature((logits * factor).astype(np.float32), targets)
    assert temperature == pytest.approx(factor, rel=0.05)
    assert nll < np.log(4)


def test_a_dimension_that_hardly_varies_is_not_blown_up():
    embeddings = np.zeros((100, 2), np.float32)
    embeddings[:50, 0] = 1
    embeddings[0, 1] = 1e-4
    largest = np.abs(Scaling.of(embeddings)(np.ones((1, 2), np.float32))).max()
    assert largest < 4


def test_scaling_leaves_identical_embeddings_at_zero():
    embeddings = np.full((7, 3), 0.1, np.float32)
    assert np.abs(Scaling.of(embeddings)(embeddings)).max() < 1e-6


@given(counts=st.lists(st.integers(1, 7), min_size=2, max_size=6), folds=st.integers(2, 5), seed=st.integers(0, 99))
def test_each_class_is_in_each_training_part_and_the_folds_are_stratified(counts, folds, seed):
    targets = np.repeat(np.arange(len(counts)), counts)
    fold = stratified_folds(targets, folds, seed, spare_single=True)
    for label, count in enumerate(counts):
        held_out = np.bincount(fold[targets == label] + 1, minlength=folds + 1)
        assert held_out[0] == (count == 1)
        assert held_out[1:].max() <= -(-count // folds)
        assert all(label in targets[fold != k] for k in range(folds))


# --- kept between jobs ------------------------------------------------------------------------------------------


@pytest.fixture
def trained(monkeypatch):
    """Which heads were trained, by name and seed."""
    asked, train = [], kept_module.train_head

    def noted(name, *data, seed, **how):
        asked.append((name, seed))
        return train(name, *data, seed=seed, **how)

    monkeypatch.setattr(kept_module, "train_head", noted)
    return asked


def test_a_head_asked_for_again_is_not_trained_again(trained):
    embeddings, targets = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32), np.arange(30) % 3
    kept = TrainedHeads()
    first = kept.get("linear", embeddings, targets, 3, seed=0)
    assert kept.get("linear", embeddings.copy(), targets.copy(), 3, seed=0) is first
    assert trained == [("linear", 0)]


def test_whatever_differs_makes_another_head(trained):
    embeddings, targets = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32), np.arange(30) % 3
    kept = TrainedHeads()
    kept.get("linear", embeddings, targets, 3, seed=0)
    kept.get("linear", embeddings, targets, 3, seed=1)
    kept.get("linear", embeddings + 1, targets, 3, seed=1)
    kept.get("linear", embeddings + 1, np.roll(targets, 1), 3, seed=1)
    assert trained == [("linear", 0), ("linear", 1), ("linear", 1), ("linear", 1)]
    kept.get("linear", embeddings, targets, 3, seed=0)  # two are kept, and this one was the fourth last
    assert len(trained) == 5

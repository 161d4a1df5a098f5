from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from nextlabel.core.neural.heads.linear import DEFAULT_STRENGTH, STRENGTHS, _between_classes, train_linear
from nextlabel.core.neural.heads.registry import train_head
from nextlabel.core.neural.heads.scaling import Scaling
from nextlabel.core.neural.training import Examples
from tests.core.neural.labelled import clusters


@pytest.mark.parametrize("dimension", [5, 200], ids=["more images than dimensions", "fewer"])
@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_linear_finds_the_minimum_that_scikit_learn_finds(dimension, strength):
    embeddings, targets = clusters(80, dimension=dimension, spread=1.5)
    head = train_linear(Examples(embeddings, targets, 3), seed=0, strength=strength)
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
    head = train_linear(Examples(embeddings, targets, 2), seed=0)
    fresh = (2.0 + rng.normal(size=(200, 20))).astype(np.float32)
    assert (head.logits(fresh).argmax(axis=1) == 1).mean() > 0.95


UNEVEN = ((95, 5), (90, 10), (60, 3), (60, 2), (85, 8, 7), (60, 6, 4), (100, 4, 4, 2))  # images of each class


@pytest.mark.parametrize("counts", UNEVEN, ids=str)
def test_the_chosen_strength_is_never_clearly_worse_than_the_default_one_however_rare_a_class(counts):
    for seed in range(3):
        (embeddings, targets), (fresh, truth) = _uneven(counts, seed)
        chosen = train_linear(Examples(embeddings, targets, len(counts)), seed=seed).logits(fresh).argmax(axis=1)
        default = train_linear(Examples(embeddings, targets, len(counts)), seed=seed, strength=DEFAULT_STRENGTH)
        assert _f1(truth, chosen) > _f1(truth, default.logits(fresh).argmax(axis=1)) - 0.02


@pytest.mark.parametrize("counts", UNEVEN, ids=str)
def test_images_held_out_are_judged_as_images_that_nobody_has_seen(counts):
    (embeddings, targets), (fresh, truth) = _uneven(counts, seed=0)
    head = train_linear(Examples(embeddings, targets, len(counts)), seed=0)
    accuracy = np.mean(head.logits(fresh).argmax(axis=1) == truth)
    assert float(head.details["cross_validated_accuracy"]) > accuracy - 0.06


def _uneven(counts, seed, dimension=200):
    """Labelled images and 20 times as many others: clouds around centres, in more dimensions than labelled images."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(scale=0.4, size=(len(counts), dimension))
    drawn = [np.repeat(np.arange(len(counts)), np.multiply(times, counts)) for times in (1, 20)]
    return [((centres[t] + rng.normal(size=(len(t), dimension))).astype(np.float32), t) for t in drawn]


def _f1(truth, predicted):
    return f1_score(truth, predicted, average="macro", zero_division=0)


def test_linear_regularises_noise_more_than_clear_classes():
    clear = train_head("linear", Examples(*clusters(90, spread=0.1), 3), seed=0)
    noise = train_head("linear", Examples(*clusters(90, spread=100), 3), seed=0)
    assert float(noise.details["strength"]) < float(clear.details["strength"])
    assert noise.details["strength"] in STRENGTHS


def test_linear_with_too_few_images_takes_the_default_strength_and_no_temperature():
    head = train_head("linear", Examples(*clusters(48), 3), seed=0)
    assert (head.details["strength"], head.details["folds"], head.temperature) == (DEFAULT_STRENGTH, 0, 1)


def test_linear_is_cross_validated_in_spite_of_a_class_of_one_image():
    embeddings, targets = clusters(90)
    targets[0] = 3
    head = train_head("linear", Examples(embeddings, targets, 4), seed=0)
    assert head.details["folds"] == 3

"""What holds for everything that is trained on labelled images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from nextlabel.core.neural import siamese
from nextlabel.core.neural.dropout import train_dropout_head
from nextlabel.core.neural.heads.registry import HEADS, train_head
from nextlabel.core.neural.siamese import train_siamese
from nextlabel.core.neural.training import Examples
from nextlabel.core.neural.vae import SIDE, train_vae
from tests.core.neural.labelled import clusters, labelled_sets


@dataclass(frozen=True)
class Trainer:
    """answer: trains on embeddings (L, d) and targets (L,), and gives what comes out for the embeddings.
    fits: whether that is of the right form for L images of C classes. examples: of how many labelled sets."""

    answer: Callable[..., Any]
    fits: Callable[[Any, int, int], bool]
    examples: int


def head_says(name, embeddings, targets, n_classes, seed):
    return train_head(name, Examples(embeddings, targets, n_classes), seed=seed).logits(embeddings)


def dropout_votes(embeddings, targets, n_classes, seed):
    return train_dropout_head(Examples(embeddings, targets, n_classes), seed=seed).votes(embeddings, 2, 0)


def siamese_places(embeddings, targets, n_classes, seed):
    return train_siamese(embeddings, targets, seed=seed).coordinates(embeddings)


def is_finite_float32(answer, *shape):
    return answer.shape == shape and answer.dtype == np.float32 and bool(np.isfinite(answer).all())


TRAINERS = {
    **{name: Trainer(partial(head_says, name), is_finite_float32, 12) for name in HEADS},
    "dropout": Trainer(dropout_votes, lambda votes, _, classes: set(np.unique(votes)) <= set(range(classes)), 6),
    "siamese": Trainer(siamese_places, lambda places, n, _: is_finite_float32(places, n, 2), 12),
}


@pytest.fixture(autouse=True, scope="module")
def few_triplets() -> Iterator[None]:
    """What a siamese network learns doesn't matter here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(siamese, "TRIPLETS", 100)
        yield


@pytest.mark.parametrize("name", TRAINERS)
def test_it_survives_any_labelled_set_and_is_a_function_of_it_and_the_seed(name):
    trainer = TRAINERS[name]

    @settings(max_examples=trainer.examples, deadline=None)
    @given(labelled=labelled_sets())
    def holds(labelled):
        embeddings, targets = labelled
        before = embeddings.copy(), targets.copy()
        classes = int(targets.max()) + 1
        answers = [trainer.answer(embeddings, targets, classes, seed=3) for _ in range(2)]
        assert trainer.fits(answers[0], len(embeddings), classes)
        np.testing.assert_array_equal(answers[0], answers[1])
        np.testing.assert_array_equal(embeddings, before[0])
        np.testing.assert_array_equal(targets, before[1])

    holds()


def vae_errors():
    pixels = np.random.default_rng(0).integers(256, size=(2, 3, SIDE, SIDE), dtype=np.uint8)
    return train_vae(pixels, epochs=1, seed=0).errors(pixels)


@pytest.mark.parametrize(
    "train",
    [*(partial(trainer.answer, *clusters(60), 3, seed=0) for trainer in TRAINERS.values()), vae_errors],
    ids=[*TRAINERS, "vae"],
)
def test_the_global_generators_are_left_as_they_were(train):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    train()
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])


@pytest.mark.parametrize("name", TRAINERS)
@pytest.mark.parametrize(
    ("embeddings", "targets", "classes", "says"),
    [
        (np.zeros((2, 3)), [0, 0], 1, "two classes"),
        (np.zeros((3, 3)), [0, 1], 2, "fit together"),
        (np.array([[0.0], [np.nan]]), [0, 1], 2, "not finite"),
        (np.array([[0.0], [np.inf]]), [0, 1], 2, "not finite"),
    ],
)
def test_inputs_that_break_the_terms_of_all_are_refused(name, embeddings, targets, classes, says):
    with pytest.raises(ValueError, match=says):
        TRAINERS[name].answer(embeddings.astype(np.float32), np.array(targets), classes, seed=0)


@pytest.mark.parametrize(
    ("train", "embeddings", "targets", "classes", "says"),
    [
        (partial(head_says, "forest"), np.zeros((2, 3)), [0, 1], 2, "linear, linear_alone, mlp"),
        (partial(head_says, "linear"), np.zeros((2, 3)), [0, 2], 3, "each of 0..2"),
        (partial(head_says, "linear"), np.zeros((2, 3)), [-1, 1], 2, "each of 0..1"),
        (partial(head_says, "linear"), np.zeros(2), [0, 1], 2, "fit together"),
        (dropout_votes, np.zeros((2, 3)), [0, 2], 2, r"in 0\.\.1"),
        (dropout_votes, np.zeros((2, 3)), [-1, 1], 2, r"in 0\.\.1"),
        (dropout_votes, np.zeros((0, 3)), [], 2, "fit together"),
        (siamese_places, np.zeros((2, 3)), [1, 1], 2, "two classes"),
        (siamese_places, np.zeros((0, 3)), [], 2, "two classes"),
    ],
)
def test_inputs_that_break_the_terms_of_one_are_refused(train, embeddings, targets, classes, says):
    with pytest.raises(ValueError, match=says):
        train(embeddings.astype(np.float32), np.array(targets, np.int64), classes, seed=0)


@pytest.mark.parametrize(
    ("pixels", "epochs", "says"),
    [
        (np.zeros((2, 3, 64, 64), np.float32), None, "uint8"),
        (np.zeros((2, 64, 64, 3), np.uint8), None, "uint8"),
        (np.zeros((3, 64, 64), np.uint8), None, "uint8"),
        (np.zeros((0, 3, 64, 64), np.uint8), None, "one image"),
        (np.zeros((2, 3, 64, 64), np.uint8), 0, "1 or more"),
    ],
)
def test_pixels_that_break_the_terms_are_refused(pixels, epochs, says):
    with pytest.raises(ValueError, match=says):
        train_vae(pixels, epochs=epochs, seed=0)


def test_no_siamese_network_is_trained_for_no_epoch():
    with pytest.raises(ValueError, match="1 or more"):
        train_siamese(np.zeros((2, 3), np.float32), np.array([0, 1]), epochs=0, seed=0)

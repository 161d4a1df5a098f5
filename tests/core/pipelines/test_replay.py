import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextlabel.core.methods.auto import Auto, settle
from nextlabel.core.methods.base import NO_ROWS, Inputs
from nextlabel.core.pipelines.fits import Fitter
from nextlabel.core.pipelines.replay import order_of_choice
from nextlabel.core.tasks.registry import task_of

CLASSES = 6


def pool(n, seed=0):
    """(n, d) images of six classes that overlap."""
    rng = np.random.default_rng(seed)
    of = rng.integers(CLASSES, size=n)
    centres = np.random.default_rng(99).normal(size=(CLASSES, 16))
    return (1.5 * centres[of] + rng.normal(size=(n, 16))).astype(np.float32), of


def new_fitter(bench):
    return Fitter("linear", task_of("classification"), 0, bench.run)


@pytest.fixture
def fitter(bench):
    return new_fitter(bench)


def choose(embeddings, targets, fitter, rounds):
    """Rows in the order in which `auto` chooses them, knowing the pool."""
    order, known, logits = NO_ROWS, NO_ROWS, None
    for add in rounds:
        method, _ = settle(Auto(), len(known), len(np.unique(targets[known])))
        classes = np.unique(targets[known], return_inverse=True)[1]
        left = np.setdiff1d(np.arange(len(embeddings)), known)
        inputs = Inputs(left, embeddings=embeddings, labelled=known, targets=classes, logits=logits)
        order = np.concatenate([order, method.select(inputs, add, np.random.default_rng(0)).rows])
        known = np.sort(order)
        fitted = fitter.train(embeddings[known], targets[known], CLASSES)
        logits = fitted.head.logits(embeddings)
    return order


def test_what_was_chosen_first_is_found_to_have_been(bench, fitter):
    embeddings, targets = pool(600)
    order = choose(embeddings, targets, fitter, [10, 10, 20, 40])
    rows = np.sort(order)
    first = set(order[:40])
    others = np.delete(embeddings, rows, axis=0)
    found = order_of_choice(embeddings[rows], targets[rows], others, fitter, np.random.default_rng(1))
    of_chance = np.random.default_rng(1).permutation(len(rows))
    again, by_chance = (len(first & set(rows[one[:40]])) for one in (found, of_chance))
    assert again >= 26 > by_chance  # of 40, some of the first ten by chance


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=st.integers(12, 60), unlabelled=st.integers(0, 40), seed=st.integers(0, 1_000))
def test_the_order_holds_every_labelled_image_once_and_is_the_same_for_the_same_chance(bench, labels, unlabelled, seed):
    embeddings, targets = pool(labels + unlabelled, seed)
    labelled = embeddings[:labels], targets[:labels], embeddings[labels:]
    found, again = (
        order_of_choice(
            *labelled, Fitter("linear", task_of("classification"), 0, bench.run), np.random.default_rng(seed)
        )
        for _ in range(2)
    )
    assert np.array_equal(np.sort(found), np.arange(labels))
    assert np.array_equal(found, again)


def test_other_chance_gives_another_order(fitter):
    embeddings, targets = pool(100)
    labelled = embeddings[:50], targets[:50], embeddings[50:]
    first, second = (order_of_choice(*labelled, fitter, np.random.default_rng(seed)) for seed in (0, 1))
    assert not np.array_equal(first, second)

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from nextlabel.core.neural.heads.gaussians import OUTSIDE, SHRUNK, Gaussians
from nextlabel.core.neural.heads.neighbours import A_DIRECTION, Neighbours
from nextlabel.core.neural.heads.registry import train_head
from nextlabel.core.neural.training import Examples
from tests.core.neural.labelled import clusters


def test_where_all_is_known_they_are_a_linear_discriminant_analysis_of_classes_that_are_as_frequent():
    embeddings, targets = clusters(300, dimension=5, spread=2.0)
    sure = 100 * np.eye(3, dtype=np.float32)[targets]
    fitted = Gaussians.fit(embeddings, targets, embeddings, sure)
    known = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRUNK, priors=[1 / 3] * 3).fit(embeddings, targets)
    shares = (1 - OUTSIDE) * known.predict_proba(embeddings) + OUTSIDE / 3
    assert np.exp(fitted.log_shares(embeddings)) == pytest.approx(shares, abs=0.01)


def test_the_pool_tells_where_the_border_is():
    """Of two clouds one image each is labelled, one of them at its cloud's edge: halfway between them is no border."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 500)
    pool = np.float32(6 * truth + rng.normal(size=1_000))[:, None]
    labelled, targets = np.array([[0], [3]], np.float32), np.array([0, 1])
    said = (pool - 1.5) * np.array([-1, 1], np.float32)  # what a head makes of these two
    found = Gaussians.fit(labelled, targets, pool, said).log_shares(pool)
    assert np.mean(said.argmax(axis=1) == truth) < 0.98
    assert np.mean(found.argmax(axis=1) == truth) > 0.99


def test_a_rare_class_is_not_taken_for_a_part_of_a_common_one():
    rng = np.random.default_rng(0)
    truth = (np.arange(1_000) < 20).astype(np.int64)
    pool = (rng.normal(0, 1, (1_000, 8)) + 6 * truth[:, None] * np.eye(8)[0]).astype(np.float32)
    shown = np.array([0, 1, *range(20, 38)])
    said = train_head("linear", Examples(pool[shown], truth[shown], 2), seed=0).logits(pool)
    fitted = Gaussians.fit(pool[shown], truth[shown], pool, said)
    assert (fitted.log_shares(pool).argmax(axis=1) == truth).mean() > 0.99


def test_through_directions_they_say_the_same():
    rng = np.random.default_rng(0)
    fitted = Gaussians(rng.normal(size=(3, 2)), rng.normal(size=2))
    directions, origin, images = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=(7, 5))
    seen = fitted.seen_through(directions, origin).log_shares(images)
    assert seen == pytest.approx(fitted.log_shares(images @ directions - origin), abs=1e-5)


@given(st.integers(1, 40), st.integers(1, 4), st.sampled_from([0.0, 1e-20, 1.0, 1e6]), st.integers(0, 99))
def test_what_they_say_is_finite_and_comes_to_one(images, dimension, spread, seed):
    rng = np.random.default_rng(seed)
    pool = (spread * rng.normal(size=(images, dimension))).astype(np.float32)
    said = (30 * rng.normal(size=(images, 2))).astype(np.float32)
    fitted = Gaussians.fit(pool[[0, -1]], np.array([0, 1]), pool, said)
    shares = np.exp(fitted.log_shares(pool))
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("images", "some"), [(A_DIRECTION - 1, False), (A_DIRECTION, True)])
def test_a_pool_of_a_few_images_has_none(images, some):
    examples = Examples(*clusters(30), 3)
    head = train_head("linear", examples, seed=0).among(Neighbours(examples.embeddings[:images]), examples)
    assert (head.gaussians is not None) == some


def test_a_head_learns_more_from_few_labels_with_the_pool_s_distributions():
    rng = np.random.default_rng(1)
    embeddings, targets = clusters(1_500, classes=5, dimension=40, spread=1.0)
    embeddings *= np.geomspace(4, 0.5, 40).astype(np.float32)  # what varies most tells nothing more
    shown = rng.permutation(1_500)[:15]
    classes, known = np.unique(targets[shown], return_inverse=True)
    examples = Examples(embeddings[shown], known, len(classes))
    alone = train_head("linear", examples, seed=0)
    among = alone.among(Neighbours(embeddings), examples)
    right = [np.mean(classes[head.logits(embeddings).argmax(axis=1)] == targets) for head in (alone, among)]
    assert right[1] > right[0] + 0.05


def test_the_more_labels_a_class_has_the_less_the_distributions_say():
    embeddings, targets = clusters(400)
    head = train_head("linear", Examples(embeddings, targets, 3), seed=0)
    some = [Examples(embeddings[:n], targets[:n], 3) for n in (9, 60, 120, 240)]
    assert [head.among(Neighbours(embeddings), few).gaussians.say for few in some] == [1, 1, 0.5, 0.25]


def test_a_hundred_thousand_labels_of_a_thousand_classes_take_no_more_memory_than_their_places():
    rng = np.random.default_rng(0)
    labelled, targets = rng.normal(size=(100_000, 4)).astype(np.float32), np.arange(100_000) % 1_000
    tracemalloc.start()
    Gaussians.fit(labelled, targets, labelled[:50], np.zeros((50, 1_000), np.float32))
    assert tracemalloc.get_traced_memory()[1] < 20 << 20  # bytes; each label of each class would be 800 MB
    tracemalloc.stop()

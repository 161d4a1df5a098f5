import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from nextlabel.core.methods.base import Inputs
from nextlabel.core.methods.registry import parse_method
from nextlabel.core.pipelines.sampling import LEAST, may_be_drawn_at_random


def clusters(n=400, d=12, k=8, seed=0):
    """(n, d) images of k unequal clusters."""
    rng = np.random.default_rng(seed)
    of = rng.choice(k, n, p=np.arange(1, k + 1) / np.arange(1, k + 1).sum())
    return (3 * rng.normal(size=(k, d))[of] + rng.normal(size=(n, d))).astype(np.float32), of


def ask(embeddings, labelled, seed=0):
    others = np.setdiff1d(np.arange(len(embeddings)), labelled)
    return may_be_drawn_at_random(embeddings[labelled], embeddings[others], np.random.default_rng(seed))


def test_random_labels_are_taken_for_chosen_ones_no_more_often_than_the_level_says():
    embeddings, _ = clusters(n=120)
    told = [ask(embeddings, np.random.default_rng(i).permutation(120)[:30]) for i in range(40)]
    assert told.count(False) <= 2  # of 40, where one in 200 is expected: 1 in 1,000 runs would have more


@pytest.mark.parametrize("method", ["maxherding", "typiclust", "coreset"])
def test_images_that_a_method_chose_are_told(method):
    embeddings = load_digits().data[:600].astype(np.float32)
    inputs = Inputs(np.arange(600), embeddings=embeddings)
    assert not ask(embeddings, parse_method(method).select(inputs, 60, np.random.default_rng(0)).rows)


def test_images_between_two_clusters_are_told():
    embeddings, of = clusters(k=2)
    ends = [embeddings[of == i].mean(axis=0) for i in (0, 1)]
    far = np.abs(np.linalg.norm(embeddings - ends[0], axis=1) - np.linalg.norm(embeddings - ends[1], axis=1))
    assert not ask(embeddings, np.argsort(far)[:60])


def test_one_folder_of_a_class_that_was_labelled_first_is_told():
    embeddings, of = clusters()
    assert not ask(embeddings, np.flatnonzero(of == 7)[:60])


def test_with_few_images_of_either_kind_nothing_is_told():
    embeddings, of = clusters()
    heap = np.flatnonzero(of == 7)
    assert ask(embeddings, heap[: LEAST - 1])
    assert may_be_drawn_at_random(embeddings[heap], embeddings[: LEAST - 1], np.random.default_rng(0))


def test_images_that_are_all_alike_are_any_sample():
    assert ask(np.ones((100, 4), np.float32), np.arange(30))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-3, 1.0, 1e3]))
def test_the_answer_is_the_same_each_time_and_in_any_unit_and_leaves_its_inputs_alone(seed, scale):
    embeddings, _ = clusters(n=80, seed=seed)
    embeddings.flags.writeable = False
    labelled = np.argsort(embeddings[:, 0])[:30]
    first = ask(embeddings, labelled)
    assert first == ask(embeddings, labelled) == ask(embeddings * np.float32(scale), labelled)

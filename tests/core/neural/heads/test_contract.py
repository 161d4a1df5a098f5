"""What holds for every head, besides what holds for all trainers (tests/core/neural/test_trainers.py)."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from threadpoolctl import threadpool_info

from nextlabel.core.neural.heads.registry import HEADS, train_head
from nextlabel.core.neural.training import ROWS_AT_ONCE, Examples
from tests.core.neural.labelled import clusters


@pytest.mark.parametrize("name", HEADS)
def test_every_head_learns_what_can_be_learnt(name):
    embeddings, targets = clusters(90)
    unseen, truth = clusters(300, seed=1)
    head = train_head(name, Examples(embeddings, targets, 3), seed=0)
    assert np.mean(head.logits(unseen).argmax(axis=1) == truth) > 0.97


@pytest.mark.parametrize("name", HEADS)
def test_one_image_of_each_of_two_classes_is_enough(name):
    embeddings = np.array([[0, 1, 5], [1, 0, 5]], np.float32)
    logits = train_head(name, Examples(embeddings, np.array([0, 1]), 2), seed=0).logits(embeddings)
    assert logits.argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize("name", HEADS)
def test_done_never_falls_and_ends_at_the_total(name):
    ticks: list[tuple[int, int]] = []
    embeddings, targets = clusters(60)
    train_head(name, Examples(embeddings, targets, 3), seed=0, tick=lambda done, total: ticks.append((done, total)))
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
        train_head(name, Examples(embeddings, targets, 3), seed=0, tick=stop)
    assert (torch.get_num_threads(), threadpool_info()) == threads


@pytest.mark.parametrize("name", HEADS)
def test_more_images_than_one_slice_get_the_logits_they_get_alone(name):
    head = train_head(name, Examples(*clusters(6), 3), seed=0)
    embeddings, _ = clusters(ROWS_AT_ONCE + 5)
    np.testing.assert_allclose(head.logits(embeddings)[-6:], head.logits(embeddings[-6:]), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", HEADS)
def test_no_image_has_no_logits(name):
    assert train_head(name, Examples(*clusters(6), 3), seed=0).logits(np.empty((0, 8), np.float32)).shape == (0, 3)


@pytest.mark.parametrize("name", HEADS)
def test_the_temperature_makes_confidence_match_accuracy(name):
    embeddings, targets = clusters(250, dimension=50, spread=2)
    unseen, truth = clusters(3000, dimension=50, spread=2, seed=1)
    logits = train_head(name, Examples(embeddings, targets, 3), seed=0).logits(unseen)
    confidence = softmax(logits, axis=1).max(axis=1).mean()
    assert confidence == pytest.approx(np.mean(logits.argmax(axis=1) == truth), abs=0.06)

import numpy as np
import pytest
import torch

from nextlabel.core.errors import OutOfMemory
from nextlabel.core.neural import dropout as module
from nextlabel.core.neural.backbones import DescriptorBackbone
from nextlabel.core.neural.dropout import (
    BATCH,
    DROPOUT,
    EPOCHS,
    PATIENCE,
    DropoutHead,
    _dropped,
    _stalled,
    train_dropout_head,
)
from nextlabel.core.neural.heads.linear import train_linear
from nextlabel.core.neural.heads.scaling import Scaling
from nextlabel.core.neural.training import Examples
from nextlabel.core.tasks.classification import read_labels
from tests.core.neural.labelled import clusters
from tests.image_files import decode


def by_hand(weights, bias):
    """A head on embeddings that are scaled already."""
    d, classes = np.shape(weights)
    scaling = Scaling(np.zeros(d, np.float32), np.ones(d, np.float32))
    return DropoutHead(classes, {}, scaling, torch.tensor(weights), torch.tensor(bias))


# --- votes ------------------------------------------------------------------------------------------------------


def test_dropout_leaves_the_bias_alone_to_vote_as_often_as_it_drops():
    """One dimension: where it is dropped, the bias gives class 1, else 1 x 4 gives class 0."""
    votes = by_hand([[1.0, -1.0]], [0.0, 0.1]).votes(np.ones((4000, 1), np.float32), 3, 0)
    assert (votes[0] == 0).all()
    np.testing.assert_allclose((votes[1:] == 1).mean(axis=1), DROPOUT, atol=0.03)
    assert len({vote.tobytes() for vote in votes}) == 4  # each pass draws anew


def test_each_number_is_dropped_on_its_own_and_the_rest_keep_the_mean():
    dropped = _dropped(torch.ones(400, 50), np.random.default_rng(0)).numpy()
    assert set(np.unique(dropped)) == {0, 1 / (1 - DROPOUT)}
    assert dropped.mean() == pytest.approx(1, abs=0.05)
    assert np.abs(dropped.mean(axis=0) - 1).max() < 0.5
    assert np.abs(dropped.mean(axis=1) - 1).max() < 1.2


def test_votes_are_a_function_of_the_seed_and_without_dropout_of_none():
    head = train_dropout_head(Examples(*clusters(30, spread=2), 3), seed=0)
    embeddings, _ = clusters(200, spread=2, seed=1)
    one, same, other = (head.votes(embeddings, 5, seed) for seed in (1, 1, 2))
    assert (one.shape, one.dtype) == ((6, 200), np.int64)
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(one[0], other[0])
    assert not np.array_equal(one, other)


def test_more_images_than_one_batch_get_the_class_they_get_alone_and_are_counted():
    head = train_dropout_head(Examples(*clusters(30), 3), seed=0)
    embeddings, truth = clusters(BATCH + 5)
    ticks = []
    votes = head.votes(embeddings, 1, 0, lambda done, total: ticks.append((done, total)))
    assert ticks == [(BATCH, BATCH + 5), (BATCH + 5, BATCH + 5)]
    np.testing.assert_array_equal(votes[0, -5:], head.votes(embeddings[-5:], 0, 0)[0])
    assert np.mean(votes[0] == truth) > 0.9
    assert np.mean(votes[1] == truth) > 0.5  # each class has but one dimension to tell it by


def test_no_image_has_no_votes_and_no_pass_leaves_the_one_without_dropout():
    head = train_dropout_head(Examples(*clusters(6), 3), seed=0)
    assert head.votes(np.empty((0, 8), np.float32), 3, 0).shape == (4, 0)
    assert head.votes(clusters(6)[0], 0, 0).shape == (1, 6)


# --- training ---------------------------------------------------------------------------------------------------


def test_it_learns_what_can_be_learnt_and_doubts_what_lies_between_two_classes():
    """Every dimension ten times, so that a class isn't lost with one of them."""
    (embeddings, targets), (unseen, truth) = clusters(90), clusters(300, seed=1)
    embeddings, unseen = np.tile(embeddings, (1, 10)), np.tile(unseen, (1, 10))
    head = train_dropout_head(Examples(embeddings, targets, 3), seed=0)
    assert np.mean(head.votes(unseen, 0, 0)[0] == truth) > 0.97
    between = (unseen[truth == 0] + unseen[truth == 1]) / 2
    sure, doubtful = (head.votes(part, 9, 0) for part in (unseen, between))
    assert np.mean(doubtful[1:] != doubtful[0]) > 2 * np.mean(sure[1:] != sure[0])


def test_one_image_of_each_of_two_classes_is_enough():
    embeddings = np.array([[0, 1, 5], [1, 0, 5]], np.float32)
    head = train_dropout_head(Examples(embeddings, np.array([0, 1]), 2), seed=0)
    assert head.votes(embeddings, 0, 0)[0].tolist() == [0, 1]


def test_more_images_than_one_batch_are_trained_on_in_several(monkeypatch):
    monkeypatch.setattr(module, "BATCH", 40)
    monkeypatch.setattr(module, "EPOCHS", 3)
    ticks = []
    embeddings, targets = clusters(90)
    head = train_dropout_head(Examples(embeddings, targets, 3), seed=0, tick=lambda done, _: ticks.append(done))
    assert ticks == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert np.mean(head.votes(embeddings, 0, 0)[0] == targets) > 0.9


def test_done_never_falls_and_ends_at_the_total_though_it_stops_early():
    ticks = []
    head = train_dropout_head(Examples(*clusters(60), 3), seed=0, tick=lambda done, total: ticks.append((done, total)))
    done, totals = zip(*ticks, strict=True)
    assert list(done) == sorted(done)
    assert (done[-1], set(totals)) == (EPOCHS, {EPOCHS})
    assert PATIENCE < head.details["epochs"] < EPOCHS


def test_it_stops_once_the_loss_has_not_fallen_by_a_thousandth_for_twenty_epochs():
    assert not _stalled([1.0] * PATIENCE)
    assert _stalled([1.0] * (PATIENCE + 1))
    assert _stalled([1.0] + [0.9995] * PATIENCE)
    assert not _stalled([1.0] * PATIENCE + [0.99])


def test_what_the_tick_raises_ends_the_training_after_one_batch():
    class Stop(Exception):
        pass

    ticks, threads = [], torch.get_num_threads()

    def stop(done: int, total: int) -> None:
        ticks.append(done)
        raise Stop

    with pytest.raises(Stop):
        train_dropout_head(Examples(*clusters(60), 3), seed=0, tick=stop)
    assert (ticks, torch.get_num_threads()) == ([0], threads)


def test_a_device_whose_memory_is_short_is_out_of_memory(monkeypatch):
    def too_much(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "_dropped", too_much)
    with pytest.raises(OutOfMemory, match="don't fit into the GPU's memory"):
        train_dropout_head(Examples(*clusters(6), 3), seed=0)


# --- real photos ------------------------------------------------------------------------------------------------


@pytest.mark.real_data
def test_on_real_photos_it_is_as_right_as_the_linear_head_and_doubts_what_it_gets_wrong(real_data):
    """Trained on every other one of 245 photos of ten classes; doubted: two of three passes give another class."""
    labels = read_labels(real_data / "clothing" / "labels_val.txt").classes_by_name
    chosen = [[name for name, class_ in labels.items() if class_ == str(wanted)][:30] for wanted in range(10)]
    images = [decode(real_data / "clothing" / "val" / name, max_pixels=10**8) for part in chosen for name in part]
    embeddings = np.stack([DescriptorBackbone().prepare(image) for image in images])
    targets = np.repeat(np.arange(10), [len(part) for part in chosen])
    examples = Examples(embeddings[::2], targets[::2], 10)
    head, linear = (train(examples, seed=0) for train in (train_dropout_head, train_linear))
    votes = head.votes(embeddings[1::2], 3, 0)
    right = votes[0] == targets[1::2]
    assert right.mean() > np.mean(linear.logits(embeddings[1::2]).argmax(axis=1) == targets[1::2]) - 0.05
    doubted = (votes[1:] != votes[0]).sum(axis=0) >= 2
    assert 0.05 < doubted.mean() < 0.3
    assert right[~doubted].mean() > right[doubted].mean() + 0.1

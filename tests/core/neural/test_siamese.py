"""The network, then the mixture fitted to what it gives."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_info

from nextlabel.core.errors import OutOfMemory
from nextlabel.core.neural import siamese as module
from nextlabel.core.neural.backbones import DescriptorBackbone
from nextlabel.core.neural.siamese import EPOCHS, Triplets, fit_components, train_siamese
from nextlabel.core.neural.training import ROWS_AT_ONCE
from nextlabel.core.tasks.classification import read_labels
from tests.core.neural.labelled import clusters
from tests.image_files import decode


@pytest.fixture
def few(monkeypatch):
    """Two batches an epoch, where what is learnt doesn't matter."""
    monkeypatch.setattr(module, "TRIPLETS", 100)
    monkeypatch.setattr(module, "BATCH", 64)


# --- triplets ---------------------------------------------------------------------------------------------------


@given(counts=st.lists(st.integers(1, 6), min_size=2, max_size=5), seed=st.integers(0, 99))
def test_a_positive_is_another_image_of_the_class_and_a_negative_of_another_class(counts, seed):
    rng = np.random.default_rng(seed)
    targets = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    anchor, positive, negative = Triplets.of(targets).draw(200, rng)
    np.testing.assert_array_equal(targets[anchor], targets[positive])
    assert (targets[anchor] != targets[negative]).all()
    assert ((anchor != positive) == (np.array(counts)[targets[anchor]] > 1)).all()


def test_every_class_counts_alike_and_every_image_of_it():
    """90 images of class 5, 9 of 7, 1 of 8."""
    targets = np.repeat([5, 7, 8], [90, 9, 1])
    anchor, positive, negative = Triplets.of(targets).draw(9_000, np.random.default_rng(0))
    for rows in (anchor, positive, negative):
        np.testing.assert_allclose([np.mean(targets[rows] == label) for label in (5, 7, 8)], 1 / 3, atol=0.02)
        assert np.unique(rows).tolist() == list(range(100))
        np.testing.assert_allclose(np.bincount(rows)[90:99], 333, atol=80)


# --- the network ------------------------------------------------------------------------------------------------


def test_classes_do_not_touch(monkeypatch):
    """Any two images of different classes are further apart than any two of one, and the margin apart at least."""
    monkeypatch.setattr(module, "TRIPLETS", 20_000)
    embeddings, targets = clusters(60)
    coordinates = train_siamese(embeddings, targets, seed=0).coordinates(embeddings)
    distances, same = cdist(coordinates, coordinates), targets[:, None] == targets
    assert distances[~same].min() > distances[same].max()
    assert distances[~same].min() > 0.9


def test_left_out_the_epochs_are_the_first_versions_two(few):
    assert EPOCHS == 2
    assert train_siamese(*clusters(12), seed=0).details["epochs"] == 2


def test_it_trains_the_epochs_asked_for_and_counts_them_batch_by_batch(few):
    ticks = []
    train_siamese(*clusters(12), epochs=3, seed=0, tick=lambda done, total: ticks.append((done, total)))
    assert ticks == [(0, 3), (0, 3), (1, 3), (1, 3), (2, 3), (2, 3), (3, 3)]


def test_what_the_tick_raises_ends_the_training_after_one_batch():
    class Stop(Exception):
        pass

    ticks, threads = [], torch.get_num_threads()

    def stop(done: int, total: int) -> None:
        ticks.append(done)
        raise Stop

    with pytest.raises(Stop):
        train_siamese(*clusters(12), seed=0, tick=stop)
    assert (ticks, torch.get_num_threads()) == ([0], threads)


def test_seeds_differ_and_the_global_generators_are_left_as_they_were(few):
    embeddings, targets = clusters(12)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    one, two = (train_siamese(embeddings, targets, seed=seed).coordinates(embeddings) for seed in (1, 2))
    assert not np.array_equal(one, two)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])


def test_more_images_than_one_slice_get_the_coordinates_they_get_alone_and_are_counted(few):
    network = train_siamese(*clusters(6), seed=0)
    embeddings, _ = clusters(ROWS_AT_ONCE + 5)
    ticks = []
    coordinates = network.coordinates(embeddings, lambda done, total: ticks.append((done, total)))
    np.testing.assert_allclose(coordinates[-6:], network.coordinates(embeddings[-6:]), rtol=1e-3, atol=1e-5)
    assert ticks == [(ROWS_AT_ONCE, ROWS_AT_ONCE + 5), (ROWS_AT_ONCE + 5, ROWS_AT_ONCE + 5)]


def test_no_image_has_no_coordinates(few):
    assert train_siamese(*clusters(6), seed=0).coordinates(np.empty((0, 8), np.float32)).shape == (0, 2)


def test_a_device_whose_memory_is_short_is_out_of_memory(monkeypatch):
    def too_much(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "_placed", too_much)
    with pytest.raises(OutOfMemory, match="don't fit into the GPU's memory"):
        train_siamese(*clusters(6), seed=0)


# --- the mixture ------------------------------------------------------------------------------------------------


def corners(*counts: int, spread: float = 0.1):
    """So many points around each of (0, 0), (5, 0), (0, 5), ..."""
    rng = np.random.default_rng(0)
    centres = np.repeat([(0, 0), (5, 0), (0, 5), (5, 5)][: len(counts)], counts, axis=0)
    return (centres + rng.normal(scale=spread, size=centres.shape)).astype(np.float32)


def test_each_corner_is_a_component_and_what_lies_near_it_belongs_to_it():
    components = fit_components(corners(30, 20, 10), 3, seed=0)
    of = components.of(corners(4, 4, 4, spread=0.3)).reshape(3, 4)
    assert (components.n, of.dtype) == (3, np.int64)
    assert (of == of[:, :1]).all()
    assert sorted(of[:, 0].tolist()) == [0, 1, 2]


def test_a_class_of_one_image_has_a_component_of_its_own():
    components = fit_components(corners(30, 1), 2, seed=0)
    assert components.of(np.array([(0, 0), (5, 0)], np.float32)).tolist() in ([0, 1], [1, 0])


def test_the_unit_of_the_coordinates_does_not_matter():
    points = corners(30, 20, 10)
    one, thousand = (fit_components(points * unit, 3, seed=0).of(points * unit) for unit in (1, 1000))
    np.testing.assert_array_equal(one, thousand)


@pytest.mark.parametrize(
    ("coordinates", "n", "fitted"),
    [
        (np.zeros((1, 2)), 2, 1),
        (np.full((7, 2), 0.1), 3, 1),
        (np.repeat([(0, 0), (1, 1)], 3, axis=0), 5, 2),
        (np.array([(0, 0), (0, 1e-30)]), 2, 2),
        (np.stack([np.arange(9), np.zeros(9)], axis=1), 9, 9),
        (np.random.default_rng(0).normal(size=(40, 2)), 1, 1),
    ],
    ids=["one image", "all alike", "fewer places than classes", "hardly apart", "on a line", "one class"],
)
def test_there_are_no_more_components_than_places(coordinates, n, fitted):
    components = fit_components(coordinates.astype(np.float32), n, seed=0)
    of = components.of(coordinates.astype(np.float32))
    assert components.n == fitted
    assert of.shape == (len(coordinates),)
    assert set(of) <= set(range(fitted))


@settings(max_examples=25)
@given(
    places=st.lists(st.tuples(*[st.sampled_from([0, 1e-30, 1e-4, 0.5, 1, 3, 1e6])] * 2), min_size=1, max_size=12),
    n=st.integers(1, 8),
)
def test_no_coordinates_trouble_the_mixture(places, n):
    coordinates = np.array(places, np.float32)
    one, two = (fit_components(coordinates, n, seed=1).of(coordinates) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.min() >= 0
    assert one.max() < n


def test_the_mixture_leaves_the_threads_as_they_were_and_no_image_has_no_component():
    before = threadpool_info()
    components = fit_components(corners(9, 9), 2, seed=0)
    assert threadpool_info() == before
    assert components.of(np.empty((0, 2), np.float32)).shape == (0,)


# --- real photos ------------------------------------------------------------------------------------------------


@pytest.mark.real_data
def test_on_real_photos_unseen_trousers_and_shoes_come_to_lie_beside_those_of_their_class(real_data):
    """24 photos of each, every other one of them trained on."""
    labels = read_labels(real_data / "clothing" / "labels_val.txt").classes_by_name
    names = (real_data / "clothing" / "classes.txt").read_text().split()
    wanted = [str(names.index(name)) for name in ("pants", "shoes")]
    chosen = [[name for name, class_ in labels.items() if class_ == one][:24] for one in wanted]
    images = [decode(real_data / "clothing" / "val" / name, max_pixels=10**8) for part in chosen for name in part]
    embeddings = np.stack([DescriptorBackbone().prepare(image) for image in images])
    targets = np.repeat([0, 1], [len(part) for part in chosen])
    network = train_siamese(embeddings[::2], targets[::2], seed=0)
    labelled, unseen = network.coordinates(embeddings[::2]), network.coordinates(embeddings[1::2])
    nearest = cdist(unseen, labelled).argmin(axis=1)
    assert np.mean(targets[::2][nearest] == targets[1::2]) > 0.9
    components = fit_components(labelled, 2, seed=0).of(unseen)
    assert np.mean(components == targets[1::2]) < 0.1 or np.mean(components == targets[1::2]) > 0.9

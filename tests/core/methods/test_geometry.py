from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nextlabel.core.methods.geometry import (
    Geometry,
    cluster,
    draw,
    herd,
    nearest,
    nearest_within,
    seed_by_distance,
    similarity,
    slices,
    squared_distances,
)

seeds = st.integers(0, 2**32 - 1)


def test_units_point_from_the_pools_mean_and_a_row_on_it_is_zero():
    geometry = Geometry(np.array([[1, 5], [3, 5], [2, 9], [2, 1], [2, 5]], np.float32))
    assert geometry.mean.tolist() == [2, 5]
    assert geometry.units(np.arange(5)).tolist() == [[-1, 0], [1, 0], [0, 1], [0, -1], [0, 0]]


def test_rounding_around_a_constant_pool_makes_no_direction():
    geometry = Geometry(np.full((1000, 3), 0.1, np.float32))
    assert not geometry.units(np.arange(1000)).any()


@given(seeds, st.integers(2, 12), st.integers(2, 12))
def test_principal_directions_are_at_right_angles_and_hold_all_that_few_or_many_images_vary_in(seed, n, d):
    geometry = Geometry(np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32))
    directions, units = geometry.principal(d), geometry.units(np.arange(n))
    assert directions.shape == (d, min(n, d))
    np.testing.assert_allclose(directions.T @ directions, np.eye(min(n, d)), atol=1e-5)
    np.testing.assert_allclose(units @ directions @ directions.T, units, atol=1e-5)
    strengths = np.square(units @ directions).sum(axis=0)
    assert (np.diff(strengths) <= 1e-5).all()


@given(seeds, st.integers(1, 30), st.integers(1, 8))
def test_distances_are_those_of_the_differences(seed, n, d):
    A, B = np.random.default_rng(seed).normal(size=(2, n, d)).astype(np.float32)
    expected = ((A[:, None] - B) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared_distances(A, B), expected, rtol=1e-3, atol=1e-4)
    index, squared = nearest(A, B)
    np.testing.assert_allclose(squared, expected.min(axis=1), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(expected[np.arange(n), index], expected.min(axis=1), rtol=1e-3, atol=1e-4)


def test_k_means_finds_three_heaps():
    rng = np.random.default_rng(0)
    heaps = np.repeat([[0, 0], [10, 0], [0, 10]], [50, 30, 5], axis=0)
    points = (heaps + rng.normal(0, 0.1, heaps.shape)).astype(np.float32)
    centres, members = cluster(points, 3, rng)
    assert sorted(np.bincount(members)) == [5, 30, 50]
    assert np.abs(np.sort(centres.sum(axis=1)) - [0, 10, 10]).max() < 0.2


def test_k_means_of_fewer_points_than_clusters_that_differ_leaves_some_empty():
    points = np.array([[0, 0], [0, 0], [1, 1], [1, 1]], np.float32)
    _, members = cluster(points, 4, np.random.default_rng(0))
    assert len(set(members[:2])) == len(set(members[2:])) == 1
    assert members[0] != members[2]


def test_clusters_are_those_of_the_seed():
    points = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    first, again = (cluster(points, 7, np.random.default_rng(3))[1] for _ in range(2))
    np.testing.assert_array_equal(first, again)


@given(seeds, st.integers(1, 20))
def test_seeding_takes_each_point_once_even_among_copies(seed, k):
    points = np.random.default_rng(seed).integers(0, 2, size=(20, 2)).astype(np.float32)
    chosen = seed_by_distance(points, k, np.random.default_rng(seed))
    assert len(set(chosen.tolist())) == k


def test_a_weight_of_zero_is_drawn_only_when_nothing_else_is_left():
    rng = np.random.default_rng(0)
    weights = np.array([0, 3, 0, 1], np.float32)
    drawn = np.bincount([draw(weights, np.array([]), rng) for _ in range(400)], minlength=4)
    assert drawn[[0, 2]].tolist() == [0, 0]
    assert 250 < drawn[1] < 350
    assert draw(np.zeros(3, np.float32), np.array([0, 2]), rng) == 1


def test_similarity_is_one_at_no_distance_and_falls_with_the_square():
    points = np.array([[0], [1], [2]], np.float32)
    assert similarity(points, points[:1], 1.0)[:, 0] == pytest.approx(np.exp([0, -1, -4]))
    assert similarity(points, points[:1], 2.0)[:, 0] == pytest.approx(np.exp([0, -1 / 4, -1]))


@given(seeds, st.integers(1, 12), st.integers(1, 12))
def test_lazy_herding_picks_what_plain_greedy_picks(seed, n, r):
    rng = np.random.default_rng(seed)
    similarities = rng.random((n, r)).astype(np.float32)
    covered, weights = rng.random((2, r)).astype(np.float32) * [[0.5], [1]]
    chosen, gains = herd(similarities, covered.astype(np.float32), weights.astype(np.float32), n)
    best = covered.copy()
    for place, gain in zip(chosen, gains, strict=True):
        plain = (np.maximum(similarities - best, 0) * weights).sum(axis=1)
        assert plain[place] == pytest.approx(plain.max(), abs=1e-5)
        assert gain == pytest.approx(plain[place], abs=1e-5)
        best = np.maximum(best, similarities[place])
    assert sorted(chosen) == list(range(n))
    assert (np.diff(gains) <= 0).all()


# --- which rows may be close ------------------------------------------------------------------------------------


@given(
    embeddings=arrays(
        np.float32, st.tuples(st.integers(3, 30), st.integers(1, 6)), elements=st.floats(-50, 50, width=32)
    ),
    shift=st.sampled_from([0.0, 1e3]),
    squared=st.sampled_from([4e-6, 0.05, 0.5, 0.99]),
    part=st.sampled_from([1, 2, 256]),
    data=st.data(),
)
def test_no_row_that_is_within_the_distance_is_ruled_out(embeddings, shift, squared, part, data):
    geometry = Geometry(embeddings + np.float32(shift))
    n = len(embeddings)
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1))))
    units = geometry.units(np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=4))))
    within = (squared_distances(geometry.units(rows), units) <= squared).any(axis=1)
    with patch("nextlabel.core.methods.geometry.PART", part):
        assert not (within & ~geometry.may_be_within(squared, rows, units)).any()


def test_rows_far_away_are_ruled_out():
    embeddings = np.random.default_rng(0).normal(size=(500, 200)).astype(np.float32) + 5
    geometry, rows = Geometry(embeddings), np.arange(500)
    possible = geometry.may_be_within(0.3, rows, geometry.units(rows[:10]))
    assert possible.nonzero()[0].tolist() == list(range(10))


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.integers(0, 40),
    st.floats(0.01, 0.99),
    st.sampled_from([1, 7, 4096]),
)
def test_the_nearest_within_a_distance_is_the_nearest_or_none(seed, a, b, limit, part):
    rng = np.random.default_rng(seed)
    geometry = Geometry(rng.normal(size=(a + b, 100)).astype(np.float32) * rng.uniform(0.1, 2, 100).astype(np.float32))
    rows = rng.permutation(a + b)
    A, B = rows[:a], rows[a:]
    with patch("nextlabel.core.methods.geometry.slices", lambda n, size=part: slices(n, size)):
        found = nearest_within(geometry, A, B, limit)
    if b:
        index, squared = nearest(geometry.units(A), geometry.units(B))
        clear = np.abs(squared - limit) > 1e-4
        assert (found[clear] == np.where(squared <= limit, index, -1)[clear]).all()
    else:
        assert (found == -1).all()

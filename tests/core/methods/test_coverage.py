import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skactiveml import pool as rival

from nextlabel.core.methods import coverage
from nextlabel.core.methods.coverage import (
    CoreSet,
    FacilityLocation,
    MaxHerding,
    Novelty,
    TypiClust,
    spread_over_clusters,
)
from nextlabel.core.methods.geometry import Geometry, nearest
from nextlabel.core.methods.registry import parse_method
from tests.core.methods.pools import inputs_of


def rng():
    return np.random.default_rng(0)


def circle(*degrees):
    """Points whose units are themselves: their mean is 0."""
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)])


HEAP_AND_TWO = circle(80, 88, 90, 91, 100, 270, 270, 270, 270, 270, 180, 0)  # five above, five below, one on each side


@pytest.mark.parametrize("method", [MaxHerding(), TypiClust()])
def test_the_middle_of_each_heap_comes_first(method):
    picks = method.select(inputs_of(HEAP_AND_TWO[:10]), 2, rng())
    assert {int(row) // 5 for row in picks.rows} == {0, 1}
    assert set(picks.rows[picks.rows < 5]) == {2}


def test_a_heap_that_is_labelled_counts_as_covered():
    picks = MaxHerding().select(inputs_of(HEAP_AND_TWO, labelled=[2], targets=[0]), 1, rng())
    assert 5 <= picks.rows[0] < 10


def test_a_heap_that_is_handed_out_counts_as_covered_too():
    picks = MaxHerding().select(inputs_of(HEAP_AND_TWO, pending=[2]), 1, rng())
    assert 5 <= picks.rows[0] < 10


def test_core_set_takes_the_farthest_even_if_it_is_alone():
    picks = CoreSet().select(inputs_of(HEAP_AND_TWO, labelled=[2, 5], targets=[0, 1]), 2, rng())
    assert set(picks.rows) == {10, 11}


def test_a_few_that_lie_apart_come_before_more_of_what_is_nearly_all():
    heap, apart = np.array([3.0, 0, 0, 1]), np.array([3.0, 2, 2, 0])
    points = np.random.default_rng(0).normal(size=(60, 4)) * 0.5 + np.r_[[heap] * 57, [apart] * 3]
    inputs = inputs_of(points, labelled=[0, 1], targets=[0, 0])
    assert FacilityLocation().select(inputs, 1, rng()).rows[0] >= 57
    assert MaxHerding().select(inputs, 1, rng()).rows[0] < 57


@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.booleans())
def test_facility_location_picks_what_makes_the_mean_cosine_to_the_nearest_largest(seed, labels, zero):
    points = np.random.default_rng(seed).normal(size=(12, 3)).astype(np.float32)
    points[[0, 11]] *= not zero
    inputs = inputs_of(points, labelled=np.arange(labels), targets=np.zeros(labels, np.int64))
    lengths = np.maximum(np.linalg.norm(points, axis=1), 1e-9)
    cosines = points @ points.T / lengths / lengths[:, None]
    covered = cosines[:labels].max(axis=0, initial=-1)
    picks = FacilityLocation().select(inputs, 3, rng())
    for row, gain in zip(picks.rows, picks.scores, strict=True):
        gains = np.maximum(cosines - covered, 0)[:, labels:].mean(axis=1)[labels:]
        assert gain == pytest.approx(gains.max(), abs=1e-5)
        covered = np.maximum(covered, cosines[row])


def test_novelty_prefers_what_the_labelled_images_do_not_span():
    flat = np.column_stack([np.random.default_rng(1).normal(size=(40, 2)), np.zeros(40)])
    flat[30:, 2] = 2
    picks = Novelty(components=2).select(inputs_of(flat, labelled=np.arange(20), targets=np.zeros(20)), 1, rng())
    assert picks.rows[0] >= 30


def test_the_hundredth_that_is_most_extreme_is_no_novelty():
    points = np.random.default_rng(1).normal(size=(300, 4))
    points[299] = [1e3, -1e3, 1e3, -1e3]
    picks = Novelty().select(inputs_of(points, labelled=np.arange(50), targets=np.zeros(50)), 200, rng())
    assert 299 not in picks.rows


@pytest.mark.parametrize("seed", range(5))
def test_maxherding_picks_what_scikit_activeml_picks(seed):
    points = np.random.default_rng(seed).normal(size=(60, 4)).astype(np.float32)
    labelled = np.arange(5)
    inputs = inputs_of(points, labelled=labelled, targets=labelled)
    theirs = rival.MaxHerding(normalize_samples=False, metric_dict={"gamma": 1.0})
    units = Geometry(inputs.embeddings).units(np.arange(60))
    known = np.where(np.arange(60) < 5, 0.0, np.nan)
    expected, gains = theirs.query(units, known, batch_size=20, return_utilities=True)
    picks = MaxHerding().select(inputs, 20, rng())
    assert picks.scores == pytest.approx(np.nanmax(gains, axis=1), rel=1e-4)
    assert picks.rows[:5].tolist() == expected[:5].tolist()  # later two may be level that cover but each other


@pytest.mark.parametrize("seed", range(5))
def test_core_set_picks_what_scikit_activeml_picks(seed):
    points = np.random.default_rng(seed).normal(size=(60, 4)).astype(np.float32)
    labelled = np.arange(5)
    inputs = inputs_of(points, labelled=labelled, targets=labelled)
    units = Geometry(inputs.embeddings).units(np.arange(60))
    expected = rival.CoreSet().query(units, np.where(np.arange(60) < 5, 0.0, np.nan), batch_size=20)
    assert CoreSet().select(inputs, 20, rng()).rows.tolist() == expected.tolist()


def test_typicality_is_one_over_the_mean_distance_to_the_nearest():
    points = circle(0, 10, 20, 30, 40, 50, 60, 180, 190, 200, 210, 220, 230, 240)
    picks = TypiClust(neighbours=2).select(inputs_of(points), 2, rng())
    units = Geometry(points.astype(np.float32)).units(np.arange(14))
    for row, score in zip(picks.rows, picks.scores, strict=True):
        heap = np.arange(7) + 7 * (row // 7)
        to_others = np.sort(np.linalg.norm(units[heap] - units[row], axis=1))[1:3]
        assert score == pytest.approx(1 / to_others.mean(), rel=1e-3)


def test_clusters_run_empty_one_after_the_other_and_none_is_asked_twice():
    points = np.repeat(circle(0, 120, 240), [3, 7, 20], axis=0)
    picks = TypiClust(most_clusters=3).select(inputs_of(points), 30, rng())
    assert sorted(picks.rows) == list(range(30))
    assert picks.clusters[:4].tolist() == [0, 1, 0, 1]
    assert set(picks.rows[-3:]) == {0, 1, 2}  # the small cluster, when the others are exhausted


def test_large_pools_are_sampled_in_bounded_memory(monkeypatch):
    monkeypatch.setattr("nextlabel.core.methods.coverage.CANDIDATES", 50)
    monkeypatch.setattr("nextlabel.core.methods.coverage.REFERENCES", 20)
    points = np.random.default_rng(0).normal(size=(500, 4))
    picks = MaxHerding().select(inputs_of(points), 100, rng())
    assert len(set(picks.rows.tolist())) == 100


def test_spread_over_clusters_comes_back_to_a_cluster_where_points_are_equal():
    points = np.array([[0, 0], [0, 0], [0, 0], [5, 5]], np.float32)
    places, _ = spread_over_clusters(points, 3, rng())
    assert 3 in places
    assert len(set(places.tolist())) == 3


def test_outliers_of_their_own_cluster_come_after_the_large_clusters():
    random = np.random.default_rng(0)
    points = np.concatenate([random.normal(0, 0.1, (50, 8)) + np.eye(8)[i] * 3 for i in (0, 1)])
    points = np.concatenate([points, 9 * np.eye(8)[2:5]])
    picks = TypiClust().select(inputs_of(points), 5, rng())
    assert (picks.rows < 100).all()


def test_an_image_outside_the_sample_of_a_large_cluster_is_as_typical_as_one_inside(monkeypatch):
    monkeypatch.setattr("nextlabel.core.methods.coverage.TYPICALITY_SAMPLE", 100)
    points = np.random.default_rng(0).normal(size=(300, 2))
    picks = TypiClust(neighbours=1, most_clusters=2).select(inputs_of(points), 300, rng())
    assert sorted(picks.rows) == list(range(300))
    first_half = set(picks.rows[:150].tolist())
    assert 0.2 < len(first_half & set(range(0, 300, 3))) / 100 < 0.8


@pytest.mark.parametrize("method", [{"name": "maxherding", "bandwidth": 1e-20}, {"name": "bait", "ridge": 1e-300}])
def test_options_too_small_to_compute_with_are_refused(method):
    with pytest.raises(ValueError, match="greater than or equal"):
        parse_method(method)


@given(st.integers(0, 1_000), st.integers(1, 60), st.sampled_from([1, 7, 1_000]))
def test_farthest_first_picks_what_the_plain_greedy_algorithm_does(seed, k, refreshed):
    """Few points are refreshed at a time, and many; there are copies."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((60, 4)).astype(np.float32)
    points[rng.integers(0, 60, 10)] = points[0]
    squared = nearest(points, rng.standard_normal((2, 4)).astype(np.float32))[1]
    plain, left = [], squared.astype(np.float64)
    for _ in range(k):
        plain.append(left.max())
        at = left.argmax()
        left = np.minimum(left, np.square(points - points[at]).sum(axis=1, dtype=np.float64))
        left[at] = -1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage, "REFRESHED", refreshed)
        places, distances = coverage._farthest_first(points, squared.copy(), k)
    assert len(set(places.tolist())) == k
    np.testing.assert_allclose(distances, np.maximum(plain, 0), atol=1e-4)

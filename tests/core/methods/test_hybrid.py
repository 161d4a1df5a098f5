import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.methods.geometry import Geometry
from nextlabel.core.methods.hybrid import (
    Badge,
    Bait,
    ClusterMargin,
    DropQuery,
    UHerding,
    _spread_gradients,
    select_rows,
    unsure,
)
from nextlabel.core.methods.registry import parse_method
from nextlabel.core.methods.uncertainty import Margin, shift, softmax
from tests.core.methods.pools import inputs_of

seeds = st.integers(0, 2**32 - 1)


def rng():
    return np.random.default_rng(0)


def two_heaps(unsure_gap=0.1, sure_gap=10.0):
    """Five images around (1, 0) that the head is unsure of, and twenty around (-4, 0) that it is sure of."""
    points = np.zeros((25, 2))
    points[:5], points[5:] = [1, 0], [-4, 0]
    points[:, 1] = np.random.default_rng(0).normal(0, 0.05, 25)
    logits = np.zeros((25, 3), np.float32)
    logits[:5, 0], logits[5:, 1] = unsure_gap, sure_gap
    return inputs_of(points, logits=logits)


@pytest.mark.parametrize("name", ["uherding", "cluster_margin", "badge"])
def test_what_the_head_is_sure_of_is_not_asked_for_first(name):
    assert parse_method(name).select(two_heaps(), 1, rng()).rows[0] < 5


def test_uherding_weighs_a_region_by_how_unsure_it_is():
    few_but_unsure, many_and_half_sure = two_heaps(), two_heaps(unsure_gap=1.0, sure_gap=1.5)
    assert UHerding().select(few_but_unsure, 1, rng()).rows[0] < 5
    assert UHerding().select(many_and_half_sure, 1, rng()).rows[0] >= 5


@given(seeds)
def test_uherding_is_greedy_in_the_weighted_coverage(seed):
    random = np.random.default_rng(seed)
    points, logits = random.normal(size=(15, 3)), random.normal(size=(15, 3)).astype(np.float32)
    inputs = inputs_of(points, labelled=[0, 1], targets=[0, 1], logits=logits)
    picks = UHerding().select(inputs, 5, rng())
    units = Geometry(inputs.embeddings).units(np.arange(15))
    similarities = np.exp(-((units[:, None] - units) ** 2).sum(axis=2))
    best = similarities[:2].max(axis=0)
    for row, score in zip(picks.rows, picks.scores, strict=True):
        gains = (np.maximum(similarities - best, 0) * unsure(logits))[:, 2:].sum(axis=1) / 13
        assert gains[row] == pytest.approx(gains[2:].max(), abs=1e-5)
        assert score == pytest.approx(gains[row], abs=1e-5)
        best = np.maximum(best, similarities[row])


def test_cluster_margin_spreads_the_uncertain_over_their_heaps():
    points = np.repeat([[0, 1], [1, 0], [0, -1], [-1, 0]], 10, axis=0) + rng().normal(0, 0.01, (40, 2))
    logits = np.tile([[0.1, 0], [0, 9]], (20, 1)).astype(np.float32)
    picks = ClusterMargin(pool_factor=5).select(inputs_of(points, logits=logits), 4, rng())
    assert set(picks.rows // 10) == {0, 1, 2, 3}
    assert (picks.rows % 2 == 0).all()
    assert len(set(picks.clusters.tolist())) == 4


def test_badge_begins_with_the_longest_gradient():
    random = np.random.default_rng(0)
    inputs = inputs_of(random.normal(size=(25, 4)), logits=random.normal(size=(25, 3)).astype(np.float32))
    A = softmax(shift(inputs.logits))
    A[np.arange(25), A.argmax(axis=1)] -= 1
    assert Badge().select(inputs, 3, rng()).rows[0] == np.linalg.norm(A, axis=1).argmax()  # all units are as long


@given(seeds)
def test_factorised_distances_are_those_of_the_whole_gradients(seed):
    random = np.random.default_rng(seed)
    A, X = random.normal(size=(8, 3)).astype(np.float32), random.normal(size=(8, 4)).astype(np.float32)
    G = np.einsum("nc,nd->ncd", A, X).reshape(8, -1)
    places, scores = _spread_gradients(A, X, 8, random)
    assert scores[0] == pytest.approx((G**2).sum(axis=1).max(), rel=1e-4)
    for i in range(1, 8):
        nearest = ((G[places[i]] - G[places[:i]]) ** 2).sum(axis=1).min()
        assert scores[i] == pytest.approx(nearest, rel=1e-3, abs=1e-3)


def test_equal_gradients_are_drawn_once_each():
    A, X = np.ones((6, 2), np.float32), np.ones((6, 3), np.float32)
    places, _ = _spread_gradients(A, X, 6, rng())
    assert sorted(places) == list(range(6))


def _trace(X, weights, F, known, rows):
    M = known + (X[rows].T * weights[rows]) @ X[rows]
    return np.trace(np.linalg.inv(M) @ F)


@given(seeds)
def test_bait_by_updates_of_rank_one_is_bait_by_whole_matrices(seed):
    random = np.random.default_rng(seed)
    X, weights = random.normal(size=(9, 3)).astype(np.float32), random.uniform(0.1, 1, 9)
    F, known = X.T.astype(float) @ X, 0.5 * np.eye(3)
    chosen, gained = [], {}
    for _ in range(4):
        before = _trace(X, weights, F, known, chosen)
        after = {j: _trace(X, weights, F, known, [*chosen, j]) for j in range(9) if j not in chosen}
        chosen.append(min(after, key=after.get))
        gained[chosen[-1]] = before - after[chosen[-1]]
    kept = list(chosen)
    while len(kept) > 2:
        kept.remove(min(kept, key=lambda j: _trace(X, weights, F, known, [k for k in kept if k != j])))
    rows, gains = select_rows(X, weights, F, known, 2)
    assert rows.tolist() == kept
    assert gains == pytest.approx([gained[j] for j in kept], rel=1e-4)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_bait_does_not_depend_on_the_backbones_scale(scale):
    random = np.random.default_rng(0)
    points, logits = random.normal(size=(40, 5)), random.normal(size=(40, 3)).astype(np.float32)
    picked = [
        Bait().select(inputs_of(points * s, labelled=[0, 1, 2], targets=[0, 1, 2], logits=logits), 6, rng()).rows
        for s in (1.0, scale)
    ]
    np.testing.assert_array_equal(*picked)


def test_dropquery_takes_what_the_passes_contradict_and_fills_up_by_chance():
    votes = np.zeros((4, 30), np.int64)
    votes[1:3, [3, 7, 11]] = 1
    inputs = inputs_of(rng().normal(size=(30, 2)), logits=np.zeros((30, 2), np.float32), votes=votes)
    assert set(DropQuery().select(inputs, 3, rng()).rows) == {3, 7, 11}
    more = DropQuery().select(inputs, 5, rng())
    assert set(more.rows[:3]) == {3, 7, 11}
    assert more.scores.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 0, 0])


def test_a_pool_too_large_for_badge_keeps_the_least_certain_and_some_of_the_others(monkeypatch):
    monkeypatch.setattr("nextlabel.core.methods.hybrid.ROWS_AT_MOST", 10)
    random = np.random.default_rng(0)
    inputs = inputs_of(random.normal(size=(100, 2)), logits=random.normal(size=(100, 2)).astype(np.float32))
    least = set(Margin().select(inputs, 5, rng()).rows.tolist())
    picked = set(Badge().select(inputs, 10, rng()).rows.tolist())
    assert least <= picked
    assert len(picked) == 10

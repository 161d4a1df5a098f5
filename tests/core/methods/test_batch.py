import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.methods.base import Picks
from nextlabel.core.methods.batch import Batch, choose, copy_distance
from nextlabel.core.methods.geometry import Geometry, squared_distances
from nextlabel.core.methods.registry import parse_method
from tests.core.methods.pools import inputs_of, pools

WANTS_ALL = ["random", "margin", "uherding", "maxherding", "coreset", "cluster_margin"]


def rng():
    return np.random.default_rng(0)


def originals(n=100, copies=1, scale=1.0, noise=1e-3):
    """Row i is a copy of original i // copies."""
    random = np.random.default_rng(1)
    points = np.repeat(random.normal(size=(n, 8)), copies, axis=0)
    return (points + random.normal(0, noise, points.shape)) * scale


@pytest.mark.parametrize("method", WANTS_ALL)
def test_a_batch_holds_at_most_one_of_a_group(method):
    points = originals(copies=5)
    logits = np.repeat(rng().normal(size=(100, 3)), 5, axis=0).astype(np.float32)
    batch = choose(parse_method(method), inputs_of(points, logits=logits), 40, rng())
    assert len(set((batch.picks.rows // 5).tolist())) == 40
    for row, copies in zip(batch.picks.rows, batch.copies, strict=True):
        assert set(copies.tolist()) == set(range(row // 5 * 5, row // 5 * 5 + 5)) - {row}


@pytest.mark.parametrize("given_as", ["labelled", "pending"])
def test_nothing_is_picked_beside_a_labelled_or_pending_image(given_as):
    rows = np.arange(0, 500, 10)  # one of every second original
    given_rows = {"labelled": rows, "targets": np.zeros(50)} if given_as == "labelled" else {"pending": rows}
    batch = choose(parse_method("random"), inputs_of(originals(copies=5), **given_rows), 50, rng())
    assert set((batch.picks.rows // 5 % 2).tolist()) == {1}
    assert len(batch.picks.rows) == 50


def test_where_only_copies_are_left_the_batch_is_smaller():
    inputs = inputs_of(originals(copies=5), labelled=np.arange(0, 490, 5), targets=np.zeros(98))
    batch = choose(parse_method("random"), inputs, 50, rng())
    assert len(batch.picks.rows) == 2
    assert len(batch.left_out) == 500 - 98 - 2


def test_copies_are_taken_when_they_are_allowed():
    batch = choose(parse_method("random"), inputs_of(originals(20, copies=5)), 100, rng(), skip_copies=False)
    assert len(batch.picks.rows) == 100
    assert all(len(copies) == 0 for copies in batch.copies)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_what_counts_as_a_copy_does_not_depend_on_the_backbones_scale(scale):
    distances = [copy_distance(Geometry(originals(scale=s).astype(np.float32))) for s in (1.0, scale)]
    assert distances[0] == pytest.approx(distances[1], rel=1e-3)


def test_a_pool_in_which_everything_comes_five_times_is_judged_like_one_without_copies():
    once, five_times = (copy_distance(Geometry(originals(1000, n).astype(np.float32))) for n in (1, 5))
    assert five_times == pytest.approx(once, rel=0.3)


@given(pools(), st.integers(0, 15))
def test_picks_lie_apart_whatever_the_pool(inputs, add):
    batch = choose(parse_method("margin"), inputs, add, rng())
    geometry = Geometry(inputs.embeddings)
    limit = copy_distance(geometry) ** 2
    chosen = np.concatenate([inputs.covered, batch.picks.rows])
    squared = squared_distances(geometry.units(batch.picks.rows), geometry.units(chosen))
    squared[np.arange(len(batch.picks.rows)), len(inputs.covered) + np.arange(len(batch.picks.rows))] = 9
    assert (squared > limit * 0.999).all()
    assert len(batch.picks.rows) <= min(add, len(inputs.candidates))
    assert set(batch.picks.rows.tolist()) <= set(inputs.candidates.tolist())
    if len(batch.picks.rows) < min(add, len(inputs.candidates)):
        left = np.setdiff1d(inputs.candidates, np.concatenate([batch.picks.rows, batch.left_out]))
        assert not len(left)


def test_a_copy_of_what_was_dropped_is_not_lost(monkeypatch):
    monkeypatch.setattr("nextlabel.core.methods.batch.copy_distance", lambda geometry: 0.5)
    angles = np.radians([0, 20, 40, 180, 200, 220])  # of the first three, the middle one is a copy of both others
    points = np.column_stack([np.cos(angles), np.sin(angles)])
    errors = np.array([3, 2, 1, 0, 0, 0], np.float32)
    inputs = inputs_of(points, candidates=np.arange(3), reconstruction_errors=errors)
    batch = choose(parse_method("vae"), inputs, 2, rng())
    assert batch.picks.rows.tolist() == [0, 2]
    assert batch.left_out.tolist() == [1]


def test_clusters_of_two_rounds_are_numbered_apart():
    parts = [Batch(Picks(np.arange(2), np.zeros(2), np.array([0, 1])), (), np.empty(0, np.int64)) for _ in range(2)]
    assert Batch.join(parts, renumber=True).picks.clusters.tolist() == [0, 1, 2, 3]
    assert Batch.join(parts, renumber=False).picks.clusters.tolist() == [0, 1, 0, 1]


def test_it_can_be_stopped():
    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        choose(parse_method("random"), inputs_of(originals()), 5, rng(), check=stop)


def test_batches_are_joined_one_after_the_other():
    one, two = (
        choose(parse_method("margin"), inputs_of(originals(), logits=np.zeros((100, 2), np.float32)), n, rng())
        for n in (3, 2)
    )
    joined = Batch.join([one, two], renumber=True)
    assert joined.picks.rows.tolist() == [*one.picks.rows, *two.picks.rows]
    assert len(joined.copies) == len(joined.picks.scores) == 5

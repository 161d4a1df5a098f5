import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.methods import by_names
from nextlabel.core.methods.by_names import AutoByNames
from nextlabel.core.methods.coverage import MaxHerding
from tests.core.methods.pools import inputs_of, pools


def rng(seed=0):
    return np.random.default_rng(seed)


def uneven(n=200, rare=4):
    """Two heaps that overlap, one of a few images, and what a good name would say of each image."""
    chance = rng(1)
    targets = (np.arange(n) < rare).astype(np.int64)
    X = chance.normal(size=(n, 8)) + 2.5 * targets[:, None] * np.eye(8)[0]
    said = np.column_stack([-targets, targets]) * 8.0 + chance.normal(size=(n, 2))
    return X, targets, said


def test_a_class_that_its_name_tells_is_seen_though_it_is_rare():
    X, targets, said = uneven()
    rows = AutoByNames().select(inputs_of(X, logits=said), 8, rng()).rows
    herded = MaxHerding().select(inputs_of(X), 8, rng()).rows
    assert targets[rows].sum() >= 2 > targets[herded].sum()


def test_names_that_say_the_same_of_every_image_leave_herding_as_it_is():
    X, _, _ = uneven()
    inputs = inputs_of(X, logits=np.tile([3.0, -1.0], (len(X), 1)))
    assert AutoByNames().select(inputs, 8, rng()).rows.tolist() == MaxHerding().select(inputs, 8, rng()).rows.tolist()


def test_the_turn_is_that_of_the_class_with_fewest_images():
    X, targets, said = uneven()
    common, rare = np.flatnonzero(targets == 0), np.flatnonzero(targets == 1)
    of_common = inputs_of(X, labelled=common[:3], targets=[0, 0, 0], logits=said)
    assert targets[AutoByNames().select(of_common, 2, rng()).rows[1]] == 1
    of_rare = inputs_of(X, pending=rare[:3], logits=said)
    assert targets[AutoByNames().select(of_rare, 2, rng()).rows[1]] == 0


def test_what_goes_beyond_a_thousand_picks_is_herded(monkeypatch):
    monkeypatch.setattr(by_names, "BY_NAMES", 10)
    X, _, said = uneven()
    few = AutoByNames().select(inputs_of(X, logits=said), 10, rng()).rows
    many = AutoByNames().select(inputs_of(X, logits=said), 200, rng()).rows
    assert len(np.unique(many)) == 200
    assert many[:10].tolist() == few.tolist()


@given(pools(), st.integers(0, 14))
def test_any_pool_gives_as_many_distinct_candidates_as_there_are_the_same_each_time(inputs, add):
    first, again = (AutoByNames().select(inputs, add, rng()) for _ in range(2))
    assert len(np.unique(first.rows)) == len(first.rows) == min(add, len(inputs.candidates))
    assert np.isin(first.rows, inputs.candidates).all()
    assert np.isfinite(first.scores).all()
    assert first.rows.tolist() == again.rows.tolist()

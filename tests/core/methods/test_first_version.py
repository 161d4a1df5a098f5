import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.methods.first_version import Mixture, Vae, quotas
from tests.core.methods.pools import inputs_of


def test_vae_ranks_by_reconstruction_error():
    errors = np.array([0.1, 0.4, 0.2, 0.3], np.float32)
    picks = Vae().select(inputs_of(np.zeros((4, 1)), reconstruction_errors=errors), 3, np.random.default_rng(0))
    assert picks.rows.tolist() == [1, 3, 2]
    assert picks.scores == pytest.approx([0.4, 0.3, 0.2])


@pytest.mark.parametrize(
    ("sizes", "add", "taken"),
    [
        ([75, 25], 8, [2, 6]),  # 1 - share is 1/4 and 3/4
        ([75, 25], 7, [2, 5]),  # 1.75 and 5.25: the larger remainder gets the odd one
        ([950, 50], 100, [50, 50]),  # the rare cluster's 95 are more than it has
        ([10, 10, 10], 7, [3, 2, 2]),
        ([100], 7, [7]),
        ([5, 1], 6, [5, 1]),
    ],
)
def test_rarer_clusters_get_more_but_no_more_than_they_have(sizes, add, taken):
    assert quotas(np.array(sizes), add).tolist() == taken


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.data())
def test_quotas_always_add_up(sizes, data):
    add = data.draw(st.integers(0, sum(sizes)))
    taken = quotas(np.array(sizes), add)
    assert taken.sum() == add
    assert (taken <= sizes).all()


def test_mixture_draws_by_quota_within_the_clusters():
    components = np.repeat([0, 1], [75, 25])
    picks = Mixture().select(inputs_of(np.zeros((100, 1)), components=components), 8, np.random.default_rng(0))
    assert np.bincount(components[picks.rows]).tolist() == [2, 6]
    assert picks.clusters.tolist() == [1] * 6 + [0] * 2
    assert picks.scores == pytest.approx([6 / 8] * 6 + [2 / 8] * 2)

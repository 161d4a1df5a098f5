"""What holds for every method, whatever it does inside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextlabel.core.methods.base import Inputs
from nextlabel.core.methods.registry import METHODS, describe, parse_method
from tests.core.methods.pools import pools

#: Every method as it is, and with each option at another value.
VARIANTS = [
    *METHODS,
    {"name": "maxherding", "bandwidth": 0.01},
    {"name": "uherding", "bandwidth": 5},
    {"name": "typiclust", "neighbours": 1},
    {"name": "typiclust", "most_clusters": 2},
    {"name": "novelty", "components": 1},
    {"name": "cluster_margin", "pool_factor": 1},
    {"name": "bait", "ridge": 1},
    {"name": "bait", "directions": 2},
    {"name": "dropquery", "passes": 1},
    {"name": "ppal", "pool_factor": 1},
    "vae50",
    "mixture3",
]


@pytest.mark.parametrize("method", VARIANTS, ids=str)
@settings(max_examples=50)
@given(inputs=pools(), add=st.integers(0, 15), seed=st.integers(0, 9))
def test_every_method_picks_exactly_what_was_asked_from_the_candidates(method, inputs, add, seed):
    before = {key: np.copy(value) for key, value in vars(inputs).items()}
    picks = parse_method(method).select(inputs, add, np.random.default_rng(seed))
    again = parse_method(method).select(inputs, add, np.random.default_rng(seed))

    assert len(picks.rows) == min(add, len(inputs.candidates)) == len(picks.scores)
    assert picks.rows.dtype == np.int64
    assert len(set(picks.rows.tolist())) == len(picks.rows)
    assert set(picks.rows.tolist()) <= set(inputs.candidates.tolist())
    assert np.isfinite(picks.scores).all()
    assert picks.clusters is None or len(picks.clusters) == len(picks.rows)
    np.testing.assert_array_equal(picks.rows, again.rows)
    np.testing.assert_array_equal(picks.scores, again.scores)
    for key, value in vars(inputs).items():
        np.testing.assert_array_equal(value, before[key])


def test_every_option_of_every_method_is_among_the_variants():
    varied = {(parse_method(v).name, option) for v in VARIANTS for option in parse_method(v).model_fields_set}
    assert {(name, option) for name in METHODS for option in METHODS[name].model_fields} <= varied | {
        (name, "name") for name in METHODS
    }


@pytest.mark.parametrize("name", METHODS)
def test_a_negative_add_is_an_error_and_not_nearly_the_whole_pool(name):
    inputs = Inputs(candidates=np.arange(3))
    with pytest.raises(ValueError, match="0 or more"):
        parse_method(name).select(inputs, -5, np.random.default_rng(0))


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].needs])
def test_a_method_that_lacks_what_it_needs_says_so(name):
    with pytest.raises(ValueError, match=f"{name} needs "):
        parse_method(name).select(Inputs(candidates=np.arange(3)), 1, np.random.default_rng(0))


def test_an_unknown_method_is_answered_with_those_that_exist():
    with pytest.raises(ValueError, match=r"no method 'margins'; there are: auto, .*, least, margin, ratio, entropy"):
        parse_method("margins")


def test_a_method_may_be_named_or_given_with_its_options():
    assert parse_method("margin") == parse_method({"name": "margin"})
    assert parse_method("vae50") == parse_method({"name": "vae", "epochs": 50})
    assert parse_method("mixture3") == parse_method({"name": "mixture", "epochs": 3})


@pytest.mark.parametrize("name", ["margin2", "vae-1", "vae 5", "50vae"])
def test_only_the_first_versions_trained_methods_take_a_number_of_epochs(name):
    with pytest.raises(ValueError, match="no method"):
        parse_method(name)


@pytest.mark.parametrize(
    ("options", "word"),
    [({"name": "margin", "temperature": 2}, "temperature"), ("vae0", "epochs"), ("mixture99999", "epochs")],
)
def test_an_unknown_or_senseless_option_is_refused(options, word):
    with pytest.raises(ValueError, match=word):
        parse_method(options)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_tells_what_it_does_when_to_use_it_and_where_it_comes_from(name):
    told = describe(METHODS[name])
    assert told["name"] == name
    assert told["summary"].endswith(".")
    assert told["use"].endswith(".")
    assert told["source"]
    assert all(option.get("description") for option in told["options"].values())

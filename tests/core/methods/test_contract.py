"""What holds for every method, whatever it does inside."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.methods.base import Inputs
from core.methods.registry import METHODS, describe, parse_method


@st.composite
def pools(draw: st.DrawFn) -> Inputs:
    """Small pools with repeated images, saturated logits, and any subset as candidates."""
    n, classes, dimension = draw(st.integers(1, 12)), draw(st.integers(2, 4)), 3
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(size=(n, classes)) * draw(st.sampled_from([0.0, 1.0, 100.0, 1e6]))
    embeddings = rng.normal(size=(n, dimension))
    repeats = draw(st.booleans())
    if repeats:
        logits[:] = logits[0]
        embeddings[:] = embeddings[0]
    candidates = np.flatnonzero(np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))))
    labelled = np.setdiff1d(np.arange(n), candidates)
    return Inputs(
        candidates=candidates.astype(np.int64),
        logits=logits.astype(np.float32),
        embeddings=embeddings.astype(np.float32),
        labelled=labelled,
        targets=labelled % classes,
    )


@pytest.mark.parametrize("name", METHODS)
@given(inputs=pools(), add=st.integers(0, 15), seed=st.integers(0, 9))
def test_every_method_picks_exactly_what_was_asked_from_the_candidates(name, inputs, add, seed):
    before = {key: np.copy(value) for key, value in vars(inputs).items()}
    picks = parse_method(name).select(inputs, add, np.random.default_rng(seed))
    again = parse_method(name).select(inputs, add, np.random.default_rng(seed))

    assert len(picks.rows) == min(add, len(inputs.candidates)) == len(picks.scores)
    assert len(set(picks.rows.tolist())) == len(picks.rows)
    assert set(picks.rows.tolist()) <= set(inputs.candidates.tolist())
    assert np.isfinite(picks.scores).all()
    assert np.all(np.diff(picks.scores) <= 0)
    np.testing.assert_array_equal(picks.rows, again.rows)
    np.testing.assert_array_equal(picks.scores, again.scores)
    for key, value in vars(inputs).items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize("name", METHODS)
def test_a_negative_add_is_an_error_and_not_nearly_the_whole_pool(name):
    inputs = Inputs(candidates=np.arange(3), logits=np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match="0 or more"):
        parse_method(name).select(inputs, -5, np.random.default_rng(0))


def test_an_unknown_method_is_answered_with_those_that_exist():
    with pytest.raises(ValueError, match=r"no method 'margins'; there are: random, least, margin, ratio, entropy"):
        parse_method("margins")


def test_a_method_may_be_named_or_given_with_its_options():
    assert parse_method("margin") == parse_method({"name": "margin"})


def test_an_unknown_option_is_refused():
    with pytest.raises(ValueError, match="temperature"):
        parse_method({"name": "margin", "temperature": 2})


@pytest.mark.parametrize("name", METHODS)
def test_every_method_tells_what_it_is_for_and_where_it_comes_from(name):
    told = describe(METHODS[name])
    assert told["name"] == name
    assert told["summary"].endswith(".")
    assert told["source"]

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.methods.base import Inputs
from nextlabel.core.methods.registry import parse_method
from nextlabel.core.methods.uncertainty import Entropy, Least, Margin, Ratio, shift

FOUR = ["least", "margin", "ratio", "entropy"]


def logits_of(*probabilities):
    with np.errstate(divide="ignore"):
        return shift(np.maximum(np.log(np.array(probabilities)), -1e4))


def test_the_scores_of_one_half_three_tenths_two_tenths_are_these():
    shifted = logits_of([0.5, 0.3, 0.2])
    assert Least.score(shifted) == pytest.approx([0.75])  # (1 - .5) * 3 / 2
    assert Margin.score(shifted) == pytest.approx([0.8])  # 1 - (.5 - .3)
    assert Ratio.score(shifted) == pytest.approx([0.6])  # .3 / .5
    assert Entropy.score(shifted) == pytest.approx([1.0297 / 1.0986], abs=1e-4)  # nats / ln 3


@pytest.mark.parametrize("method", [Least, Margin, Ratio, Entropy])
def test_equal_probabilities_score_one_and_certainty_scores_zero(method):
    assert method.score(logits_of([0.25] * 4)) == pytest.approx([1.0])
    assert method.score(logits_of([1.0, 0.0, 0.0, 0.0])) == pytest.approx([0.0])


@pytest.mark.parametrize("name", FOUR)
def test_a_probability_of_exactly_zero_gives_no_nan(name):
    # float32 softmax is exactly 0 beyond a gap of 103: the first version's entropy was NaN here
    inputs = Inputs(np.arange(3), logits=np.array([[0, 500, -500], [0, 1, 2], [0, 1e30, -1e30]], np.float32))
    picks = parse_method(name).select(inputs, 3, np.random.default_rng(0))
    assert np.isfinite(picks.scores).all()
    assert picks.rows[0] == 1


@pytest.mark.parametrize("name", FOUR)
def test_rows_whose_probabilities_saturate_are_ranked_by_their_logit_gap(name):
    inputs = Inputs(np.arange(3), logits=np.array([[0, 900], [0, 700], [0, 800]], np.float32))
    assert parse_method(name).select(inputs, 3, np.random.default_rng(0)).rows.tolist() == [1, 2, 0]


@given(st.lists(st.tuples(st.floats(-200, 200, width=32), st.floats(-200, 200, width=32)), min_size=1, max_size=20))
def test_with_two_classes_all_four_rank_alike(pairs):
    logits = np.round(np.array(pairs, np.float32), 2)
    inputs = Inputs(np.arange(len(pairs)), logits=logits)
    ranks = {tuple(parse_method(n).select(inputs, len(pairs), np.random.default_rng(0)).rows) for n in FOUR}
    assert len(ranks) == 1


def test_one_class_alone_has_no_uncertainty():
    with pytest.raises(ValueError, match="two classes"):
        shift(np.zeros((3, 1)))


def test_a_method_that_lacks_logits_says_so():
    with pytest.raises(ValueError, match="margin needs logits"):
        parse_method("margin").select(Inputs(np.arange(2)), 1, np.random.default_rng(0))

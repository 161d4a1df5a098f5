import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.curves.forecast import FAMILIES, fit, fit_all, forecast_error, outlook

SIZES = np.array([15, 25, 40, 65, 105, 170, 280, 450], float)
POWER = FAMILIES[0]


def families_by_name():
    return {family.name: family for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_finds_a_curve_of_its_own(family):
    rate = family.rates[len(family.rates) // 2]
    curve = 0.9 - 0.02 * family.g(SIZES, np.array([[rate]]))[0]
    found = fit(family, SIZES, curve[None, :], np.ones(len(SIZES)))
    assert found.at(np.array([1000.0]))[0, 0] == pytest.approx(
        min(0.9 - 0.02 * family.g(np.array([1000.0]), np.array([[rate]]))[0, 0], 1.0), abs=1e-6
    )


def test_a_line_on_a_logarithmic_scale_goes_on_as_one():
    found = fit(families_by_name()["logarithm"], SIZES, (0.1 + 0.1 * np.log(SIZES))[None, :], np.ones(len(SIZES)))
    assert found.at(np.array([1000.0]))[0, 0] == pytest.approx(0.1 + 0.1 * np.log(1000))


def test_no_curve_falls_and_none_goes_above_one():
    falling = fit(POWER, SIZES, np.linspace(0.9, 0.5, len(SIZES))[None, :], np.ones(len(SIZES)))
    told = falling.at(np.array([500.0, 5000.0]))[0]
    assert told[0] == pytest.approx(told[1])
    steep = fit(POWER, SIZES, np.linspace(0.2, 0.99, len(SIZES))[None, :], np.ones(len(SIZES)))
    assert steep.at(np.array([1e6]))[0, 0] <= 1


@given(
    st.lists(st.floats(0, 1), min_size=len(SIZES), max_size=len(SIZES)),
    st.integers(0, 100_000),
    st.floats(0, 0.2),
)
def test_whatever_was_measured_the_outlook_is_in_order(scores, extra, noise):
    rng = np.random.default_rng(0)
    replicates = np.clip(np.array(scores) + rng.normal(0, 0.02, (20, len(SIZES))), 0, 1)
    told = outlook(fit_all(SIZES, replicates), 450, np.array([450.0, 450.0 + extra]), noise)
    assert np.isfinite(told.score).all()
    assert (told.low <= told.score).all()
    assert (told.score <= told.high).all()
    assert (told.low >= 0).all()
    assert (told.high <= 1).all()
    assert told.score[1] >= told.score[0] - 1e-9
    assert (told.gain_low <= told.gain + 1e-12).all()
    assert (told.gain <= told.gain_high + 1e-12).all()


def test_the_range_widens_with_the_distance():
    curve = 0.9 - 1.5 * SIZES**-0.5
    replicates = curve + np.random.default_rng(0).normal(0, 0.01, (50, len(SIZES)))
    told = outlook(fit_all(SIZES, replicates), 450, np.array([500.0, 1000.0, 5000.0]), 0.01)
    widths = told.high - told.low
    assert widths[0] < widths[1] < widths[2]


def test_a_flat_curve_promises_nothing():
    told = outlook(fit_all(SIZES, np.full((10, len(SIZES)), 0.8)), 450, np.array([550.0]), 0.0)
    assert told.gain[0] == pytest.approx(0, abs=1e-9)
    assert told.share_above(0.005)[0] == 0


def test_the_right_family_foretells_its_larger_sizes_best():
    curve = 0.95 - 2 * SIZES**-0.7
    errors = {family.name: forecast_error(family, SIZES, curve) for family in FAMILIES}
    assert errors["power law"] < 0.005 < errors["logarithm"]
    assert forecast_error(POWER, SIZES[:3], curve[:3]) == 0

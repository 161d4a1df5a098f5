"""Agreement of people, beside the package `krippendorff` and by hand."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nextlabel.core.metrics.agreement import of_class, of_person, overall

said_by_people = st.tuples(st.integers(2, 12), st.integers(2, 4)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(-1, 2))
)


def rng():
    return np.random.default_rng(0)


@given(said_by_people)
def test_alpha_is_that_of_the_package(said):
    found = overall(said, 3, rng())
    values = np.where(said < 0, np.nan, said.astype(float)).T
    pairable = said[(said >= 0).sum(axis=1) > 1]
    if found.alpha is None:
        assert len(np.unique(pairable[pairable >= 0])) < 2
    else:
        assert found.alpha == pytest.approx(krippendorff.alpha(values, level_of_measurement="nominal"))


def test_the_textbook_s_two_observers():
    # Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section A: alpha = 0.095
    said = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]).T
    assert overall(said, 2, rng()).alpha == pytest.approx(0.095, abs=5e-4)


def test_a_class_is_told_apart_from_all_others():
    said = np.array([[0, 0], [1, 1], [2, 1], [1, 2]])
    assert of_class(said, 3, 0, rng()).alpha == 1
    assert of_class(said, 3, 0, rng()).images == 1
    assert of_class(said, 3, 2, rng()).alpha < 0


def test_of_two_people_each_agrees_with_the_other_as_both_do():
    said = np.array([[0, 0], [1, 1], [1, 0], [0, -1]])
    together = overall(said, 2, rng())
    assert of_person(said, 2, 0, rng()).alpha == pytest.approx(together.alpha)
    assert of_person(said, 2, 1, rng()) == of_person(said, 2, 0, rng())


def test_one_who_is_always_alone_has_no_agreement():
    said = np.array([[0, 0, 1], [1, 1, 0], [0, 0, 1]])
    assert of_person(said, 2, 2, rng()).observed == 0
    assert of_person(said, 2, 0, rng()).observed == 0.5


def test_where_nobody_shares_an_image_or_a_class_alone_is_given_alpha_says_nothing():
    alone = overall(np.array([[0, -1], [-1, 1]]), 2, rng())
    assert (alone.images, alone.observed, alone.alpha) == (0, None, None)
    same = overall(np.array([[0, 0], [0, 0]]), 2, rng())
    assert (same.images, same.observed, same.alpha) == (2, 1.0, None)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    # Each of two people is right nine times in ten, and else gives the other class: 0.18 of the pairs differ, by
    # chance 0.5.
    chance, held = np.random.default_rng(1), 0
    for _ in range(100):
        said = chance.integers(0, 2, 150)[:, None] ^ (chance.random((150, 2)) < 0.1)
        low, high = overall(said, 2, rng()).interval
        held += low <= 1 - 0.18 / 0.5 <= high
    assert 90 <= held <= 99

"""A small run, and a story made by hand for each thing that must not be."""

from __future__ import annotations

import pytest

from tests.chaos.hand_outs import Holding, run, violations


def held(person, known, until, labelled=None, asked=None, job=None):
    return Holding(
        "a.png", person, job or f"job of {person}", known if asked is None else asked, known, until, labelled
    )


@pytest.mark.parametrize(
    ("holdings", "said"),
    [
        ([held("anna", 0, 10), held("ben", 10, 20)], []),
        ([held("anna", 0, 10), held("anna", 5, 20, job="another")], []),
        ([held("anna", 0, 10), held("ben", 9, 20)], ["a.png: anna, ben have it at once"]),
        ([held("anna", 0, 10, 8), held("ben", 10, 20, asked=9)], ["a.png: ben got it after anna had labelled it"]),
        ([held("anna", 0, 10, 8), held("ben", 10, 20, asked=7)], []),
        ([held("anna", 0, 1, job="j"), held("anna", 0, 1, job="j")], ["a.png: twice in the batch of anna"] * 2),
    ],
)
def test_what_must_not_be_is_found(holdings, said):
    assert violations(holdings, lambda _: 1) == said


def test_as_many_people_as_an_overlap_allows_may_have_an_image_at_once():
    three = [held("anna", 0, 10), held("ben", 1, 10), held("carla", 2, 10)]
    assert violations(three[:2], lambda _: 2) == []
    assert violations(three, lambda _: 2) == ["a.png: anna, ben, carla have it at once"]


@pytest.mark.e2e
def test_a_few_people_and_a_few_kills_break_nothing(tmp_path):
    broken, figures, blows = run(tmp_path / "run", images=30, people=3, workers=1, seconds=15, lease_s=2)
    assert broken == []
    assert figures["kills"] == sum(map(len, blows.values())) > 0
    assert figures["handed out"] > 0

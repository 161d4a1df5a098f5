"""Several people label the same images: how far they agree, and what the images are."""

from __future__ import annotations

import pytest

from nextlabel.core.data.label_files import GivenLabel, settle
from nextlabel.core.errors import InvalidRequest, NoLabels
from nextlabel.core.kinds.results import as_labels
from nextlabel.core.tasks.registry import CLASSIFICATION
from tests.pools import class_of, draw


@pytest.fixture
def names(bench):
    return draw(bench.root / "pool", red=15, blue=15)


def write(bench, person, pairs):
    folder = bench.root / "labels"
    folder.mkdir(exist_ok=True)
    (folder / f"{person}.txt").write_text("".join(f"{name}\t{class_}\n" for name, class_ in pairs))


def right(names):
    return [(name, class_of(name)) for name in names]


def other(names):
    return [(name, {"red": "blue", "blue": "red"}[class_of(name)]) for name in names]


def agreement(bench):
    return bench.carry_out("agreement", path_to_img=str(bench.root / "pool"), path_to_labels=str(bench.root / "labels"))


def test_who_errs_is_to_be_looked_at_first_and_pictures_tell_who_is_right(bench, names):
    write(bench, "anna", right(names))
    write(bench, "ben", right(names[:8]) + other(names[8:12]))
    result = agreement(bench)
    assert [one.person for one in result.people] == ["ben", "anna"]
    assert (result.people[0].images, result.people[0].with_consensus) == (12, pytest.approx(8 / 12))
    assert result.people[0].worst_class == "red"
    assert result.overall.observed == pytest.approx(8 / 12)
    assert result.overall.alpha < 0.5
    assert result.consensus_by == "crowdlab"
    assert {item.name: item.consensus for item in result.items} == dict(right(names[:12]))
    assert {item.name for item in result.items[:4]} == set(names[8:12])
    assert result.disputed == 4
    assert as_labels(result).count("\n") == 12


def test_what_was_settled_is_told_and_comes_last(bench, names):
    write(bench, "anna", right(names))
    write(bench, "ben", other(names[:2]))
    root = bench.root / "labels"
    settle(str(root), [GivenLabel(names[0], "red")], roots=[root], task=CLASSIFICATION)
    result = agreement(bench)
    assert [(item.name, item.settled) for item in result.items] == [(names[1], None), (names[0], "red")]
    assert (result.disputed, result.settled) == (1, 1)
    assert f"{names[0]}\tred\n" in as_labels(result)


def test_with_everything_disputed_people_are_counted(bench, names):
    write(bench, "anna", right(names[:3]))
    write(bench, "ben", other(names[:3]))
    write(bench, "cem", right(names[:3]))
    result = agreement(bench)
    assert (result.consensus_by, result.head) == ("majority", None)
    assert {item.name: item.consensus for item in result.items} == dict(right(names[:3]))
    assert result.people[0].person == "ben"


def test_where_nobody_shares_an_image_that_is_said(bench, names):
    write(bench, "anna", right(names[:10]))
    write(bench, "ben", right(names[20:]))
    result = agreement(bench)
    assert (result.items, result.overall.alpha) == ((), None)
    assert next(iter(result.sentences())).startswith("None of 20 labelled images has labels of two people")


def test_what_a_person_contradicts_themselves_about_they_have_not_said(bench, names):
    write(bench, "anna", right(names) + other(names[:1]))
    write(bench, "ben", right(names[:2]))
    assert [item.name for item in agreement(bench).items] == [names[1]]


def test_without_labels_there_is_nothing_to_look_at(bench, names):
    with pytest.raises(InvalidRequest):
        bench.carry_out("agreement", path_to_img=str(bench.root / "pool"))
    write(bench, "anna", [("z.png", "red")])
    with pytest.raises(NoLabels):
        agreement(bench)

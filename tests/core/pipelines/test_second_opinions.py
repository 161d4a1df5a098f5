"""Images of the overlap come again in others' batches, until as many have labelled them as were asked for."""

from __future__ import annotations

import pytest

from nextlabel.core.data.notes import GivenNote, write_notes
from nextlabel.core.pipelines import second_opinions
from tests.pools import class_of, draw

OVERLAP = {"overlap": 2, "overlap_share": 1.0, "near_copies": "allow"}


@pytest.fixture
def names(bench):
    return draw(bench.root / "pool", red=6, blue=6)


@pytest.fixture
def batch(bench, names):
    (bench.root / "labels").mkdir()

    def batch(person, add=4, **more):
        fields = {"path_to_labels": str(bench.root / "labels"), "person": person, **OVERLAP, **more}
        return bench.select(add, **fields)

    return batch


def label(bench, person, *names):
    text = "".join(f"{name}\t{class_of(name)}\n" for name in names)
    (bench.root / "labels" / f"{person}.txt").write_text(text)


def again(result):
    return [item.name for item in result.items if item.second_opinion]


def test_another_person_gets_what_one_has_labelled_and_nothing_is_said_of_it(bench, names, batch):
    label(bench, "anna", *names[:3], *names[6:9])
    result = batch("ben", add=8)
    assert again(result) == [*names[:3], *names[6:9]]
    assert len(set(result.data)) == 8
    assert result.data[-1] == again(result)[-1]
    assert [item.rank for item in result.items] == list(range(1, 9))
    assert {(item.predicted, item.confidence, item.top) for item in result.items[2:]} == {(None, None, ())}
    assert again(batch("anna")) == []


def test_an_image_that_two_have_labelled_comes_no_more(bench, names, batch):
    label(bench, "anna", *names[:3])
    label(bench, "ben", *names[1:3])
    assert again(batch("cem")) == names[:1]
    assert again(batch("cem", overlap=3)) == names[:3]
    assert again(batch("cem", exclude=[names[0]])) == []


def test_a_batch_is_not_made_of_second_opinions_alone(bench, names, batch):
    label(bench, "anna", *names)
    assert len(again(batch("ben", add=10, overlap_share=0.25))) <= 3


def test_without_an_overlap_nothing_comes_again(bench, names, batch):
    label(bench, "anna", *names[:3])
    assert again(batch("ben", overlap=1)) == []


def test_what_is_labelled_while_the_job_runs_comes_once(bench, names, batch, monkeypatch):
    read = second_opinions.survey

    def labelled_meanwhile(*arguments):
        label(bench, "anna", *names)
        return read(*arguments)

    monkeypatch.setattr(second_opinions, "survey", labelled_meanwhile)
    result = batch("ben", add=12)
    assert len(set(result.data)) == len(result.data) == 12
    assert again(result) == []


def test_what_a_person_is_unsure_of_comes_to_others_alone(bench, names, batch):
    label(bench, "anna", *names[:2])
    doubts = [GivenNote(names[0], unsure=True), GivenNote(names[3], unsure=True)]
    write_notes(str(bench.root / "labels"), doubts, person="ben", roots=[bench.root])
    result = batch("ben", add=12)
    assert set(names) - set(result.data) == {names[0], names[3]}
    assert (result.unsure_of, again(result)) == (1, [names[1]])
    assert set(batch("cem", add=12).data) == set(names)

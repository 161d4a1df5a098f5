"""Doubts and notes are kept in a file beside the labels, and are none."""

from __future__ import annotations

import pytest

from nextlabel.core.data.label_files import survey
from nextlabel.core.data.labels import left_out_of
from nextlabel.core.data.notes import GivenNote, Note, of_person, read_notes, write_notes
from nextlabel.core.errors import InvalidRequest, LabelsMalformed
from nextlabel.core.tasks.classification import read_labels
from nextlabel.core.tasks.registry import task_of


@pytest.fixture
def note(tmp_path):
    def note(person, *given):
        return write_notes(str(tmp_path), given, person=person, roots=[tmp_path])

    return note


def test_a_note_takes_the_place_of_the_same_persons_old_one(tmp_path, note):
    note("anna", GivenNote("a.jpg", unsure=True, text="shirt or dress?"), GivenNote("b.jpg", unsure=True))
    note("ben", GivenNote("a.jpg", text="a shirt"))
    after = note("anna", GivenNote("b.jpg"), GivenNote("a.jpg", text=" wet lens "))
    assert after == (Note("a.jpg", "ben", text="a shirt"), Note("a.jpg", "anna", text="wet lens"))
    assert read_notes(tmp_path, [tmp_path]) == after
    assert of_person(after, "anna") == [after[1]]
    assert (tmp_path / "notes.json").read_text().splitlines()[1] == (
        '  {"name": "a.jpg", "person": "ben", "text": "a shirt"},'
    )


def test_notes_are_no_labels_and_no_file_that_was_left_out(tmp_path, note):
    (tmp_path / "anna.txt").write_text("a.jpg\tcat\n")
    note("anna", GivenNote("b.jpg", unsure=True, text="cat"))
    assert list(read_labels(tmp_path).names) == ["a.jpg"]
    assert len(survey(tmp_path, [tmp_path], task_of("classification"))) == 1
    assert left_out_of(tmp_path, [tmp_path]) == []
    assert left_out_of(tmp_path, [tmp_path], (".jsonl",)) == ["anna.txt"]


def test_a_file_of_labels_has_no_notes(tmp_path):
    (tmp_path / "anna.txt").write_text("")
    assert read_notes(tmp_path / "anna.txt", [tmp_path]) == ()


@pytest.mark.parametrize(
    "content", ["{", '[{"name": "a.jpg"}]', '[{"name": "a", "person": "b", "unsure": "yes"}]', '[{"nmae": "a"}]']
)
def test_a_file_that_somebody_broke_is_told_and_never_written_over(tmp_path, note, content):
    (tmp_path / "notes.json").write_text(content)
    for look in (lambda: read_notes(tmp_path, [tmp_path]), lambda: note("anna", GivenNote("a.jpg", unsure=True))):
        with pytest.raises(LabelsMalformed, match=r"notes\.json"):
            look()
    assert (tmp_path / "notes.json").read_text() == content


def test_what_can_not_be_written_is_refused_at_its_place(note):
    with pytest.raises(InvalidRequest) as error:
        note("anna", GivenNote("a.jpg"), GivenNote("b.jpg", text="x" * 2001))
    assert [one.pointer for one in error.value.faults] == ["/notes/1/text"]
    with pytest.raises(InvalidRequest):
        note("anna", GivenNote("a\tb"))

"""What was settled between people counts before their own labels, wherever labels are read."""

from __future__ import annotations

import pytest
from PIL import Image

from nextlabel.core.data.classes import change_class
from nextlabel.core.data.label_files import GivenLabel, give_labels, settle, survey
from nextlabel.core.data.places import place_at
from nextlabel.core.errors import InvalidRequest, LabelledOtherwise, LabelsChanged, LabelsConflict
from nextlabel.core.tasks.registry import CLASSIFICATION, MULTILABEL


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "anna.txt").write_text("a.png\tcat\nb.png\tdog\n")
    (folder / "Åsa.txt").write_text("a.png\tdog\nc.png\tcat\n")
    return folder


def settled(folder, *pairs, task=CLASSIFICATION, **more):
    return settle(str(folder), [GivenLabel(*pair) for pair in pairs], roots=[folder.parent], task=task, **more)


def test_what_is_settled_is_read_and_everybody_s_file_stays_as_it_is(folder):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(LabelsConflict):
        CLASSIFICATION.read(folder)
    settled(folder, ("a.png", "fox"))
    assert dict(CLASSIFICATION.read(folder).classes_by_name) == {"a.png": "fox", "b.png": "dog", "c.png": "cat"}
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert (folder / "_settled.txt").read_text() == "a.png\tfox\n"


def test_a_question_can_be_opened_again(folder):
    settled(folder, ("a.png", "cat"))
    settled(folder, ("a.png", None))
    labels, conflicts = CLASSIFICATION.read_with_conflicts(folder)
    assert labels.disputed == {"a.png"}
    assert conflicts == {"a.png": {"cat": "anna.txt:1", "dog": "Åsa.txt:1"}}


def test_what_one_person_said_twice_is_settled_too_however_the_name_is_spelt(folder):
    (folder / "anna.txt").write_text("é.png\tcat\ne\u0301.png\tdog\n")
    settled(folder, ("e\u0301.png", "dog"))
    assert CLASSIFICATION.read(folder).classes_by_name["é.png"] == "dog"


def test_several_classes_are_settled_as_a_whole(folder):
    settled(folder, ("a.png", "cat"), ("a.png", "dog"), task=MULTILABEL)
    (folder / "ben.txt").write_text("d.png\t\n")
    assert MULTILABEL.read_with_conflicts(folder)[0].classes_by_name["a.png"] == ("cat", "dog")
    settled(folder, ("a.png", ""), task=MULTILABEL)
    assert MULTILABEL.read_with_conflicts(folder)[0].classes_by_name["a.png"] == ()


def test_nobody_settles_what_nobody_has_labelled(folder):
    with pytest.raises(InvalidRequest) as error:
        settled(folder, ("a.png", "cat"), ("z.png", "cat"))
    assert [fault.pointer for fault in error.value.faults] == ["/labels/1/name"]
    assert not (folder / "_settled.txt").exists()


def test_a_survey_counts_what_was_settled_and_nobody_for_it(folder):
    settled(folder, ("a.png", "fox"))
    seen = survey(folder, [], CLASSIFICATION)
    assert seen.conflicts == ()
    assert [(one.name, one.class_name) for one in seen.settled] == [("a.png", "fox")]
    assert seen.counts == {"cat": 1, "dog": 1, "fox": 1}
    assert seen.labels_per_file == {"anna.txt": 2, "Åsa.txt": 2}


def test_both_labels_are_kept_when_that_is_asked_for(folder):
    given = [GivenLabel("b.png", "cat")]
    with pytest.raises(LabelledOtherwise):
        give_labels(str(folder), given, person="cem", roots=[folder.parent], task=CLASSIFICATION)
    give_labels(str(folder), given, person="cem", roots=[folder.parent], task=CLASSIFICATION, keep_both=True)
    assert (folder / "anna.txt").read_text() == "a.png\tcat\nb.png\tdog\n"
    assert CLASSIFICATION.read_with_conflicts(folder)[0].disputed == {"a.png", "b.png"}


def test_a_class_that_is_renamed_is_renamed_in_what_was_settled(folder):
    settled(folder, ("a.png", "cat"))
    change_class(folder, "cat", "feline", roots=[folder])
    assert CLASSIFICATION.read(folder).classes_by_name["a.png"] == "feline"


def give(folder, person, *pairs, **more):
    given = [GivenLabel(*pair) for pair in pairs]
    return give_labels(str(folder), given, person=person, roots=[folder.parent], task=CLASSIFICATION, **more)


def test_who_says_what_is_settled_is_not_asked_about_what_counts_no_more(folder):
    settled(folder, ("a.png", "cat"))
    give(folder, "cem", ("a.png", "cat"))  # Åsa says dog
    assert give(folder, "cem", ("a.png", "cat"), replace=True).replaced == {}
    with pytest.raises(LabelledOtherwise) as error:
        give(folder, "cem", ("a.png", "fox"))
    assert [fault.detail for fault in error.value.faults] == ["a.png is cat in _settled.txt"]


def test_what_is_settled_can_be_settled_otherwise_when_nobody_s_label_is_left(folder):
    settled(folder, ("b.png", "cat"))
    give(folder, "anna", ("b.png", None))
    settled(folder, ("b.png", "dog"))
    assert (folder / "_settled.txt").read_text() == "b.png\tdog\n"


def test_what_was_never_settled_is_opened_again_without_a_file(folder):
    settled(folder, ("a.png", None))
    assert not (folder / "_settled.txt").exists()


def files_of(folder):
    return {file.name: file.read_text() for file in folder.iterdir() if not file.name.startswith(".")}


def test_who_overrules_others_settles_it_and_takes_nothing_out_of_their_files(folder):
    before = files_of(folder)
    written = give(folder, "cem", ("a.png", "fox"), ("b.png", "fox"), ("z.png", "fox"), settle=True)
    assert written.replaced == {}
    assert files_of(folder) == before | {
        "cem.txt": "a.png\tfox\nb.png\tfox\nz.png\tfox\n",
        "_settled.txt": "a.png\tfox\nb.png\tfox\n",  # nobody contradicts the last
    }
    give(folder, "ben", ("a.png", "cow"), settle=True)
    assert CLASSIFICATION.read(folder).classes_by_name["a.png"] == "cow"
    assert files_of(folder)["cem.txt"] == "a.png\tfox\nb.png\tfox\nz.png\tfox\n"


def test_a_label_that_is_taken_back_settles_nothing(folder):
    give(folder, "anna", ("a.png", None), settle=True)
    assert files_of(folder) == {"anna.txt": "b.png\tdog\n", "Åsa.txt": "a.png\tdog\nc.png\tcat\n"}


@pytest.mark.parametrize("two", [("replace", "settle"), ("keep_both", "settle"), ("replace", "keep_both")])
def test_labels_of_others_are_gone_about_in_one_way(folder, two):
    with pytest.raises(InvalidRequest):
        give(folder, "cem", ("a.png", "fox"), **dict.fromkeys(two, True))
    assert not (folder / "cem.txt").exists()


def version(folder, name, task=CLASSIFICATION):
    return survey(folder, [], task).versions([name])[name]


@pytest.mark.parametrize("how", [settled, lambda *said, **more: give(said[0], "cem", *said[1:], settle=True, **more)])
def test_what_somebody_else_said_or_settled_since_is_not_settled_over_unseen(folder, how):
    seen = version(folder, "a.png")
    settled(folder, ("a.png", "cow"))
    before = files_of(folder)
    with pytest.raises(LabelsChanged, match=r"a\.png was labelled meanwhile"):
        how(folder, ("a.png", "fox"), ("b.png", "fox"), versions={"a.png": seen})
    assert files_of(folder) == before
    how(folder, ("a.png", "fox"), versions={"./a.png": version(folder, "a.png"), "other.png": "x"})
    how(folder, ("a.png", "fox"), versions={"a.png": seen})  # the answer was lost, and it comes again
    assert CLASSIFICATION.read(folder).classes_by_name["a.png"] == "fox"


def test_a_version_is_of_all_lines_whatever_counts_and_empty_where_none_is(folder):
    (folder / "anna.txt").write_text("a.png\tcat\na.png\tfox\n")
    versions = [version(folder, "z.png"), version(folder, "a.png")]
    settled(folder, ("a.png", "cat"))
    versions.append(version(folder, "a.png"))
    (folder / "anna.txt").write_text("a.png\tcat\na.png\tcow\n")
    versions.append(version(folder, "a.png"))
    assert versions[0] == ""
    assert len(set(versions)) == 4
    written = settled(folder, ("a.png", None), versions={"a.png": versions[-1]})
    assert written.versions == {"a.png": version(folder, "a.png")}


def test_a_survey_of_a_pool_tells_the_same_versions(folder, tmp_path):
    (folder / "anna.txt").write_text("a.png\tcat\na.png\tfox\n")
    settled(folder, ("a.png", "cat"))
    (tmp_path / "pool").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "pool" / "a.png")
    of_pool, _ = survey(folder, [], CLASSIFICATION).apart(place_at(tmp_path / "pool", [tmp_path]))
    assert of_pool.versions(["a.png"]) == {"a.png": version(folder, "a.png")}

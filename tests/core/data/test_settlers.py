"""Who settled what between people is told of what is settled now, and counts for nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nextlabel.core.data.box_files import GivenBoxes, drawings_of, settle_boxes, version_of
from nextlabel.core.data.boxes import Box, BoxedImage, write_lines
from nextlabel.core.data.label_files import GivenLabel, give_labels, settle, state_of, survey
from nextlabel.core.data.labels_folder import SETTLED, SETTLED_BOXES
from nextlabel.core.data.settlers import SETTLERS, who_settled
from nextlabel.core.tasks.registry import CLASSIFICATION


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "anna.txt").write_text("a.png\tcat\nb.png\tdog\n")
    (tmp_path / "ben.txt").write_text("a.png\tdog\nb.png\tcat\n")
    return tmp_path


def settled(folder, class_name, by, name="a.png"):
    settle(str(folder), [GivenLabel(name, class_name)], roots=[folder], task=CLASSIFICATION, by=by)


def people(folder):
    versions = survey(folder, [folder], CLASSIFICATION).settled_versions
    return {name: one.person for name, one in who_settled(folder, SETTLED, versions, [folder]).items()}


def test_who_settled_it_first_is_told_and_since_when_until_it_is_opened_or_settled_otherwise(folder):
    settled(folder, "cat", "Anna P")
    settled(folder, "dog", None, "b.png")
    versions = survey(folder, [folder], CLASSIFICATION).settled_versions
    first = who_settled(folder, SETTLED, versions, [folder])["a.png"]
    assert first.person == "Anna_P"
    assert timedelta(0) <= datetime.now(UTC) - first.at < timedelta(minutes=1)
    settled(folder, "cat", "ben")
    assert people(folder) == {"a.png": "Anna_P", "b.png": None}
    settled(folder, "dog", "ben")
    assert people(folder)["a.png"] == "ben"
    settled(folder, None, "cem")
    assert people(folder) == {"b.png": None}
    assert "a.png" not in (folder / SETTLERS).read_text()


def test_who_settles_the_same_again_after_it_was_opened_by_hand_is_told(folder):
    settled(folder, "cat", "anna")
    (folder / SETTLED).write_text("")
    settled(folder, "cat", "ben")
    assert people(folder) == {"a.png": "ben"}


def test_who_overrules_others_is_told_too(folder):
    give_labels(
        str(folder), [GivenLabel("a.png", "fox")], person="cem", roots=[folder], task=CLASSIFICATION, settle=True
    )
    assert people(folder) == {"a.png": "cem"}


def test_nobody_is_told_of_what_was_changed_by_hand_or_where_the_record_says_nothing_that_can_be_read(folder):
    settled(folder, "cat", "anna")
    (folder / SETTLED).write_text("a.png\tdog\n")
    assert people(folder) == {}
    settled(folder, "cat", "anna")
    told = (folder / SETTLERS).read_text()
    (folder / SETTLERS).write_text('no JSON\n[]\n{"file": 1}\n' + told)
    assert people(folder) == {"a.png": "anna"}
    (folder / SETTLERS).unlink()  # as older versions leave the folder
    assert people(folder) == {}
    assert CLASSIFICATION.read_with_conflicts(folder)[0].classes_by_name["a.png"] == "cat"


def test_it_is_told_of_names_too_with_what_elsewhere_ends_a_line(folder):
    (folder / "anna.txt").write_text("c\u2028.png\tcat\n")
    settled(folder, "cat", "anna", "c\u2028.png")
    assert people(folder) == {"c\u2028.png": "anna"}


def test_whoever_asks_between_what_is_settled_and_by_whom_is_told_of_a_change(folder):
    settled(folder, "cat", "anna")
    before = state_of(folder, [folder])
    (folder / SETTLERS).write_text("")
    assert state_of(folder, [folder]) != before


def test_the_record_is_nobodys_labels_and_no_stray_file(folder):
    settled(folder, "cat", "anna")
    seen = survey(folder, [folder], CLASSIFICATION)
    assert (seen.left_out, [*seen.labels_per_file]) == ((), ["anna.txt", "ben.txt"])


def test_who_settled_boxes_is_told(tmp_path):
    for person, x in (("anna", 1), ("ben", 50)):
        image = BoxedImage(90, 90, (Box("cat", x, 1, 30, 30),))
        (tmp_path / f"boxes-{person}.jsonl").write_text(write_lines([("a.png", image)]))
    drawn = drawings_of(tmp_path, ["a.png"], [tmp_path])["a.png"]
    settle_boxes(str(tmp_path), [GivenBoxes("a.png", image, version_of(drawn))], roots=[tmp_path], by="cem")
    by_file = {one.file: one.version for one in drawings_of(tmp_path, ["a.png"], [tmp_path])["a.png"]}
    told = who_settled(tmp_path, SETTLED_BOXES, {"a.png": by_file[SETTLED_BOXES]}, [tmp_path])
    assert told["a.png"].person == "cem"


def test_a_record_that_cannot_be_read_tells_of_nobody(folder):
    settled(folder, "cat", "anna")
    (folder / SETTLERS).unlink()
    (folder / SETTLERS).mkdir()
    assert people(folder) == {}

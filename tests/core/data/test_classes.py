"""A class changes in everybody's file, or in none."""

from __future__ import annotations

import pytest

from nextlabel.core.data import classes as module
from nextlabel.core.data.classes import KEPT, change_class, undo_class_change
from nextlabel.core.errors import InvalidRequest, LabelsMalformed

ANNA, BEN = "a.png\tshrit\r\n\r\nb.png\tshirt\n", "c.png\tshrit"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "anna.txt").write_bytes(ANNA.encode())
    (tmp_path / "ben.txt").write_bytes(BEN.encode())
    (tmp_path / "carla.txt").write_text("no label\nd.png\tdress\n")
    return tmp_path


def change(folder, old, new, **more):
    return dict(change_class(folder, old, new, roots=[folder], **more).labels)


def read(folder):
    return {path.stem: path.read_bytes().decode() for path in sorted(folder.glob("[a-z]*.txt"))}


def refused(call, pointer):
    with pytest.raises(InvalidRequest) as error:
        call()
    assert [fault.pointer for fault in error.value.faults] == [pointer]
    return error.value.faults[0].detail


def test_a_class_is_renamed_in_every_file_and_all_other_lines_stay(folder):
    assert change(folder, "shrit", "blouse") == {"anna.txt": 1, "ben.txt": 1}
    assert read(folder) == {
        "anna": "a.png\tblouse\r\n\r\nb.png\tshirt\n", "ben": "c.png\tblouse", "carla": "no label\nd.png\tdress\n",
    }  # fmt: skip


def test_two_classes_are_made_one_only_when_that_is_asked_for(folder):
    assert "there are labels of the class 'shirt' already (1)" in refused(
        lambda: change(folder, "shrit", "shirt"), "/to"
    )
    assert read(folder)["anna"] == ANNA
    (folder / "ben.txt").write_text("c.png\tshrit\nc.png\tshirt\n")  # several classes an image
    change(folder, "shrit", "shirt", merge=True)
    assert (read(folder)["anna"], read(folder)["ben"]) == ("a.png\tshirt\r\n\r\nb.png\tshirt\n", "c.png\tshirt\n")


def test_a_class_that_is_called_so_already_is_refused_and_the_last_change_can_be_undone_still(folder):
    change(folder, "shrit", "blouse")
    assert "is called 'shirt' already" in refused(lambda: change(folder, "shirt", " shirt"), "/to")
    undo_class_change(folder, roots=[folder])
    assert read(folder)["anna"] == ANNA


def test_a_class_is_removed_with_its_labels(folder):
    assert change(folder, "shrit", None) == {"anna.txt": 1, "ben.txt": 1}
    assert (read(folder)["anna"], read(folder)["ben"]) == ("\r\nb.png\tshirt\n", "")


def test_a_class_that_no_label_has_is_refused_with_what_is_meant(folder):
    assert "shirt" in refused(lambda: change(folder, "Shirt", "x"), "/class")


def test_a_name_that_no_line_can_hold_is_refused(folder):
    with pytest.raises(LabelsMalformed):
        change(folder, "shrit", "a\tb")


def test_a_change_is_undone_byte_for_byte_once(folder):
    before = read(folder)
    change(folder, "shrit", "shirt", merge=True)
    undo_class_change(folder, roots=[folder])
    assert read(folder) == before
    refused(lambda: undo_class_change(folder, roots=[folder]), "/path_to_labels")


def test_a_change_is_not_undone_where_a_label_that_was_given_since_would_be_lost(folder):
    change(folder, "shrit", "shirt", merge=True)
    with (folder / "ben.txt").open("a") as file:
        file.write("\ne.png\tdress\n")
    after = read(folder)
    assert "'ben.txt' changed since" in refused(lambda: undo_class_change(folder, roots=[folder]), "/path_to_labels")
    assert read(folder) == after


def test_a_change_that_ended_between_two_files_is_undone_too(folder, monkeypatch):
    written = []

    def half(contents):
        targets = list(contents.items())
        real(dict(targets[:2]))  # what is kept, and the first file
        written.append(len(targets))
        raise KeyboardInterrupt("killed")

    before, real = read(folder), module.replace_together
    monkeypatch.setattr(module, "replace_together", half)
    with pytest.raises(KeyboardInterrupt, match="killed"):
        change(folder, "shrit", "blouse")
    monkeypatch.undo()
    assert written == [3]
    assert read(folder) != before
    undo_class_change(folder, roots=[folder])
    assert read(folder) == before


def test_what_is_kept_is_nobodys_labels(folder):
    change(folder, "shrit", "blouse")
    assert (folder / KEPT).exists()
    assert change(folder, "blouse", "x") == {"anna.txt": 1, "ben.txt": 1}

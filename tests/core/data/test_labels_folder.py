import pytest

from nextlabel.core.data.folder_lock import LOCK_NAME
from nextlabel.core.data.labels_folder import LOOKED_AT, sort_out, would_count_among_labels


@pytest.mark.parametrize("name", ["anna.txt", "ANNA.TXT", "Анна Петрова.tsv", "anna.v2.csv", "arnold.txt", "a_b-c.txt"])
def test_what_ends_as_labels_do_is_a_person_s(name):
    assert sort_out([name, "arn.txt"]) == (sorted([name, "arn.txt"]), [])


@pytest.mark.parametrize(
    "name",
    [
        "anna.txt~", "anna.txt.bak", "anna.bak", "anna.txt.orig", "anna.txt.swp", "anna.txt.tmp", "anna.txt.save",
        "#anna.txt#", "~$anna.txt", "anna", "Thumbs.db", "desktop.ini", "notes.md", "labels.xlsx",
    ],
)  # fmt: skip
def test_what_editors_and_desktops_leave_is_nobody_s(name):
    assert sort_out([name, "anna.txt"]) == (["anna.txt"], [name])
    assert sort_out([name]) == ([], [name])


@pytest.mark.parametrize(
    "name",
    [
        "anna (1).txt", "anna(2).txt", "anna - Copy.txt", "anna - Copy (2).txt", "anna copy.txt", "anna copy 2.txt",
        "Copy of anna.txt", "anna – копия.txt", "Kopie von anna.txt", "anna.bak.txt", "anna_backup.tsv", "Anna-old.txt",
        "anna (copy).txt", "anna (another copy).txt", "anna (3rd copy).txt", "anna (copy 2).txt", "anna (копия).txt",
        "anna - コピー.txt", "anna的副本.txt", "anna.txt.txt",
    ],
)  # fmt: skip
def test_a_copy_is_nobody_s_where_what_it_is_a_copy_of_lies_beside_it(name):
    assert sort_out([name, "anna.txt"]) == (["anna.txt"], [name])
    assert sort_out([name]) == ([name], [])


@pytest.mark.parametrize(
    "name",
    [
        "anna (Bert's conflicted copy 2026-11-28).txt",
        "anna (conflicted copy).txt",
        "anna.sync-conflict-20261128-120000-ABCDEFG.txt",
        "anna_conflict-20261128-120000.txt",
        "anna (in Konflikt stehende Kopie von Bert).txt",
        "anna (конфликтующая копия).txt",
    ],
)
def test_what_a_share_left_over_from_a_conflict_is_nobody_s(name):
    assert sort_out([name]) == ([], [name])


@pytest.mark.parametrize("name", [".DS_Store", "._anna.txt", ".anna.txt.swp", ".~lock.anna.csv#", ".nextlabel.lock"])
def test_hidden_files_are_passed_over(name):
    assert sort_out([name, "anna.txt"]) == (["anna.txt"], [])


@pytest.mark.parametrize(
    ("there", "written", "counts"),
    [
        (["ann.txt"], "b.csv", True),
        (["ann.txt"], "b.json", False),
        (["ann.txt"], "notes.json", True),
        (["ann.txt"], "a.jpg", True),
        (["ann.jsonl"], "0.txt", True),
        (["ann.txt"], "ann.txt", False),  # an older one of the same
        (["ann.txt", "batch.json"], "b.csv", False),  # where somebody works
        (["ann.txt", "photos/0.jpg"], "b.csv", False),
        (["ann.txt", "old/"], "b.csv", True),
        (["ann.txt", "old/ann.txt", "old/2024/ann.txt"], "b.csv", True),  # older ones
        (["ann.txt", "old/ann.txt", "old/2024/plot.py"], "b.csv", False),
        (["all.txt", "labels/ann.txt"], "b.csv", False),  # merged beside the folder of labels
        (["table.csv"], "b.csv", False),
        ([], "b.csv", False),
        ([LOCK_NAME], "b.csv", True),
        ([LOCK_NAME, "photos/0.jpg"], "b.csv", False),
        ([LOCK_NAME, "old/"], "b.csv", True),
        ([LOCK_NAME, "photos/0.jpg", "ann.txt"], "b.csv", True),
        ([LOCK_NAME, "photos/0.jpg", "ann.txt"], "ann.txt", True),
    ],
)
def test_where_a_file_would_count_among_labels(tmp_path, there, written, counts):
    for name in there:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
            continue
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("name,class\n" if name.endswith("table.csv") else "a.png\tcat\n")
    assert would_count_among_labels(tmp_path / written) is counts


def test_a_folder_with_more_folders_than_are_looked_at_says_that_somebody_works_there(tmp_path):
    (tmp_path / LOCK_NAME).touch()
    for i in range(LOOKED_AT):
        (tmp_path / "photos" / str(i)).mkdir(parents=True)
    (tmp_path / "photos" / "0" / "0.jpg").touch()
    assert not would_count_among_labels(tmp_path / "b.csv")

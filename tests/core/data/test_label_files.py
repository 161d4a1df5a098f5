from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nextlabel.core.data.folder_lock import LOCK_NAME
from nextlabel.core.data.label_files import GivenLabel, NamedLabel, give_labels, said_otherwise, state_of, survey
from nextlabel.core.data.label_text import clean_name, new_class, writable
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import (
    LabelledOtherwise,
    LabelsConflict,
    LabelsMalformed,
    PathNotAllowed,
    PathNotFound,
    PathNotWritable,
    PathWrongKind,
)
from nextlabel.core.tasks.classification import read_labels
from nextlabel.core.tasks.registry import CLASSIFICATION, MULTILABEL


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    return folder


def give(folder: Path, *pairs, person="anna", replace=False):
    labels = [GivenLabel(name, class_name) for name, class_name in pairs]
    return give_labels(str(folder), labels, person=person, replace=replace, roots=[folder.parent], task=CLASSIFICATION)


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


# --- one person -------------------------------------------------------------------------------------------------


def test_labels_go_to_the_person_s_own_file_and_are_read_back(folder):
    give(folder, ("a.png", "cat"), ("b/c.png", "dog"))
    give(folder, ("d.png", "cat"))
    assert visible(folder) == ["anna.txt"]
    assert (folder / "anna.txt").read_text() == "a.png\tcat\nb/c.png\tdog\nd.png\tcat\n"
    assert read_labels(folder).classes_by_name == {"a.png": "cat", "b/c.png": "dog", "d.png": "cat"}


def test_a_label_given_again_takes_the_place_of_the_first(folder):
    give(folder, ("a.png", "cat"), ("b.png", "cat"))
    give(folder, ("a.png", "dog"))
    assert read_labels(folder).classes_by_name == {"a.png": "dog", "b.png": "cat"}
    give(folder, ("b.png", "cow"), ("b.png", "dog"))
    assert read_labels(folder).classes_by_name == {"a.png": "dog", "b.png": "dog"}


def test_a_label_may_be_taken_back(folder):
    give(folder, ("a.png", "cat"), ("b.png", "cat"))
    give(folder, ("a.png", None), ("never.png", None))
    assert read_labels(folder).classes_by_name == {"b.png": "cat"}


def test_saying_the_same_again_changes_no_byte(folder):
    give(folder, ("a.png", "cat"), ("b.png", "dog"))
    before, written = state_of(folder, []), (folder / "anna.txt").read_bytes()
    give(folder, ("a.png", "cat"))
    assert (state_of(folder, []), (folder / "anna.txt").read_bytes()) == (before, written)


def test_other_lines_of_the_file_stay_as_they_are(folder):
    (folder / "anna.txt").write_bytes(b"\xef\xbb\xbf./a.png\t cat \r\n\n  \nb.png\tdog\r\nodd line\nc.png\tcow")
    give(folder, ("a.png", "dog"), ("d.png", "cow"))
    expected = b"\xef\xbb\xbf\n  \nb.png\tdog\r\nodd line\nc.png\tcow\na.png\tdog\nd.png\tcow\n"
    assert (folder / "anna.txt").read_bytes() == expected


def test_a_folder_that_is_not_there_is_made_where_its_parent_is(tmp_path):
    give(tmp_path / "new")
    assert visible(tmp_path / "new") == []
    give(tmp_path / "new", ("a.png", "cat"))
    assert visible(tmp_path / "new") == ["anna.txt"]
    with pytest.raises(PathNotFound):
        give_labels(str(tmp_path / "no" / "such"), [], person="anna", roots=[tmp_path], task=CLASSIFICATION)


def test_what_is_no_folder_for_labels_is_refused(tmp_path, folder):
    (folder / "labels.txt").touch()
    with pytest.raises(PathWrongKind, match="put this one into a folder"):
        give_labels(str(folder / "labels.txt"), [], person="anna", roots=[tmp_path], task=CLASSIFICATION)
    (folder / "photo.JPG").touch()
    with pytest.raises(PathWrongKind, match="holds images"):
        give(folder, ("a.png", "cat"))
    with pytest.raises(PathNotAllowed):
        give_labels("/etc", [], person="anna", roots=[tmp_path], task=CLASSIFICATION)


@pytest.mark.parametrize(
    "person", ["", ".", "..", "../x", "a/b", ".hidden", " ", "a\\b", "a:b", "x" * 65, "a\n", "ж" * 64 + "жж"]
)
def test_a_person_s_name_leads_to_no_other_place(folder, person):
    with pytest.raises(LabelsMalformed, match="can't name a labels file"):
        give(folder, ("a.png", "cat"), person=person)
    assert visible(folder) == []


@pytest.mark.parametrize("person", ["Анна Петрова", " Анна  Петрова ", "Анна_Петрова"])
def test_a_name_with_a_space_is_a_name_and_has_one_file(folder, person):
    assert give(folder, ("a.png", "cat"), person=person).file == "Анна_Петрова.txt"


def test_a_file_of_the_person_that_is_a_link_out_of_the_roots_is_not_followed(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "x.txt"
    outside.write_text("keep\tme\n")
    (folder / "anna.txt").symlink_to(outside)
    with pytest.raises(PathNotAllowed):
        give(folder, ("a.png", "cat"))
    assert outside.read_text() == "keep\tme\n"


@pytest.mark.parametrize(
    ("name", "class_name"),
    [("a\tb", "x"), ("a", "x\ny"), (" ", "x"), ("a", " "), ("\ud800", "x"), ("a", "cat\u200b"), ("a", "\u2060")],
)
def test_what_no_labels_file_can_hold_is_refused_and_nothing_is_written(folder, name, class_name):
    with pytest.raises(LabelsMalformed):
        give(folder, ("good.png", "cat"), (name, class_name))
    assert visible(folder) == []


def test_a_file_of_the_person_that_is_no_text_is_not_written_on(folder):
    (folder / "anna.txt").write_bytes("a.png\tcat\n".encode("utf-16"))
    with pytest.raises(LabelsMalformed, match="UTF-16"):
        give(folder, ("b.png", "cat"))


def test_a_folder_that_can_t_be_written_says_so(shared_path, as_nobody):
    folder = shared_path / "labels"
    folder.mkdir()
    folder.chmod(0o755)
    error = as_nobody(lambda: give(folder, ("a.png", "cat")))
    assert isinstance(error, PathNotWritable)
    assert "Permission denied" in error.detail


def test_a_file_keeps_its_permissions(folder):
    give(folder, ("a.png", "cat"))
    (folder / "anna.txt").chmod(0o640)
    give(folder, ("b.png", "cat"))
    assert (folder / "anna.txt").stat().st_mode & 0o777 == 0o640


def test_a_new_file_is_the_group_s_where_the_folder_is_shared(folder):
    folder.chmod(0o2775)
    before = os.umask(0o022)
    try:
        give(folder, ("a.png", "cat"))
        folder.chmod(0o755)
        give(folder, ("a.png", "cat"), person="ben")
        folder.parent.chmod(0o2775)
        give(folder.parent / "new", ("a.png", "cat"))
    finally:
        os.umask(before)
    assert [(folder / name).stat().st_mode & 0o777 for name in ("anna.txt", "ben.txt")] == [0o664, 0o644]
    assert (folder.parent / "new").stat().st_mode & 0o7777 == 0o2775


def test_another_user_writes_into_a_folder_that_is_shared(shared_path, as_nobody):
    folder = shared_path / "labels"
    folder.mkdir()
    folder.chmod(0o777)
    give(folder, ("a.png", "cat"))
    (folder / LOCK_NAME).chmod(0o644)  # as it was made before
    assert as_nobody(lambda: give(folder, ("b.png", "cat"), person="ben").file) == "ben.txt"
    assert read_labels(folder).classes_by_name == {"a.png": "cat", "b.png": "cat"}


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_told_and_stops_nobody_else(folder, make):
    make(folder / "anna.txt")
    with pytest.raises(PathWrongKind, match="not a regular file"):
        give(folder, ("a.png", "cat"))
    give(folder, ("a.png", "cat"), person="ben")
    assert read_labels(folder).classes_by_name == {"a.png": "cat"}
    assert survey(folder, [], CLASSIFICATION).labels_per_file == {"ben.txt": 1}


# --- several people ---------------------------------------------------------------------------------------------


def test_another_person_s_class_is_not_contradicted_unless_asked_for(folder):
    give(folder, ("a.png", "cat"), ("b.png", "dog"), person="bert")
    with pytest.raises(LabelledOtherwise) as caught:
        give(folder, ("new.png", "cat"), ("a.png", "dog"))
    assert caught.value.detail == "a.png is cat in bert.txt"
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("/labels/1", "labelled_otherwise")]
    assert visible(folder) == ["bert.txt"]

    written = give(folder, ("new.png", "cat"), ("a.png", "dog"), replace=True)
    assert written.replaced == {"a.png": "cat"}
    assert (folder / "bert.txt").read_text() == "b.png\tdog\n"
    assert read_labels(folder).classes_by_name == {"new.png": "cat", "a.png": "dog", "b.png": "dog"}


def test_two_people_may_say_the_same(folder):
    give(folder, ("a.png", "cat"), person="bert")
    give(folder, ("a.png", "cat"))
    assert visible(folder) == ["anna.txt", "bert.txt"]
    assert read_labels(folder).classes_by_name == {"a.png": "cat"}


def test_taking_back_leaves_others_labels_unless_asked_for(folder):
    give(folder, ("a.png", "cat"), person="bert")
    give(folder, ("a.png", None))
    assert read_labels(folder).classes_by_name == {"a.png": "cat"}
    give(folder, ("a.png", None), replace=True)
    assert len(read_labels(folder)) == 0


def test_what_replaces_is_taken_out_of_files_that_contradict_each_other_already(folder):
    (folder / "x.txt").write_text("a.png\tcat\na.png\tcow\n")
    (folder / "y.txt").write_text("a.png\tdog\n")
    give(folder, ("a.png", "dog"), replace=True)
    assert ((folder / "x.txt").read_bytes(), (folder / "y.txt").read_bytes()) == (b"", b"a.png\tdog\n")
    assert read_labels(folder).classes_by_name == {"a.png": "dog"}


# --- what looks the same ----------------------------------------------------------------------------------------

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Übung é") for form in ("NFC", "NFD"))


def test_a_label_takes_the_place_of_one_whose_name_is_spelt_in_another_way(folder):
    (folder / "anna.txt").write_text(f"{DECOMPOSED}\tcat\n")
    (folder / "bert.txt").write_text(f"{DECOMPOSED}\tdog\n")
    with pytest.raises(LabelledOtherwise):
        give(folder, (COMPOSED, "cow"))
    assert give(folder, (COMPOSED, "cow"), replace=True).replaced == {COMPOSED: "dog"}
    assert (folder / "anna.txt").read_text() == f"{COMPOSED}\tcow\n"
    assert (folder / "bert.txt").read_text() == ""


def test_contradictions_come_in_one_order_in_every_process(folder):
    (folder / "anna.txt").write_text("a.png\tred\n")
    (folder / "bert.txt").write_text("".join(f"a.png\t{name}\n" for name in "gfedcba"))
    conflicts = survey(folder, [], MULTILABEL).conflicts
    assert [one.class_name for one in conflicts if one.file == "bert.txt"] == list("abcdefg")


def test_classes_spelt_in_two_ways_are_one_and_no_contradiction(folder):
    (folder / "bert.txt").write_text(f"a.png\t{DECOMPOSED}\n")
    give(folder, ("a.png", COMPOSED))
    give(folder, ("b.png", DECOMPOSED))
    seen = survey(folder, [], CLASSIFICATION)
    assert (dict(seen.counts), seen.conflicts) == ({COMPOSED: 2}, ())


def test_labels_of_names_come_under_the_names_that_were_asked_for(folder):
    give(folder, (COMPOSED, "cat"))
    asked = [DECOMPOSED, f"./{COMPOSED}", "b"]
    assert [one.name for one in survey(folder, [], CLASSIFICATION).of(asked)] == asked[:2]


@pytest.mark.parametrize("class_name", ['"', '""', '"quoted"', 'a "b" c', '"a" or "b"', "red, green"])
def test_quotes_that_are_meant_are_kept(folder, class_name):
    give(folder, ('"a".png', class_name), ('"b"', class_name))
    assert read_labels(folder).classes_by_name == {'"a".png': class_name, '"b"': class_name}
    give(folder, ('"b"', None))
    assert read_labels(folder).classes_by_name == {'"a".png': class_name}


# --- what lies beside -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copy", ["anna.txt~", "anna.txt.bak", "anna - Copy.txt", "anna (1).txt", "Thumbs.db"])
def test_a_copy_of_labels_that_lies_beside_them_says_nothing(folder, copy):
    give(folder, ("a.png", "cat"), ("b.png", "cat"))
    (folder / copy).write_bytes((folder / "anna.txt").read_bytes())
    give(folder, ("a.png", None), ("b.png", "dog"))
    seen = survey(folder, [], CLASSIFICATION)
    assert (dict(seen.counts), seen.conflicts, seen.left_out) == ({"dog": 1}, (), (copy,))
    assert read_labels(folder).classes_by_name == {"b.png": "dog"}


def test_a_person_whose_file_would_be_taken_for_a_copy_is_told_to_take_another_name(folder):
    give(folder, ("a.png", "cat"), person="anna_old")
    give(folder, ("a.png", "cat"))
    with pytest.raises(LabelsMalformed, match="taken for a copy"):
        give(folder, ("b.png", "cat"), person="anna_old")


def test_what_other_files_say_otherwise_is_listed(folder):
    give(folder, ("a.png", "cat"), ("b.png", "dog"))
    labels = [GivenLabel("a.png", "dog"), GivenLabel("b.png", "dog"), GivenLabel("c.png", "dog")]
    by_bert = said_otherwise(folder, labels, by="bert.txt", roots=[], task=CLASSIFICATION)
    assert by_bert == (NamedLabel("a.png", "cat", "anna.txt"),)
    assert said_otherwise(folder, labels, by="anna.txt", roots=[], task=CLASSIFICATION) == ()


# --- whatever the files hold ------------------------------------------------------------------------------------

NAMES = ["a.png", "b/c.png", "\ufeffd.png", "é ж.png", "./e.png"]
CLASSES = ["cat", "dog", "t-shirt (blue)", "кот"]
LINES = st.one_of(
    st.builds(
        "{}\t{}".format, st.sampled_from([*NAMES, "././a.png", "other.png"]), st.sampled_from([*CLASSES, "\ufeffx"])
    ),
    st.sampled_from(["", " ", "odd", "a.png", "a.png\t", "a.png\tcat\tdog", "\tcat"]),
)
CONTENTS = st.builds(
    lambda mark, lines, end, last: mark + (end.join(lines) + (end if last else "")).encode(),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(LINES, max_size=6),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
LABELS = st.lists(st.tuples(st.sampled_from(NAMES), st.one_of(st.none(), st.sampled_from(CLASSES))), max_size=4)


@given(files=st.fixed_dictionaries({"anna.txt": CONTENTS, "bert.txt": CONTENTS}), labels=LABELS)
@example(files={"anna.txt": "a.png\tcat\n\ufeffd.png\tdog".encode(), "bert.txt": b""}, labels=[("a.png", None)])
def test_what_was_said_stands_there_and_all_else_is_as_it_was(files, labels):
    with TemporaryDirectory() as parent:
        folder = Path(parent) / "labels"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        before = {name: said_in(folder / name) for name in files}
        give(folder, *labels, replace=True)
        wanted = {clean_name(name): class_name for name, class_name in labels}
        after = {name: said_in(folder / name) for name in files}
        for name, class_name in wanted.items():
            expected = [] if class_name is None else [class_name.strip()]
            assert [said for one, said in after["anna.txt"] if one == name] == expected
            assert {said for one, said in after["bert.txt"] if one == name} <= {class_name}
        for file in files:
            others = [pair for pair in after[file] if pair[0] not in wanted]
            assert others == [pair for pair in before[file] if pair[0] not in wanted]
        assert all(line in "".join(map(text, files.values())) for line in odd_lines(folder))


def said_in(file: Path) -> list[tuple[str, str]]:
    """All labels, as `read_labels` understands lines, in order; what is no label left out."""
    found = []
    for line in file.read_bytes().decode("utf-8-sig").split("\n"):
        name, _, class_name = line.partition("\t")
        if clean_name(name) and "\t" not in class_name and class_name.strip():
            found.append((clean_name(name), class_name.strip()))
    return found


def odd_lines(folder):
    return [line for file in folder.glob("*.txt") for line in text(file.read_bytes()).split("\n") if "\t" not in line]


def text(data):
    return data.decode("utf-8-sig")


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_name_and_class_that_can_be_written_is_read_back(name, class_name):
    with TemporaryDirectory() as parent:
        folder = Path(parent) / "labels"
        try:
            give(folder, (name, class_name))
        except LabelsMalformed:
            with pytest.raises(LabelsMalformed):
                (writable(clean_name(name)), new_class(class_name))
            return
        assert read_labels(folder).classes_by_name == {as_seen(clean_name(name)): as_seen(class_name.strip())}


# --- at once ----------------------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from nextlabel.core.data.label_files import GivenLabel, give_labels
from nextlabel.core.errors import LabelledOtherwise
from nextlabel.core.tasks.registry import CLASSIFICATION

folder, person = Path(sys.argv[1]), sys.argv[2]
for i in range(40):
    both = [GivenLabel(f"{person}_{i}.png", person), GivenLabel(f"shared_{i}.png", person)]
    give_labels(str(folder), both, person=person, replace=True, roots=[folder.parent], task=CLASSIFICATION)
"""


def test_processes_that_write_at_once_lose_nothing_and_nobody_reads_them_half_way(folder):
    """They take the same names from each other all the time; each name has one class at any moment."""
    give(folder, *((f"shared_{i}.png", "nobody") for i in range(40)), person="nobody")
    people = ["anna", "bert", "cleo"]
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(folder), person]) for person in people]
    reads = 0
    while any(writer.poll() is None for writer in writers):
        read = read_labels(folder).classes_by_name  # raises LabelsConflict if it sees two classes
        assert sum(name.startswith("shared") for name in read) == 40
        reads += 1
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert reads >= 3
    read = read_labels(folder).classes_by_name
    assert {f"{person}_{i}.png" for person in people for i in range(40)} <= read.keys()
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [LOCK_NAME, "nobody.txt", *(f"{person}.txt" for person in people)]
    )


def test_no_room_for_one_file_leaves_all_as_they_were(folder, monkeypatch):
    give(folder, ("a.png", "cat"), person="bert")
    before = {path.name: path.read_bytes() for path in folder.glob("*.txt")}
    calls = iter([None, OSError(28, "No space left on device")])

    def fsync(_):
        if error := next(calls):
            raise error

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(Exception, match="no room for labels"):
        give(folder, ("a.png", "dog"), replace=True)
    assert {path.name: path.read_bytes() for path in folder.glob("*.txt")} == before
    assert [path.name for path in folder.glob(".*")] == [LOCK_NAME]


# --- looking ----------------------------------------------------------------------------------------------------


def test_a_survey_counts_by_class_and_file_and_lists_conflicts(folder):
    (folder / "anna.txt").write_text("a.png\t2\nb.png\t10\nc.png\t2\n")
    (folder / "bert.txt").write_text("a.png\t2\nb.png\t2\n")
    seen = survey(folder, [], CLASSIFICATION)
    assert len(seen) == 3
    assert list(seen.counts.items()) == [("2", 2), ("10", 1)]
    assert seen.labels_per_file == {"anna.txt": 3, "bert.txt": 2}
    assert [(one.name, one.class_name, one.file) for one in seen.conflicts] == [
        ("b.png", "10", "anna.txt"),
        ("b.png", "2", "bert.txt"),
    ]
    with pytest.raises(LabelsConflict):
        read_labels(folder)


def test_names_come_in_pages_and_by_class(folder):
    give(folder, *((f"{i}.png", "even" if i % 2 == 0 else "odd") for i in range(10)))
    seen = survey(folder, [], CLASSIFICATION)
    assert [one.name for one in seen.page(class_name=None, after="", most=3)] == ["0.png", "1.png", "2.png"]
    assert [one.name for one in seen.page(class_name="odd", after="5.png", most=9)] == ["7.png", "9.png"]
    assert [(one.name, one.class_name) for one in seen.of(["7.png", "77.png"])] == [("7.png", "odd")]


def test_lines_that_end_as_on_old_macs_are_told_of(folder):
    (folder / "anna.txt").write_bytes(b"a.png\tcat\rb.png\tdog\r")
    with pytest.raises(LabelsMalformed, match="a carriage return stands in the line"):
        read_labels(folder)


# --- several classes an image -----------------------------------------------------------------------------------


def give_several(folder, *pairs, person="anna", replace=False):
    labels = [GivenLabel(name, class_name) for name, class_name in pairs]
    return give_labels(str(folder), labels, person=person, replace=replace, roots=[folder.parent], task=MULTILABEL)


def test_several_classes_are_a_line_each_and_none_is_a_line_too(folder):
    give_several(folder, ("a.png", "dog"), ("a.png", "cat"), ("b.png", ""), ("c.png", "cat"))
    assert (folder / "anna.txt").read_text() == "a.png\tcat\na.png\tdog\nb.png\t\nc.png\tcat\n"
    give_several(folder, ("a.png", "bird"), ("b.png", None))
    assert (folder / "anna.txt").read_text() == "c.png\tcat\na.png\tbird\n"


def test_none_and_a_class_of_the_same_image_are_refused_and_nothing_is_written(folder):
    with pytest.raises(LabelsMalformed, match="none of the classes applies, and one that does"):
        give_several(folder, ("a.png", ""), ("a.png", "cat"))
    assert visible(folder) == []


def test_somebody_else_s_classes_are_replaced_only_when_asked_and_the_same_ones_in_any_order_are_no_contradiction(
    folder,
):
    give_several(folder, ("a.png", "cat"), ("a.png", "dog"), person="ben")
    give_several(folder, ("a.png", "dog"), ("a.png", "cat"))
    for answer in ((("a.png", "cat"),), (("a.png", "bird"), ("a.png", "cat"), ("a.png", "dog")), (("a.png", ""),)):
        with pytest.raises(LabelledOtherwise, match=r"a\.png is cat \+ dog in ben\.txt"):
            give_several(folder, *answer)
    written = give_several(folder, ("a.png", "cat"), replace=True)
    assert written.replaced == {"a.png": "cat + dog"}
    assert MULTILABEL.read(folder).classes_by_name == {"a.png": ("cat",)}


def test_a_survey_of_several_classes_counts_each_and_tells_contradictions_by_line(folder):
    (folder / "anna.txt").write_text("a.png\tdog\na.png\tcat\nb.png\t\nc.png\tcat\n")
    (folder / "ben.txt").write_text("a.png\tcat\na.png\tdog\nb.png\tcat\n")
    seen = survey(folder, [], MULTILABEL)
    assert (len(seen), seen.several, seen.counts) == (3, 2, {"": 1, "cat": 2, "dog": 1})
    assert seen.conflicts == (NamedLabel("b.png", "", "anna.txt"), NamedLabel("b.png", "cat", "ben.txt"))
    assert [(one.name, one.class_name) for one in seen.of(["a.png", "x.png"])] == [("a.png", "cat"), ("a.png", "dog")]
    assert [one.name for one in seen.page(class_name="dog", after="", most=9)] == ["a.png", "a.png"]


SAID = st.dictionaries(
    st.sampled_from(["a.png", "b.png", "ä.png"]), st.frozensets(st.sampled_from(["cat", "dog", "é"])), max_size=3
)


@given(steps=st.lists(SAID, max_size=4), others=SAID)
def test_what_was_given_last_is_what_is_read_of_each_image(steps, others):
    with TemporaryDirectory() as place:
        folder = Path(place) / "labels"
        expected: dict[str, tuple[str, ...]] = {}
        give_several(folder, *_lines(others), person="ben")
        for step in steps:
            give_several(folder, *_lines(step), replace=True)
            expected |= {name: tuple(sorted(classes)) for name, classes in step.items()}
        expected = {name: tuple(sorted(classes)) for name, classes in others.items()} | expected
        assert MULTILABEL.read(folder).classes_by_name == expected


def _lines(said):
    return [(name, class_name) for name, classes in said.items() for class_name in classes or ("",)]

import contextlib
import errno
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data.files import Files
from nextlabel.core.data.labels import left_out_of, write_labels
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.spelling import as_seen, shows
from nextlabel.core.errors import (
    LabelsConflict,
    LabelsMalformed,
    PathNotAllowed,
    PathNotFound,
    PathNotReadable,
    PathWrongKind,
)
from nextlabel.core.tasks.classification import ClassLabels as Labels
from nextlabel.core.tasks.classification import match, read_labels, read_labels_and_conflicts

CLOTHING = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "clothing"


def labels_of(tmp_path, content):
    path = tmp_path / "labels.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_labels(path)


def fault_of(tmp_path, content):
    with pytest.raises(LabelsMalformed) as caught:
        labels_of(tmp_path, content)
    return caught.value.detail


def pool_of(*names):
    zeros = np.zeros(len(names), dtype=np.int64)
    return Pool(place_at("/", [Path("/")]), Files(tuple(sorted(names)), zeros, zeros, zeros, ()))


# --- what is read -----------------------------------------------------------------------------------------------


def test_a_line_is_a_name_a_tab_and_a_class(tmp_path):
    assert labels_of(tmp_path, "a.jpg\tcat\nb/c.jpg\tdog\n").classes_by_name == {"a.jpg": "cat", "b/c.jpg": "dog"}


@pytest.mark.parametrize(
    "content",
    [
        b"a.jpg\tcat\nb.jpg\tdog",
        b"\xef\xbb\xbfa.jpg\tcat\nb.jpg\tdog\n",
        b"a.jpg\tcat\r\nb.jpg\tdog\r\n",
        b"\n\na.jpg\tcat\n  \n\t\nb.jpg\tdog\n \r\n",
        b"./a.jpg\tcat\n././b.jpg\tdog\n",
        b"a.jpg\t cat  \nb.jpg\tdog \n",
        b"a.jpg\tcat\nb.jpg\tdog\na.jpg\tcat\n",
    ],
    ids=["no last newline", "BOM", "CRLF", "blank lines", "dot slash", "spaces around classes", "said twice"],
)
def test_the_same_labels_can_be_written_in_many_ways(tmp_path, content):
    assert labels_of(tmp_path, content).classes_by_name == {"a.jpg": "cat", "b.jpg": "dog"}


def test_names_and_classes_hold_spaces_commas_and_any_script(tmp_path):
    read = labels_of(tmp_path, "мой кот, 1.jpg\tкот, рыжий\nback\\slash.png\tt-shirt (blue)\n")
    assert read.classes_by_name == {"мой кот, 1.jpg": "кот, рыжий", "back\\slash.png": "t-shirt (blue)"}


@pytest.mark.parametrize(
    ("line", "name", "class_name"),
    [
        ('a.jpg\t"shirt, red"', "a.jpg", "shirt, red"),
        ('"a, b.jpg"\t"12"" screen"', "a, b.jpg", '12" screen'),
        ('"./a.jpg"\t " shirt " ', "a.jpg", "shirt"),
        ('a.jpg\tthe "red" one', "a.jpg", 'the "red" one'),
        ('a.jpg\t"red" or "green"', "a.jpg", '"red" or "green"'),
        ('a.jpg\t"', "a.jpg", '"'),
    ],
)
def test_the_quotes_of_a_spreadsheet_come_off(tmp_path, line, name, class_name):
    assert labels_of(tmp_path, f"{line}\r\n").classes_by_name == {name: class_name}


def test_names_and_classes_that_look_the_same_are_the_same_and_names_stay_as_they_are_spelt(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Café") for form in ("NFC", "NFD"))
    read = labels_of(tmp_path, f"{decomposed}.jpg\t{composed}\n{composed}.jpg\t{decomposed}\nb.jpg\t{decomposed}\n")
    assert read.classes_by_name == {f"{composed}.jpg": composed, "b.jpg": composed}
    assert list(read.pairs()) == [(f"{decomposed}.jpg", composed), ("b.jpg", composed)]
    matched = match(read, pool_of(f"{decomposed}.jpg", "c.jpg"))
    assert (matched.class_by_row(), matched.absent) == ({0: composed}, ("b.jpg",))


def test_an_empty_file_is_no_labels(tmp_path):
    read = labels_of(tmp_path, b"")
    assert len(read) == 0
    assert read.classes == ()


def test_an_empty_folder_is_no_labels(tmp_path):
    assert len(read_labels(tmp_path)) == 0


def test_a_folder_is_all_its_files_without_hidden_ones_and_sub_folders(tmp_path):
    (tmp_path / "one.txt").write_text("a.jpg\tcat\n")
    (tmp_path / "two.tsv").write_text("b.jpg\tdog\n")
    (tmp_path / ".hidden").write_bytes(b"\0\0")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "three.txt").write_text("c.jpg\tcow\n")
    os.mkfifo(tmp_path / "pipe")
    assert read_labels(tmp_path).classes_by_name == {"a.jpg": "cat", "b.jpg": "dog"}


def test_a_link_in_a_folder_is_followed_within_the_roots_only(tmp_path):
    (tmp_path / "elsewhere.txt").write_text("a.jpg\tcat\n")
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "link.txt").symlink_to(tmp_path / "elsewhere.txt")
    assert read_labels(folder, roots=[tmp_path]).classes_by_name == {"a.jpg": "cat"}
    with pytest.raises(PathNotAllowed):
        read_labels(folder)


@pytest.mark.parametrize("target", ["gone.txt", "gone/ben.txt", "anna.txt/ben.txt", "ben.txt"])
def test_a_link_that_leads_nowhere_is_nobodys_file_whichever_way_it_does(tmp_path, target):
    (tmp_path / "anna.txt").write_text("a.jpg\tcat\n")
    (tmp_path / "ben.txt").symlink_to(tmp_path / target)
    assert read_labels(tmp_path, roots=[tmp_path]).classes_by_name == {"a.jpg": "cat"}
    assert left_out_of(tmp_path) == ["ben.txt"]


def test_a_persons_file_that_the_share_does_not_tell_of_is_not_taken_for_none(tmp_path, monkeypatch):
    for person in ("anna", "ben"):
        (tmp_path / f"{person}.txt").write_text(f"{person}.jpg\tcat\n")
    plain = os.stat

    def stale(path, **options):  # what a share does that the server has dropped
        if path == "ben.txt":
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return plain(path, **options)

    monkeypatch.setattr(os, "stat", stale)
    with pytest.raises(PathNotReadable, match=r"ben\.txt' can't be read by the service: Stale file handle"):
        read_labels(tmp_path)


def test_a_relative_path_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.txt").write_text("a.jpg\tcat\n")
    assert len(read_labels(Path("labels.txt"))) == 1


def test_whole_numbers_sort_by_number_and_anything_else_by_letter():
    assert Labels({"a": "10", "b": "9", "c": "9"}).classes == ("9", "10")
    assert Labels({"a": "10", "b": "9", "c": "cat"}).classes == ("10", "9", "cat")
    assert Labels({"a": "9" * 5000, "b": "10"}).classes == ("10", "9" * 5000)


def test_the_fingerprint_forgets_order_and_files_and_nothing_else(tmp_path):
    (tmp_path / "one.txt").write_text("b.jpg\tdog\n")
    (tmp_path / "two.txt").write_text("a.jpg\tcat\n")
    fingerprint = Labels({"a.jpg": "cat", "b.jpg": "dog"}).fingerprint()
    assert read_labels(tmp_path).fingerprint() == fingerprint
    assert Labels({"a.jpg": "cat", "b.jpg": "cat"}).fingerprint() != fingerprint


@pytest.mark.real_data
def test_real_labels_are_read():
    if not CLOTHING.is_dir():
        pytest.skip("there is no ../shared/data/clothing beside the checkout")
    read = read_labels(CLOTHING / "labels_train_all.txt")
    assert len(read) == 3409
    assert read.classes == tuple("0123456789")


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("b.jpg,dog", "a comma stands where a tab belongs"),
        ("b.jpg;dog", "a semicolon stands where a tab belongs"),
        ("b.jpg   dog", "spaces stand where a tab belongs"),
        ("b.jpg", "the class is missing"),
        ("b.jpg\t", "the class is empty"),
        ("b.jpg\t  ", "the class is empty"),
        ("b.jpg\t\u200b\xad", "nobody sees anything of the class"),
        ("\tdog", "the file name is empty"),
        ("./\tdog", "the file name is empty"),
        (" \tdog", "the file name is empty"),
        ("b.jpg\tdog\t0.9", "3 columns, where two belong"),
        ("b.jpg\tdog\t", "3 columns, where two belong"),
    ],
)
def test_a_faulty_line_is_named_with_file_number_and_cause(tmp_path, line, words):
    detail = fault_of(tmp_path, f"a.jpg\tcat\n{line}\r\n")
    assert "labels.txt:2: " in detail
    assert words in detail


def test_all_faulty_lines_are_named_up_to_twenty(tmp_path):
    assert fault_of(tmp_path, "a,b\n" * 20).count("labels.txt:") == 20
    detail = fault_of(tmp_path, "a,b\n" * 1000)
    assert detail.count("labels.txt:") == 20
    assert "labels.txt:20: " in detail
    assert "\nand more\n" in detail


def test_a_file_in_another_encoding_is_told_to_become_utf_8(tmp_path):
    detail = fault_of(tmp_path, "a.jpg\tcat\nкот.jpg\tcat\n".encode("cp1251"))
    assert "labels.txt:2: byte 0xEA is not UTF-8; save the file as UTF-8" in detail
    assert "UTF-16" in fault_of(tmp_path, "a.jpg\tcat\n".encode("utf-16"))


@pytest.mark.parametrize("head", [b"\xff\xd8\xff\xe0\0\x10JFIF", b"\x89PNG\r\n\x1a\n\0\0", b"a.jpg\tcat\n\0"])
def test_an_image_in_place_of_labels_is_recognised(tmp_path, head):
    assert "not a text file (an image?)" in fault_of(tmp_path, head + b"\xfe" * 200_000)


def test_a_folder_of_images_in_place_of_labels_is_not_read_to_its_end(tmp_path):
    for number in range(50):
        (tmp_path / f"{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    with pytest.raises(LabelsMalformed) as caught:
        read_labels(tmp_path)
    assert caught.value.detail.count("NUL") == 20


def test_one_name_with_two_classes_is_a_conflict_with_both_places(tmp_path):
    (tmp_path / "one.txt").write_text("a.jpg\tcat\nb.jpg\tdog\n")
    (tmp_path / "two.txt").write_text("c.jpg\tcow\n./a.jpg\tdog\n")
    with pytest.raises(LabelsConflict) as caught:
        read_labels(tmp_path)
    assert "'a.jpg': 'cat' in one.txt:1, 'dog' in two.txt:2" in caught.value.detail
    assert "b.jpg" not in caught.value.detail


def test_conflicts_are_listed_up_to_twenty(tmp_path):
    lines = "".join(f"{number:02d}.jpg\tcat\n{number:02d}.jpg\tdog\n" for number in range(25))
    with pytest.raises(LabelsConflict) as caught:
        labels_of(tmp_path, lines)
    assert caught.value.detail.count(".jpg") == 20
    assert caught.value.detail.endswith("and 5 more")


def test_a_missing_path_and_a_pipe_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PathNotFound):
        read_labels(tmp_path / "none.txt")
    with pytest.raises(PathWrongKind):
        read_labels(tmp_path / "pipe")


def test_a_folder_with_a_forbidden_file_is_refused(shared_path, as_nobody):
    (shared_path / "open.txt").write_text("a.jpg\tcat\n")
    (shared_path / "secret.txt").write_text("b.jpg\tdog\n")
    (shared_path / "secret.txt").chmod(0)
    error = as_nobody(lambda: read_labels(shared_path))
    assert isinstance(error, PathNotReadable)
    assert "secret.txt" in error.detail


bytes_of_a_file = st.binary(max_size=200) | st.text("ab.,; \t\r\n\0\ufeffж", max_size=100).map(str.encode)


@given(content=bytes_of_a_file)
def test_any_bytes_are_labels_or_a_typed_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(content)
    with contextlib.suppress(LabelsMalformed, LabelsConflict):
        read = read_labels(path)
        assert all(name and class_ == class_.strip() for name, class_ in read.classes_by_name.items())


# --- writing ----------------------------------------------------------------------------------------------------

writable = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\0"), min_size=1)
    .filter(lambda text: not text.isspace())
    .map(as_seen)
)
names = writable.filter(lambda name: not name.startswith("./"))
classes = writable.map(str.strip).filter(shows)


@given(written=st.dictionaries(names, classes))
def test_what_is_written_is_read_again(tmp_path_factory, written):
    path = tmp_path_factory.getbasetemp() / "written.txt"
    write_labels(path, written.items())
    assert read_labels(path).classes_by_name == written


@pytest.mark.parametrize("bad", ["", " ", "a\tb", "a\nb", "a\rb", "a\0b", "\ud800"])
def test_what_a_line_cannot_hold_is_not_written(tmp_path, bad):
    path = tmp_path / "labels.txt"
    for pair in [(bad, "cat"), ("a.jpg", bad)]:
        with pytest.raises(LabelsMalformed):
            write_labels(path, [("fine.jpg", "cat"), pair])
    assert list(tmp_path.iterdir()) == []


def test_writing_replaces_the_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "labels.txt"
    write_labels(path, [("a.jpg", "cat")])
    write_labels(path, [("b.jpg", "dog")])
    assert path.read_bytes() == b"b.jpg\tdog\n"
    assert list(tmp_path.iterdir()) == [path]


# --- on a pool --------------------------------------------------------------------------------------------------


def test_labels_find_their_rows():
    matched = match(Labels({"c.jpg": "dog", "a.jpg": "cat", "gone.jpg": "cow"}), pool_of("a.jpg", "b.jpg", "c.jpg"))
    assert matched.rows.tolist() == [0, 2]
    assert matched.classes == ("cat", "dog")
    assert matched.targets.tolist() == [0, 1]
    assert matched.absent == ("gone.jpg",)
    assert matched.rows.dtype == matched.targets.dtype == np.int64


def test_no_labels_match_no_rows():
    matched = match(Labels({}), pool_of("a.jpg"))
    assert (len(matched.rows), matched.classes, len(matched.targets), matched.absent) == (0, (), 0, ())
    assert matched.rows.dtype == matched.targets.dtype == np.int64


letters = st.sampled_from([f"{letter}.jpg" for letter in "abcdefgh"])


@given(by_name=st.dictionaries(letters, st.sampled_from(["9", "10", "cat"])), in_pool=st.sets(letters))
def test_every_label_is_on_its_row_or_absent(by_name, in_pool):
    pool = pool_of(*in_pool)
    matched = match(Labels(by_name), pool)
    on_rows = {
        pool.names[row]: matched.classes[target] for row, target in zip(matched.rows, matched.targets, strict=True)
    }
    assert on_rows | {name: by_name[name] for name in matched.absent} == by_name
    assert set(on_rows) == in_pool & by_name.keys()
    assert set(matched.classes) == set(on_rows.values())
    assert (np.diff(matched.rows) > 0).all()


def test_names_with_two_classes_can_be_read_apart_with_their_places(tmp_path):
    (tmp_path / "ada.txt").write_text("a.png\tcat\nb.png\tdog\n")
    (tmp_path / "bob.txt").write_text("b.png\tcat\nc.png\tdog\n")
    labels, conflicts = read_labels_and_conflicts(tmp_path)
    assert labels.classes_by_name == {"a.png": "cat", "c.png": "dog"}
    matched = match(labels, pool_of("a.png", "b.png"))
    assert (matched.rows.tolist(), matched.disputed.tolist(), matched.absent) == ([0], [1], ("c.png",))
    assert labels.fingerprint() != Labels(labels.classes_by_name).fingerprint()
    assert conflicts == {"b.png": {"dog": "ada.txt:2", "cat": "bob.txt:1"}}

"""Labels files counted, merged, compared and converted."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.client.label_files import Conflicts, Sheet, compare, merge, read_any, sheets, write_any
from nextlabel.core.data.labels import write_labels
from nextlabel.core.data.spelling import as_seen, shows
from nextlabel.core.errors import ExchangeMalformed, LabelsConflict, LabelsMalformed
from nextlabel.core.tasks.classification import ClassLabels as Labels
from nextlabel.core.tasks.classification import read_labels

#: What a labels file can hold, as it comes out of one.
texts = st.text(st.characters(exclude_characters="\t\n\r\0", exclude_categories=("Cs",)), min_size=1, max_size=8).map(
    as_seen
)
classes = texts.filter(lambda text: text == text.strip() and shows(text))
names = texts.filter(lambda text: not text.isspace() and not text.startswith("./"))
labels = st.dictionaries(names, classes, max_size=6)


@given(labels)
def test_there_and_back_by_csv_changes_nothing(pairs):
    with tempfile.TemporaryDirectory() as scratch:
        first, table, last = (Path(scratch, name) for name in ("a.txt", "b.csv", "c.tsv"))
        write_labels(first, pairs.items())
        write_any(table, read_any(first).classes_by_name)
        write_any(last, read_any(table).classes_by_name)
        assert read_labels(last).classes_by_name == pairs
        assert last.read_bytes() == first.read_bytes()


@given(labels, labels)
def test_a_difference_laid_on_the_old_gives_the_new(old, new):
    found = compare(Labels(old), Labels(new))
    changed = {name: after for name, (_, after) in found.changed.items()}
    kept = {name: class_ for name, class_ in old.items() if name not in found.removed}
    assert {**kept, **found.added, **changed} == new
    assert not found.added.keys() & old.keys()
    assert all(before != after for before, after in found.changed.values())


@given(st.lists(labels, min_size=1, max_size=4), st.sampled_from(Conflicts))
def test_a_merge_holds_what_all_who_said_it_agree_on(people, how):
    merged = merge([Sheet(str(i), Labels(pairs)) for i, pairs in enumerate(people)], how)
    given_to = {name: [pairs[name] for pairs in people if name in pairs] for pairs in people for name in pairs}
    agreed = {name: said[0] for name, said in given_to.items() if len(set(said)) == 1}
    assert merged.conflicts.keys() == given_to.keys() - agreed.keys()
    assert agreed.items() <= merged.labels.items()
    settled = {name: class_ for name, class_ in merged.labels.items() if name not in agreed}
    assert all(how is Conflicts.MAJORITY and given_to[n].count(c) > len(given_to[n]) / 3 for n, c in settled.items())


def test_a_majority_settles_and_a_tie_does_not():
    people = [Sheet(p, Labels({"a": c, "b": d})) for p, c, d in (("x", "1", "1"), ("y", "1", "2"), ("z", "2", "2"))]
    assert merge(people, Conflicts.MAJORITY).labels == {"a": "1", "b": "2"}
    assert merge(people[:2], Conflicts.MAJORITY).labels == {"a": "1"}
    assert merge(people, Conflicts.LEAVE_OUT).labels == {}


def test_a_file_is_a_persons_and_hidden_ones_are_nobodys(tmp_path):
    write_labels(tmp_path / "anna.txt", [("a.png", "cat")])
    write_labels(tmp_path / "ben.txt", [("b.png", "dog")])
    write_labels(tmp_path / "ben.tsv", [("c.png", "dog")])
    (tmp_path / ".ben.txt.swp").write_bytes(b"\0")
    (tmp_path / "folder").mkdir()
    assert [sheet.person for sheet in sheets(tmp_path)] == ["anna", "ben.tsv", "ben.txt"]
    assert [sheet.person for sheet in sheets(tmp_path / "anna.txt")] == ["anna"]


def test_a_csv_of_other_columns_is_read_by_their_names(tmp_path):
    path = tmp_path / "export.csv"
    path.write_bytes('\ufeffid,image,label\r\n1,"a, b.png", cat \r\n'.encode())
    assert read_any(path, "image", "label").classes_by_name == {"a, b.png": "cat"}
    path.write_bytes(path.read_bytes() + b",,\r\n,,\r\n")  # a spreadsheet's empty rows
    assert read_any(path, "image", "label").classes_by_name == {"a, b.png": "cat"}
    with pytest.raises(LabelsMalformed, match="has no columns name, class; its columns are: id, image, label"):
        read_any(path)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("name,class\na.png,\n", LabelsMalformed, r"x\.csv:2: the name or the class is empty"),
        ("name,class\na.png\n", LabelsMalformed, r"x\.csv:2: the name or the class is empty"),
        ("name,class\na.png,cat\na.png,dog\n", LabelsConflict, r"x\.csv:3: 'a.png' has two classes: cat, dog"),
        ('name,class\n"a.png,cat\n', LabelsMalformed, "is no csv file"),
        (b"name,class\n\xff,cat\n", ExchangeMalformed, "byte 11 is not UTF-8"),
        ("", LabelsMalformed, "its columns are: none"),
    ],
)
def test_a_csv_that_can_not_be_read_is_told_with_its_line(tmp_path, content, error, words):
    path = tmp_path / "x.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(error, match=words):
        read_any(path)


def test_a_csv_that_is_written_is_one_for_other_programs(tmp_path):
    write_any(tmp_path / "x.csv", {'a "1".png': "cat, wild"})
    with (tmp_path / "x.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [{"name": 'a "1".png', "class": "cat, wild"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,class\na, b.png,cat\n", ":2: it has more cells than the header"),
        ("name,class,class\na.png,cat,dog\n", "two of its columns are called class"),
    ],
)
def test_a_csv_whose_cells_are_shifted_or_doubled_is_told_of(tmp_path, text, said):
    file = tmp_path / "labels.csv"
    file.write_text(text)
    with pytest.raises(LabelsMalformed, match=said):
        read_any(file)

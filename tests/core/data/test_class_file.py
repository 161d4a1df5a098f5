"""Classes are declared in a small file, which is strict, and everybody has the same keys by it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data.class_file import (
    FIRST_STROKES,
    SECOND_STROKES,
    STROKES,
    LabelClass,
    as_bytes,
    completed,
    declare_classes,
    declared_classes,
    declared_names,
)
from nextlabel.core.data.classes import change_class, undo_class_change
from nextlabel.core.data.labels import left_out_of
from nextlabel.core.errors import ClassesChanged, InvalidRequest, LabelsMalformed

CAT = LabelClass("cat", "1", "#aa3300", "meows", "a/1.jpg")


@pytest.fixture
def declare(tmp_path):
    def declare(*classes, version=None):
        return declare_classes(tmp_path, classes, version=version, roots=[tmp_path])

    return declare


def written(folder, content):
    (folder / "classes.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return declared_classes(folder, [folder])


def test_what_was_declared_is_read_a_class_a_line(tmp_path, declare):
    said = declare(CAT, LabelClass(" dog "))
    assert declared_classes(tmp_path, [tmp_path]) == said
    assert [one.name for one in said.classes] == ["cat", "dog"]
    assert (tmp_path / "classes.json").read_text() == (
        '[\n  {"name": "cat", "key": "1", "colour": "#aa3300", "description": "meows", "example": "a/1.jpg"},\n'
        '  {"name": "dog"}\n]\n'
    )
    assert left_out_of(tmp_path, [tmp_path]) == []


def test_nothing_is_declared_where_there_is_no_file(tmp_path):
    assert declared_classes(tmp_path, [tmp_path]).classes == ()


def test_what_nobody_sees_is_refused_in_a_class_that_is_declared_and_read_where_it_stands(tmp_path, declare):
    with pytest.raises(InvalidRequest, match=r"holds what nobody sees: zero width space"):
        declare(LabelClass("cat\u200b"))
    (tmp_path / "classes.json").write_bytes(as_bytes([LabelClass("cat\u200b")]))
    assert declared_names(tmp_path, [tmp_path]) == ("cat\u200b",)


@pytest.mark.parametrize(
    ("classes", "pointer"),
    [
        ([LabelClass("a", key="1"), LabelClass("b", key="1")], "/classes/1/key"),
        ([LabelClass("é"), LabelClass("e\u0301")], "/classes/1/name"),
        ([LabelClass("a", key="c")], "/classes/0/key"),  # which finds a class by name
        ([LabelClass("a", key="12")], "/classes/0/key"),
        ([LabelClass("a", colour="reddish")], "/classes/0/colour"),
        ([LabelClass("a", colour="#12345")], "/classes/0/colour"),
        ([LabelClass("a\tb")], "/classes/0/name"),
        ([LabelClass(" ")], "/classes/0/name"),
        ([LabelClass("\u200b")], "/classes/0/name"),
        ([LabelClass("a", description="x" * 1001)], "/classes/0/description"),
    ],
)
def test_what_can_not_be_is_refused_in_a_request_and_in_a_file(tmp_path, declare, classes, pointer):
    with pytest.raises(InvalidRequest) as error:
        declare(*classes)
    assert [fault.pointer for fault in error.value.faults] == [pointer]
    (tmp_path / "classes.json").write_bytes(as_bytes(classes))
    with pytest.raises(LabelsMalformed, match=f"class {int(pointer.split('/')[2]) + 1} .*{pointer.split('/')[3]}"):
        declared_classes(tmp_path, [tmp_path])


@pytest.mark.parametrize(
    "content",
    [
        "[",
        "{}",
        "[1]",
        '[{"name": 1}]',
        '[{"name": "a", "hotkey": "1"}]',
        '[{"key": "1"}]',
        '[{"name": "a", "name": "b"}]',
        "[" * 100_000,
    ],
)
def test_a_file_that_is_none_is_named(tmp_path, content):
    with pytest.raises(LabelsMalformed, match=r"classes\.json"):
        written(tmp_path, content)


def test_what_has_the_files_name_and_is_none_is_named(tmp_path):
    (tmp_path / "classes.json").mkdir()
    with pytest.raises(LabelsMalformed, match="not a regular file"):
        declared_classes(tmp_path, [tmp_path])


def test_a_file_that_somebody_else_wrote_meanwhile_is_not_written_over(declare):
    seen = declare(CAT, version="")
    declare(LabelClass("dog"), version=seen.version)
    with pytest.raises(ClassesChanged):
        declare(CAT, version=seen.version)


def test_keys_are_those_that_were_said_then_a_class_s_own_then_the_first_that_are_free():
    found = completed([LabelClass("cat", "1"), LabelClass("dog")], ["b", "zebra", "cat", "", "2"], taken="x")
    assert [(one.name, one.key) for one in found] == [
        ("cat", "1"),
        ("dog", "3"),
        ("2", "2"),
        ("b", "b"),
        ("zebra", "4"),
    ]


@given(st.lists(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=3), max_size=130))
def test_no_two_classes_have_one_key_and_none_begins_another(present):
    keys = [one.key for one in completed([], present, taken="x") if one.key]
    assert len(set(keys)) == len(keys) == min(len(set(present)), len(STROKES) - 1 + 2 * len(SECOND_STROKES))
    assert "x" not in keys
    assert not {key for key in keys if key in FIRST_STROKES}


def test_a_class_is_renamed_merged_removed_and_brought_back_in_the_file_too(tmp_path, declare):
    (tmp_path / "anna.txt").write_text("a.png\tcta\n")
    declare(LabelClass("cta", "1"), LabelClass("cat", "2"), LabelClass("cow", "3"))
    before = (tmp_path / "classes.json").read_bytes()

    def after(old, new, **more):
        change_class(tmp_path, old, new, roots=[tmp_path], **more)
        names = [one.name for one in declared_classes(tmp_path, [tmp_path]).classes]
        undo_class_change(tmp_path, roots=[tmp_path])
        assert (tmp_path / "classes.json").read_bytes() == before
        return names

    assert after("cta", "kitten") == ["kitten", "cat", "cow"]
    assert after("cta", "cat", merge=True) == ["cat", "cow"]
    assert after("cow", None) == ["cta", "cat"]  # which no label has
    with pytest.raises(InvalidRequest, match="is declared already"):
        change_class(tmp_path, "cta", "cow", roots=[tmp_path])

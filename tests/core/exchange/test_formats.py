"""COCO, CVAT, CSV and folders: there and back, and what is wrong with a file."""

import json
import os

import pytest
from hypothesis import given, settings

from nextlabel.core.data.places import place_at
from nextlabel.core.errors import ExchangeMalformed, Inexpressible, PathNotWritable
from nextlabel.core.exchange import coco, csv_file, cvat, image_folder
from nextlabel.core.exchange.entries import Entry
from nextlabel.core.exchange.files import write_json, write_text
from tests.core.exchange.names import ENTRIES, pairs

RANKED = [
    Entry("b/2.png", "dog", 0.1),
    Entry("a.png", "cat", 0.2),
    Entry("ä b.png", None, 0.3),
    Entry("1.png", "dog", 0.4),
]


@given(entries=ENTRIES)
def test_coco_gives_labels_back_in_their_order(tmp_path_factory, entries):
    file = tmp_path_factory.mktemp("coco") / "labels.json"
    write_json(file, coco.document(entries))
    assert coco.read(file) == pairs(entries)


@given(entries=ENTRIES)
def test_cvat_gives_labels_back_in_their_order(tmp_path_factory, entries):
    file = tmp_path_factory.mktemp("cvat") / "annotations.xml"
    said = "".join(name + class_name for name, class_name in pairs(entries))
    if "\ufffe" in said or "\uffff" in said:
        with pytest.raises(Inexpressible, match="XML has no place for"):
            cvat.document(entries)
        return
    write_text(file, cvat.document(entries))
    assert cvat.read(file) == pairs(entries)


@given(entries=ENTRIES)
def test_csv_gives_labels_back_in_their_order(tmp_path_factory, entries):
    file = tmp_path_factory.mktemp("csv") / "labels.csv"
    write_text(file, csv_file.document(entries))
    assert csv_file.read(file) == pairs(entries)


@settings(max_examples=30)
@given(entries=ENTRIES)
def test_folders_give_labels_back(tmp_path_factory, entries):
    folder = tmp_path_factory.mktemp("folders")
    (folder / "pool").mkdir()
    entries = [entry for entry in entries if not entry.class_name.startswith(".")]
    for entry in entries:
        (folder / "pool" / entry.name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "pool" / entry.name).touch()
    image_folder.write(entries, place_at(folder / "pool", [folder]), folder / "out")
    assert not entries or image_folder.read(folder / "out") == sorted(pairs(entries))


@pytest.mark.parametrize("format_", [coco, cvat, csv_file], ids=lambda module: module.__name__)
def test_rank_order_is_kept_and_images_without_a_class_are_left_out(tmp_path, format_):
    made, file = format_.document(RANKED), tmp_path / "file"
    write_text(file, made if isinstance(made, str) else json.dumps(made))
    assert format_.read(file) == [("b/2.png", "dog"), ("a.png", "cat"), ("1.png", "dog")]


def test_classes_that_no_image_has_stand_in_the_file_too():
    assert [one["name"] for one in coco.document(RANKED, ["bird"])["categories"]] == ["bird", "cat", "dog"]
    assert "<name>bird</name>" in cvat.document(RANKED, ["bird"])


def test_folders_hold_links_or_copies_and_leave_what_is_there(tmp_path):
    pool, entries = tmp_path / "pool", [Entry("a.png", "cat"), Entry("b/c%.png", "cat/black"), Entry("d.png", None)]
    (pool / "b").mkdir(parents=True)
    for entry in entries:
        (pool / entry.name).write_text(entry.name)
    image_folder.write(entries, place_at(pool, [tmp_path]), tmp_path / "links")
    image_folder.write(entries, place_at(pool, [tmp_path]), tmp_path / "links", copy=True)
    image_folder.write(entries, place_at(pool, [tmp_path]), tmp_path / "copies", copy=True)
    assert (tmp_path / "links" / "cat" / "a.png").samefile(pool / "a.png")
    for out in (tmp_path / "links", tmp_path / "copies"):
        found = {str(path.relative_to(out)) for path in out.rglob("*.png")}
        assert found == {"cat/a.png", "cat/black/b%2Fc%25.png", "no_label/d.png"}
        assert (out / "cat" / "black" / "b%2Fc%25.png").read_text() == "b/c%.png"
    assert not (tmp_path / "copies" / "cat" / "a.png").samefile(pool / "a.png")


@pytest.mark.parametrize("class_name", ["..", ".git", "a//b", "/a", "no_label", "a/.."])
def test_a_class_that_would_lead_elsewhere_is_no_folder(tmp_path, class_name):
    with pytest.raises(Inexpressible, match="can't be a folder's name"):
        image_folder.write([Entry("a.png", class_name)], place_at(tmp_path, [tmp_path]), tmp_path / "out")


def test_an_image_in_two_folders_is_told_of(tmp_path):
    for class_name in ("cat", "dog"):
        (tmp_path / class_name).mkdir()
        (tmp_path / class_name / "a.png").touch()
    with pytest.raises(ExchangeMalformed, match=r"dog/a.png: the same image lies in 'cat', too"):
        image_folder.read(tmp_path)


# --- what is wrong with a file ----------------------------------------------------------------------------------

GOOD = coco.document([Entry("a.png", "cat"), Entry("b.png", "dog")])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "it needs lists of `images` and `categories`"),
        ("{", "is not JSON"),
        ({**GOOD, "images": [{"id": "1"}]}, r"images\[0\]: it needs a number `id` and a text `file_name`"),
        ({**GOOD, "categories": [7]}, r"categories\[0\]: it needs a number `id` and a text `name`"),
        ({**GOOD, "annotations": [{"image_id": 1, "category_id": 9}]}, r"annotations\[0\]: its `image_id` or"),
        (
            {**GOOD, "annotations": [{"image_id": 1, "category_id": 1}, {"image_id": 1, "category_id": 2}]},
            r"'a.png': it has several classes \('cat', 'dog'\)",
        ),
    ],
)
def test_a_fault_of_a_coco_file_is_told_with_its_place(tmp_path, content, said):
    file = tmp_path / "instances.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ExchangeMalformed, match=said) as told:
        coco.read(file)
    assert "instances.json" in told.value.detail


def test_boxes_of_one_category_say_the_class_of_an_image(tmp_path):
    boxes = [{"id": at, "image_id": 2, "category_id": 1, "bbox": [0, 0, 1, 1]} for at in (1, 2)]
    write_json(tmp_path / "instances.json", {**GOOD, "annotations": boxes})
    assert coco.read(tmp_path / "instances.json") == [("b.png", "cat")]


def xml(body):
    return f"<annotations><version>1.1</version>{body}</annotations>"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<annotations>", "is not XML"),
        ("<a/>", "its root is <a>"),
        (xml('<track id="0"/>'), "is of a video"),
        (xml('<image id="0"/>'), "image no. 1: it has no name"),
        (xml('<image id="0" name="a"><tag label="x"/><tag label="y"/></image>'), r"several classes \('x', 'y'\)"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "document type"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
    ],
)
def test_a_fault_of_a_cvat_file_is_told_with_its_place(tmp_path, content, said):
    file = tmp_path / "annotations.xml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ExchangeMalformed, match=said) as told:
        cvat.read(file)
    assert "annotations.xml" in told.value.detail


def test_a_tag_counts_before_shapes(tmp_path):
    body = (
        '<image id="0" name="a"><box label="x"/><tag label="y"/></image><image id="1" name="b"><box label="x"/></image>'
    )
    (tmp_path / "a.xml").write_text(xml(body))
    assert cvat.read(tmp_path / "a.xml") == [("a", "y"), ("b", "x")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name,class\na.png,cat\n", [("a.png", "cat")]),
        ("\ufeffLabel;File\r\ncat;a.png\r\n", [("a.png", "cat")]),
        ("a.png\tcat\nb.png\t\n", [("a.png", "cat")]),
        ('id,filename,x,label\n1,"a, b.png",9,"big ""cat"""\n', [("a, b.png", 'big "cat"')]),
        ("", []),
    ],
)
def test_tables_of_all_sorts_are_read(tmp_path, text, found):
    (tmp_path / "a.csv").write_text(text, "utf-8", newline="")
    assert csv_file.read(tmp_path / "a.csv") == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,class\na.png,cat\na.png,dog\n", "line 3: 'a.png' stood further up with the class 'cat'"),
        ("name,class\na.png\n", "line 2: its name or class is missing"),
        ("a.png,cat,1\n", "line 1: its name or class is missing"),
    ],
)
def test_a_fault_of_a_table_is_told_with_its_line(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ExchangeMalformed, match=f"a.csv: {said}"):
        csv_file.read(tmp_path / "a.csv")


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    (tmp_path / "a.csv").write_text("before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PathNotWritable, match=r"a\.csv' can't be written: No space left on device"):
        write_text(tmp_path / "a.csv", "after")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "before"

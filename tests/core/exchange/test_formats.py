"""COCO, CVAT, CSV and folders: there and back, and what is wrong with a file."""

import json
import os
import zipfile

import pytest
from hypothesis import given, settings
from PIL import Image

from nextlabel.core.data.places import place_at
from nextlabel.core.errors import ExchangeMalformed, Inexpressible, PathNotWritable
from nextlabel.core.exchange import coco, csv_file, cvat, image_folder
from nextlabel.core.exchange.answers import labels_of
from nextlabel.core.exchange.entries import Entry
from nextlabel.core.exchange.files import write_json, write_text
from tests.core.exchange.names import ENTRIES, imported, pairs

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
    assert imported(coco.read(file)) == pairs(entries)


@given(entries=ENTRIES)
def test_cvat_gives_labels_back_in_their_order(tmp_path_factory, entries):
    file = tmp_path_factory.mktemp("cvat") / "annotations.xml"
    said = "".join(name + class_name for name, class_name in pairs(entries))
    if "\ufffe" in said or "\uffff" in said:
        with pytest.raises(Inexpressible, match="XML has no place for"):
            cvat.document(entries)
        return
    write_text(file, cvat.document(entries))
    assert imported(cvat.read(file)) == pairs(entries)


@given(entries=ENTRIES)
def test_csv_gives_labels_back_in_their_order(tmp_path_factory, entries):
    file = tmp_path_factory.mktemp("csv") / "labels.csv"
    write_text(file, csv_file.document(entries))
    assert imported(csv_file.read(file)) == pairs(entries)


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
    assert not entries or sorted(imported(image_folder.read(folder / "out"))) == sorted(pairs(entries))


@pytest.mark.parametrize("format_", [coco, cvat, csv_file], ids=lambda module: module.__name__)
def test_rank_order_is_kept_and_images_without_a_class_are_left_out(tmp_path, format_):
    made, file = format_.document(RANKED), tmp_path / "file"
    write_text(file, made if isinstance(made, str) else json.dumps(made))
    ranked = [("b/2.png", "dog"), ("a.png", "cat"), ("1.png", "dog")]
    assert imported(format_.read(file), take_predictions=True) == ranked


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


def images(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_of_a_folder_that_nextlabel_filled_an_image_in_two_classes_is_told_of(tmp_path):
    images(tmp_path, "cat/a.png", "dog/a.png")
    with pytest.raises(ExchangeMalformed, match=r"cat/a.png and dog/a.png: 'a.png': it has several classes"):
        imported(image_folder.read(tmp_path, quoted=True))


def test_a_folder_of_others_keeps_its_folders_in_the_names_and_decodes_nothing(tmp_path):
    folder = images(
        tmp_path, "cat/0.jpg", "dog/0.jpg", "dog/red%20dog.jpg", "dog/a%2Fb.jpg", "loose.jpg", "no_label/c.jpg"
    )
    reading = image_folder.read(folder)
    found = labels_of(reading)
    assert found.pairs == [
        (name, name[:3]) for name in ("cat/0.jpg", "dog/0.jpg", "dog/a%2Fb.jpg", "dog/red%20dog.jpg")
    ]
    assert found.notes == [
        "names hold %2F or the like; if nextlabel filled the folder, say --quoted",
        "left out, as nothing says their class: 2 (loose.jpg, no_label/c.jpg)",
    ]


@pytest.mark.parametrize(("which", "class_name"), [("first", "train"), ("last", "cat"), ("all", "train/cat")])
def test_of_several_folders_it_is_asked_which_is_the_class(tmp_path, which, class_name):
    images(tmp_path, "train/cat/0.jpg")
    with pytest.raises(ExchangeMalformed, match=r"'train/cat/0\.jpg' lies several folders deep"):
        image_folder.read(tmp_path)
    assert imported(image_folder.read(tmp_path, class_folder=which)) == [("train/cat/0.jpg", class_name)]


def test_a_folder_of_others_is_not_written_into(tmp_path):
    images(tmp_path, "pool/a.png", "out/cat/b.png")
    with pytest.raises(Inexpressible, match="holds images of others"):
        image_folder.write([Entry("a.png", "cat")], place_at(tmp_path / "pool", [tmp_path]), tmp_path / "out")


def test_in_a_folder_a_proposed_class_is_taken_once_a_person_has_moved_the_image(tmp_path):
    images(tmp_path, "pool/a.png", "pool/b.png", "pool/c.png")
    proposed = [Entry("a.png", "cat"), Entry("b.png", "cat"), Entry("c.png", None)]
    image_folder.write(proposed, place_at(tmp_path / "pool", [tmp_path]), tmp_path / "out")
    for name, before in (("b.png", "cat"), ("c.png", "no_label")):
        (tmp_path / "out" / "dog").mkdir(exist_ok=True)
        (tmp_path / "out" / before / name).rename(tmp_path / "out" / "dog" / name)
    found = labels_of(image_folder.read(tmp_path / "out"))
    assert found.pairs == [("b.png", "dog"), ("c.png", "dog")]
    assert "1 (a.png); --take-predictions takes them" in found.notes[0]


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
        ({**GOOD, "annotations": [{"image_id": True, "category_id": 1}]}, r"annotations\[0\]: its `image_id` or"),
        ({**GOOD, "annotations": {"image_id": 1}}, r"annotations\[0\]: its `image_id` or"),
        (
            {**GOOD, "images": [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}], "annotations": []},
            r"images\[1\]: the id 1 stands for 'a.png' and 'b.png'; give each an id of its own",
        ),
        (
            {**GOOD, "categories": [*GOOD["categories"], {"id": 2, "name": "bird"}]},
            r"categories\[2\]: the id 2 stands for 'dog' and 'bird'",
        ),
        (
            {**GOOD, "annotations": [*GOOD["annotations"], {"id": 1, "image_id": 2, "category_id": 2}]},
            r"annotations\[2\]: the id 1 stands for two annotations",
        ),
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
        imported(coco.read(file))
    assert "instances.json" in told.value.detail


def test_rows_of_coco_that_stand_there_twice_do_no_harm(tmp_path):
    write_json(tmp_path / "joined.json", {part: rows * 2 for part, rows in GOOD.items() if isinstance(rows, list)})
    assert imported(coco.read(tmp_path / "joined.json"), take_predictions=True) == [("a.png", "cat"), ("b.png", "dog")]


def test_boxes_of_one_category_say_the_class_of_an_image(tmp_path):
    boxes = [{"id": at, "image_id": 2, "category_id": 1, "bbox": [0, 0, 1, 1]} for at in (1, 2)]
    write_json(tmp_path / "instances.json", {**GOOD, "annotations": boxes})
    reading = coco.read(tmp_path / "instances.json")
    assert imported(reading) == [("b.png", "cat")]
    assert reading.notes == ["2 boxes of it only gave their classes; --task detection takes boxes"]


def test_boxes_of_several_classes_on_an_image_lead_to_how_boxes_are_read(tmp_path):
    boxes = [{"id": at, "image_id": 2, "category_id": at, "bbox": [0, 0, 1, 1]} for at in (1, 2)]
    write_json(tmp_path / "instances.json", {**GOOD, "annotations": boxes})
    drawn = "".join(f'<box label="{one}" xtl="0" ytl="0" xbr="1" ybr="1"/>' for one in ("cat", "dog"))
    (tmp_path / "cvat.xml").write_text(xml(f'<image id="0" name="b.png">{drawn}</image>'))
    for reading in (coco.read(tmp_path / "instances.json"), cvat.read(tmp_path / "cvat.xml")):
        with pytest.raises(ExchangeMalformed, match=r"'b.png': it has several classes.*--task detection"):
            imported(reading)


def xml(body):
    return f"<annotations><version>1.1</version>{body}</annotations>"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<annotations>", "is not XML"),
        ("<a/>", "its root is <a>"),
        (xml('<track id="0"/>'), "is of a video"),
        (xml('<image id="0"/>'), "image no. 1: it has no name"),
        (xml('<image id="0" name="a.png"><tag/></image>'), "image no. 1: a <tag> has no label"),
        (xml('<image id="0" name="a.png"><tag label="x"/><tag label="y"/></image>'), r"several classes \('x', 'y'\)"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "document type"),
        (b"\xff\xfe", "the file is UTF-16"),
    ],
)
def test_a_fault_of_a_cvat_file_is_told_with_its_place(tmp_path, content, said):
    file = tmp_path / "annotations.xml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ExchangeMalformed, match=said) as told:
        imported(cvat.read(file))
    assert "annotations.xml" in told.value.detail


def test_a_tag_counts_before_shapes(tmp_path):
    body = (
        '<image id="0" name="a.png"><box label="x"/><tag label="y"/></image>'
        '<image id="1" name="b.png"><box label="x"/></image>'
    )
    (tmp_path / "a.xml").write_text(xml(body))
    assert imported(cvat.read(tmp_path / "a.xml")) == [("a.png", "y"), ("b.png", "x")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name,class\na.png,cat\n", [("a.png", "cat")]),
        ("\ufeffLabel;File\r\ncat;a.png\r\n", [("a.png", "cat")]),
        ("a.png\tcat\nb.png\t\n", [("a.png", "cat")]),
        ('id,filename,x,label\n1,"a, b.png",9,"big ""cat"""\n', [("a, b.png", 'big "cat"')]),
        ("cat;a.png\ndog;b.png\n", [("a.png", "cat"), ("b.png", "dog")]),
        ("sep=;\nname;class\na.png;cat\n", [("a.png", "cat")]),
        ('"sep=;"\r\n"a,1.png";cat\r\n', [("a,1.png", "cat")]),
        ("name;class\na.png;cat\n;\n;;;\n\n", [("a.png", "cat")]),
        ("name;class\na,1.png;cat,x\n", [("a,1.png", "cat,x")]),
        ("image_id,file_name,width,Label \n7,a.png,9,cat\n", [("a.png", "cat")]),
        ("File Name,Class Name\na.png,cat\na.png,cat\n", [("a.png", "cat")]),
        ("name,class,comment\na.png,cat,\nb.png,,why\n", [("a.png", "cat")]),
        ("name,class,predicted\na.png,cat,dog\nb.png,,dog\n", [("a.png", "cat")]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_of_all_sorts_are_read(tmp_path, text, found, encoding):
    (tmp_path / "a.csv").write_text(text, encoding, newline="")
    assert imported(csv_file.read(tmp_path / "a.csv")) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,class\na.png,cat\na.png,dog\n", r"line 2 and line 3: 'a.png': it has several classes \('cat', 'dog'\)"),
        ("name,class\na,b.png,cat\n", "line 2: it has 3 cells, where 2 belong"),
        ("name,class\na.png\n", "line 2: its name or class is missing"),
        ("a.png,cat,1\n", "line 1: its name or class is missing"),
    ],
)
def test_a_fault_of_a_table_is_told_with_its_line(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ExchangeMalformed, match=f"a.csv: {said}"):
        imported(csv_file.read(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    "header",
    ["Dateiname;Klasse", "a1;shirt", "filepath,ground_truth.label", "name,class,label", "label,label", "名前\tクラス"],
)
def test_a_header_that_leaves_open_which_columns_count_is_asked_about(tmp_path, header):
    file = tmp_path / "a.csv"
    separator = next(one for one in ";,\t" if one in header)
    columns = header.split(separator)
    file.write_text(f"{header}\n{separator.join(['a.png', 'cat', 'dog'][: len(columns)])}\n")
    with pytest.raises(ExchangeMalformed, match=f"They are called '{columns[0]}', .*--name-column, --class-column"):
        csv_file.read(file)
    if len(set(columns)) == len(columns):
        assert imported(csv_file.read(file, columns[0], columns[1])) == [("a.png", "cat")]


def test_a_quote_that_is_never_closed_does_not_swallow_what_follows(tmp_path):
    (tmp_path / "a.csv").write_text('name,class,note\na.png,cat,"\nb.png,dog,\n')
    with pytest.raises(ExchangeMalformed, match="line 3: unexpected end of data"):
        csv_file.read(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (("annotations.xml", "images/a.png"), None),
        (("a/annotations.xml", "__MACOSX/a/._annotations.xml"), None),
        (("a.xml", "b.xml"), "a.xml, b.xml"),
        (("images/a.png",), "no .json, .xml"),
    ],
)
def test_a_zip_is_read_where_it_holds_one_file_of_annotations(tmp_path, inside, said):
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as packed:
        for name in inside:
            packed.writestr(name, xml('<image id="0" name="a.png"><tag label="x"/></image>'))
    if said is None:
        assert imported(cvat.read(tmp_path / "task.zip")) == [("a.png", "x")]
    else:
        with pytest.raises(ExchangeMalformed, match=f"is a zip .* with {said}"):
            cvat.read(tmp_path / "task.zip")


def test_a_damaged_zip_is_told_of(tmp_path):
    (tmp_path / "task.zip").write_bytes(b"PK\x05\x06" + b"\0" * 18)
    with pytest.raises(ExchangeMalformed, match="is a zip"):
        cvat.read(tmp_path / "task.zip")


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    (tmp_path / "a.csv").write_text("before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PathNotWritable, match=r"a\.csv' can't be written: No space left on device"):
        write_text(tmp_path / "a.csv", "after")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "before"


def test_a_folder_of_labels_holds_images_alone_and_one_with_a_guess_its_mark_too(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("L", (8, 8)).save(tmp_path / name)
    place, out = place_at(tmp_path, [tmp_path]), tmp_path / "out"
    image_folder.write([Entry("a.png", "cat", given=True)], place, out)
    assert files_in(out) == ["cat/a.png"]
    assert imported(image_folder.read(out)) == [("a.png", "cat")]
    image_folder.write([Entry("a.png", "cat", given=True), Entry("b.png", "dog")], place, out)
    assert files_in(out) == [".nextlabel.json", "cat/a.png", "dog/b.png"]
    assert not (tmp_path / "out.nextlabel.json").exists()


def test_no_image_of_an_older_export_stays_beside_the_new_ones(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("L", (8, 8)).save(tmp_path / name)
    place, out = place_at(tmp_path, [tmp_path]), tmp_path / "out"
    image_folder.write([Entry("a.png", "cat", given=True), Entry("b.png", "dog", given=True)], place, out)
    changed = [Entry("a.png", "cat", given=True), Entry("b.png", "cat", given=True)]
    with pytest.raises(Inexpressible, match=r"of an older export .* 1 \(dog/b\.png\); remove them, or name a new"):
        image_folder.write(changed, place, out)
    (out / "dog" / "b.png").unlink()
    image_folder.write(changed, place, out)
    assert imported(image_folder.read(out)) == [("a.png", "cat"), ("b.png", "cat")]


def test_a_mark_beside_a_folder_is_of_that_folder_alone(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    out = tmp_path / "out"
    image_folder.write([Entry("a.png", "cat", given=True)], place_at(tmp_path, [tmp_path]), out)
    out.rename(tmp_path / "elsewhere")
    (out / "cat").mkdir(parents=True)
    Image.new("L", (8, 8)).save(out / "cat" / "0.png")
    assert imported(image_folder.read(out)) == [("cat/0.png", "cat")]


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- what is a person's, and what a model's ---------------------------------------------------------------------


def test_a_score_beside_a_class_tells_that_it_is_a_models_unless_its_column_is_said(tmp_path):
    file = tmp_path / "predictions.csv"
    file.write_text("name,label,score\na.png,cat,0.9\nb.png,dog,\n")
    assert imported(csv_file.read(file)) == [("b.png", "dog")]
    assert imported(csv_file.read(file, class_column="label")) == [("a.png", "cat"), ("b.png", "dog")]


def test_a_score_among_the_attributes_of_coco_tells_it_too(tmp_path):
    file = tmp_path / "labels.json"
    content = coco.document([Entry("a.png", "cat"), Entry("b.png", "dog")])
    content["annotations"][0]["attributes"] = {"score": 0.3}
    write_json(file, content)
    assert imported(coco.read(file)) == [("b.png", "dog")]


@pytest.mark.parametrize("source", ["auto", "AUTO"])
def test_a_persons_box_counts_before_a_models_tag(tmp_path, source):
    file = tmp_path / "annotations.xml"
    tag, box = f'<tag label="cat" source="{source}"/>', '<box label="dog" source="manual"/>'
    file.write_text(xml(f'<image id="0" name="a.png">{tag}{box}</image><image id="1" name="b.png">{tag}</image>'))
    assert imported(cvat.read(file)) == [("a.png", "dog")]


# --- text -------------------------------------------------------------------------------------------------------


def test_utf_16_that_is_cut_within_a_letter_is_told_of(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_bytes("name,class\na.png,dog\n".encode("utf-16")[:-3])
    with pytest.raises(ExchangeMalformed, match="is not UTF-16"):
        csv_file.read(file)


def test_a_key_that_stands_twice_in_an_object_is_told_of(tmp_path):
    file = tmp_path / "labels.json"
    file.write_text('{"images": [], "categories": [], "images": [{"id": 1, "file_name": "a.png"}]}')
    with pytest.raises(ExchangeMalformed, match=r"labels\.json': the key 'images' stands twice"):
        coco.read(file)


def test_two_columns_of_one_class_are_told_of(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("name,cat,cat\na.png,1,0\n")
    with pytest.raises(ExchangeMalformed, match="two of its columns are called 'cat'"):
        csv_file.read(file, several=True)

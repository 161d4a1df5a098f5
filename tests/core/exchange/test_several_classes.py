"""Several classes an image, out of other tools' files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given

from nextlabel.client.main import cli
from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange import coco, csv_file, cvat, label_studio
from nextlabel.core.exchange.answers import labels_of
from nextlabel.core.exchange.entries import Entry, classes_known_to, entries_of, without_class
from nextlabel.core.exchange.files import write_json, write_text
from nextlabel.core.exchange.image_urls import ImageUrls
from nextlabel.core.kinds.selection import MethodUsed, MultilabelSelectionItem, MultilabelSelectionResult
from nextlabel.core.tasks.registry import MULTILABEL
from tests.api.support import HEAD, MANIFEST
from tests.core.exchange.names import SETS

SAID = [("a.png", "cat"), ("a.png", "dog"), ("b.png", "cat")]


@pytest.fixture
def table(tmp_path):
    def write(*lines: str) -> Path:
        file = tmp_path / "table.csv"
        file.write_text("".join(f"{line}\n" for line in lines))
        return file

    return write


def pairs(file: Path) -> list[tuple[str, str]]:
    return labels_of(csv_file.read(file, several=True), task=MULTILABEL).pairs


@pytest.mark.parametrize(
    "lines",
    [
        ("name,class", "a.png,cat", "a.png,dog", "b.png,cat"),
        ("name,class", "a.png,cat|dog", "b.png,cat"),
        ("a.png,cat|dog", "b.png,cat"),
        ("filename;cat;dog", "a.png;1;1", "b.png;1;0"),
        ("image,cat,dog", "a.png,True,yes", "b.png,true,no"),
    ],
)
def test_a_row_a_class_a_cell_of_several_and_a_column_a_class_say_the_same(table, lines):
    assert pairs(table(*lines)) == SAID


def test_what_each_bar_was_taken_for_is_told(table):
    lines = ("name,class", "a.png,cat|dog", "b.png,C:\\dogs\\|cat", "c.png,cat|bird")
    reading = csv_file.read(table(*lines), several=True)
    assert reading.notes == [
        "| was taken to stand between two classes (times: 2), as in 'cat|dog'",
        r"\| was taken for a | in the name of a class (times: 1), as in 'C:\\dogs|cat'",
    ]


def test_an_image_without_a_1_has_been_looked_at_and_none_applies(table):
    assert pairs(table("name,cat,dog", "a.png,1,1", "b.png,0,0")) == [*SAID[:2], ("b.png", "")]


def test_an_empty_cell_for_all_classes_says_nothing(table):
    found = labels_of(csv_file.read(table("name,class", "a.png,cat|dog", "b.png,"), several=True), task=MULTILABEL)
    assert found.pairs == SAID[:2]
    assert "b.png" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("name,cat,dog", "a.png,1,maybe"), "neither that the image has the class"),
        (("name,cat,dog", "a.png,1,1", "a.png,0,0"), "none of the classes applies, and one that does"),
        (("name,cat,dog", "a.png,1"), "2 cells, where 3 belong"),
    ],
)
def test_a_column_a_class_that_leaves_something_open_is_refused(table, lines, says):
    with pytest.raises(ExchangeMalformed, match=says):
        pairs(table(*lines))


def test_every_tag_of_cvat_and_every_category_of_coco_counts(tmp_path):
    xml = tmp_path / "cvat.xml"
    xml.write_text(
        '<annotations><image id="0" name="a.png"><tag label="cat"/><tag label="dog"/></image>'
        '<image id="1" name="b.png"><tag label="cat"/></image></annotations>'
    )
    assert labels_of(cvat.read(xml), task=MULTILABEL).pairs == SAID
    document = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(("a.png", "b.png"))],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": i, "image_id": image, "category_id": category}
            for i, (image, category) in enumerate(((0, 1), (0, 2), (1, 1)))
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(document))
    assert labels_of(coco.read(tmp_path / "coco.json"), task=MULTILABEL).pairs == SAID


def export(tmp_path, *annotations: list[str]) -> Path:
    """A Label Studio project of `<Choices choice="multiple">`: each annotation of the one image, oldest first."""
    regions = [{"from_name": "choice", "to_name": "image", "type": "choices"}]
    made = [
        {
            "id": i,
            "updated_at": f"2026-01-0{i}T00:00:00Z",
            "result": [{**regions[0], "value": {"choices": said}}] if said else [],
        }
        for i, said in enumerate(annotations, 1)
    ]
    (tmp_path / "tasks.json").write_text(json.dumps([{"id": 1, "data": {"image": "/d/a.png"}, "annotations": made}]))
    return tmp_path / "tasks.json"


def from_label_studio(file: Path, **options) -> list[tuple[str, str]]:
    reading = label_studio.read_export(file, lambda url: url.removeprefix("/d/"), several=True, **options)
    return labels_of(reading, task=MULTILABEL).pairs


def test_all_choices_of_an_annotation_in_label_studio_count(tmp_path):
    assert from_label_studio(export(tmp_path, ["cat", "dog"])) == SAID[:2]
    assert from_label_studio(export(tmp_path, ["cat", "dog"], ["dog", "cat"])) == SAID[:2]


def test_annotations_that_say_different_classes_are_told_by_class_and_the_newest_may_count(tmp_path):
    file = export(tmp_path, ["cat", "dog"], ["cat"])
    with pytest.raises(
        ExchangeMalformed, match=r"contradict each other about 'dog'; settle it, or let the newest count"
    ):
        from_label_studio(file)
    assert from_label_studio(file, newest=True) == [("a.png", "cat")]


def test_the_command_writes_labels_that_a_job_of_the_task_reads(table, tmp_path):
    file, labels = table("name,cat,dog", "a.png,1,1", "b.png,0,0"), tmp_path / "labels.txt"
    ran = CliRunner().invoke(cli, ["import", "csv", str(file), "--labels", str(labels), "--task", "multilabel"])
    assert ran.exit_code == 0, ran.output
    assert MULTILABEL.read(labels).classes_by_name == {"a.png": ("cat", "dog"), "b.png": ()}


# --- there and back ---------------------------------------------------------------------------------------------


def lines(entries):
    """What labels files say of entries, but for images that none applies to."""
    return [(entry.name, class_name) for entry in entries for class_name in entry.classes or ()]


def back(reading):
    """What was imported. Where all that there is is that none applies, there is no answer in the file."""
    try:
        return labels_of(reading, task=MULTILABEL).pairs
    except ExchangeMalformed as error:
        assert "no answer found" in str(error)  # noqa: PT017
        return []


@given(entries=SETS)
def test_coco_gives_all_classes_back(tmp_path_factory, entries):
    file = tmp_path_factory.mktemp("coco") / "labels.json"
    write_json(file, coco.document(entries))
    assert back(coco.read(file)) == lines(entries)


@given(entries=SETS)
def test_cvat_gives_all_classes_back(tmp_path_factory, entries):
    file = tmp_path_factory.mktemp("cvat") / "annotations.xml"
    try:
        write_text(file, cvat.document(entries))
    except Inexpressible:
        assert any(one in "".join(map(repr, entries)) for one in ("\\ufffe", "\\uffff"))
        return
    assert back(cvat.read(file)) == lines(entries)


@given(entries=SETS)
def test_a_cell_gives_all_classes_back(tmp_path_factory, entries):
    file = tmp_path_factory.mktemp("csv") / "labels.csv"
    write_text(file, csv_file.document(entries))
    assert back(csv_file.read(file, several=True)) == lines(entries)


@given(entries=SETS)
def test_a_column_a_class_gives_back_that_none_applies_too(tmp_path_factory, entries):
    file = tmp_path_factory.mktemp("csv") / "labels.csv"
    try:
        write_text(file, csv_file.document_of_columns(entries))
    except Inexpressible as error:
        assert not lines(entries) or "above a column" in str(error)  # noqa: PT017
        return
    found = labels_of(csv_file.read(file, several=True), task=MULTILABEL).pairs
    expected = [(entry.name, name) for entry in entries for name in entry.classes or ("",)]
    assert sorted(found) == sorted(expected)


@given(entries=SETS)
def test_label_studio_gives_all_classes_back(tmp_path_factory, entries):
    file, urls = tmp_path_factory.mktemp("ls") / "tasks.json", ImageUrls("/data/local-files/?d=photos/")
    write_json(file, label_studio.tasks(entries, urls, label_studio.Control(), "v"))
    assert sorted(back(label_studio.read_export(file, urls.name, several=True))) == sorted(lines(entries))


def test_a_configuration_of_several_classes_lets_a_person_take_several():
    made = label_studio.config(["cat", "dog"], label_studio.Control(), several=True)
    assert 'choice="multiple"' in made
    assert label_studio.read_config(made).choices == ("cat", "dog")


def test_a_class_that_the_configuration_does_not_offer_is_no_half_an_answer():
    assert label_studio.Control(choices=("cat",)).result("cat", "dog") == []


def export_labels(tmp_path, *arguments: str):
    labels = tmp_path / "labels.txt"
    labels.write_text("a.png\tcat\na.png\tdog\nb.png\t\nc.png\tdog\n")
    more = ["--labels", str(labels), "--task", "multilabel", "--out", str(tmp_path / "out")]
    return CliRunner().invoke(cli, ["export", *arguments, *more])


@pytest.mark.parametrize("arguments", [["csv"], ["coco"], ["cvat"], ["label-studio", "--image-prefix", "/d/"]])
def test_what_a_format_can_t_say_is_counted_and_named(tmp_path, arguments):
    ran = export_labels(tmp_path, *arguments)
    assert ran.exit_code == 0, ran.output
    assert "that none of the classes applies" in ran.stderr
    assert "1 (b.png)" in ran.stderr


def test_a_column_a_class_is_written_when_asked_for(tmp_path):
    ran = export_labels(tmp_path, "csv", "--one-hot")
    assert ran.stderr == f"3 rows: {tmp_path / 'out'}\n"
    assert (tmp_path / "out").read_text().splitlines() == ["name,cat,dog", "a.png,1,1", "b.png,0,0", "c.png,0,1"]


def test_folders_are_refused_with_what_takes_several_classes(tmp_path):
    (tmp_path / "pool").mkdir()
    ran = export_labels(tmp_path, "image-folder", "--pool", str(tmp_path / "pool"))
    assert isinstance(ran.exception, Inexpressible)
    assert "for several, export csv, coco or cvat" in ran.exception.detail


def test_predictions_are_written_as_guesses_and_never_as_columns(tmp_path):
    proposed = [Entry("a.png", score=0.6, several=("cat", "dog")), Entry("b.png", score=0.7, several=())]
    assert csv_file.document(proposed).splitlines() == ["name,class,predicted", "a.png,,cat|dog", "b.png,,"]
    assert without_class(proposed) == ("b.png",)
    with pytest.raises(Inexpressible, match="what a model proposes"):
        csv_file.document_of_columns(proposed)
    (tmp_path / "guesses.csv").write_text(csv_file.document(proposed))
    reading = csv_file.read(tmp_path / "guesses.csv", several=True)
    assert labels_of(reading, task=MULTILABEL, take_predictions=True).pairs == SAID[:2]


def test_a_batch_of_several_classes_is_exported_in_its_order():
    item = {"score": 1.0, "cluster": None, "reason": "", "confidence": 0.5}
    items = [MultilabelSelectionItem(rank=rank, name=name, predicted=said, **item) for rank, name, said in BATCH]
    used = MethodUsed(asked="auto", name="uherding", why="")
    result = MultilabelSelectionResult(
        data=("b.png", "a.png"), items=tuple(items), method=used, candidates=2, head=HEAD, skipped=(), manifest=MANIFEST
    )
    assert [(entry.name, entry.classes, entry.given) for entry in entries_of(result)] == [
        ("b.png", ("cat", "dog"), False),
        ("a.png", (), False),
    ]
    assert classes_known_to(result) == HEAD.classes


BATCH = [(1, "b.png", ("cat", "dog")), (2, "a.png", ())]

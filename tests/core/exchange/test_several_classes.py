"""Several classes an image, out of other tools' files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nextlabel.client.main import cli
from nextlabel.core.errors import ExchangeMalformed
from nextlabel.core.exchange import coco, csv_file, cvat, label_studio
from nextlabel.core.exchange.answers import labels_of
from nextlabel.core.tasks.registry import MULTILABEL

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

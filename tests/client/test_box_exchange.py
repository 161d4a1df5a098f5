"""`nextlabel import`, `export` and `labels` with --task detection, on files alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from nextlabel.client.label_files import LabelsLost
from nextlabel.client.main import cli
from nextlabel.core.errors import ExchangeMalformed, Inexpressible, LabelsConflict
from nextlabel.core.tasks.registry import DETECTION

LINES = (
    '{"name": "a.jpg", "width": 100, "height": 50, "boxes": [{"class": "cat", "box": [10, 20, 30.5, 25]}]}\n'
    '{"name": "b c.jpg", "width": 60, "height": 80, "boxes": []}\n'
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """In a folder with a pool of two images and somebody's boxes on them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pool").mkdir()
    Image.new("RGB", (100, 50)).save(tmp_path / "pool" / "a.jpg")
    Image.new("RGB", (60, 80)).save(tmp_path / "pool" / "b c.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "boxes-anna.jsonl").write_text(LINES)

    def run(*arguments, code=0):
        ran = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert ran.exit_code == code, ran.output
        return ran.output

    return run


@pytest.mark.parametrize(
    ("format_", "task", "there", "pictures"),
    [
        ("coco", ["--task", "detection"], "annotations/instances_nextlabel.json", "images"),
        ("coco", ["--task", "detection"], "", "images"),
        ("cvat", ["--task", "detection"], "nextlabel.xml", "images"),
        ("cvat", ["--task", "detection"], "", "images"),
        ("yolo", [], "", "images"),
        ("yolo", ["--task", "detection"], "", "images"),
        ("voc", [], "", "JPEGImages"),
        ("voc", ["--task", "detection"], "", "JPEGImages"),
    ],
)
def test_boxes_go_out_with_their_images_and_come_back_byte_by_byte(run, tmp_path, format_, task, there, pictures):
    told = run("export", format_, "--labels", "labels", *task, "--out", "out", "--pool", "pool")
    assert "1 box on 2 images: out" in told
    assert (tmp_path / "out" / pictures / "b c.jpg").exists()
    told = run("import", format_, f"out/{there}", *task, "--labels", "new/boxes-x.jsonl", "--pool", "pool")
    assert "1 box on 2 images, 1 with nothing there" in told
    assert (tmp_path / "new" / "boxes-x.jsonl").read_text() == LINES
    told = run("labels", "convert", f"out/{there}", "converted.jsonl", "--task", "detection", "--pool", "pool")
    assert "read as " in told
    assert (tmp_path / "converted.jsonl").read_text() == LINES
    run("labels", "convert", "converted.jsonl", "again", "--task", "detection", "--to", format_)
    assert DETECTION.read(tmp_path / "converted.jsonl").names == {"a.jpg", "b c.jpg"}


def test_boxes_go_to_label_studio_and_back(run, tmp_path):
    prefix = ["--image-prefix", "/data/local-files/?d=photos/"]
    options = ["--task", "detection", *prefix]
    run("export", "label-studio", "--labels", "labels", *options, "--out", "tasks.json", "--config", "config.xml")
    assert '<Label value="cat"/>' in (tmp_path / "config.xml").read_text()
    run("import", "label-studio", "tasks.json", *options, "--labels", "new/boxes-x.jsonl")
    assert (tmp_path / "new" / "boxes-x.jsonl").read_text() == LINES


def test_boxes_that_are_there_are_not_lost(run):
    run("labels", "convert", "labels", "out", "--task", "detection", "--to", "voc")
    one, *_ = sorted(Path("out").rglob("*.xml"))
    target = ["--labels", "labels/boxes-anna.jsonl"]
    assert "is there already" in run("import", "voc", str(one), *target, code=2)
    with pytest.raises(LabelsLost, match=r"of its labels, 2, only 1 would be left[\s\S]*b c\.jpg"):
        run("import", "voc", str(one), *target, "--replace")


@pytest.mark.parametrize(("format_", "old"), [("voc", "Annotations/b c.xml"), ("yolo", "labels/b c.txt")])
def test_labels_that_were_taken_back_do_not_come_back_by_an_older_export(run, tmp_path, format_, old):
    export = ["export", format_, "--labels", "labels", "--out", "out"]
    run(*export)
    run(*export)
    (tmp_path / "labels" / "boxes-anna.jsonl").write_text(LINES.splitlines()[0])
    assert f"1 ({old}); remove them, or name a new folder" in " ".join(run(*export, code=2).split())
    (tmp_path / "out" / old).unlink()
    run(*export)


def test_images_without_boxes_do_not_stay_where_yolo_would_learn_that_nothing_is_there(run, tmp_path):
    export = ["export", "yolo", "--labels", "labels", "--out", "out", "--pool", "pool"]
    run(*export)
    (tmp_path / "labels" / "boxes-anna.jsonl").write_text(LINES.splitlines()[0])
    (tmp_path / "out" / "labels" / "b c.txt").unlink()
    assert "1 (b c.jpg); remove them, or name a new folder" in " ".join(run(*export, code=2).split())
    (tmp_path / "out" / "images" / "b c.jpg").unlink()
    run(*export)
    (tmp_path / "out" / "images" / "more.jpg").touch()
    assert "1 (more.jpg)" in run(*export[:-2], code=2)


@pytest.mark.parametrize(
    ("format_", "where"),
    [*((one, "pool/out") for one in ("coco", "cvat", "voc", "yolo")), ("voc", "labels"), ("yolo", ".")],
)
def test_nothing_is_written_among_the_images_or_the_labels(run, tmp_path, format_, where):
    before = sorted(tmp_path.rglob("*"))
    task = ["--task", "detection"] if format_ in ("coco", "cvat") else []
    told = run("export", format_, "--labels", "labels", *task, "--out", where, "--pool", "pool", code=2)
    convert = ["labels", "convert", "labels", where, "--task", "detection", "--to", format_, "--pool", "pool"]
    for said in (told, run(*convert, code=2)):
        assert "Name a place apart from it" in " ".join(said.split())
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_with_several_files_of_a_tool_asks_for_one(run, tmp_path):
    (tmp_path / "set" / "annotations").mkdir(parents=True)
    arguments = ["import", "coco", "set", "--task", "detection", "--labels", "new.jsonl"]
    with pytest.raises(ExchangeMalformed, match=r"holds no file of COCO; looked for annotations/instances_\*\.json"):
        run(*arguments)
    for name in ("instances_train.json", "instances_val.json"):
        (tmp_path / "set" / "annotations" / name).touch()
    with pytest.raises(ExchangeMalformed, match=r"instances_val\.json. Name the one to read"):
        run(*arguments)


@pytest.mark.parametrize("format_", ["coco", "cvat"])
def test_no_image_is_placed_outside_of_the_folder(run, tmp_path, format_):
    (tmp_path / "pool" / "deep").mkdir()
    (tmp_path / "labels" / "boxes-anna.jsonl").write_text(LINES.replace("a.jpg", "deep/../../../a.jpg"))
    arguments = ["--labels", "labels", "--task", "detection", "--out", "out", "--pool", "pool"]
    with pytest.raises(Inexpressible, match="leads out of the folder"):
        run("export", format_, *arguments)


def test_what_the_command_cannot_do_is_said(run):
    assert "has to end in .jsonl" in run("import", "voc", "labels", "--labels", "boxes.txt", code=2)
    assert "name them (--pool)" in run("import", "yolo", "labels", "--labels", "boxes.jsonl", code=2)
    assert "name them (--labels)" in run("export", "coco", "--task", "detection", "--out", "x", code=2)
    run("export", "coco", "--labels", "labels", "--task", "detection", "--out", "x")
    document = "x/annotations/instances_nextlabel.json"
    with pytest.raises(Inexpressible, match="is no file of boxes"):
        run("labels", "convert", document, "out", "--task", "detection", "--to", "voc")


def test_check_counts_boxes_and_names_what_is_worth_another_look(run, tmp_path):
    told = run("labels", "check", "labels", "--task", "detection", "--pool", "pool")
    assert "1 box on 2 images, 1 with nothing there; 1 class: cat" in told
    assert "2 of 2 images in pool are labelled" in told
    twice = [{"class": "cat", "box": [10, 20, 30, 25]}, {"class": "cat", "box": [10, 20, 30, 24.5]}]
    boxes = [*twice, {"class": "Cat", "box": [1, 1, 2, 9]}]
    line = json.dumps({"name": "a.jpg", "width": 100, "height": 50, "boxes": boxes})
    (tmp_path / "labels" / "boxes-anna.jsonl").write_text(line)
    (tmp_path / "labels" / "anna.txt").write_text("a.jpg\tcat\n")
    told = run("labels", "check", "labels", "--task", "detection")
    for words in (
        "seem to be drawn twice",
        "less than 3 pixels wide",
        "these look like one class: Cat, cat",
        "anna.txt",
    ):
        assert words in told
    (tmp_path / "labels" / "boxes-ben.jsonl").write_text(LINES.splitlines()[0])
    with pytest.raises(LabelsConflict, match=r"boxes-anna\.jsonl:1, and not in boxes-ben\.jsonl:1"):
        run("labels", "check", "labels", "--task", "detection")


@pytest.mark.usefixtures("run")
def test_check_tells_all_of_images_that_people_contradict_each_other_about_before_it_ends(tmp_path):
    for person, boxes in (("anna", [{"class": "cat", "box": [10, 20, 30, 25]}]), ("ben", [])):
        tiny = {"class": "Cat", "box": [1, 1, 2, 9]}
        other = {"name": "a.jpg", "width": 50, "height": 25, "boxes": boxes and [tiny]}
        line = {"name": "z.jpg ", "width": 100, "height": 50, "boxes": [*boxes, tiny]}
        (tmp_path / "labels" / f"boxes-{person}.jsonl").write_text(f"{json.dumps(line)}\n{json.dumps(other)}\n")
    told = CliRunner().invoke(cli, ["labels", "check", "labels", "--task", "detection", "--pool", "pool"])
    assert isinstance(told.exception, LabelsConflict)
    assert "'z.jpg ': 'cat at 10, 20" in told.exception.detail
    assert "2 classes: Cat, cat" in told.stdout
    for words in (
        "these look like one class: Cat, cat",
        "'z.jpg ' has a space at its beginning or end",
        "less than 3 pixels wide",
        "not in pool: z.jpg",
        "'a.jpg': its boxes were drawn on 50 x 25, and it is 100 x 50",
    ):
        assert words in told.stderr


def test_check_names_images_of_another_size_than_their_boxes_were_drawn_on_and_how_boxes_are_scaled(run, tmp_path):
    assert "another size" not in run("labels", "check", "labels", "--task", "detection", "--pool", "pool")
    Image.new("RGB", (200, 100)).save(tmp_path / "pool" / "a.jpg")
    (tmp_path / "pool" / "b c.jpg").write_bytes(b"no image")
    told = run("labels", "check", "labels", "--task", "detection", "--pool", "pool")
    assert "'a.jpg': its boxes were drawn on 100 x 50, and it is 200 x 100" in told
    assert "1 image of another size, which jobs leave out" in told
    assert "'b c.jpg': " in told
    assert "1 image can't be read" in told
    (tmp_path / "pool" / "b c.jpg").unlink()
    Image.new("RGB", (60, 80)).save(tmp_path / "pool" / "b c.jpg")
    run("export", "coco", "--task", "detection", "--labels", "labels", "--out", "out")
    run("import", "coco", "out", "--task", "detection", "--pool", "pool", "--labels", "new/boxes-x.jsonl")
    scaled = json.loads((tmp_path / "new" / "boxes-x.jsonl").read_text().splitlines()[0])
    assert (scaled["width"], scaled["boxes"][0]["box"]) == (200, [20, 40, 61, 50])


def test_check_names_a_few_images_that_cannot_be_read_and_counts_all(run, tmp_path):
    line = '{"name": "%d.jpg", "width": 9, "height": 9, "boxes": []}\n'
    (tmp_path / "labels" / "boxes-eva.jsonl").write_text("".join(line % number for number in range(9)))
    for number in range(9):
        (tmp_path / "pool" / f"{number}.jpg").write_bytes(b"no image")
    told = run("labels", "check", "labels/boxes-eva.jsonl", "--task", "detection", "--pool", "pool")
    assert told.count(".jpg': ") == 5
    assert "9 images can't be read" in told


def test_check_reads_images_as_large_as_the_environment_allows(run, monkeypatch):
    monkeypatch.setenv("NEXTLABEL_MAX_IMAGE_PIXELS", "1000")
    told = run("labels", "check", "labels", "--task", "detection", "--pool", "pool")
    assert "2 images can't be read" in told


def test_faults_of_another_tools_file_are_all_told_at_once(run, tmp_path):
    boxes = [[10, 20, -5, 5], [1e9, 1, 2, 2]]
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": i, "image_id": 1, "category_id": 1, "bbox": box} for i, box in enumerate(boxes)],
    }
    (tmp_path / "bad.json").write_text(json.dumps(document))
    with pytest.raises(ExchangeMalformed) as caught:
        run("import", "coco", "bad.json", "--task", "detection", "--labels", "new.jsonl")
    assert all(words in caught.value.detail for words in ("a box of -5 x 5", "lies mostly beyond"))
    assert not (tmp_path / "new.jsonl").exists()

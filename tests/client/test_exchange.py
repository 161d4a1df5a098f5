"""`nextlabel export` and `nextlabel import`, on files alone."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from nextlabel.client.label_files import LabelsLost
from nextlabel.client.main import cli
from nextlabel.core.errors import (
    ExchangeMalformed,
    Inexpressible,
    NoLabels,
    PathNotReadable,
    PathNotWritable,
    PathWrongKind,
)
from nextlabel.core.tasks.classification import read_labels
from tests.api.support import f1_result, selection_result

PREFIX = "/data/local-files/?d=photos/"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """In a folder with a pool of two images, their labels, and a batch of them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pool").mkdir()
    for name in ("a.png", "b c.png"):
        (tmp_path / "pool" / name).write_text(name)
    (tmp_path / "labels.txt").write_text("b c.png\tdog\na.png\tcat\n")
    (tmp_path / "batch.json").write_text(selection_result(("b c.png", "dog"), ("a.png", "cat")).model_dump_json())

    def run(*arguments, code=0):
        ran = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert ran.exit_code == code, ran.output
        return ran.output

    return run


FORMATS = pytest.mark.parametrize(
    ("format_", "out", "back"),
    [
        ("coco", ("--out", "out", "--pool", "pool"), "out/annotations/labels_nextlabel.json"),
        ("coco", ("--out", "out", "--pool", "pool"), "out"),
        ("cvat", ("--out", "out", "--pool", "pool"), "out/nextlabel.xml"),
        ("cvat", ("--out", "out", "--pool", "pool"), "out"),
        ("csv", ("--out", "out.csv"), "out.csv"),
        ("image-folder", ("--out", "out", "--pool", "pool"), "out"),
    ],
)


@FORMATS
@pytest.mark.parametrize("more", [(), ("--pool", "pool")])
def test_labels_that_are_exported_are_imported_again(run, format_, out, back, more):
    run("export", format_, "--labels", "labels.txt", *out)
    told = run("import", format_, back, "--labels", "back/labels.txt", *more)
    assert told == "2 labels of 2 classes: back/labels.txt\n"
    assert read_labels_in("back/labels.txt") == {"b c.png": "dog", "a.png": "cat"}


@FORMATS
def test_predictions_that_are_exported_come_back_as_labels_only_when_that_is_said(run, format_, out, back):
    run("export", format_, "--result", "batch.json", *out)
    arguments = ("import", format_, back, "--labels", "back.txt")
    with pytest.raises(ExchangeMalformed, match=r"a model proposed .*: 2 \(.*--take-predictions takes them"):
        run(*arguments)
    assert not Path("back.txt").exists()
    run(*arguments, "--take-predictions")
    assert read_labels_in("back.txt") == {"b c.png": "dog", "a.png": "cat"}


@FORMATS
def test_an_export_without_predictions_has_the_images_and_no_class(run, format_, out, back):
    run("export", format_, "--result", "batch.json", "--without-predictions", *out)
    with pytest.raises(ExchangeMalformed, match=r"nothing says their class: 2 \("):
        run("import", format_, back, "--labels", "back.txt", "--take-predictions")


def test_a_batch_goes_to_label_studio_without_predictions_in_its_order(run, tmp_path):
    arguments = ("export", "label-studio", "--result", "batch.json", "--out", "tasks.json", "--image-prefix", PREFIX)
    run(*arguments, "--without-predictions")
    predictions = [task["predictions"][0] for task in json.loads((tmp_path / "tasks.json").read_text())]
    assert [one["result"] for one in predictions] == [[], []]
    assert predictions[0]["score"] < predictions[1]["score"]


def read_labels_in(path):
    return dict(read_labels(Path(path)).classes_by_name)


def test_a_batch_goes_to_label_studio_with_a_configuration(run, tmp_path):
    told = run(
        "export", "label-studio", "--result", "batch.json", "--out", "tasks.json", "--image-prefix", PREFIX,
        "--config", "config.xml", "--class", "bird",
    )  # fmt: skip
    assert told == "2 tasks: tasks.json\n"
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert [task["data"]["image"] for task in tasks] == [f"{PREFIX}b%20c.png", f"{PREFIX}a.png"]
    assert tasks[0]["predictions"][0]["model_version"] == "nextlabel"
    choices = [one.get("value") for one in ElementTree.parse(tmp_path / "config.xml").iter("Choice")]
    assert choices == ["bird", "cat", "dog"]


def test_all_classes_of_the_labels_may_be_chosen_whichever_a_batch_shows(run, tmp_path):
    (tmp_path / "batch.json").write_text(selection_result(("a.png", "cat")).model_dump_json())
    arguments = ("--result", "batch.json", "--without-predictions", "--out")
    run("export", "label-studio", *arguments, "tasks.json", "--image-prefix", PREFIX, "--config", "config.xml")
    assert [one.get("value") for one in ElementTree.parse(tmp_path / "config.xml").iter("Choice")] == ["cat", "dog"]
    run("export", "cvat", *arguments, "out")
    assert [one.text for one in ElementTree.parse(tmp_path / "out" / "nextlabel.xml").iter("name")][1:] == [
        "cat",
        "dog",
    ]


@pytest.mark.parametrize(
    "which", [("--image-prefix", PREFIX), ("--pool", "pool"), ("--pool", "pool", "--image-prefix", PREFIX)]
)
def test_labels_go_to_label_studio_as_annotations_and_come_back(run, which):
    run("export", "label-studio", "--labels", "labels.txt", "--out", "tasks.json", "--image-prefix", PREFIX)
    run("import", "label-studio", "tasks.json", "--labels", "back.txt", *which)
    assert read_labels_in("back.txt") == {"b c.png": "dog", "a.png": "cat"}


def test_one_label_of_one_class_is_told_as_one(run):
    Path("one.csv").write_text("name,class\na.png,cat\n")
    assert run("import", "csv", "one.csv", "--labels", "one.txt") == "1 label of 1 class: one.txt\n"


def test_a_labels_file_is_replaced_only_when_that_is_said(run):
    arguments = ["import", "csv", "a.csv", "--labels", "labels.txt"]
    run("export", "csv", "--labels", "labels.txt", "--out", "a.csv")
    assert "labels.txt is there already; name another file, or say --replace" in run(*arguments, code=2)
    run(*arguments, "--replace")


def test_a_home_that_the_shell_left_alone_is_the_users(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "anna"))
    (tmp_path / "anna").mkdir()
    run("export", "csv", "--labels", "labels.txt", "--out=~/a.csv")
    run("import", "csv", "~/a.csv", "--labels=~/labels/a.txt", "--pool", "pool")
    assert read_labels_in("anna/labels/a.txt") == {"b c.png": "dog", "a.png": "cat"}
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("class_name", ["cat\u200b", "\u2060", "Schmet\xadterling"])
@FORMATS
def test_of_every_format_a_class_with_what_nobody_sees_is_a_fault(run, format_, out, back, class_name):
    (Path("labels.txt")).write_text(f"b c.png\tdog\na.png\tcat{class_name}\n".replace("cat\u2060", "\u2060x"))
    run("export", format_, "--labels", "labels.txt", *out)
    with pytest.raises(ExchangeMalformed, match="nobody sees"):
        run("import", format_, back, "--labels", "back.txt")


def test_where_there_is_no_room_that_is_told_and_a_device_stays_one(run):
    with pytest.raises(PathNotWritable, match=r"No space left on device\. Free some room"):
        run("export", "csv", "--labels", "labels.txt", "--out", "/dev/full")
    assert Path("/dev/full").is_char_device()


def test_an_export_tells_which_files_of_the_folder_are_nobodys(run):
    Path("team").mkdir()
    for name in ("anna.txt", "anna (1).txt"):
        (Path("team") / name).write_text("a.png\tcat\n")
    assert "not read, as they " in (told := run("export", "csv", "--labels", "team", "--out", "a.csv"))
    assert told.endswith(": anna (1).txt\n1 row: a.csv\n")
    with pytest.raises(NoLabels, match=r"not read were 'anna \(1\).txt', 'anna.txt': they hold classes and no boxes"):
        run("export", "coco", "--task", "detection", "--labels", "team", "--out", "coco")


def test_labels_are_brought_in_neither_among_images_nor_in_the_place_of_a_folder(run):
    run("export", "csv", "--labels", "labels.txt", "--out", "a.csv")
    Path("team").mkdir()
    before = sorted(Path().rglob("*"))
    for labels in ("pool", "pool/anna.txt"):
        with pytest.raises(PathWrongKind, match=r"holds images\. Labels want a folder of their own"):
            run("import", "csv", "a.csv", "--labels", labels, "--replace")
    told = " ".join(run("import", "csv", "a.csv", "--labels", "team", code=2).split())
    assert "team is a folder: name the file in it that is to be written, as team/imported.txt" in told
    assert sorted(Path().rglob("*")) == before


NOTHING = json.dumps({"images": [{"id": 1, "file_name": "a.png"}], "categories": [], "annotations": []})


@pytest.mark.parametrize(
    "words",
    [
        ("csv", "--labels", "labels.txt", "--out", "labels.txt"),
        ("csv", "--labels", "team", "--out", "team/a.csv"),
        ("image-folder", "--labels", "labels.txt", "--pool", "pool", "--out", "pool/by-class"),
        ("coco", "--labels", "labels.txt", "--pool", "pool", "--out", "pool"),
        ("cvat", "--result", "batch.json", "--pool", "pool", "--out", "pool/out"),
        (
            "label-studio",
            "--labels",
            "team",
            "--out",
            "a.json",
            "--image-prefix",
            "x/",
            "--config",
            "team/classes.json",
        ),
        ("csv", "--result", "batch.json", "--out", "team/b.csv"),
        ("csv", "--labels", "team/anna.txt", "--out", "team/b.csv"),
        ("image-folder", "--labels", "team", "--pool", "pool", "--out", "."),
    ],
)
def test_nothing_is_written_among_the_images_or_the_labels(run, tmp_path, words):
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "anna.txt").write_text("a.png\tteam\n")
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    assert "Name a place apart from it" in " ".join(run("export", *words, code=2).split())
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    "words",
    [
        ("coco", "--labels", ".", "--out", "for-coco"),
        ("coco", "--labels", "team", "--pool", "pool", "--out", "team/for-coco"),
        ("label-studio", "--labels", "team", "--out", "team/tasks.json", "--image-prefix", "x/"),
        ("csv", "--labels", "labels.txt", "--out", "again.csv"),
        ("csv", "--labels", "team", "--out", "pool/again.csv"),
    ],
)
def test_what_counts_for_nobodys_labels_and_is_no_image_of_the_pool_is_written_anywhere(run, tmp_path, words):
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "anna.txt").write_text("a.png\tcat\n")
    run("export", *words)
    assert read_labels_in("team") == {"a.png": "cat"}


def test_labels_are_not_replaced_by_none_nor_by_fewer_unless_that_is_said(run, tmp_path):
    before = (tmp_path / "labels.txt").read_bytes()
    (tmp_path / "none.json").write_text(NOTHING)
    for file in ("none.json", "empty.csv"):
        (tmp_path / "empty.csv").touch()
        with pytest.raises(ExchangeMalformed, match="no answer found in it"):
            run("import", "csv" if "csv" in file else "coco", file, "--labels", "labels.txt", "--replace", "--yes")
    (tmp_path / "one.csv").write_text("name,class\na.png,cat\n")
    arguments = ("import", "csv", "one.csv", "--labels", "labels.txt", "--replace")
    with pytest.raises(LabelsLost, match=r"of its labels, 2, only 1 would be left.*These would go: b c\.png.*--yes"):
        run(*arguments)
    assert (tmp_path / "labels.txt").read_bytes() == before
    run(*arguments, "--yes")
    assert read_labels_in("labels.txt") == {"a.png": "cat"}


@pytest.mark.parametrize("content", ["a.png\tcat\na.png\tdog\nb.png\tdog\n", "a.png,cat\n"])
def test_a_file_of_labels_that_is_at_odds_with_itself_is_not_replaced_either(run, tmp_path, content):
    (tmp_path / "labels.txt").write_text(content)
    (tmp_path / "one.csv").write_text("name,class\na.png,cat\n")
    with pytest.raises(LabelsLost, match="--yes"):
        run("import", "csv", "one.csv", "--labels", "labels.txt", "--replace")
    assert (tmp_path / "labels.txt").read_text() == content


@FORMATS
def test_of_every_format_a_name_that_the_pool_does_not_have_is_a_fault(run, tmp_path, format_, out, back):
    (tmp_path / "labels.txt").write_text("b c.png\tdog\nd.png\tcat\n")
    (tmp_path / "other").mkdir()
    for name in ("b c.png", "d.png"):
        (tmp_path / "other" / name).touch()
    run("export", format_, "--labels", "labels.txt", *("other" if one == "pool" else one for one in out))
    with pytest.raises(ExchangeMalformed, match=r"the pool has no image 'd\.png'"):
        run("import", format_, back, "--labels", "back.txt", "--pool", "pool")
    assert not (tmp_path / "back.txt").exists()


def test_what_to_export_must_be_said_once(run):
    for given in ((), ("--labels", "labels.txt", "--result", "batch.json")):
        assert "one of --job, --result and --labels" in run("export", "csv", "--out", "a.csv", *given, code=2)
    told = run("import", "label-studio", "batch.json", "--labels", "back.txt", code=2)
    assert "one of --image-prefix and --pool" in told


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("coco",), "they hold boxes, which the task `detection` alone reads"),
        (("coco", "--task", "detection"), "nothing to export$"),
        (("yolo",), "nothing to export$"),
    ],
)
def test_nothing_is_exported_of_a_folder_without_labels_of_the_task(run, tmp_path, arguments, why):
    folder = tmp_path / "drawn"
    folder.mkdir()
    if "task" in why:
        (folder / "boxes-me.jsonl").write_text('{"name": "a.png", "width": 9, "height": 9, "boxes": []}\n')
    with pytest.raises(NoLabels, match=why):
        run("export", *arguments, "--labels", "drawn", "--out", "out")
    assert not (tmp_path / "out").exists()


def test_a_result_without_images_is_refused(run, tmp_path):
    for content in (f1_result().model_dump_json(), "{}"):
        (tmp_path / "other.json").write_text(content)
        with pytest.raises(Inexpressible):
            run("export", "csv", "--result", "other.json", "--out", "a.csv")


def test_an_image_that_is_not_in_the_pool_is_named(run, tmp_path):
    (tmp_path / "labels.txt").write_text("gone.png\tcat\n")
    with pytest.raises(PathNotReadable, match=r"gone\.png' can't be read: No such file"):
        run("export", "cvat", "--labels", "labels.txt", "--out", "out", "--pool", "pool")


def test_nothing_is_written_from_a_file_with_faults(run, tmp_path):
    (tmp_path / "a.csv").write_text("name,class\na.png,cat\na.png,dog\n")
    with pytest.raises(ExchangeMalformed, match="line 2 and line 3"):
        run("import", "csv", "a.csv", "--labels", "back.txt")
    assert not (tmp_path / "back.txt").exists()

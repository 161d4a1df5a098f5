"""`nextlabel export` and `nextlabel import`, on files alone."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from nextlabel.client.main import cli
from nextlabel.core.errors import ExchangeMalformed, Inexpressible, PathNotReadable
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


@pytest.mark.parametrize(
    ("format_", "out", "back"),
    [
        ("coco", ("--out", "out", "--pool", "pool"), "out/annotations/labels_nextlabel.json"),
        ("cvat", ("--out", "out", "--pool", "pool"), "out/nextlabel.xml"),
        ("csv", ("--out", "out.csv"), "out.csv"),
        ("image-folder", ("--out", "out", "--pool", "pool"), "out"),
    ],
)
@pytest.mark.parametrize("source", [("--labels", "labels.txt"), ("--result", "batch.json")])
def test_what_is_exported_is_imported_again(run, format_, out, back, source):
    run("export", format_, *source, *out)
    told = run("import", format_, back, "--labels", "back/labels.txt")
    assert told == "2 labels of 2 classes: back/labels.txt\n"
    assert read_labels_in("back/labels.txt") == {"b c.png": "dog", "a.png": "cat"}


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


@pytest.mark.parametrize("which", [("--image-prefix", PREFIX), ("--pool", "pool")])
def test_labels_go_to_label_studio_as_annotations_and_come_back(run, which):
    run("export", "label-studio", "--labels", "labels.txt", "--out", "tasks.json", "--image-prefix", PREFIX)
    run("import", "label-studio", "tasks.json", "--labels", "back.txt", *which)
    assert read_labels_in("back.txt") == {"b c.png": "dog", "a.png": "cat"}


def test_a_labels_file_is_replaced_only_when_that_is_said(run):
    arguments = ["import", "csv", "a.csv", "--labels", "labels.txt"]
    run("export", "csv", "--result", "batch.json", "--out", "a.csv")
    assert "labels.txt is there already; name another file, or say --replace" in run(*arguments, code=2)
    run(*arguments, "--replace")


def test_what_to_export_must_be_said_once(run):
    for given in ((), ("--labels", "labels.txt", "--result", "batch.json")):
        assert "one of --job, --result and --labels" in run("export", "csv", "--out", "a.csv", *given, code=2)
    told = run("import", "label-studio", "batch.json", "--labels", "back.txt", code=2)
    assert "one of --image-prefix and --pool" in told


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
    with pytest.raises(ExchangeMalformed, match="line 3"):
        run("import", "csv", "a.csv", "--labels", "back.txt")
    assert not (tmp_path / "back.txt").exists()

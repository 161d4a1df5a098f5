"""Our files -> datumaro, which CVAT's own import and export is made of -> its files -> ours: the same labels."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from nextlabel.client.main import cli
from nextlabel.core.data.boxes import Box, BoxedImage, write_lines
from nextlabel.core.tasks.classification import read_labels
from nextlabel.core.tasks.registry import DETECTION, MULTILABEL
from tests.api.support import selection_result
from tests.pools import class_of, draw

pytestmark = pytest.mark.timeout(300)
CONVERT = Path(__file__).with_name("convert.py")
#: (ours, datumaro's, the file or folder that it writes and we read)
FORMATS = {
    "coco": ("coco_labels", "annotations/labels_nextlabel.json"),
    "cvat": ("cvat", "nextlabel.xml"),
    "image-folder": ("imagenet", ""),
}


@pytest.fixture(scope="module")
def datumaro():
    python = os.environ.get("DATUMARO")
    if not python:
        pytest.skip("needs datumaro: `make test-exchange` installs it and says which Python has it")

    def convert(format_, source, target):
        command = [python, str(CONVERT), format_, str(source), str(target)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr[-3000:]
        return json.loads(ran.stdout.splitlines()[-1])

    return convert


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    draw(folder, red=3, green=2)
    draw(folder / "day one" / "ä%", blue=3)
    return folder


def names(pool):
    return sorted(str(path.relative_to(pool)) for path in pool.rglob("*.png"))


def run(*arguments):
    ran = CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False)
    assert ran.exit_code == 0, ran.output


@pytest.mark.parametrize("ours", FORMATS)
def test_labels_come_back_from_datumaro_as_they_went(datumaro, pool, tmp_path, ours):
    theirs, place = FORMATS[ours]
    (tmp_path / "labels.txt").write_text("".join(f"{name}\tclass {class_of(name)}\n" for name in names(pool)))
    run("export", ours, "--labels", tmp_path / "labels.txt", "--out", tmp_path / "out", "--pool", pool)
    understood = datumaro(theirs, tmp_path / "out", tmp_path / "again")
    assert understood["classes"] == ["class blue", "class green", "class red"]
    assert [classes for _, _, classes in understood["items"]] != []
    assert all(len(classes) == 1 for _, _, classes in understood["items"])
    more = ["--quoted"] if ours == "image-folder" else []  # datumaro leaves our mark behind
    run("import", ours, tmp_path / "again" / place, "--labels", tmp_path / "back.txt", *more)
    assert read_labels(tmp_path / "back.txt").classes_by_name == read_labels(tmp_path / "labels.txt").classes_by_name


@pytest.mark.parametrize("ours", ["coco", "cvat"])
def test_several_classes_an_image_come_back_as_they_went(datumaro, pool, tmp_path, ours):
    theirs, place = FORMATS[ours]
    said = {name: ("stripes", class_of(name)) for name in names(pool)[::2]}
    said |= {name: (class_of(name),) for name in names(pool)[1::2]}
    labels = [line for name, classes in said.items() for line in MULTILABEL.lines(name, classes)]
    (tmp_path / "labels.txt").write_text("".join(f"{line}\n" for line in labels))
    several = ["--task", "multilabel"]
    run("export", ours, "--labels", tmp_path / "labels.txt", "--out", tmp_path / "out", "--pool", pool, *several)
    understood = datumaro(theirs, tmp_path / "out", tmp_path / "again")
    assert sorted(len(classes) for _, _, classes in understood["items"]) == sorted(map(len, said.values()))
    run("import", ours, tmp_path / "again" / place, "--labels", tmp_path / "back.txt", *several)
    expected = MULTILABEL.read(tmp_path / "labels.txt").classes_by_name
    assert MULTILABEL.read(tmp_path / "back.txt").classes_by_name == expected


@pytest.mark.parametrize("ours", ["coco", "cvat"])
def test_rank_order_comes_back_too(datumaro, pool, tmp_path, ours):
    theirs, place = FORMATS[ours]
    ranked = sorted(names(pool), key=lambda name: name[::-1])
    assert ranked != sorted(ranked)
    (tmp_path / "result.json").write_text(
        selection_result(*((name, class_of(name)) for name in ranked)).model_dump_json()
    )
    run("export", ours, "--result", tmp_path / "result.json", "--out", tmp_path / "out", "--pool", pool, "--copy")
    datumaro(theirs, tmp_path / "out", tmp_path / "again")
    taken = ["--take-predictions"]
    run("import", ours, tmp_path / "again" / place, "--labels", tmp_path / "back.txt", *taken)
    assert list(read_labels(tmp_path / "back.txt").classes_by_name) == ranked


BOXES = {
    "coco": ("coco_instances", "annotations/instances_nextlabel.json"),
    "cvat": ("cvat", "nextlabel.xml"),
    "voc": ("voc_detection", ""),
    "yolo": ("yolo", ""),
}


@pytest.mark.parametrize("ours", BOXES)
def test_boxes_come_back_from_datumaro_to_the_pixel(datumaro, tmp_path, ours):
    """Images on which nothing is come back as such when it is told that all were looked at; datumaro leaves them out
    of VOC."""
    theirs, place = BOXES[ours]
    task, told = (["--task", "detection"], ["--empty-means", "looked-at"]) if ours in ("coco", "cvat") else ([], [])
    pool = tmp_path / "pool"
    pool.mkdir()
    for name in ("a.png", "b c.png", "empty.png"):
        Image.new("RGB", (103, 50)).save(pool / name)
    ace, dog = Box("ace of spades", 10, 20, 31, 25), Box("dog", 0, 0, 103, 50)
    images = {
        name: BoxedImage(103, 50, boxes)
        for name, boxes in {"a.png": (ace, dog), "b c.png": (dog,), "empty.png": ()}.items()
    }
    (tmp_path / "boxes.jsonl").write_text(write_lines(images.items()))
    run("export", ours, "--labels", tmp_path / "boxes.jsonl", *task, "--out", tmp_path / "out", "--pool", pool)
    datumaro(theirs, tmp_path / "out", tmp_path / "again")
    run("import", ours, tmp_path / "again" / place, "--labels", tmp_path / "back.jsonl", *task, "--pool", pool, *told)
    back = DETECTION.read(tmp_path / "back.jsonl").images
    assert back.keys() == images.keys() - ({"empty.png"} if ours == "voc" else set())
    for name, image in back.items():
        for got, drawn in zip(sorted(image.boxes), sorted(images[name].boxes), strict=True):
            assert got.class_name == drawn.class_name
            assert got[1:5] == pytest.approx(drawn[1:5], abs=0.001)

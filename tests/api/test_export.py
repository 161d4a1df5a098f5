"""Labels and predictions over HTTP, as files of other tools."""

from __future__ import annotations

import io
import zipfile

import pytest

from nextlabel.core.exchange import image_zip
from tests.api.test_errors import problem
from tests.canned_results import RESULTS


@pytest.fixture
def export(client, data):
    data.labels("labels.txt", "a.png\tcat\nb.png\tdog\n")

    def export(form, **what):
        return client.post("/export", json={"format": form, "path_to_labels": "labels.txt", **what})

    return export


def test_labels_come_as_each_tool_reads_them(export):
    csv = export("csv")
    assert csv.headers["Content-Disposition"] == 'attachment; filename="nextlabel-csv.csv"'
    assert csv.text.splitlines() == ["name,class", "a.png,cat", "b.png,dog"]
    coco = export("coco").json()
    assert [(one["image_id"], one["category_id"]) for one in coco["annotations"]] == [(1, 1), (2, 2)]
    assert '<tag label="dog" source="manual" />' in export("cvat").text
    tasks = export("label-studio", image_prefix="https://images.example/p").json()
    assert tasks[0]["data"] == {"image": "https://images.example/p/a.png"}
    assert tasks[1]["annotations"][0]["result"][0]["value"] == {"choices": ["dog"]}


def test_a_prediction_is_told_apart_from_a_persons_word(client, data, worker, export):
    job = client.post("/jobs", json=data.prediction).json()["id"]
    assert problem(export("csv", job=job))["code"] == "job_not_finished"
    worker.succeed(job, RESULTS["prediction"])
    assert export("csv", job=job).text.splitlines()[0] == "name,class,predicted"
    assert "score" in export("coco", job=job).json()["annotations"][0]


def test_that_none_applies_is_counted_where_a_format_can_not_say_it(data, export):
    data.labels("several.txt", "a.png\t\nb.png\tcat\nb.png\tdog\n")
    answer = export("csv", path_to_labels="several.txt", task="multilabel")
    assert answer.text.splitlines() == ["name,class", "a.png,", "b.png,cat|dog"]
    assert answer.headers["Nextlabel-Unsaid"] == "1"


def test_nothing_is_taken_away_that_people_contradict_each_other_about_or_that_is_not_there(data, export):
    data.labels("labels.txt", "a.png\tcat\na.png\tdog\n")
    assert problem(export("csv"))["code"] == "labels_conflict"
    data.labels("labels.txt", "")
    assert problem(export("csv"))["code"] == "no_labels"


def unpacked(answer):
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


def test_images_come_by_class_as_a_zip_whose_size_is_told_before(client, data, export, monkeypatch):
    (data.root / "pool" / "a.png").write_bytes(b"of a cat")
    data.labels("labels.txt", "a.png\tcat\nb.png\tdog\ngone.png\tdog\n")
    asked = {"path_to_labels": "labels.txt", "path_to_img": "pool"}
    told = {"images": 2, "bytes": 8, "missing": 1, "refused": None}
    assert client.post("/export/size", json=asked).json() == told
    files = unpacked(export("image-folder", path_to_img="pool"))
    assert {name: files[name] for name in ("cat/a.png", "dog/b.png")} == {"cat/a.png": b"of a cat", "dog/b.png": b""}
    assert files["_left_out.txt"] == b"gone.png\tit is not in the pool\n"
    monkeypatch.setattr(image_zip, "MOST_BYTES", 7)
    assert "nextlabel export image-folder" in client.post("/export/size", json=asked).json()["refused"]
    assert problem(export("image-folder", path_to_img="pool"))["code"] == "inexpressible"


def test_what_a_job_says_of_other_images_is_not_taken_for_a_pools(client, data, worker, export):
    job = client.post("/jobs", json=data.prediction).json()["id"]
    worker.succeed(job, RESULTS["prediction"])
    data.pool("other", "a.png")
    about = {"path_to_labels": "labels.txt", "path_to_img": "other", "job": job}
    for refused in (export("image-folder", **about), client.post("/export/size", json=about)):
        assert [one["pointer"] for one in problem(refused)["errors"]] == ["/job"]
    assert client.post("/export/size", json={**about, "path_to_img": "pool"}).json()["images"] == 2


def test_boxes_come_as_each_tool_reads_them(data, export):
    data.labels(
        "boxes-me.jsonl",
        '{"name": "a.png", "width": 10, "height": 20, "boxes": [{"class": "cat", "box": [1, 2, 3, 4]}]}\n',
    )
    how = {"path_to_labels": "boxes-me.jsonl", "task": "detection"}
    assert export("coco", **how).json()["annotations"][0]["bbox"] == [1, 2, 3, 4]
    assert "<box " in export("cvat", **how).text
    assert export("label-studio", **how).json()[0]["data"]["image"].endswith("a.png")
    assert unpacked(export("yolo", **how))["labels/a.txt"].startswith(b"0 0.25 0.2 ")
    assert b"<xmin>2</xmin>" in unpacked(export("voc", **how))["Annotations/a.xml"]


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("voc", ["a.jpg", "a.png"]),
        ("yolo", ["a.jpg", "a.png"]),
        ("voc", ["../../evil.jpg"]),
        ("yolo", ["../../evil.jpg"]),
    ],
)
def test_boxes_that_a_zip_has_no_place_for_are_refused_before_it_begins(data, export, form, names):
    lines = [f'{{"name": "{name}", "width": 10, "height": 20, "boxes": []}}\n' for name in names]
    data.labels("boxes-me.jsonl", "".join(lines))
    assert problem(export(form, path_to_labels="boxes-me.jsonl", task="detection"))["code"] == "inexpressible"


@pytest.mark.parametrize(
    ("form", "how", "where"),
    [
        ("yolo", {}, "/format"),
        ("image-folder", {"path_to_img": "pool", "task": "detection"}, "/format"),
        ("image-folder", {}, "/path_to_img"),
    ],
)
def test_a_format_that_can_not_hold_it_is_refused(export, form, how, where):
    assert [one["pointer"] for one in problem(export(form, **how))["errors"]] == [where]

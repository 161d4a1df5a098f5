"""Classes that change in everybody's labels, over HTTP."""

from __future__ import annotations

import pytest

from tests.api.test_errors import problem


@pytest.fixture
def labels(data):
    folder = data.root / "labels"
    folder.mkdir()
    (folder / "anna.txt").write_text("a.png\tcta\nb.png\tdog\n")
    (folder / "ben.txt").write_text("c.png\tcat\n")
    return folder


def test_a_class_is_renamed_merged_and_brought_back(client, labels):
    body = {"path_to_labels": "labels", "class": "cta", "to": "cat"}
    assert [one["pointer"] for one in problem(client.post("/labels/classes/change", json=body))["errors"]] == ["/to"]
    told = client.post("/labels/classes/change", json={**body, "merge": True}).json()
    assert told == {"path_to_labels": str(labels), "labels": {"anna.txt": 1}}
    counted = client.get("/labels", params={"path_to_labels": "labels"}).json()["classes"]
    assert counted == [{"class": "cat", "labels": 2}, {"class": "dog", "labels": 1}]
    assert client.post("/labels/classes/undo", json={"path_to_labels": "labels"}).json()["labels"] == {"anna.txt": 2}
    assert (labels / "anna.txt").read_text() == "a.png\tcta\nb.png\tdog\n"


def test_a_class_is_removed_and_one_that_is_not_there_is_refused(client, labels):
    body = {"path_to_labels": "labels", "class": "dog", "to": None}
    assert client.post("/labels/classes/change", json=body).json()["labels"] == {"anna.txt": 1}
    assert [one["pointer"] for one in problem(client.post("/labels/classes/change", json=body))["errors"]] == ["/class"]


def test_classes_are_declared_and_listed_with_the_key_of_each(client, labels):
    asked = {"path_to_labels": "labels"}
    seen = client.get("/labels/classes", params=asked).json()
    assert [(one["name"], one["key"], one["labels"]) for one in seen["classes"]] == [
        ("cat", "1", 1), ("cta", "2", 1), ("dog", "3", 1),
    ]  # fmt: skip
    etag = client.get("/labels", params=asked).headers["ETag"]
    body = {**asked, "version": seen["version"], "classes": [{"name": "dog", "key": "d", "colour": "#0A0"}]}
    put = client.put("/labels/classes", json=body)
    assert [(one["name"], one["key"], one["colour"], one["declared"]) for one in put.json()["classes"]] == [
        ("dog", "d", "#0a0", True), ("cat", "1", "", False), ("cta", "2", "", False),
    ]  # fmt: skip
    assert client.get("/labels/classes", params=asked).json() == put.json()
    assert client.get("/labels", params=asked).headers["ETag"] != etag  # so pages that look at labels look at them
    again = client.put("/labels/classes", json=body)
    assert (again.status_code, problem(again)["code"]) == (409, "classes_changed")


def test_classes_that_can_not_be_are_refused_at_their_place(client, labels):
    classes = [{"name": "a", "key": "1"}, {"name": "b", "key": "1"}, {"name": "c", "colour": "red"}]
    refused = problem(client.put("/labels/classes", json={"path_to_labels": "labels", "classes": classes}))
    assert [one["pointer"] for one in refused["errors"]] == ["/classes/2/colour", "/classes/1/key"]
    assert not (labels / "classes.json").exists()


def test_classes_may_be_declared_before_there_are_labels(client, data):
    body = {"path_to_labels": "new", "classes": [{"name": "cat"}]}
    assert client.put("/labels/classes", json=body).json()["classes"][0]["labels"] == 0
    assert client.get("/labels", params={"path_to_labels": "new"}).json()["left_out"] == []
    assert (data.root / "new" / "classes.json").is_file()

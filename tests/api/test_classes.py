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

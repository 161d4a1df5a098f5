"""Labels and predictions over HTTP, as files of other tools."""

from __future__ import annotations

import pytest

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

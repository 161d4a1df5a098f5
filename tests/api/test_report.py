"""A report over HTTP: of jobs that are done, about one pool."""

from __future__ import annotations

import pytest
from PIL import Image

from nextlabel.core.jobs.record import JobWarning
from tests.api.test_errors import problem
from tests.canned_results import BOXES_CHECK, RESULTS


@pytest.fixture
def ended(client, data, worker):
    def ended(kind):
        job = client.post("/jobs", json=getattr(data, kind)).json()
        worker.succeed(job["id"], RESULTS[kind])
        return job["id"]

    return ended


def asked(client, jobs, pool="pool"):
    return client.post("/report", json={"path_to_img": pool, "path_to_labels": "labels.txt", "jobs": jobs})


def test_a_report_is_html_of_the_jobs_that_were_named_with_pictures(client, data, ended):
    Image.new("RGB", (300, 200), "red").save(data.root / "pool" / "a.png")
    answer = asked(client, [ended(kind) for kind in ("label_check", "f1", "map")])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!doctype html>")
    assert "data:image/jpeg;base64," in answer.text
    assert "2 labelled images (labels 2)" in answer.text
    assert answer.text.count("<svg") == 3
    assert "Looked at 1 of 2 images" in answer.text  # the other is none


def test_it_tells_what_its_jobs_warned_of(client, data, worker):
    job = client.post("/jobs", json=data.map).json()
    claim = worker.claim(job["id"])
    warning = JobWarning(code="label_without_image", detail="not in the pool", count=1, names=("photos/a.png",))
    assert worker.store.report(claim, None, (warning,))
    worker.succeed(job["id"], RESULTS["map"], claim)
    assert "<li>not in the pool (photos/a.png)</li>" in asked(client, [job["id"]]).text


def test_a_job_about_other_images_is_no_part_of_it(client, data, ended):
    data.pool("other", "a.png")
    job = ended("map")
    refused = asked(client, [job], pool="other")
    assert [fault["pointer"] for fault in problem(refused)["errors"]] == ["/jobs/0"]


def test_a_job_that_is_not_there_or_not_done_is_told(client, data):
    assert asked(client, ["job_01a216eb3484e24763b56b42e23c"]).status_code == 404
    waiting = client.post("/jobs", json=data.map).json()["id"]
    assert problem(asked(client, [waiting]))["code"] == "job_not_finished"


def test_of_boxes_it_is_made_of_jobs_about_boxes_alone(client, data, worker, ended):
    Image.new("RGB", (300, 200), "red").save(data.root / "pool" / "a.png")
    line = '{"name": "a.png", "width": 300, "height": 200, "boxes": [{"class": "cat", "box": [1, 2, 30, 40]}]}\n'
    (data.root / "boxes").mkdir()
    data.labels("boxes/boxes-anna.jsonl", line)
    places = {"path_to_img": "pool", "path_to_labels": "boxes", "task": "detection"}
    job = client.post("/jobs", json={"kind": "label_check", **places}).json()
    worker.succeed(job["id"], BOXES_CHECK)
    answer = client.post("/report", json={**places, "jobs": [job["id"]]})
    assert "1 labelled image with 1 box (anna 1)" in answer.text
    assert "data:image/jpeg;base64," in answer.text
    refused = client.post("/report", json={**places, "jobs": [job["id"], ended("map")]})
    assert [fault["pointer"] for fault in problem(refused)["errors"]] == ["/jobs/1"]

"""A pool over HTTP, a page at a time."""

from __future__ import annotations

import pytest

from tests.api.test_errors import problem
from tests.canned_results import RESULTS


@pytest.fixture
def look(client):
    def look(**query):
        return client.get("/pool", params={"path_to_img": "pool", "path_to_labels": "labels.txt", **query})

    return look


def test_images_come_with_their_labels_a_page_at_a_time_in_one_order(look, data):
    data.labels("labels.txt", "a.png\tcat\n")
    first = look(labelled="no", limit=1).json()
    assert [first[field] for field in ("total", "images")] == [1, 2]
    assert [(one["name"], one["classes"], one["person"]) for one in first["data"]] == [("b.png", None, None)]
    data.labels("labels.txt", "a.png\tcat\nb.png\tdog\n")
    again = look(labelled="no", view=first["view"]).json()
    assert again["view"] == first["view"]
    assert [(one["name"], one["classes"], one["person"]) for one in again["data"]] == [("b.png", ["dog"], "labels")]
    assert look(labelled="no").json()["total"] == 0
    assert look(labelled="no", view="unknown").json()["total"] == 0
    assert look(offset=1).json()["data"][0]["name"] == "b.png"


def test_what_was_settled_says_so_and_what_contradicts_itself(client, data):
    (data.root / "team").mkdir()
    data.labels("team/anna.txt", "a.png\tcat\nb.png\tcat\n")
    data.labels("team/ben.txt", "a.png\tdog\nb.png\tdog\n")
    data.labels("team/_settled.txt", "a.png\tdog\n")
    found = client.get("/pool", params={"path_to_img": "pool", "path_to_labels": "team"}).json()["data"]
    told = [[one[field] for field in ("classes", "person", "settled", "disputed")] for one in found]
    assert told == [[["dog"], None, True, False], [["cat"], "anna", False, True]]


def test_before_the_first_label_there_may_be_no_folder_of_them(look):
    assert look(path_to_labels="not-yet").json()["total"] == 2


def test_guesses_are_those_of_a_prediction_about_this_pool(client, data, worker, look):
    job = client.post("/jobs", json=data.prediction).json()["id"]
    assert problem(look(prediction=job))["code"] == "job_not_finished"
    worker.succeed(job, RESULTS["prediction"])
    found = look(prediction=job, predicted="dog").json()["data"]
    assert [(one["name"], one["predicted"]) for one in found] == [("b.png", ["dog"])]
    data.pool("other", "a.png")
    refused = look(prediction=job, path_to_img="other")
    assert [fault["pointer"] for fault in problem(refused)["errors"]] == ["?prediction"]
    other = client.post("/jobs", json=data.map).json()["id"]
    worker.succeed(other, RESULTS["map"])
    assert "predicts nothing" in problem(look(prediction=other))["errors"][0]["detail"]


def test_what_is_asked_for_wrongly_is_refused(look):
    assert look(sort="size").status_code == 422
    assert look(limit=100_000).status_code == 422
    assert problem(look(path_to_img="gone"))["code"] == "path_not_found"


def test_an_image_is_sought_by_name(look, data):
    data.labels("labels.txt", "a.png\tcat\n")
    assert look(seek="b.png").json()["sought"] == {"in_pool": True, "place": 1}
    assert look(seek="b.png", labelled="no").json()["sought"] == {"in_pool": True, "place": 0}
    assert look(seek="a.png", labelled="no").json()["sought"] == {"in_pool": True, "place": None}
    assert look(seek="c.png").json()["sought"] == {"in_pool": False, "place": None}
    assert look().json()["sought"] is None


def test_images_that_a_job_lists_or_a_lasso_on_a_map_holds_are_found(client, data, worker, look):
    one, other = (client.post("/jobs", json=asked).json()["id"] for asked in (data.map, data.prediction))
    worker.succeed(one, RESULTS["map"])
    worker.succeed(other, RESULTS["prediction"])
    drawn = RESULTS["map"]
    (x, y), name = (drawn.x[0], drawn.y[0]), drawn.names[0]
    around = f"{x - 0.01},{y - 0.01},{x + 0.01},{y - 0.01},{x + 0.01},{y + 0.01},{x - 0.01},{y + 0.01}"
    assert [image["name"] for image in look(of_job=one, lasso=around).json()["data"]] == [name]
    assert {image["name"] for image in look(of_job=one).json()["data"]} == {"a.png", "b.png"}
    for wrong in ({"lasso": around}, {"of_job": one, "lasso": "1,2"}, {"of_job": other, "lasso": around}):
        assert problem(look(**wrong))["code"] == "invalid_request"
    data.pool("other", "a.png")
    for more in ({}, {"lasso": around}):
        refused = look(of_job=one, path_to_img="other", **more)
        assert [fault["pointer"] for fault in problem(refused)["errors"]] == ["?of_job"]

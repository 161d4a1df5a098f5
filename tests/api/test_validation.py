"""Images that are kept apart to validate by, over HTTP."""

from __future__ import annotations

import pytest

from tests.api.test_errors import problem


@pytest.fixture
def places(data):
    data.pool("four", "a.png", "b.png", "c.png", "d.png")
    return {"path_to_img": "four", "path_to_labels": "team"}


def test_images_are_kept_apart_found_and_given_up_again(client, data, places):
    told = client.post("/labels/validation", json={**places, "images": 2}).json()
    first, second = told["names"]
    assert (told["images"], told["labelled"]) == (2, 0)
    data.labels("team/anna.txt", f"{first}\tcat\n{second}\tdog\n")
    data.labels("team/ben.txt", f"{second}\tcat\n")
    assert client.get("/labels/validation", params=places).json() == {**told, "labelled": 1}
    found = {apart: client.get("/pool", params={**places, "apart": apart}).json()["data"] for apart in (True, False)}
    assert {image["name"] for image in found[True]} == {first, second}
    assert {image["name"] for image in found[False]} == {"a.png", "b.png", "c.png", "d.png"} - {first, second}
    assert [image["apart"] for image in found[True] + found[False]] == [True, True, False, False]
    labelled = client.get("/labels", params=places).json()
    assert (labelled["labels"], labelled["kept_apart"]) == (2, 2)
    assert client.post("/labels/validation", json={**places, "images": 0}).json()["names"] == []


@pytest.mark.parametrize(
    ("images", "why"), [(99_999, "of 4 images, at most 2"), (1, "2 images are kept apart already")]
)
def test_what_would_leave_nothing_to_learn_from_or_let_images_go_is_refused(client, data, places, images, why):
    told = client.post("/labels/validation", json={**places, "images": 2}).json()
    (fault,) = problem(client.post("/labels/validation", json={**places, "images": images}))["errors"]
    assert (fault["pointer"], why in fault["detail"]) == ("/images", True)
    assert client.get("/labels/validation", params=places).json() == told


def test_how_many_the_pool_allows_is_told(client, data, places):
    (data.root / "team").mkdir()
    assert client.get("/labels/validation", params=places).json()["most"] == 2
    for images, most in ((1, 2), (2, 2), (0, 2)):
        assert client.post("/labels/validation", json={**places, "images": images}).json()["most"] == most
        assert client.get("/labels/validation", params=places).json()["most"] == most
    assert client.get("/labels/validation", params={"path_to_labels": "team"}).json()["most"] is None


def test_names_of_another_pool_are_told_apart_and_do_not_count(client, data, places):
    names = client.post("/labels/validation", json={**places, "images": 2}).json()["names"]
    data.pool("other", "x.png", "y.png")
    other = {**places, "path_to_img": "other"}
    told = client.get("/labels/validation", params=other).json()
    assert (told["images"], told["names"], told["not_in_pool"], told["most"]) == (0, [], names, 1)
    assert client.post("/labels/validation", json={**other, "images": 1}).json()["images"] == 1
    assert client.get("/labels/validation", params={"path_to_labels": "team"}).json()["images"] == 3
    assert client.post("/labels/validation", json={**other, "images": 0}).json()["not_in_pool"] == names


def test_how_many_is_asked_within_reason(client, data):
    refused = client.post("/labels/validation", json={"path_to_img": "pool", "path_to_labels": "team", "images": -1})
    assert [one["pointer"] for one in problem(refused)["errors"]] == ["/images"]


def test_of_boxes_what_is_finished_counts(client, data, places):
    told = client.post("/labels/validation", json={**places, "images": 2, "task": "detection"}).json()
    line = '{"name": "%s", "width": 4, "height": 4, "boxes": []%s}\n'
    first, second = told["names"]
    data.labels("team/boxes-anna.jsonl", line % (first, "") + line % (second, ', "unfinished": true'))
    query = {**places, "task": "detection"}
    assert client.get("/labels/validation", params=query).json() == {**told, "labelled": 1}

"""Images that are kept apart to validate by, over HTTP."""

from __future__ import annotations

from tests.api.test_errors import problem


def test_images_are_kept_apart_found_and_given_up_again(client, data):
    (data.root / "team").mkdir()
    data.labels("team/anna.txt", "a.png\tcat\nb.png\tdog\n")
    data.labels("team/ben.txt", "b.png\tcat\n")
    places = {"path_to_img": "pool", "path_to_labels": "team"}
    told = client.post("/labels/validation", json={**places, "images": 2}).json()
    assert (told["images"], told["labelled"], sorted(told["names"])) == (2, 1, ["a.png", "b.png"])
    one = client.post("/labels/validation", json={**places, "images": 1}).json()
    assert client.get("/labels/validation", params={"path_to_labels": "team"}).json() == one
    found = {apart: client.get("/pool", params={**places, "apart": apart}).json()["data"] for apart in (True, False)}
    assert [image["name"] for image in found[True]] == one["names"]
    assert {image["name"] for image in found[False]} == {"a.png", "b.png"} - {*one["names"]}
    assert [image["apart"] for image in found[True] + found[False]] == [True, False]
    labelled = client.get("/labels", params=places).json()
    assert (labelled["labels"], labelled["kept_apart"]) == (2, 1)
    assert client.post("/labels/validation", json={**places, "images": 0}).json()["names"] == []


def test_how_many_is_asked_within_reason(client, data):
    refused = client.post("/labels/validation", json={"path_to_img": "pool", "path_to_labels": "team", "images": -1})
    assert [one["pointer"] for one in problem(refused)["errors"]] == ["/images"]


def test_of_boxes_what_is_finished_counts(client, data):
    (data.root / "team").mkdir()
    places = {"path_to_img": "pool", "path_to_labels": "team", "task": "detection"}
    line = '{"name": "%s", "width": 4, "height": 4, "boxes": []%s}\n'
    data.labels("team/boxes-anna.jsonl", line % ("a.png", "") + line % ("b.png", ', "unfinished": true'))
    told = client.post("/labels/validation", json={**places, "images": 2}).json()
    assert (told["images"], told["labelled"]) == (2, 1)
    query = {"path_to_labels": "team", "task": "detection"}
    assert client.get("/labels/validation", params=query).json() == told

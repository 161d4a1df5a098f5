"""Doubts and notes over HTTP."""

from __future__ import annotations

from tests.api.test_errors import problem


def test_a_doubt_is_listed_found_in_the_pool_and_no_label(client, data):
    (data.root / "team").mkdir()
    body = {"path_to_labels": "team", "person": "anna"}
    written = client.post("/labels/notes", json={**body, "notes": [{"name": "b.png", "unsure": True, "text": "dog?"}]})
    said = {"name": "b.png", "person": "anna", "unsure": True, "text": "dog?"}
    assert written.json() == {"unsure": 1, "texts": 1, "notes": [said]}
    asked = {"path_to_labels": "team"}
    assert client.get("/labels/notes", params=asked).json()["notes"] == [said]
    assert client.get("/labels/notes", params={**asked, "person": "ben"}).json()["notes"] == []
    assert client.get("/labels", params=asked).json()["labels"] == 0
    pool = {**asked, "path_to_img": "pool"}
    found = client.get("/pool", params={**pool, "noted": "unsure"}).json()
    assert [(one["name"], one["classes"], one["notes"]) for one in found["data"]] == [
        ("b.png", None, [{"name": "b.png", "person": "anna", "unsure": True, "text": "dog?"}])
    ]
    assert client.get("/pool", params={**pool, "noted": "any", "noted_by": "ben"}).json()["total"] == 0
    client.post("/labels/notes", json={**body, "notes": [{"name": "b.png"}]})
    assert client.get("/pool", params={**pool, "noted": "unsure"}).json()["total"] == 0


def test_the_etag_of_labels_changes_with_notes_so_that_pages_look(client, data):
    (data.root / "team").mkdir()
    before = client.get("/labels", params={"path_to_labels": "team"}).headers["ETag"]
    client.post("/labels/notes", json={"path_to_labels": "team", "notes": [{"name": "a.png", "unsure": True}]})
    assert client.get("/labels", params={"path_to_labels": "team"}).headers["ETag"] != before


def test_what_is_wrong_with_a_note_is_said_at_its_place(client, data):
    notes = [{"name": "a.png", "unsure": 1}, {"name": ""}]
    refused = client.post("/labels/notes", json={"path_to_labels": "team", "notes": notes})
    assert [one["pointer"] for one in problem(refused)["errors"]] == ["/notes/0/unsure", "/notes/1/name"]

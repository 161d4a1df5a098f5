"""Boxes over HTTP: what the page reads and writes while people draw."""

from __future__ import annotations

import pytest
from PIL import Image

from nextlabel.core.jobs.hand_outs import HandOuts
from nextlabel.core.kinds.projects import project_of
from tests.api.test_errors import problem


@pytest.fixture
def drawn(client, data):
    """Write and read what is drawn on two images, one of which is stored lying and shown upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40), "teal").save(data.root / "pool" / "turned.jpg", exif=exif)
    Image.new("RGB", (60, 40), "teal").save(data.root / "pool" / "plain.png")
    places = {"path_to_labels": "boxes", "path_to_img": "pool"}

    class Drawn:
        def give(self, name, boxes, version="", **more):
            image = {"name": name, "boxes": boxes, "version": version}
            image |= {key: more.pop(key) for key in ("unfinished",) if key in more}
            return client.post("/labels/boxes", json={**places, "images": [image], **more})

        def settle(self, name, boxes, version="", **more):
            image = {"name": name, "boxes": boxes, "version": version, **more}
            return client.post("/labels/boxes/settle", json={**places, "images": [image]})

        def of(self, *names):
            return client.get("/labels/boxes/images", params={**places, "of": names}).json()["images"]

        def counts(self, **headers):
            return client.get("/labels/boxes", params={"path_to_labels": "boxes"}, headers=headers)

    return Drawn()


CAT = {"class": "cat", "box": [1, 2, 30.5, 35]}


def test_boxes_are_given_in_pixels_of_the_upright_image_read_counted_and_taken_back(drawn, data):
    written = drawn.give("turned.jpg", [CAT])
    assert written.status_code == 200
    assert (written.json()["person"], written.json()["file"]) == ("me", "boxes-me.jsonl")
    assert (data.root / "boxes" / "boxes-me.jsonl").read_text() == (
        '{"name": "turned.jpg", "width": 40, "height": 60, "boxes": [{"class": "cat", "box": [1, 2, 30.5, 35]}]}\n'
    )
    turned, plain, gone = drawn.of("turned.jpg", "plain.png", "gone.png")
    assert (turned["width"], turned["height"]) == (40, 60)
    (mine,) = turned["drawings"]
    assert mine["version"] == written.json()["versions"]["turned.jpg"]
    assert (mine["person"], mine["boxes"], mine["unfinished"]) == ("me", [{**CAT, "crowd": False}], False)
    assert (plain["width"], plain["drawings"]) == (60, [])
    assert (gone["width"], gone["drawings"]) == (None, [])

    drawn.give("plain.png", [], person="anna")
    counts = drawn.counts()
    assert counts.json() == {
        "labels": 2,
        "kept_apart": 0,
        "nothing_here": 1,
        "unfinished": 0,
        "classes": [{"class": "cat", "labels": 1}],
        "people": [
            {"person": "anna", "file": "boxes-anna.jsonl", "labels": 1},
            {"person": "me", "file": "boxes-me.jsonl", "labels": 1},
        ],
        "conflicts": [],
        "settled": [],
        "left_out": [],
    }
    assert drawn.counts(**{"If-None-Match": counts.headers["ETag"]}).status_code == 304
    assert drawn.give("turned.jpg", None, mine["version"]).json()["versions"] == {"turned.jpg": ""}
    assert drawn.counts().json()["labels"] == 1


def test_images_that_are_kept_apart_are_counted_besides(drawn, client):
    drawn.give("plain.png", [CAT])
    drawn.give("turned.jpg", [CAT])
    before = drawn.counts()
    apart = {"path_to_img": "pool", "path_to_labels": "boxes", "images": 1, "task": "detection"}
    assert client.post("/labels/validation", json=apart).status_code == 200
    now = drawn.counts(**{"If-None-Match": before.headers["ETag"]}).json()
    assert (now["labels"], now["kept_apart"]) == (2, 1)


def test_two_tabs_and_two_people_lose_nothing(drawn):
    seen = drawn.give("plain.png", [CAT]).json()["versions"]["plain.png"]
    assert drawn.give("plain.png", [], seen).status_code == 200
    late = drawn.give("plain.png", [CAT, CAT], seen)
    assert (late.status_code, problem(late)["code"]) == (409, "boxes_changed")
    assert problem(late)["errors"][0]["pointer"] == "/images/0/version"

    theirs = drawn.give("turned.jpg", [CAT], person="anna").json()["versions"]["turned.jpg"]
    refused = drawn.give("turned.jpg", [])
    assert (refused.status_code, problem(refused)["code"]) == (409, "labelled_otherwise")
    assert drawn.give("turned.jpg", [], unfinished=True).status_code == 200
    (mine,) = (one for one in drawn.of("turned.jpg")[0]["drawings"] if one["person"] == "me")
    replaced = drawn.give("turned.jpg", [], mine["version"], replace=[theirs])
    assert replaced.json()["replaced"] == {"turned.jpg": "1 cat"}


def test_what_people_drew_otherwise_is_settled_and_opened_again_and_their_files_stay(drawn, data):
    drawn.give("plain.png", [CAT], person="anna")
    drawn.give("plain.png", [], person="ben", keep_both=True)
    files = {file: file.read_bytes() for file in (data.root / "boxes").glob("boxes-*")}
    before = drawn.counts()
    (seen,) = drawn.of("plain.png")
    assert ([one["name"] for one in before.json()["conflicts"]], seen["settled"]) == (["plain.png"], None)
    settled = drawn.settle("plain.png", [CAT], seen["version"])
    assert (settled.status_code, settled.json()["file"]) == (200, "_settled.jsonl")
    counts = drawn.counts(**{"If-None-Match": before.headers["ETag"]}).json()
    assert (counts["conflicts"], counts["settled"], counts["classes"]) == (
        [],
        ["plain.png"],
        [{"class": "cat", "labels": 1}],
    )
    assert [one["labels"] for one in counts["people"]] == [1, 1]
    (now,) = drawn.of("plain.png")
    assert (now["settled"]["boxes"], now["drawings"]) == ([{**CAT, "crowd": False}], seen["drawings"])
    assert settled.json()["versions"] == {"plain.png": now["version"]}
    assert drawn.settle("plain.png", None, now["version"]).json()["versions"] == {"plain.png": seen["version"]}
    assert drawn.of("plain.png") == [seen]
    assert {file: file.read_bytes() for file in files} == files


def test_who_draws_otherwise_may_settle_it_so_over_what_was_seen(drawn, data):
    theirs = drawn.give("plain.png", [CAT], person="anna").json()["versions"]["plain.png"]
    file = data.root / "boxes" / "boxes-anna.jsonl"
    before = file.read_text()
    assert problem(drawn.give("plain.png", [], settle=True))["code"] == "labelled_otherwise"
    both = drawn.give("plain.png", [], settle=True, keep_both=True, replace=[theirs])
    assert (both.status_code, problem(both)["errors"][0]["pointer"]) == (422, "/keep_both")
    assert drawn.give("plain.png", [], settle=True, replace=[theirs]).json()["replaced"] == {}
    assert (file.read_text(), drawn.counts().json()["nothing_here"]) == (before, 1)


def test_what_was_drawn_meanwhile_or_on_another_size_or_by_nobody_is_not_settled(drawn):
    drawn.give("plain.png", [CAT], person="anna")
    late = drawn.settle("plain.png", [])
    assert (late.status_code, problem(late)["code"]) == (409, "boxes_changed")
    assert problem(late)["errors"][0]["pointer"] == "/images/0/version"
    (seen,) = drawn.of("plain.png")
    smaller = drawn.settle("plain.png", [CAT], seen["version"], width=30, height=20)
    assert (smaller.status_code, problem(smaller)["errors"][0]["pointer"]) == (422, "/images/0/width")
    nobodys = drawn.settle("turned.jpg", [CAT])
    assert (nobodys.status_code, problem(nobodys)["errors"][0]["pointer"]) == (422, "/images/0/name")
    assert (drawn.of("plain.png"), drawn.of("turned.jpg")[0]["settled"]) == ([seen], None)


def test_boxes_drawn_on_an_image_of_another_size_are_refused_where_that_is_said(drawn, client):
    images = [
        {"name": "turned.jpg", "boxes": [CAT], "width": 60, "height": 40},
        {"name": "plain.png", "boxes": [], "width": 60},
    ]
    body = {"path_to_img": "pool", "path_to_labels": "boxes", "images": images}
    refused = client.post("/labels/boxes", json=body)
    assert refused.status_code == 422
    (fault,) = problem(refused)["errors"]
    assert fault["pointer"] == "/images/0/width"
    assert fault["detail"] == "turned.jpg was drawn on as 60 x 40 pixels and has 40 x 60 by now: look at it again"
    images[0].update(width=40, height=60)
    assert client.post("/labels/boxes", json=body).status_code == 200


@pytest.mark.parametrize(
    ("boxes", "pointer"),
    [
        ([{**CAT, "box": [1, 2, 3]}], "/images/0/boxes/0/box/3"),
        ([{**CAT, "box": [1, 2, 0, 5]}], "/images/0/boxes/0/box"),
        ([CAT, {**CAT, "box": [50, 2, 30, 5]}], "/images/0/boxes/1/box"),
        ([{**CAT, "class": ""}], "/images/0/boxes/0/class"),
        ([{"box": [1, 2, 3, 4]}], "/images/0/boxes/0/class"),
    ],
)
def test_what_is_no_box_on_the_image_is_refused_with_its_place(drawn, boxes, pointer):
    refused = drawn.give("plain.png" if len(boxes) == 2 else "turned.jpg", boxes)
    assert (refused.status_code, problem(refused)["errors"][0]["pointer"]) == (422, pointer)


def test_an_image_with_3000_boxes_as_imports_bring_them_can_still_be_changed(drawn):
    many = [{**CAT, "box": [i % 50, i // 90, 5.25, 5.25]} for i in range(3_000)]
    written = drawn.give("plain.png", many)
    assert written.status_code == 200
    version = written.json()["versions"]["plain.png"]
    assert drawn.give("plain.png", many[:-1], version).status_code == 200
    (plain,) = drawn.of("plain.png")
    assert len(plain["drawings"][0]["boxes"]) == 2_999


def test_an_image_that_is_not_there_is_refused(drawn):
    refused = drawn.give("gone.png", [CAT])
    assert (refused.status_code, problem(refused)["code"]) == (404, "image_not_found")


def test_who_draws_is_at_work_on_their_batch(drawn, client, data, worker):
    (data.root / "boxes").mkdir()
    places = {"path_to_img": "pool", "path_to_labels": "boxes"}
    project = project_of("pool", "boxes", client.app.state.services.settings.data_roots)
    job_id = client.post("/jobs", json=data.selection).json()["id"]
    claim = worker.store.claim(job_id, process="w@host/1", token=job_id, lease_s=600)
    HandOuts(worker.store).hand_out(claim, project, "me", {"plain.png": 1, "turned.jpg": 1}, lease_s=60)
    drawn.give("plain.png", [CAT], unfinished=True)
    drawn.give("turned.jpg", [])
    (one,) = client.get("/hand-outs", params=places).json()["hand_outs"]
    assert (one["left"], one["labelled"]) == (1, 1)

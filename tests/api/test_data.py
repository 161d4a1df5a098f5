"""Folders, images and labels over HTTP: what the page asks for."""

from __future__ import annotations

import io
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from nextlabel.api.app import create_app
from nextlabel.api.routes.page import is_built
from nextlabel.core.keys import KeyFile, Scope
from tests.api.support import served, settings_for
from tests.api.test_errors import problem
from tests.images_that_are_dear import jpeg_of_many_scans
from tests.pools import draw, spoil


def code(answer):
    return answer.status_code, problem(answer)["code"]


# --- folders ----------------------------------------------------------------------------------------------------


def test_without_a_path_the_roots_are_listed(client, data):
    root = str(data.root.resolve())
    assert client.get("/folders").json() == {
        "path": None, "parent": None, "folders": [root], "files": [], "images": 0, "unread": {}, "more": False,
        "path_to_labels": None,
    }  # fmt: skip


def test_a_folder_lists_folders_and_labels_files_and_counts_images(client, data):
    (data.root / ".hidden").mkdir()
    (data.root / "out").symlink_to("/etc")
    data.labels("photo.jpg", "")
    data.labels("notes.md", "")
    listed = client.get("/folders", params={"path": str(data.root)}).json()
    root = str(data.root.resolve())
    assert (listed["folders"], listed["files"]) == ([f"{root}/pool"], [f"{root}/labels.txt"])
    assert (listed["images"], listed["parent"]) == (1, None)
    pool = client.get("/folders", params={"path": "pool"}).json()
    assert (pool["path"], pool["parent"], pool["images"]) == (f"{root}/pool", root, 2)


@pytest.mark.parametrize(
    ("path", "wrong"), [("/etc", "path_not_allowed"), ("gone", "path_not_found"), ("labels.txt", "path_wrong_kind")]
)
def test_what_may_not_be_listed_is_refused(client, path, wrong):
    assert code(client.get("/folders", params={"path": path})) == (422, wrong)


# --- images -----------------------------------------------------------------------------------------------------


def test_an_image_comes_as_a_jpeg_that_may_be_kept(client, data):
    draw(data.root / "drawn", red=1)
    asked = {"path_to_img": "drawn", "name": "red_0.png", "side": 160}
    answer = client.get("/images", params=asked)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (24, 24)
    assert answer.headers["Cache-Control"].startswith("private")
    assert client.get("/images", params=asked).content == answer.content
    known = client.get("/images", params=asked, headers={"If-None-Match": f"W/{answer.headers['ETag']}"})
    assert (known.status_code, known.content) == (304, b"")


def test_files_that_look_like_images_and_are_not_read_are_counted_by_suffix(client, data):
    data.pool("mixed", "a.jfif", "b.jxl", "c.JXL", "d.jpg_large", "e.jpg.txt", "f.avif")
    listed = client.get("/folders", params={"path": "mixed"}).json()
    assert (listed["images"], listed["unread"]) == (2, {".jpg…": 1, ".jxl": 2})


def test_images_that_are_too_dear_keep_no_other_waiting(data, settings):
    for number in range(4):
        (data.root / "pool" / f"dear_{number}.jpg").write_bytes(jpeg_of_many_scans(times=500 + number))
    Image.new("RGB", (40, 30), "teal").save(data.root / "pool" / "photo.png")
    patient = settings.model_copy(update={"decode_s": 2.0})
    with (
        served(create_app(patient)) as url,
        httpx.Client(base_url=url, timeout=30) as asked,
        ThreadPoolExecutor(9) as at,
    ):

        def ask(name):
            began = time.monotonic()
            answer = asked.get("/images", params={"path_to_img": "pool", "name": name}, timeout=30)
            return answer, time.monotonic() - began

        dear = [at.submit(ask, f"dear_{number}.jpg") for number in (0, 0, 1, 1, 2, 3)]
        time.sleep(0.3)
        answer, seconds = ask("photo.png")
        assert answer.status_code == 200
        assert seconds < 1.5
        assert not any(one.done() for one in dear)
        answers = [one.result() for one in dear]
    assert {(code(answer), answer.json()["detail"].partition(" took")[0]) for answer, _ in answers} == {
        ((422, "unreadable_image"), "decoding it")
    }
    assert max(seconds for _, seconds in answers) < 15  # two at a time, each once


def test_what_is_no_image_says_so(client, data):
    spoil(data.root / "pool", "a.png")
    assert code(client.get("/images", params={"path_to_img": "pool", "name": "a.png"})) == (422, "unreadable_image")
    assert code(client.get("/images", params={"path_to_img": "pool", "name": "x.png"})) == (404, "image_not_found")
    assert code(client.get("/images", params={"path_to_img": "pool", "name": "../labels.txt"})) == (
        404,
        "image_not_found",
    )
    assert code(client.get("/images", params={"path_to_img": "/etc", "name": "a.png"})) == (422, "path_not_allowed")
    wrong = client.get("/images", params={"path_to_img": "pool", "name": "a.png", "side": 77})
    assert code(wrong) == (422, "invalid_request")


# --- labels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replace", [0, 1, "true", None])
def test_whether_labels_are_replaced_is_true_or_false(client, replace):
    refused = client.post("/labels", json={"path_to_labels": "given", "labels": [], "replace": replace})
    assert {fault["pointer"] for fault in refused.json()["errors"]} == {"/replace"}


def test_labels_are_given_counted_listed_and_taken_back(client, data):
    def give(*labels, **more):
        return client.post("/labels", json={"path_to_labels": "given", "labels": labels, **more})

    assert give().status_code == 200
    empty = client.get("/labels", params={"path_to_labels": "given"})
    assert (empty.json()["labels"], empty.json()["names"]) == (0, None)

    cat = {"name": "a.png", "class": "cat"}
    written = give(cat, {"name": "b.png", "class": "dog"}, person="anna").json()
    assert (written["person"], written["file"], written["replaced"]) == ("anna", "anna.txt", {})
    assert (data.root / "given" / "anna.txt").read_text() == "a.png\tcat\nb.png\tdog\n"

    refused = give({**cat, "class": "dog"})
    assert code(refused) == (409, "labelled_otherwise")
    assert problem(refused)["errors"] == [
        {"pointer": "/labels/0", "code": "labelled_otherwise", "detail": "a.png is cat in anna.txt"}
    ]
    assert give({**cat, "class": "dog"}, replace=True).json()["replaced"] == {"a.png": "cat"}

    seen = client.get("/labels", params={"path_to_labels": "given", "names": True, "limit": 1})
    assert seen.json() == {
        "labels": 2,
        "classes": [{"class": "dog", "labels": 2}],
        "people": [
            {"person": "anna", "file": "anna.txt", "labels": 1},
            {"person": "me", "file": "me.txt", "labels": 1},
        ],
        "conflicts": [],
        "settled": [],
        "settled_by": {},
        "left_out": [],
        "names": [{"name": "a.png", "class": "dog", "person": "me"}],
        "versions": {},
        "next_after": "a.png",
    }
    asked = {"path_to_labels": "given", "of": ["b.png", "z.png"]}
    assert client.get("/labels", params=asked).json()["names"] == [{"name": "b.png", "class": "dog", "person": "anna"}]
    same = client.get("/labels", params={"path_to_labels": "given"}, headers={"If-None-Match": seen.headers["ETag"]})
    assert same.status_code == 304

    give({"name": "a.png", "class": None})
    assert client.get("/labels", params={"path_to_labels": "given"}).json()["labels"] == 1


def test_labels_of_images_that_are_not_in_the_pool_are_counted_apart(client, data):
    data.pool("two", "a.png", "b.png")
    data.labels("of_more.txt", "a.png\tcat\nb.png\tdog\nold/a.png\tcat\ngone.png\tfox\n")
    asked = {"path_to_labels": "of_more.txt", "path_to_img": "two"}
    seen = client.get("/labels", params={**asked, "names": True}).json()
    assert (seen["labels"], seen["not_in_pool"], seen["names_not_in_pool"]) == (2, 2, ["gone.png", "old/a.png"])
    assert seen["classes"] == [
        {"class": "cat", "labels": 1, "not_in_pool": 1},
        {"class": "dog", "labels": 1, "not_in_pool": 0},
        {"class": "fox", "labels": 0, "not_in_pool": 1},
    ]
    assert [label["name"] for label in seen["names"]] == ["a.png", "b.png"]
    assert [person["labels"] for person in seen["people"]] == [2]
    all_of_them = client.get("/labels", params={"path_to_labels": "of_more.txt"}).json()
    assert (all_of_them["labels"], all_of_them["classes"][2]) == (4, {"class": "fox", "labels": 1})
    assert "not_in_pool" not in all_of_them
    data.pool("none")
    assert client.get("/labels", params={**asked, "path_to_img": "none"}).json()["labels"] == 0
    assert code(client.get("/labels", params={**asked, "path_to_img": "nowhere"})) == (422, "path_not_found")


def test_several_classes_an_image_go_in_and_come_out_as_lines(client, data):
    several = {"path_to_labels": "several", "task": "multilabel"}
    lines = [{"name": "a.png", "class": "dog"}, {"name": "a.png", "class": "cat"}, {"name": "b.png", "class": ""}]
    assert client.post("/labels", json={**several, "labels": lines}).status_code == 200
    seen = client.get("/labels", params={**several, "names": True, "limit": 1}).json()
    assert (seen["labels"], seen["several"], seen["next_after"]) == (2, 2, "a.png")
    assert [(one["name"], one["class"]) for one in seen["names"]] == [("a.png", "cat"), ("a.png", "dog")]
    assert seen["classes"] == [
        {"class": "", "labels": 1},
        {"class": "cat", "labels": 1},
        {"class": "dog", "labels": 1},
    ]
    last = client.get("/labels", params={**several, "names": True, "after": "a.png"}).json()
    assert last["names"] == [{"name": "b.png", "class": "", "person": "me"}]
    assert last["next_after"] is None

    other = client.post("/labels", json={**several, "labels": [{"name": "a.png", "class": "cat"}], "person": "anna"})
    assert problem(other)["errors"][0]["detail"] == "a.png is cat + dog in me.txt"
    one_class = client.post("/labels", json={"path_to_labels": "several", "labels": lines[2:]})
    assert code(one_class) == (422, "invalid_request")
    assert problem(one_class)["errors"][0]["pointer"] == "/labels/0/class"
    assert "multilabel" in problem(client.get("/labels", params={"path_to_labels": "several"}))["detail"]


def test_labels_that_can_t_be_given_are_refused(client, data):
    def give(**body):
        return code(client.post("/labels", json={"path_to_labels": "given", "labels": [], **body}))

    assert give(path_to_labels="labels.txt") == (422, "path_wrong_kind")
    assert give(path_to_labels="/etc") == (422, "path_not_allowed")
    assert give(person="../x") == (422, "invalid_request")
    said = client.post("/labels", json={"path_to_labels": "given", "labels": [], "person": "../x"})
    assert problem(said)["detail"].startswith("/person: '../x' names nobody: a name has 1 to 64 characters")
    assert give(labels=[{"name": "a.png", "class": "x\u200b"}]) == (422, "labels_malformed")
    assert give(path_to_labels="~/given") == give(path_to_labels="~") == (422, "path_not_found")
    assert give(labels=[{"name": "a.png"}]) == (422, "invalid_request")
    assert give(labels=[{"name": "a\tb.png", "class": "x"}]) == (422, "labels_malformed")
    assert code(client.get("/labels", params={"path_to_labels": "gone"})) == (422, "path_not_found")


def test_labels_and_images_are_found_however_their_names_are_spelt(client, data):
    composed, decomposed = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    draw(data.root / "drawn", red=1)
    (data.root / "drawn" / "red_0.png").rename(data.root / "drawn" / decomposed)
    assert client.get("/images", params={"path_to_img": "drawn", "name": composed}).status_code == 200
    client.post("/labels", json={"path_to_labels": "given", "labels": [{"name": composed, "class": "cat"}]})
    seen = client.get("/labels", params={"path_to_labels": "given", "of": [decomposed]}).json()
    assert seen["names"] == [{"name": decomposed, "class": "cat", "person": "me"}]


def test_what_an_editor_leaves_beside_labels_is_nobody_s_and_is_listed_as_that(client, data):
    def give(class_name):
        return client.post(
            "/labels",
            json={"path_to_labels": "given", "person": "anna", "labels": [{"name": "a.png", "class": class_name}]},
        )

    give("cat")
    seen = client.get("/labels", params={"path_to_labels": "given"})
    for copy in ("anna.txt~", "anna.txt.bak", "anna (1).txt"):
        data.labels(f"given/{copy}", "a.png\tcat\n")
    assert give("dog").status_code == 200
    assert give(None).status_code == 200
    now = client.get("/labels", params={"path_to_labels": "given"}, headers={"If-None-Match": seen.headers["ETag"]})
    assert (now.json()["labels"], now.json()["left_out"]) == (0, ["anna (1).txt", "anna.txt.bak", "anna.txt~"])
    listed = client.get("/folders", params={"path": "given"}).json()["files"]
    assert [file.rpartition("/")[2] for file in listed] == ["anna.txt"]


def test_with_keys_the_file_is_the_owner_s(data, tmp_path, empty_redis):
    file = KeyFile(tmp_path / "keys.json")
    both = {"Authorization": f"Bearer {file.create('anna@home', [Scope.READ, Scope.WRITE])}"}
    reads = {"Authorization": f"Bearer {file.create('bert', [Scope.READ])}"}
    settings = settings_for(data, tmp_path, empty_redis, api_keys_file=file.path, reads_per_minute=2)
    body = {"path_to_labels": "given", "labels": [{"name": "a.png", "class": "cat"}]}
    with TestClient(create_app(settings), "http://localhost") as client:
        assert code(client.post("/labels", json=body)) == (401, "unauthenticated")
        assert code(client.post("/labels", json=body, headers=reads)) == (403, "forbidden")
        assert client.post("/labels", json=body, headers=both).json()["file"] == "anna@home.txt"
        assert code(client.post("/labels", json={**body, "person": "bert"}, headers=both)) == (422, "invalid_request")
        image = {"path_to_img": "pool", "name": "x.png"}
        assert [client.get("/images", params=image, headers=reads).status_code for _ in range(20)] == [404] * 20
        assert code(client.get("/images", params=image, headers=reads)) == (429, "rate_limited")


# --- the page ---------------------------------------------------------------------------------------------------


def test_a_link_from_another_site_leads_to_the_page_and_to_nothing_behind_it(client):
    cross_site = {"Sec-Fetch-Site": "cross-site"}
    assert client.get("/", headers=cross_site).status_code == (200 if is_built() else 503)
    for path in ("/folders", "/labels", "/images"):
        assert code(client.get(path, headers=cross_site)) == (403, "forbidden")
    assert code(client.post("/labels", json={}, headers=cross_site)) == (403, "forbidden")


def test_a_contradiction_is_kept_listed_settled_and_opened_again(client, data):
    def give(person, class_name, **more):
        label = {"name": "a.png", "class": class_name}
        return client.post("/labels", json={"path_to_labels": "given", "person": person, "labels": [label], **more})

    def settle(class_name):
        label = {"name": "a.png", "class": class_name}
        return client.post("/labels/settle", json={"path_to_labels": "given", "labels": [label]})

    def seen():
        told = client.get("/labels", params={"path_to_labels": "given"}).json()
        return [(one["person"], one["class"]) for one in told["conflicts"]], told["settled"], told["classes"]

    give("anna", "cat")
    assert give("ben", "dog").status_code == 409
    assert give("ben", "dog", keep_both=True).status_code == 200
    assert seen()[0] == [("anna", "cat"), ("ben", "dog")]
    assert settle("dog").json()["file"] == "_settled.txt"
    assert seen() == (
        [],
        [{"name": "a.png", "class": "dog", "person": "_settled"}],
        [{"class": "dog", "labels": 1}],
    )
    settle(None)
    assert seen()[0] == [("anna", "cat"), ("ben", "dog")]
    unknown = client.post(
        "/labels/settle", json={"path_to_labels": "given", "labels": [{"name": "b.png", "class": "cat"}]}
    )
    assert code(unknown) == (422, "invalid_request")


def test_others_are_overruled_by_what_is_settled_as_it_was_seen_and_their_files_stay(client, data):
    def call(path, person, class_name, **more):
        said = {"path_to_labels": "given", "labels": [{"name": "a.png", "class": class_name}], **more}
        return client.post(path, json=said | ({"person": person} if person else {}))

    def seen():
        return client.get("/labels", params={"path_to_labels": "given", "of": ["a.png"]}).json()

    assert "said" not in client.get("/labels", params={"path_to_labels": "pool"}).json()
    call("/labels", "anna", "cat")
    first = seen()
    overruled = call("/labels", "ben", "dog", settle=True, versions=first["versions"])
    assert overruled.json()["versions"] == seen()["versions"] != first["versions"]
    assert seen()["said"] == [
        {"name": "a.png", "class": "dog", "person": "_settled"},
        {"name": "a.png", "class": "cat", "person": "anna"},
        {"name": "a.png", "class": "dog", "person": "ben"},
    ]
    for late in (
        call("/labels/settle", None, "cat", versions=first["versions"]),
        call("/labels", "cem", "cow", settle=True, versions=first["versions"]),
    ):
        assert code(late) == (409, "labels_changed")
        assert problem(late)["errors"][0]["pointer"] == "/labels/0/name"
    opened = call("/labels/settle", None, None, versions=seen()["versions"])
    assert opened.json()["versions"] == seen()["versions"]
    assert call("/labels/settle", None, "cow").status_code == 200  # no version: as it always was
    assert code(call("/labels", "ben", "cat", settle=True, replace=True)) == (422, "invalid_request")

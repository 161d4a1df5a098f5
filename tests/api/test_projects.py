"""Projects by name, over HTTP."""

from __future__ import annotations

import json

import pytest

from tests.api.test_errors import problem


def names(answer):
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["projects"]]


@pytest.fixture
def cards(data):
    (data.root / "team").mkdir()
    (data.root / "other").mkdir()
    return {"name": "cards", "path_to_img": "pool", "path_to_labels": "team", "backbone": "b0", "add": 30}


def test_projects_are_kept_renamed_and_forgotten_and_no_file_of_theirs_is_touched(client, data, cards):
    assert names(client.get("/projects")) == []
    assert names(client.post("/projects", json=cards)) == ["cards"]
    assert names(client.post("/projects", json={**cards, "name": "Birds", "path_to_labels": "other"})) == [
        "Birds",
        "cards",
    ]
    renamed = client.post("/projects", json={**cards, "name": "card faces", "add": 40, "was": "cards"})
    assert names(renamed) == ["Birds", "card faces"]
    kept = client.get("/projects").json()
    assert kept == renamed.json()
    assert (kept["projects"][1]["add"], kept["projects"][1]["method"]) == (40, "auto")
    assert names(client.post("/projects/forget", json={"name": "card faces"})) == ["Birds"]
    assert sorted(one.name for one in data.root.iterdir()) == ["labels.txt", "other", "pool", "team"]
    assert not any((data.root / "team").iterdir())


def test_what_is_kept_again_under_its_name_is_changed_and_other_folders_do_not_get_that_name(client, cards):
    client.post("/projects", json=cards)
    assert names(client.post("/projects", json={**cards, "method": "margin"})) == ["cards"]
    refused = problem(client.post("/projects", json={**cards, "path_to_labels": "other"}))
    assert [one["pointer"] for one in refused["errors"]] == ["/name"]
    assert client.get("/projects").json()["projects"][0]["method"] == "margin"


def test_a_name_is_not_taken_from_a_project_of_another_task_nor_by_renaming(client, cards):
    client.post("/projects", json={**cards, "backbone": "", "task": "detection"})
    client.post("/projects", json={**cards, "name": "faces"})
    for taken in (cards, {**cards, "was": "faces"}, {**cards, "task": "detection", "was": "faces"}):
        assert [one["pointer"] for one in problem(client.post("/projects", json=taken))["errors"]] == ["/name"]
    spaced = {**cards, "name": " cards ", "was": " cards "}
    assert names(client.post("/projects", json=spaced)) == ["cards", "faces"]


def test_what_somebody_else_changed_meanwhile_is_not_written_over(client, cards):
    (read,) = client.post("/projects", json=cards).json()["projects"]
    assert names(client.post("/projects", json={**read, "add": 50, "was": "cards"})) == ["cards"]
    refused = client.post("/projects", json={**read, "name": "card faces", "was": "cards"})
    assert (refused.status_code, problem(refused)["code"]) == (409, "project_changed")
    assert client.get("/projects").json()["projects"][0]["add"] == 50


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"name": "../x"}, 422, "invalid_request"),
        ({"path_to_img": "/etc"}, 422, "path_not_allowed"),
        ({"path_to_labels": "nowhere"}, 422, "path_not_found"),
        ({"path_to_img_val": "pool"}, 422, "invalid_request"),
        ({"was": "gone"}, 404, "not_found"),
        ({"path_to_labels": "pool"}, 422, "path_wrong_kind"),
        ({"path_to_labels": "pool/a.png"}, 422, "path_wrong_kind"),
    ],
)
def test_what_is_no_project_is_refused(client, data, cards, wrong, status, code):
    data.pool("deep/cats", "a.png")
    refused = client.post("/projects", json={**cards, **wrong})
    assert (refused.status_code, problem(refused)["code"]) == (status, code)
    assert names(client.get("/projects")) == []


def test_a_backbone_and_a_method_that_are_not_there_are_refused_with_those_that_are(client, cards):
    faults = problem(client.post("/projects", json={**cards, "backbone": "b9", "method": "margn"}))["errors"]
    assert [(one["pointer"], one["code"]) for one in faults] == [
        ("/backbone", "unknown_backbone"),
        ("/method", "unknown_method"),
    ]
    assert "there are b0, resnet50" in faults[0]["detail"]
    assert "Did you mean margin" in faults[1]["detail"]
    (fault,) = problem(client.post("/projects", json={**cards, "method": "det_sum"}))["errors"]
    assert "det_sum makes no sense for classification, for which there are auto, " in fault["detail"]
    (fault,) = problem(client.post("/projects", json={**cards, "method": "vae0"}))["errors"]
    assert fault["pointer"] == "/method"
    assert names(client.get("/projects")) == []
    assert names(client.post("/projects", json={**cards, "method": "vae50"})) == ["cards"]


def test_labels_may_lie_beside_folders_of_images_as_they_may_for_jobs(client, data, cards):
    data.pool("deep/cats", "a.png")
    assert names(client.post("/projects", json={**cards, "path_to_img": "deep", "path_to_labels": "deep"})) == ["cards"]


def test_what_a_project_has_already_keeps_nothing_from_a_change(client, data, cards):
    client.post("/projects", json={**cards, "method": ""})
    (data.root / "team" / "a.jpg").touch()
    renamed = {**cards, "method": "", "name": "faces", "was": "cards"}
    assert names(client.post("/projects", json=renamed)) == ["faces"]
    back = {**renamed, "name": "cards", "was": "faces", "path_to_labels": "pool"}
    assert problem(client.post("/projects", json=back))["code"] == "path_wrong_kind"


def test_of_a_project_that_is_not_there_those_that_are_are_told(client, cards):
    assert problem(client.post("/projects/forget", json={"name": "nope"}))["detail"].endswith("None is kept.")
    client.post("/projects", json=cards)
    assert problem(client.post("/projects/forget", json={"name": "nope"}))["detail"].endswith("There are 'cards'.")


def test_a_file_that_was_damaged_is_told_of_and_not_written_over(client, settings, cards):
    client.post("/projects", json=cards)
    file = settings.state_dir / "projects.json"
    file.write_text('[{"name": "cards"}]')
    assert problem(client.get("/projects"))["code"] == "path_not_readable"
    assert problem(client.post("/projects", json=cards))["code"] == "path_not_readable"
    assert file.read_text() == '[{"name": "cards"}]'
    assert problem(client.post("/projects/forget", json={"name": "x"}))["code"] == "path_not_readable"


def test_a_file_that_says_a_thing_twice_is_told_of(client, settings, cards):
    client.post("/projects", json=cards)
    file = settings.state_dir / "projects.json"
    file.write_text(file.read_text().replace('"name": "cards"', '"name": "cards", "name": "other"'))
    told = problem(client.get("/projects"))
    assert told["code"] == "path_not_readable"
    assert "the key 'name' stands twice in one object. Mend it" in told["detail"]


@pytest.mark.parametrize(
    ("odd", "where"),
    [
        ({"add": 5000}, "0/add"),
        ({"overlap_share": 20}, "0/overlap_share"),
        ({"task": "detect"}, "0/task"),
        ({"name": "x" * 80}, "0/name"),
        ({"path_to_img": ""}, "0/path_to_img"),
        ({"overlap": 0.2}, "0/overlap"),
    ],
)
def test_an_odd_value_in_the_file_is_told_with_its_place_and_stays_there(client, settings, cards, odd, where):
    client.post("/projects", json=cards)
    file = settings.state_dir / "projects.json"
    file.write_text(json.dumps([{**cards, **odd}]))
    answers = [
        client.get("/projects"),
        client.post("/projects", json={**cards, "name": "other"}),
        client.post("/projects/forget", json={"name": "cards"}),
    ]
    for told in map(problem, answers):
        assert told["code"] == "path_not_readable"
        assert f"at {where}: " in told["detail"]
    assert json.loads(file.read_text()) == [{**cards, **odd}]


def test_two_projects_of_one_name_in_the_file_are_refused_so_that_none_is_lost(client, settings, cards):
    client.post("/projects", json=cards)
    file = settings.state_dir / "projects.json"
    file.write_text("\ufeff" + json.dumps([cards, {**cards, "name": " cards"}]))
    assert "at 1/name: " in problem(client.get("/projects"))["detail"]
    file.write_text("\ufeff" + json.dumps([cards, {**cards, "name": "faces"}]))
    assert names(client.get("/projects")) == ["cards", "faces"]

"""Who has what, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from nextlabel.api.app import create_app
from nextlabel.core.jobs.hand_outs import HandOuts
from nextlabel.core.keys import KeyFile, Scope
from nextlabel.core.kinds.projects import project_of
from tests.api.support import settings_for
from tests.api.test_errors import problem


@pytest.fixture
def project(data) -> dict[str, str]:
    (data.root / "labels").mkdir()
    return {"path_to_img": "pool", "path_to_labels": "labels"}


@pytest.fixture
def hand_out(client, worker, data, project) -> Callable[..., Any]:
    """Hand names out as a worker does that carries a selection out; -> the job's id."""
    settings = client.app.state.services.settings
    at = project_of(str(data.root / "pool"), str(data.root / "labels"), settings.data_roots)

    def handed_out(person: str, *names: str) -> str:
        body = {"kind": "selection", "backbone": "b0", "add": len(names), "person": person, **project}
        job_id = client.post("/jobs", json=body).json()["id"]
        claim = worker.store.claim(job_id, process="w@host/1", token=job_id, lease_s=600)
        HandOuts(worker.store).hand_out(claim, at, person, dict.fromkeys(names, 1), lease_s=60)
        return job_id

    return handed_out


def listed(client, project):
    return client.get("/hand-outs", params={**project, "names": True}).json()


def until(met):
    deadline = time.monotonic() + 10
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_with_whom_is_listed_until_it_is_labelled_and_given_back(client, project, hand_out):
    job_id = hand_out("anna", "a.png", "b.png")
    hand_out("ben", "c.png")
    told = listed(client, project)
    assert told["left"] == {"anna": 2, "ben": 1}
    assert [(one["person"], one["names"]) for one in told["hand_outs"]] == [
        ("anna", ["a.png", "b.png"]),
        ("ben", ["c.png"]),
    ]
    assert told["hand_outs"][0]["job_id"] == job_id
    client.post(
        "/labels", json={"path_to_labels": "labels", "person": "anna", "labels": [{"name": "./a.png", "class": "cat"}]}
    )
    until(lambda: listed(client, project)["left"] == {"anna": 1, "ben": 1})
    assert listed(client, project)["hand_outs"][-1]["labelled"] == 1  # it now ends last: who labels is at work
    assert client.post("/hand-outs/give-back", json={**project, "person": "anna"}).json() == {"images": 1}
    assert listed(client, project)["left"] == {"ben": 1}
    assert client.post("/hand-outs/give-back", json={**project, "names": ["c.png", "a.png"]}).json() == {"images": 1}
    assert listed(client, project) == {"hand_outs": [], "left": {}}


def test_a_person_is_one_however_their_name_is_written_and_other_labels_are_another_project(
    client, project, hand_out, data
):
    hand_out("Anna_P", "a.png")
    (data.root / "other").mkdir()
    assert listed(client, {**project, "path_to_labels": "other"})["left"] == {}
    assert listed(client, {"path_to_img": "pool"})["left"] == {}
    assert listed(client, {**project, "path_to_img": str(data.root / "pool")})["left"] == {"Anna_P": 1}
    assert client.post("/hand-outs/give-back", json={**project, "person": " Anna P"}).json() == {"images": 1}


def test_what_is_asked_of_no_pool_is_refused(client, project):
    assert problem(client.get("/hand-outs", params={"path_to_img": "gone"}))["code"] == "path_not_found"
    assert (
        problem(client.post("/hand-outs/give-back", json={**project, "path_to_img": "/etc"}))["code"]
        == "path_not_allowed"
    )


@pytest.mark.parametrize(
    ("field", "wrong"),
    [({"person": "../x"}, "/person"), ({"overlap": 2}, "/person"), ({"person": "a", "add": 10_001}, "/add")],
)
def test_a_hand_out_that_can_t_be_is_refused_at_the_door(client, project, field, wrong):
    told = problem(client.post("/jobs", json={"kind": "selection", "backbone": "b0", "add": 1, **project, **field}))
    assert [fault["pointer"] for fault in told["errors"]] == [wrong]


def test_a_key_gets_images_in_its_own_name_alone(data, tmp_path, empty_redis, project):
    keys = KeyFile(tmp_path / "keys.json")
    key = keys.create("Anna P", [Scope.READ, Scope.WRITE])
    settings = settings_for(data, tmp_path, empty_redis, api_keys_file=keys.path)
    with TestClient(create_app(settings), "http://localhost", headers={"Authorization": f"Bearer {key}"}) as client:
        body = {"kind": "selection", "backbone": "b0", "add": 1, **project}
        assert problem(client.post("/jobs", json={**body, "person": "ben"}))["errors"][0]["pointer"] == "/person"
        for own in ("Anna_P", "me"):
            assert client.post("/jobs", json={**body, "person": own}).json()["request"]["person"] == "Anna_P"


def test_labels_are_written_while_redis_is_away(data, tmp_path, project):
    settings = settings_for(data, tmp_path, "redis://127.0.0.1:1/0")
    with TestClient(create_app(settings), "http://localhost") as client:
        body = {"path_to_labels": "labels", "person": "anna", "labels": [{"name": "a.png", "class": "cat"}]}
        assert client.post("/labels", json=body).status_code == 200
    assert (data.root / "labels" / "anna.txt").read_text() == "a.png\tcat\n"

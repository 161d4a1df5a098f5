"""What Label Studio sends to a model, as its ml/api_connector.py and webhooks/ have it, and what it is answered."""

from __future__ import annotations

import base64
import time
import unicodedata
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from nextlabel.api.app import create_app
from nextlabel.api.routes import label_studio
from nextlabel.core.exchange.label_studio import Control, config
from nextlabel.core.jobs.record import JobState
from nextlabel.core.keys import KeyFile, Scope
from nextlabel.core.kinds.selection import MethodUsed, MultilabelSelectionItem, MultilabelSelectionResult
from nextlabel.core.tasks.classification import read_labels
from nextlabel.core.tasks.registry import MULTILABEL
from tests.api.support import HEAD, MANIFEST, prediction_result, selection_result, settings_for
from tests.api.test_errors import problem

VIEW = config(["cat", "dog"], Control())
BASE = "/label-studio/path_to_img=pool&path_to_labels=labels&backbone=b0&add=2"
PROJECT = {"id": 3, "title": "Pets", "label_config": VIEW, "created_at": "2026-11-26T07:56:10.316472Z"}
FILE = "label-studio-3-20261126075610.txt"


@pytest.fixture
def labels(data):
    """An empty labels folder; two more images in the pool."""
    for name in ("c d.png", "e.png"):
        (data.root / "pool" / name).touch()
    (data.root / "labels").mkdir()
    return data.root / "labels"


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    monkeypatch.setattr(label_studio, "WAIT_S", 2.0)


def task(id_, name, **more):
    return {"id": id_, "project": 3, "data": {"image": f"/data/local-files/?d=pets/pool/{name}"}, **more}


def predict(client, *names, base=BASE, **more) -> list[list[dict[str, Any]]]:
    body = {"tasks": [task(at, name) for at, name in enumerate(names, start=1)], "project": "3.1764142812", **more}
    answer = client.post(f"{base}/predict", json={"label_config": VIEW, "params": {"context": None}, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def event(action, *annotations, tasks=None, **more):
    many = action == "ANNOTATIONS_CREATED"
    body = {"action": action, "annotation": list(annotations) if many else annotations[0], "project": PROJECT, **more}
    return {**body, "task": tasks if many else tasks[0]}


def annotation(id_, class_name, **more):
    return {"id": id_, "was_cancelled": False, "result": Control().result(class_name), **more}


def tell(client, body, base=BASE):
    answer = client.post(f"{base}/webhook", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer, status, code):
    told = problem(answer)
    assert (told["status"], told["code"]) == (status, code)
    return told


def kinds(worker):
    return [job.kind for job in worker.store.page().jobs]


# --- the model --------------------------------------------------------------------------------------------------


def test_a_model_is_up_and_tells_its_version(client, labels):
    assert client.get(f"{BASE}/health").json()["status"] == "UP"
    body = {"project": "3.1764142812", "schema": VIEW, "hostname": "http://localhost:8080", "access_token": "x"}
    version = client.post(f"{BASE}/setup", json={**body, "extra_params": None}).json()["model_version"]
    assert version.startswith("b0-0-")
    assert client.get(f"{BASE}/versions").json() == {"versions": [version]}


def test_the_version_changes_with_a_batch_of_labels_and_with_a_new_class_only(client, labels):
    def version():
        return client.post(f"{BASE}/setup", json={}).json()["model_version"]

    seen = []
    for content in ("", "a.png\tcat\n", "a.png\tcat\nb.png\tcat\n", "a.png\tcat\nb.png\tcat\ne.png\tcat\n"):
        (labels / "x.txt").write_text(content)
        seen.append(version())
    assert len(set(seen)) == 3
    assert seen[2] == seen[3]
    assert client.post(f"{BASE}&version=nextlabel/setup", json={}).json() == {"model_version": "nextlabel"}


def test_an_address_that_says_a_thing_twice_is_refused(client):
    told = refused(client.get(f"{BASE}&add=3/health"), 422, "invalid_request")
    assert [one["detail"] for one in told["errors"]] == ["it is given more than once; give it once"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("path_to_img=pool", {"?path_to_labels": "missing_field"}),
        ("path_to_img=pool&path_to_labels=labels&colour=red", {"?colour": "unknown_field"}),
        ("path_to_img=pool&path_to_labels=labels&add=0", {"?add": "invalid_value"}),
        ("x", {"?x": "unknown_field", "?path_to_img": "missing_field", "?path_to_labels": "missing_field"}),
    ],
)
def test_a_wrong_address_is_refused_with_all_its_faults(client, labels, address, said):
    told = refused(client.get(f"/label-studio/{address}/health"), 422, "invalid_request")
    assert {fault["pointer"]: fault["code"] for fault in told["errors"]} == said


def test_what_the_address_names_is_checked_at_setup(client, labels):
    base = "/label-studio/path_to_img=/etc&path_to_labels=labels&backbone=b9"
    told = refused(client.post(f"{base}/setup", json={"schema": VIEW}), 422, "invalid_request")
    assert {fault["code"] for fault in told["errors"]} == {"path_not_allowed", "unknown_backbone"}
    refused(client.post(f"{BASE}/setup", json={"schema": "<View/>"}), 422, "exchange_malformed")
    base = BASE.replace("path_to_labels=labels", "path_to_labels=labels.txt")
    refused(client.post(f"{base}/setup", json={}), 422, "path_wrong_kind")


def test_an_address_may_be_percent_encoded(client, data, labels):
    data.pool("a&b c", "x.png")
    base = "/label-studio/path_to_img=a%26b%20c&path_to_labels=labels&backbone=b0"
    assert client.get(f"{base}/health").json()["pool"] == "a&b c"
    assert client.post(f"{base}/setup", json={}).status_code == 200


# --- predictions ------------------------------------------------------------------------------------------------


def test_without_labels_the_batch_has_scores_by_rank_and_the_rest_nothing(client, labels, worker):
    with worker.carrying_out(selection_result(("c d.png", None), ("a.png", None), head=None)):
        c, a, b, elsewhere = predict(client, "c%20d.png", "a.png", "b.png", "gone.png")
    assert c[0]["result"] == a[0]["result"] == []
    assert 0 < c[0]["score"] < a[0]["score"] < 0.5
    assert b == elsewhere == []
    assert kinds(worker) == ["selection"]


def canned(worker, job_id):
    chosen = selection_result(("c d.png", "cat"))
    predicted = prediction_result(("c d.png", "cat"), ("e.png", "bird"))
    worker.succeed(job_id, {"selection": chosen, "prediction": predicted}[worker.store.get(job_id).kind])


def test_with_labels_classes_come_along_and_what_is_labelled_comes_last(client, labels, worker):
    (labels / "x.txt").write_text("a.png\tcat\nb.png\tdog\n")
    with worker.at_work(lambda job_id: canned(worker, job_id)):
        a, (c,), (e,) = predict(client, "a.png", "c%20d.png", "e.png")
        version = client.post(f"{BASE}/setup", json={}).json()["model_version"]
        assert {c["model_version"], e["model_version"]} == {version}
        assert c["result"] == Control().result("cat")
        assert e["result"] == [], "the project's configuration offers no bird"
        assert c["score"] < 0.5 < e["score"] < a[0]["score"] == 1
        assert predict(client, "c%20d.png") == [[c]]
    assert kinds(worker) == ["prediction", "selection"], "the same labels are trained for once"


def test_an_image_that_comes_later_makes_a_job_of_its_own(client, data, labels, worker):
    with worker.carrying_out(selection_result(("a.png", None), head=None)):
        predict(client, "a.png")
        (data.root / "pool" / "new.png").touch()
        predict(client, "a.png")
    assert kinds(worker) == ["selection", "selection"]


def test_while_a_job_runs_there_are_no_predictions_and_label_studio_may_ask_again(client, labels, worker, monkeypatch):
    monkeypatch.setattr(label_studio, "WAIT_S", 0.1)
    assert predict(client, "a.png", "b.png") == [[], []]
    assert predict(client, "a.png") == [[]]
    assert kinds(worker) == ["selection"]


def test_a_failed_job_is_begun_anew_only_after_a_while(client, labels, worker, monkeypatch):
    def fail(job_id):
        worker.fail(job_id, "out_of_memory")

    with worker.at_work(fail):
        assert predict(client, "a.png") == predict(client, "a.png") == [[]]
        assert len(kinds(worker)) == 1
        monkeypatch.setattr(label_studio, "AGAIN_AFTER_S", 0.5)  # longer than it takes to hear of a failure
        time.sleep(0.6)
        assert predict(client, "a.png") == [[]]
    time.sleep(0.6)
    with worker.carrying_out(selection_result(("a.png", None), head=None)):
        (a,) = predict(client, "a.png")
    assert a != []
    assert [job.state for job in worker.store.page().jobs] == [JobState.SUCCEEDED, JobState.FAILED, JobState.FAILED]


def test_tasks_that_make_no_sense_get_nothing(client, labels, worker):
    body = {"label_config": VIEW, "tasks": [None, {}, {"data": []}, {"data": {"image": 7}}, task(1, "a.png")]}
    with worker.carrying_out(selection_result(("a.png", None), head=None)):
        *none, (a,) = client.post(f"{BASE}/predict", json=body).json()["results"]
    assert none == [[], [], [], []]
    assert a["score"] is not None


def test_many_tasks_are_no_body_that_is_too_large(client, labels, worker, settings):
    with worker.carrying_out(selection_result(("a.png", None), head=None)):
        found = predict(client, *["a.png"] * 200, note="x" * settings.max_request_bytes)
    assert len(found) == 200


# --- annotations ------------------------------------------------------------------------------------------------


def test_annotations_reach_the_labels_folder(client, labels):
    tell(client, event("ANNOTATION_CREATED", annotation(1, "cat"), tasks=[task(1, "a.png")]))
    created = [annotation(2, "dog"), annotation(3, "dog")]
    tell(client, event("ANNOTATIONS_CREATED", *created, tasks=[task(2, "c%20d.png"), task(3, "gone.png")]))
    assert [path.name for path in labels.glob("*") if not path.name.startswith(".")] == [FILE]
    assert dict(read_labels(labels).classes_by_name) == {"a.png": "cat", "c d.png": "dog"}

    tell(client, event("ANNOTATION_UPDATED", annotation(1, "dog"), tasks=[task(1, "a.png")]))
    tell(client, {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 2}], "project": PROJECT})
    assert dict(read_labels(labels).classes_by_name) == {"a.png": "dog"}
    tell(client, event("ANNOTATION_UPDATED", annotation(1, "dog", was_cancelled=True), tasks=[task(1, "a.png")]))
    assert dict(read_labels(labels).classes_by_name) == {}


def test_several_choices_are_no_class(client, labels):
    both = annotation(1, "cat")
    both["result"][0]["value"]["choices"].append("dog")
    tell(client, event("ANNOTATION_CREATED", both, tasks=[task(1, "a.png")]))
    assert dict(read_labels(labels).classes_by_name) == {}


@pytest.mark.parametrize("action", ["TASKS_CREATED", "PROJECT_UPDATED", "LABEL_LINK_CREATED", None])
def test_other_events_are_heard_and_left(client, labels, action):
    assert tell(client, {"action": action, "project": PROJECT}) == {"annotations": 0}


def test_training_begins_what_the_next_predictions_need(client, labels, worker):
    told = tell(client, {"action": "START_TRAINING", "project": PROJECT})
    assert told["job"] == worker.newest()
    assert client.post(f"{BASE}/train", json={}).json()["job"] == told["job"]


def test_a_lost_annotation_stands_in_the_log(client, labels, logged):
    body = event("ANNOTATION_CREATED", annotation(1, "c\tat"), tasks=[task(1, "a.png")])
    refused(client.post(f"{BASE}/webhook", json=body), 422, "labels_malformed")
    assert "annotation lost" in logged()
    body = {"action": "ANNOTATION_CREATED"}
    told = refused(client.post(f"{BASE}/webhook", json=body), 422, "exchange_malformed")
    assert "let it send its payload" in told["detail"]


def test_the_annotators_of_a_project_are_not_one_person_whose_pace_is_told(client, labels):
    for id_ in (1, 2):
        tell(client, event("ANNOTATION_CREATED", annotation(id_, "cat"), tasks=[task(id_, f"{'ab'[id_ - 1]}.png")]))
    assert "a.png\tcat" in (labels / FILE).read_text()
    assert client.get("/labels/paces", params={"path_to_labels": "labels"}).json()["people"] == []


# --- several classes an image -----------------------------------------------------------------------------------

SEVERAL = f"{BASE}&task=multilabel"
SEVERAL_PROJECT = {**PROJECT, "label_config": config(["cat", "dog"], Control(), several=True)}


def tell_of_several(client, id_, *classes, action="ANNOTATION_CREATED", base=SEVERAL, **more):
    said = {"id": id_, "was_cancelled": False, "result": Control().result(*classes), **more}
    body = {**event(action, said, tasks=[task(1, "a.png")]), "project": SEVERAL_PROJECT}
    return client.post(f"{base}/webhook", json=body)


def test_all_choices_of_an_annotation_reach_the_labels_folder(client, labels):
    assert tell_of_several(client, 1, "dog", "cat").json() == {"annotations": 1, "disputed": []}
    assert (labels / FILE).read_text() == "a.png\tcat\na.png\tdog\n"
    tell_of_several(client, 2, "dog")
    assert MULTILABEL.read(labels).classes_by_name == {"a.png": ("dog",)}
    tell(client, {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 2}], "project": PROJECT}, base=SEVERAL)
    assert MULTILABEL.read(labels).classes_by_name == {"a.png": ("cat", "dog")}
    (labels / "anna.txt").write_text("a.png\tcat\n")
    assert tell_of_several(client, 3, "cat", "dog").json()["disputed"] == ["a.png"]


def test_a_project_of_several_choices_is_refused_where_the_address_asks_for_one_class(client, labels):
    told = refused(
        client.post(f"{BASE}/setup", json={"schema": SEVERAL_PROJECT["label_config"]}), 422, "invalid_request"
    )
    assert told["errors"][0]["pointer"] == "?task"
    assert tell_of_several(client, 1, "cat", base=BASE).json() == {"annotations": 1, "disputed": []}
    answer = client.post(f"{SEVERAL}/setup", json={"schema": SEVERAL_PROJECT["label_config"]})
    assert answer.json()["model_version"].startswith("b0-0-")


def test_predictions_of_several_classes_propose_all_that_reach_their_thresholds(client, labels, worker):
    item = {"score": 1.0, "cluster": None, "reason": "", "confidence": 0.5}
    items = [
        MultilabelSelectionItem(rank=rank, name=name, predicted=said, **item)
        for rank, name, said in ((1, "a.png", ("cat", "dog")), (2, "b.png", ()))
    ]
    result = MultilabelSelectionResult(
        data=("a.png", "b.png"),
        items=tuple(items),
        method=MethodUsed(asked="auto", name="uherding", why=""),
        candidates=2,
        head=HEAD,
        skipped=(),
        manifest=MANIFEST,
    )
    (labels / "anna.txt").write_text("e.png\tcat\ne.png\tdog\n")
    with worker.carrying_out(result):
        first, second, labelled = predict(client, "a.png", "b.png", "e.png", base=SEVERAL)
    assert first[0]["result"][0]["value"] == {"choices": ["cat", "dog"]}
    assert second[0]["result"] == []
    assert (labelled[0]["result"][0]["value"], labelled[0]["score"]) == ({"choices": ["cat", "dog"]}, 1.0)


# --- labels as people leave them --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    ["old1.png\tcat\nold2.png\tdog\n", "name\tclass\na.png\tcat\n"],
    ids=["of another pool", "a header and one class"],
)
def test_labels_that_the_pool_has_not_train_nothing(client, labels, worker, content):
    (labels / "old.txt").write_text(content)
    with worker.carrying_out(selection_result(("c d.png", None), ("e.png", None), head=None)):
        (c,), (e,) = predict(client, "c%20d.png", "e.png")
    assert c["score"] < e["score"]
    assert kinds(worker) == ["selection"]


def test_rounds_count_the_labels_of_the_pool_alone(client, labels):
    version = client.post(f"{BASE}/setup", json={}).json()
    (labels / "old.txt").write_text("".join(f"old{i}.png\tclass {i}\n" for i in range(9)))
    assert client.post(f"{BASE}/setup", json={}).json() == version


def test_where_the_images_of_all_classes_but_one_can_t_be_read_the_batch_is_answered(client, labels, worker):
    (labels / "x.txt").write_text("a.png\tcat\nb.png\tdog\n")

    def carry_out(job_id):
        if worker.store.get(job_id).kind == "prediction":
            worker.fail(job_id, "single_class")
        else:
            worker.succeed(job_id, selection_result(("e.png", None), head=None))

    with worker.at_work(carry_out):
        (e,) = predict(client, "e.png")
    assert e[0]["score"] < 0.5


def test_an_annotation_that_contradicts_a_person_leaves_that_image_out_and_all_else_goes_on(
    client, labels, worker, logged
):
    (labels / "anna.txt").write_text("a.png\tcat\nb.png\tdog\n")
    told = tell(client, event("ANNOTATION_CREATED", annotation(1, "dog"), tasks=[task(1, "a.png")]))
    assert told == {"annotations": 1, "disputed": ["a.png"]}
    assert "a.png is cat in anna.txt" in logged()
    assert ((labels / "anna.txt").read_text(), (labels / FILE).read_text()) == (
        "a.png\tcat\nb.png\tdog\n",
        "a.png\tdog\n",
    )
    assert client.post(f"{BASE}/setup", json={}).status_code == 200
    with worker.carrying_out(selection_result(("e.png", None), head=None)):
        a, (e,) = predict(client, "a.png", "e.png")
    assert (a, e["result"]) == ([], [])
    seen = client.get("/labels", params={"path_to_labels": "labels"}).json()
    assert [(one["person"], one["class"]) for one in seen["conflicts"]] == [("anna", "cat"), (FILE[:-4], "dog")]

    settled = {"path_to_labels": "labels", "person": "bert", "replace": True}
    client.post("/labels", json={**settled, "labels": [{"name": "a.png", "class": "dog"}]})
    assert dict(read_labels(labels).classes_by_name) == {"a.png": "dog", "b.png": "dog"}


def test_annotations_find_images_however_their_names_are_spelt(client, data, labels):
    composed, decomposed = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    (data.root / "pool" / decomposed).touch()
    tell(client, event("ANNOTATION_CREATED", annotation(1, "cat"), tasks=[task(1, quote(composed))]))
    assert (labels / FILE).read_text() == f"{decomposed}\tcat\n"


def test_a_contradiction_within_the_project_s_own_file_refuses_no_annotation(client, labels):
    (labels / FILE).write_text("a.png\tcat\na.png\tdog\n")
    tell(client, event("ANNOTATION_CREATED", annotation(1, "dog"), tasks=[task(1, "b.png")]))
    assert (labels / FILE).read_text() == "a.png\tcat\na.png\tdog\nb.png\tdog\n"


# --- keys -------------------------------------------------------------------------------------------------------


@pytest.fixture
def keyed(data, labels, tmp_path, empty_redis):
    file = tmp_path / "keys.json"
    key, reader = (KeyFile(file).create("studio", scopes) for scopes in ([Scope.READ, Scope.WRITE], [Scope.READ]))
    settings = settings_for(data, tmp_path, empty_redis, api_keys_file=file, submits_per_minute=1)
    with TestClient(create_app(settings), "http://localhost") as client:
        yield client, key, reader


def basic(password):
    return {"Authorization": f"Basic {base64.b64encode(f'anybody:{password}'.encode()).decode()}"}


def test_a_key_is_a_password_to_label_studio_alone(keyed):
    client, key, reader = keyed
    assert client.get(f"{BASE}/health", headers=basic(key)).status_code == 200
    assert client.get(f"{BASE}/health", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    refused(client.get("/jobs", headers=basic(key)), 401, "unauthenticated")
    refused(client.get(f"{BASE}/health", headers=basic(reader)), 403, "forbidden")
    for headers in ({}, basic("nl_x"), {"Authorization": b"Basic \xe4"}):
        refused(client.get(f"{BASE}/health", headers=headers), 401, "unauthenticated")


def test_only_calls_that_make_a_job_count_as_submits(keyed, monkeypatch):
    client, key, _ = keyed
    monkeypatch.setattr(label_studio, "WAIT_S", 0.0)
    client.headers.update(basic(key))
    for _ in range(3):
        predict(client, "a.png")
    body = {"label_config": VIEW, "tasks": []}
    refused(client.post(f"{BASE}&seed=1/predict", json=body), 429, "rate_limited")


def test_a_labels_folder_that_holds_images_is_refused_when_the_project_is_connected(client, data):
    base = BASE.replace("path_to_labels=labels", "path_to_labels=pool")
    assert base != BASE
    refused(client.post(f"{base}/setup", json={"schema": VIEW}), 422, "path_wrong_kind")

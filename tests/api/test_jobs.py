"""Submitting, looking, waiting, listing, cancelling, forgetting."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest
import redis
from fastapi.testclient import TestClient

from nextlabel.api.app import create_app
from nextlabel.core.jobs.queue import JOBS_KEY
from nextlabel.core.jobs.record import JobState
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.kinds.registry import KINDS
from tests.api.support import f1_result, selection_result, settings_for
from tests.api.test_errors import problem
from tests.worker.conftest import wait_until


def faults(answer):
    assert answer.status_code == 422, answer.text
    return {fault["pointer"]: fault["code"] for fault in answer.json()["errors"]}


def detail(answer, pointer):
    return next(fault["detail"] for fault in answer.json()["errors"] if fault["pointer"] == pointer)


# --- submitting -------------------------------------------------------------------------------------------------


def test_a_request_is_answered_with_202_and_the_job(client, data):
    answer = client.post("/jobs", json=data.selection)
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/jobs/{job['id']}"
    assert answer.headers["Retry-After"] == "2"
    assert answer.headers["ETag"] == '"1"'
    assert (job["kind"], job["state"], job["attempt"]) == ("selection", "queued", 0)
    assert job["created_at"].endswith("Z")
    assert {job[name] for name in ("started_at", "finished_at", "progress", "result", "result_url", "error")} == {None}
    assert job["links"]["cancel"] == f"/jobs/{job['id']}/cancel"
    assert client.get(answer.headers["Location"]).json() == job


def test_the_request_comes_back_with_its_defaults_filled_in(client, data):
    request = client.post("/jobs", json=data.selection).json()["request"]
    defaults = {"head": "linear", "task": "classification", "seed": 0, "weights": None, "method": {"name": "auto"}}
    defaults |= {
        "content": False,
        "webhook": None,
        "deadline_s": None,
        "exclude": [],
        "pending": [],
        "class_quotas": {},
        "near_copies": "skip",
        "path_to_embeddings": None,
        "path_to_predictions": None,
        "person": None,
        "overlap": 1,
        "overlap_share": 1.0,
        "within_s": None,
        "cost": {},
        "detector": None,
        "image_size": None,
        "passes": None,
        "warm": False,
    }
    assert request == {**data.selection, **defaults}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_accepted(client, data, kind):
    assert client.post("/jobs", json=getattr(data, kind)).status_code == 202


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_bears_the_title_of_its_kind(client, data, kind):
    assert client.post("/jobs", json=getattr(data, kind)).json()["title"] == KINDS[kind].title


def test_a_job_of_a_kind_that_this_version_does_not_know_is_shown_by_the_name_of_the_kind(client, worker):
    worker.store.submit("job_1", "augury", '{"kind": "augury"}')
    (job,) = client.get("/jobs").json()["data"]
    assert (job["kind"], job["title"]) == ("augury", "augury")


def test_a_selection_needs_no_labels(client, data):
    for none_yet in (None, data.labels("none.txt", ""), data.pool("empty_folder")):
        assert client.post("/jobs", json={**data.selection, "path_to_labels": none_yet}).status_code == 202


def test_a_path_may_be_relative_to_a_data_root(client, data):
    request = {**data.selection, "path_to_img": "pool", "path_to_labels": "labels.txt"}
    assert client.post("/jobs", json=request).status_code == 202


def test_every_accepted_job_sends_one_message(client, data, worker):
    client.post("/jobs", json=data.selection)
    client.post("/jobs", json=data.f1)
    assert worker.store.messages_waiting(JOBS_KEY) == 2


def test_a_job_is_accepted_even_when_its_message_can_not_be_sent(client, data, empty_redis):
    with redis.Redis.from_url(empty_redis) as server:
        server.set(JOBS_KEY, "no list, so nothing can be pushed to it")
    assert client.post("/jobs", json=data.selection).status_code == 202  # the janitor will send it


# --- Prefer: wait -----------------------------------------------------------------------------------------------


def test_a_job_that_ends_within_the_preferred_wait_is_answered_with_200_and_its_result(client, data, worker):
    with worker.carrying_out(selection_result(("b.png", "cat"))):
        answer = client.post("/jobs", json=data.selection, headers={"Prefer": "respond-async, Wait=20"})
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert "Retry-After" not in answer.headers
    assert answer.json()["result"]["data"] == ["b.png"]


def test_a_job_that_does_not_is_answered_with_202_after_it(client, data, waits):
    begin = time.monotonic()
    answer = client.post("/jobs", json=data.selection, headers={"Prefer": "wait=1"})
    assert time.monotonic() - begin >= 1
    assert all(seconds <= 1 for seconds in waits.seconds)
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "wait=1"


@pytest.mark.parametrize("prefer", ["respond-async", "wait=x", "wait=-1", "wait=0", "", "await=5"])
def test_other_preferences_are_ignored(client, data, prefer):
    answer = client.post("/jobs", json=data.selection, headers={"Prefer": prefer})
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers


def test_a_preferred_wait_is_a_minute_at_most(client, data, worker):
    with worker.carrying_out(selection_result(("b.png", "cat"))):
        answer = client.post("/jobs", json=data.selection, headers={"Prefer": f"wait={'9' * 400}"})
    assert answer.headers["Preference-Applied"] == "wait=60"


# --- Idempotency-Key --------------------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_job_as_it_is_now(client, data, worker):
    first = client.post("/jobs", json=data.selection, headers={"Idempotency-Key": "k"})
    worker.succeed(first.json()["id"], selection_result(("b.png", "cat")))
    again = client.post("/jobs", json=data.selection, headers={"Idempotency-Key": "k"})
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert again.json()["state"] == "succeeded"
    assert len(client.get("/jobs").json()["data"]) == 1


def test_a_key_means_the_same_with_quotes_and_without(client, data):
    ids = {client.post("/jobs", json=data.f1, headers={"Idempotency-Key": key}).json()["id"] for key in ("k", '"k"')}
    assert len(ids) == 1


def test_a_default_said_aloud_is_the_same_request(client, data):
    client.post("/jobs", json=data.selection, headers={"Idempotency-Key": "k"})
    again = client.post("/jobs", json={**data.selection, "seed": 0}, headers={"Idempotency-Key": "k"})
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_key_with_another_request_is_refused(client, data):
    client.post("/jobs", json=data.selection, headers={"Idempotency-Key": "k"})
    answer = client.post("/jobs", json={**data.selection, "seed": 1}, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert len(client.get("/jobs").json()["data"]) == 1


@pytest.mark.parametrize("key", ["", " ", '""', "a" * 256, "a\tb", "ключ".encode(), b"\xff"])
def test_a_malformed_key_is_refused(client, data, key):
    answer = client.post("/jobs", json=data.selection, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


def test_a_refused_request_does_not_use_up_its_key(client, data):
    client.post("/jobs", json={**data.selection, "add": 0}, headers={"Idempotency-Key": "k"})
    assert client.post("/jobs", json=data.selection, headers={"Idempotency-Key": "k"}).status_code == 202


def test_a_key_gives_its_job_though_the_labels_file_is_gone_meanwhile(client, data):
    headers = {"Idempotency-Key": "once"}
    first = client.post("/jobs", json=data.selection, headers=headers).json()
    (data.root / "labels.txt").unlink()
    again = client.post("/jobs", json=data.selection, headers=headers)
    assert (again.status_code, again.json()["id"]) == (202, first["id"])


def test_the_key_of_a_forgotten_job_makes_a_new_one(client, data):
    first = client.post("/jobs", json=data.selection, headers={"Idempotency-Key": "k"}).json()
    client.post(first["links"]["cancel"])
    client.delete(first["links"]["self"])
    again = client.post("/jobs", json=data.selection, headers={"Idempotency-Key": "k"})
    assert again.status_code == 202
    assert again.json()["id"] != first["id"]


# --- faults of form ---------------------------------------------------------------------------------------------


def test_all_faults_of_a_request_are_told_at_once(client, data):
    body = {
        "kind": "selection",
        "backbone": "resnet5o",
        "add": 0,
        "method": "margn",
        "seed": -1,
        "head": "tail",
        "weights": "imagenet",
        "path_to_img": "/etc",
        "path_to_labels": data.labels("bad.txt", "a.png,cat\n"),
        "metod": "margin",
    }
    answer = client.post("/jobs", json=body)
    assert answer.json()["code"] == "invalid_request"
    assert faults(answer) == {
        "/backbone": "unknown_backbone",
        "/add": "invalid_value",
        "/method": "unknown_method",
        "/seed": "invalid_value",
        "/head": "invalid_value",
        "/weights": "invalid_value",
        "/path_to_img": "path_not_allowed",
        "/path_to_labels": "labels_malformed",
        "/metod": "unknown_field",
    }
    assert client.get("/jobs").json()["data"] == []


@pytest.mark.parametrize("kind", ["training", "", None, 1, [], {}])
def test_an_unknown_kind_is_refused_with_those_there_are(client, data, kind):
    answer = client.post("/jobs", json={**data.selection, "kind": kind})
    assert faults(answer) == {"/kind": "unknown_kind"}
    assert "selection, prediction, f1" in detail(answer, "/kind")


def test_no_kind_is_a_missing_field(client):
    assert faults(client.post("/jobs", json={})) == {"/kind": "missing_field"}


def test_missing_fields_are_all_named(client):
    missing = ("backbone", "path_to_img_train", "path_to_labels_train", "path_to_img_val", "path_to_labels_val")
    assert faults(client.post("/jobs", json={"kind": "f1"})) == {f"/{name}": "missing_field" for name in missing}


def test_an_unknown_field_is_refused_with_those_there_are(client, data):
    answer = client.post("/jobs", json={**data.prediction, "add": 3})
    assert faults(answer) == {"/add": "unknown_field"}
    assert "path_to_img, path_to_labels" in detail(answer, "/add")


@pytest.mark.parametrize("add", [0, -1, "x", 1.5, None, [], {}, "", 10_000_001, 10**30, float("inf"), float("nan")])
def test_add_is_a_number_from_1_to_ten_million(client, data, add):
    body = json.dumps({**data.selection, "add": add})
    answer = client.post("/jobs", content=body, headers={"Content-Type": "application/json"})
    assert faults(answer) == {"/add": "invalid_value"}


@pytest.mark.parametrize("seed", [-1, 2**32, "x", 0.5, None, float("nan")])
def test_a_seed_is_a_32_bit_number(client, data, seed):
    body = json.dumps({**data.selection, "seed": seed})
    answer = client.post("/jobs", content=body, headers={"Content-Type": "application/json"})
    assert faults(answer) == {"/seed": "invalid_value"}


def test_an_unknown_backbone_is_refused_with_those_there_are_and_a_hint(client, data):
    answer = client.post("/jobs", json={**data.selection, "backbone": "resnet5o"})
    assert faults(answer) == {"/backbone": "unknown_backbone"}
    assert "b0, resnet50, mobilenet" in detail(answer, "/backbone")
    assert "Did you mean resnet50" in detail(answer, "/backbone")


def test_an_unknown_method_is_refused_with_those_there_are(client, data):
    for method in ("margn", {"name": "margn"}, {}):
        answer = client.post("/jobs", json={**data.selection, "method": method})
        assert faults(answer) == {"/method": "unknown_method"}
        assert "least, margin, ratio, entropy" in detail(answer, "/method")


@pytest.mark.parametrize("method", [1, None, [], True])
def test_a_method_is_a_name_or_an_object(client, data, method):
    assert faults(client.post("/jobs", json={**data.selection, "method": method})) == {"/method": "invalid_value"}


@pytest.mark.parametrize("name", [[], {}, 1, None])
def test_the_name_of_a_method_may_be_anything_and_is_refused(client, data, name):
    answer = client.post("/jobs", json={**data.selection, "method": {"name": name}})
    assert faults(answer) == {"/method": "unknown_method"}


def test_an_unknown_option_of_a_method_is_refused_with_those_there_are(client, data):
    answer = client.post("/jobs", json={**data.selection, "method": {"name": "margin", "epochs": 1}})
    assert faults(answer) == {"/method/epochs": "unknown_field"}
    assert "path_to_img" not in detail(answer, "/method/epochs")


def test_a_pointer_leads_to_a_field_whatever_it_is_called(client, data):
    body = {**data.selection, "selection": 1, "body": 1, "a/b~c": 1}
    assert set(faults(client.post("/jobs", json=body))) == {"/selection", "/body", "/a~1b~0c"}


@pytest.mark.parametrize("path", [[], {}, 1, "", "a" * 5000])
def test_a_path_is_a_text_of_some_length(client, data, path):
    answer = client.post("/jobs", json={**data.selection, "path_to_img": path})
    assert faults(answer) == {"/path_to_img": "invalid_value"}


# --- faults on the disk -----------------------------------------------------------------------------------------


@pytest.fixture
def telling(data, tmp_path, empty_redis):
    """A service with a secret for webhooks."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    app = create_app(settings_for(data, tmp_path, empty_redis, webhook_secret=secret))
    with TestClient(app, "http://localhost") as client:
        yield client


@pytest.mark.parametrize("kind", ["selection", "prediction", "f1"])
def test_the_end_of_any_kind_of_job_with_a_webhook_is_to_be_told(telling, data, worker, kind):
    job = telling.post("/jobs", json={**getattr(data, kind), "webhook": "https://hooks.example/job"}).json()
    assert job["request"]["webhook"] == "https://hooks.example/job"
    assert worker.store.counts().webhooks_waiting == 0
    worker.fail(job["id"], "internal")
    assert worker.store.counts().webhooks_waiting == 1


def test_a_webhook_that_will_not_be_called_is_refused_together_with_the_rest(telling, data):
    wrong = {**data.selection, "add": 0, "path_to_img": "nowhere", "webhook": "https://10.0.0.1/"}
    answer = telling.post("/jobs", json=wrong)
    assert faults(answer) == {
        "/add": "invalid_value",
        "/path_to_img": "path_not_found",
        "/webhook": "webhook_not_allowed",
    }
    assert "NEXTLABEL_WEBHOOK_ALLOW_PRIVATE" in detail(answer, "/webhook")


def test_without_a_secret_a_webhook_is_refused_and_the_remedy_named(client, data):
    answer = client.post("/jobs", json={**data.f1, "webhook": "https://hooks.example/"})
    assert faults(answer) == {"/webhook": "webhook_not_allowed"}
    assert "NEXTLABEL_WEBHOOK_SECRET" in detail(answer, "/webhook")


@pytest.mark.parametrize("webhook", [7, True, ["https://hooks.example/"], "https://hooks.example/" + "x" * 2000])
def test_a_webhook_is_a_text_of_some_length(telling, data, webhook):
    assert faults(telling.post("/jobs", json={**data.f1, "webhook": webhook})) == {"/webhook": "invalid_value"}


def test_several_wrong_paths_are_told_at_once(client, data):
    body = {
        **data.f1,
        "path_to_img_train": str(data.root / "nowhere"),
        "path_to_labels_train": data.pool("empty_folder"),
        "path_to_img_val": str(data.root / "labels.txt"),
        "path_to_labels_val": "/etc/passwd",
    }
    assert faults(client.post("/jobs", json=body)) == {
        "/path_to_img_train": "path_not_found",
        "/path_to_labels_train": "no_labels",
        "/path_to_img_val": "path_wrong_kind",
        "/path_to_labels_val": "path_not_allowed",
    }


def test_outside_the_roots_the_answer_is_the_same_whether_a_path_exists_or_not(client, data, tmp_path):
    (tmp_path / "exists").mkdir()
    requests = [{**data.selection, "path_to_img": str(tmp_path / name)} for name in ("exists", "does_not")]
    answers = [client.post("/jobs", json=request) for request in requests]
    assert [faults(answer) for answer in answers] == [{"/path_to_img": "path_not_allowed"}] * 2
    assert answers[0].text.replace("exists", "does_not") == answers[1].text


@pytest.mark.parametrize("path", ["{root}/../secret", "../secret", "{root}/link", "link", "a\0b", "{root}\0", "~"])
def test_no_path_leads_out_of_the_roots(client, data, tmp_path, path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.png").touch()
    (data.root / "link").symlink_to(tmp_path / "secret")
    answer = client.post("/jobs", json={**data.selection, "path_to_img": path.format(root=data.root)})
    assert faults(answer)["/path_to_img"] in {"path_not_allowed", "path_not_found"}
    assert ("path_not_found" in answer.text) == (path == "~")  # a name like any other, under the root


def test_a_pool_without_an_image_is_refused(client, data):
    answer = client.post("/jobs", json={**data.selection, "path_to_img": data.pool("texts", "a.txt", ".hidden.png")})
    assert faults(answer) == {"/path_to_img": "empty_pool"}
    assert ".jpg" in detail(answer, "/path_to_img")


def test_malformed_labels_are_refused_with_file_and_line(client, data):
    path = data.labels("bad.txt", "a.png\tcat\nb.png,dog\nb.png\n")
    answer = client.post("/jobs", json={**data.selection, "path_to_labels": path})
    assert faults(answer) == {"/path_to_labels": "labels_malformed"}
    assert "bad.txt:2: a comma stands where a tab belongs" in detail(answer, "/path_to_labels")
    assert "bad.txt:3: one column" in detail(answer, "/path_to_labels")


def test_two_classes_for_one_image_refuse_no_job(client, data):
    path = data.labels("bad.txt", "a.png\tcat\na.png\tdog\n")
    assert client.post("/jobs", json={**data.selection, "path_to_labels": path}).status_code == 202


def test_a_picture_is_no_labels_file(client, data):
    path = data.labels("photo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    answer = client.post("/jobs", json={**data.selection, "path_to_labels": path})
    assert faults(answer) == {"/path_to_labels": "labels_malformed"}
    assert "photo.png:3: a NUL byte" in detail(answer, "/path_to_labels")


@pytest.mark.parametrize(("text", "code"), [("", "no_labels"), ("a.png\tcat\n", "single_class")])
def test_a_head_needs_labels_of_two_classes(client, data, text, code):
    path = data.labels("few.txt", text)
    for request, field in ((data.prediction, "path_to_labels"), (data.f1, "path_to_labels_train")):
        assert faults(client.post("/jobs", json={**request, field: path})) == {f"/{field}": code}


def test_a_validation_set_may_hold_one_class(client, data):
    one_class = data.labels("one.txt", "a.png\tcat\n")
    assert client.post("/jobs", json={**data.f1, "path_to_labels_val": one_class}).status_code == 202


@pytest.mark.parametrize("labels", [{}, {"path_to_labels": None}])
def test_a_prediction_needs_labels(client, data, labels):
    request = {name: value for name, value in data.prediction.items() if name != "path_to_labels"}
    assert faults(client.post("/jobs", json={**request, **labels})) == {"/path_to_labels": "no_labels"}


# --- looking ----------------------------------------------------------------------------------------------------


def test_a_running_job_shows_its_progress(client, data, worker):
    job_id = client.post("/jobs", json=data.selection).json()["id"]
    worker.report(worker.claim(job_id), 50)
    answer = client.get(f"/jobs/{job_id}")
    job = answer.json()
    assert answer.headers["Retry-After"] == "2"
    assert (job["state"], job["attempt"], job["progress"]["done"]) == ("running", 1, 50)
    assert job["started_at"] >= job["created_at"]


def test_a_succeeded_job_shows_its_result(client, data, worker):
    job_id = client.post("/jobs", json=data.selection).json()["id"]
    worker.succeed(job_id, selection_result(("b.png", "cat")))
    answer = client.get(f"/jobs/{job_id}")
    assert "Retry-After" not in answer.headers
    assert answer.json()["state"] == "succeeded"
    assert answer.json()["result"]["items"][0]["reason"].startswith("uncertain")
    assert answer.json()["result_url"] == f"/jobs/{job_id}/result"


def test_a_failed_job_shows_why(client, data, worker):
    job_id = client.post("/jobs", json=data.selection).json()["id"]
    worker.fail(job_id, "out_of_memory")
    job = client.get(f"/jobs/{job_id}").json()
    assert (job["state"], job["result_url"]) == ("failed", None)
    assert job["error"] == {"code": "out_of_memory", "detail": "it went wrong", "stage": "embed", "retryable": False}


def test_a_job_whose_worker_was_lost_is_queued_again_and_says_so(client, data, worker):
    job_id = client.post("/jobs", json=data.selection).json()["id"]
    worker.store.put_back(worker.claim(job_id), "drained")
    job = client.get(f"/jobs/{job_id}").json()
    assert (job["state"], job["error"], job["last_interruption"]["reason"]) == ("queued", None, "drained")


@pytest.mark.parametrize("job_id", ["job_x", "x" * 300, "%00", "%D1%8F", "%FF", "*", "..%2fx"])
def test_an_unknown_job_is_not_found(client, job_id):
    path = f"/jobs/{job_id}"
    answers = [client.get(path), client.get(f"{path}?wait=30"), client.delete(path), client.post(f"{path}/cancel")]
    assert {answer.status_code for answer in answers} == {404}


# --- ETag and long polls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ['"1"', 'W/"1"', '"0", "1"'])
def test_what_did_not_change_is_not_sent_again(client, data, form):
    job_id = client.post("/jobs", json=data.selection).json()["id"]
    answer = client.get(f"/jobs/{job_id}", headers={"If-None-Match": form})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", '"1"')


def test_what_changed_has_another_etag(client, data, worker):
    job = client.post("/jobs", json=data.selection)
    worker.claim(job.json()["id"])
    answer = client.get(job.headers["Location"], headers={"If-None-Match": job.headers["ETag"]})
    assert (answer.status_code, answer.json()["state"]) == (200, "running")
    assert answer.headers["ETag"] != job.headers["ETag"]


@pytest.mark.parametrize("known", [{}, {"If-None-Match": 'W/"1"'}, {"If-None-Match": "nonsense"}])
def test_a_long_poll_returns_when_the_job_changes(client, data, worker, known, waits):
    job_id = client.post("/jobs", json=data.selection).json()["id"]

    def claim_once_it_is_waited_for():
        wait_until(lambda: waits.seconds)
        worker.claim(job_id)

    claiming = threading.Thread(target=claim_once_it_is_waited_for)
    claiming.start()
    answer = client.get(f"/jobs/{job_id}?wait=60", headers=known)
    claiming.join()
    assert answer.json()["state"] == "running"
    assert waits.rang[-1]


def test_a_long_poll_returns_after_its_wait_when_nothing_changes(client, data, waits):
    job_id = client.post("/jobs", json=data.selection).json()["id"]
    begin = time.monotonic()
    assert client.get(f"/jobs/{job_id}?wait=0.5").json()["state"] == "queued"
    assert client.get(f"/jobs/{job_id}?wait=0.5", headers={"If-None-Match": '"1"'}).status_code == 304
    assert time.monotonic() - begin >= 1
    assert all(seconds <= 0.5 for seconds in waits.seconds)


def test_a_long_poll_does_not_wait_for_what_has_changed_already(client, data, worker, waits):
    job_id = client.post("/jobs", json=data.selection).json()["id"]
    worker.claim(job_id)
    assert client.get(f"/jobs/{job_id}?wait=20", headers={"If-None-Match": '"1"'}).json()["state"] == "running"
    assert waits.seconds == []


def test_a_long_poll_does_not_wait_for_a_job_that_has_ended(client, data, worker, waits):
    job_id = client.post("/jobs", json=data.selection).json()["id"]
    worker.fail(job_id, "internal")
    etag = client.get(f"/jobs/{job_id}").headers["ETag"]
    assert client.get(f"/jobs/{job_id}?wait=20").json()["state"] == "failed"
    assert client.get(f"/jobs/{job_id}?wait=20", headers={"If-None-Match": etag}).status_code == 304
    assert waits.seconds == []


def test_fifty_long_polls_at_once_are_all_woken_by_one_change(url, data, worker, waits):
    job_id = httpx.post(f"{url}/jobs", json=data.selection).json()["id"]
    with httpx.Client(timeout=90) as client, ThreadPoolExecutor(50) as threads:
        polls = [threads.submit(client.get, f"{url}/jobs/{job_id}?wait=60") for _ in range(50)]
        wait_until(lambda: len(waits.seconds) >= 50)
        assert httpx.get(f"{url}/healthz").status_code == 200  # others are answered meanwhile
        assert not any(poll.done() for poll in polls)
        worker.claim(job_id)
        assert {poll.result().json()["state"] for poll in polls} == {"running"}
    assert all(waits.rang)  # nobody found out by looking again


@pytest.mark.parametrize("wait", ["-1", "61", "nan", "inf", "x", ""])
def test_a_wait_is_a_minute_at_most(client, data, wait):
    job_id = client.post("/jobs", json=data.selection).json()["id"]
    assert faults(client.get(f"/jobs/{job_id}?wait={wait}")) == {"?wait": "invalid_value"}


# --- listing ----------------------------------------------------------------------------------------------------


def test_a_page_has_the_newest_first_and_leads_to_the_next(client, data):
    ids = [client.post("/jobs", json=data.selection).json()["id"] for _ in range(5)]
    pages, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/jobs?limit=2{cursor and '&cursor=' + cursor}").json()
        pages.append([job["id"] for job in page["data"]])
        cursor = page["next_cursor"]
    assert pages == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]


def test_jobs_are_listed_by_kind_and_state(client, data, worker):
    selection = client.post("/jobs", json=data.selection).json()["id"]
    f1 = client.post("/jobs", json=data.f1).json()["id"]
    worker.succeed(f1, f1_result())

    def listed(**narrow):
        return [job["id"] for job in client.get("/jobs", params=narrow).json()["data"]]

    assert listed() == [f1, selection]
    assert listed(kind="f1") == [f1]
    assert listed(state="queued") == [selection]
    assert listed(kind="f1", state="queued") == []


def test_a_list_holds_no_results(client, data, worker):
    job_id = client.post("/jobs", json=data.f1).json()["id"]
    worker.succeed(job_id, f1_result())
    [job] = client.get("/jobs").json()["data"]
    assert (job["result"], job["result_url"]) == (None, f"/jobs/{job_id}/result")


@pytest.mark.parametrize("narrow", ["limit=0", "limit=201", "limit=-1", "limit=x", "state=done", "kind=training"])
def test_a_list_refuses_what_it_does_not_know(client, narrow):
    answer = client.get(f"/jobs?{narrow}")
    assert faults(answer) == {"?" + narrow.split("=")[0]: "invalid_value"}


@pytest.mark.parametrize("cursor", ["x", "", "%D1%8F", "MTIz", "bmFuOng=", "aW5mOng", "a" * 200])
def test_a_cursor_from_elsewhere_is_refused(client, cursor):
    answer = client.get(f"/jobs?cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


# --- cancelling and forgetting ----------------------------------------------------------------------------------


def test_a_queued_job_is_cancelled_at_once(client, data):
    job = client.post("/jobs", json=data.selection).json()
    answers = [client.post(job["links"]["cancel"]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["state"] for answer in answers] == ["cancelled", "cancelled"]
    assert answers[0].json()["finished_at"] is not None


def test_a_running_job_is_cancelled_when_its_worker_hears_of_it(client, data, worker):
    job = client.post("/jobs", json=data.selection).json()
    claim = worker.claim(job["id"])
    answers = [client.post(job["links"]["cancel"]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["state"] == "cancelling"
    worker.store.finish(claim, JobState.SUCCEEDED)
    assert client.get(job["links"]["self"]).json()["state"] == "cancelled"


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_an_ended_job_can_not_be_cancelled(client, data, worker, end):
    job = client.post("/jobs", json=data.f1).json()
    worker.succeed(job["id"], f1_result()) if end == "succeeded" else worker.fail(job["id"], "internal")
    answer = client.post(job["links"]["cancel"])
    assert (answer.status_code, answer.json()["code"]) == (409, "job_ended")
    assert end in answer.json()["detail"]


def test_an_active_job_can_not_be_forgotten(client, data, worker):
    job = client.post("/jobs", json=data.selection).json()
    assert client.delete(job["links"]["self"]).json()["code"] == "job_active"
    worker.claim(job["id"])
    answer = client.delete(job["links"]["self"])
    assert (answer.status_code, answer.json()["code"]) == (409, "job_active")
    assert client.get(job["links"]["self"]).status_code == 200


def test_a_forgotten_job_leaves_no_result_behind(client, data, worker, settings):
    job = client.post("/jobs", json=data.f1).json()
    worker.succeed(job["id"], f1_result())
    assert list(settings.results_dir.rglob("*.json"))
    answer = client.delete(job["links"]["self"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert list(settings.results_dir.iterdir()) == []
    assert client.get(job["links"]["self"]).status_code == 404
    assert client.delete(job["links"]["self"]).status_code == 404


def test_a_waiting_client_hears_of_the_cancelling(url, data, worker):
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(httpx.post, f"{url}/jobs", json=data.f1, headers={"Prefer": "wait=20"})
        httpx.post(f"{url}/jobs/{worker.newest()}/cancel")
        assert held.result().json()["state"] == "cancelled"


# --- retry ------------------------------------------------------------------------------------------------------


def test_a_job_that_failed_or_was_cancelled_can_be_tried_again_as_a_new_one(client, data, worker):
    failed, cancelled = (client.post("/jobs", json=data.f1).json() for _ in range(2))
    worker.fail(failed["id"], "storage_full")
    client.post(f"/jobs/{cancelled['id']}/cancel")
    for old in (failed, cancelled):
        answer = client.post(f"/jobs/{old['id']}/retry")
        new = answer.json()
        assert (answer.status_code, new["state"], new["request"]) == (202, "queued", old["request"])
        assert answer.headers["Location"] == f"/jobs/{new['id']}" != f"/jobs/{old['id']}"
    assert client.get(f"/jobs/{failed['id']}").json()["state"] == "failed"


def test_trying_again_twice_with_the_same_key_makes_one_job(client, data):
    old = client.post("/jobs", json=data.f1).json()["id"]
    client.post(f"/jobs/{old}/cancel")
    answers = [client.post(f"/jobs/{old}/retry", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json()["id"] == answers[1].json()["id"] != old
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true"]


def test_a_job_that_has_not_ended_or_has_succeeded_is_not_tried_again(client, data, worker):
    ids = [client.post("/jobs", json=data.f1).json()["id"] for _ in range(2)]
    worker.succeed(ids[0], f1_result())
    answers = [client.post(f"/jobs/{job_id}/retry") for job_id in ids]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (409, "job_ended"),
        (409, "job_active"),
    ]


def test_what_has_become_of_the_disk_is_found_before_a_job_is_tried_again(client, data, worker):
    failed = client.post("/jobs", json=data.prediction).json()
    worker.fail(failed["id"], "internal")
    (data.root / "labels.txt").unlink()
    answer = client.post(f"/jobs/{failed['id']}/retry")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "path_not_found")


@pytest.mark.parametrize(
    ("path", "takes"), [("/jobs?stat=failed", "kind, state, limit, cursor"), ("/jobs/job_x?a=1", "wait")]
)
def test_a_parameter_that_a_call_does_not_take_is_refused_with_those_it_takes(client, path, takes):
    answer = client.get(path)
    (fault,) = answer.json()["errors"]
    assert (answer.status_code, fault["pointer"]) == (422, f"?{path.partition('?')[2].partition('=')[0]}")
    assert (fault["code"], fault["detail"]) == ("unknown_field", f"there is no such field; this call takes {takes}")


def test_what_needs_a_gpu_is_refused_where_all_workers_say_that_they_have_none(client, data, settings):
    (data.root / "boxes").mkdir()
    data.labels("boxes/boxes-anna.jsonl", '{"name": "a.png", "width": 4, "height": 4, "boxes": []}\n')
    asked = {"kind": "prediction", "task": "detection", "path_to_img": "pool", "path_to_labels": "boxes"}
    with closing(JobStore.at(settings.redis_url)) as store:
        before = client.post("/jobs", json={**asked, "detector": "large"})  # nobody is there to tell
        assert before.status_code == 202
        store.note_worker("w@a", gpus=0)
        refused = client.post("/jobs", json={**asked, "detector": "large"})
        assert [one["pointer"] for one in problem(refused)["errors"]] == ["/detector"]
        assert "no worker has one: leave it out" in refused.text
        client.post(f"/jobs/{before.json()['id']}/cancel")
        again = problem(client.post(f"/jobs/{before.json()['id']}/retry"))
        assert [one["pointer"] for one in again["errors"]] == ["/detector"]
        assert client.post("/jobs", json=asked).status_code == 202
        store.note_worker("w@b")  # of an older version, which doesn't tell
        assert client.post("/jobs", json={**asked, "detector": "large"}).status_code == 202
        store.note_worker("w@b", gpus=1)
        assert client.post("/jobs", json={**asked, "detector": "large"}).status_code == 202

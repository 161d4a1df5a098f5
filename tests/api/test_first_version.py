"""The first version's two calls, as its users' scripts make them."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode
from urllib.request import urlopen

import httpx
import pytest

from tests.api.support import f1_result, selection_result


@pytest.fixture
def selecting(data):
    return {name: value for name, value in data.selection.items() if name != "kind"} | {"method": "margin"}


@pytest.fixture
def measuring(data):
    return {name: value for name, value in data.f1.items() if name != "kind"}


def faults(answer):
    assert answer.status_code == 422, answer.text
    return {fault["pointer"]: fault["code"] for fault in answer.json()["errors"]}


def test_active_learning_answers_with_the_names_in_order_and_nothing_else(client, selecting, worker):
    with worker.carrying_out(selection_result(("b.png", "cat"), ("a.png", "dog"))):
        answer = client.get("/active_learning", params=selecting)
    assert answer.status_code == 200
    assert answer.json() == {"data": ["a.png", "b.png"]}
    assert answer.headers["Cache-Control"] == "no-store"


def test_f1_answers_with_the_number_and_nothing_else(client, measuring, worker):
    with worker.carrying_out(f1_result(0.875)):
        assert client.get("/f1", params=measuring).json() == {"f1_macro": 0.875}


def test_the_call_is_an_ordinary_job_and_names_it(client, selecting, worker):
    with worker.carrying_out(selection_result(("b.png", "cat"))):
        job_id = client.get("/active_learning", params=selecting).headers["X-Job-ID"]
    job = client.get(f"/jobs/{job_id}").json()
    assert (job["kind"], job["state"], job["request"]["method"]) == ("selection", "succeeded", {"name": "margin"})
    assert client.get("/jobs").json()["data"][0]["id"] == job_id


def test_two_identical_calls_make_two_jobs(client, selecting, worker):
    # The labels folder grows between them: an earlier answer would be wrong.
    with worker.carrying_out(selection_result(("b.png", "cat"))):
        ids = {client.get("/active_learning", params=selecting).headers["X-Job-ID"] for _ in range(2)}
    assert len(ids) == 2


def test_paths_may_hold_cyrillic_letters_spaces_and_brackets(url, data, selecting, worker):
    selecting["path_to_img"] = data.pool("фото (копия)", "кот 1.jpg")
    selecting["path_to_labels"] = data.labels("метки (копия).txt", "кот 1.jpg\tкот\n")
    call = f"{url}/active_learning?{urlencode(selecting)}"
    with worker.carrying_out(selection_result(("кот 1.jpg", "кот"))), urlopen(call) as answer:  # as their scripts do
        assert json.load(answer) == {"data": ["кот 1.jpg"]}


def test_the_first_version_s_methods_are_known_by_name(client, selecting, worker):
    with worker.carrying_out(selection_result(("b.png", "cat"))):
        for method in ("least", "margin", "ratio", "entropy", "vae", "mixture", "vae50", "mixture3"):
            assert client.get("/active_learning", params={**selecting, "method": method}).status_code == 200


def test_an_unknown_method_or_backbone_is_refused_with_those_there_are(client, selecting):
    answer = client.get("/active_learning", params={**selecting, "method": "margn", "backbone": "b00"})
    assert faults(answer) == {"?method": "unknown_method", "?backbone": "unknown_backbone"}
    assert "least, margin, ratio, entropy" in answer.text
    assert "b0, resnet50, mobilenet" in answer.text


def test_of_an_argument_that_stands_twice_the_first_counts_and_others_are_left_aside_as_ever(client, selecting, worker):
    call = f"/active_learning?{urlencode(selecting)}&add=7&method=nonsense&gpu=0&gpu=1"
    with worker.carrying_out(selection_result(("b.png", "cat"))):
        answer = client.get(call)
    assert answer.status_code == 200
    asked = client.get(f"/jobs/{answer.headers['X-Job-ID']}").json()["request"]
    assert (asked["add"], asked["method"]) == (selecting["add"], {"name": "margin"})


def test_missing_arguments_are_all_named(client):
    answer = client.get("/f1", params={"backbone": "b0"})
    missing = ("path_to_labels_train", "path_to_img_train", "path_to_labels_val", "path_to_img_val")
    assert faults(answer) == {f"?{name}": "missing_field" for name in missing}


@pytest.mark.parametrize("add", ["abc", "", "1.5", "0", "-1", "1" * 5000])
def test_add_is_a_number(client, selecting, add):
    assert faults(client.get("/active_learning", params={**selecting, "add": add})) == {"?add": "invalid_value"}


def test_faults_on_the_disk_are_told_at_once(client, measuring):
    wrong = {**measuring, "path_to_img_train": "/etc", "path_to_labels_val": "nowhere"}
    answer = client.get("/f1", params=wrong)
    assert faults(answer) == {"?path_to_img_train": "path_not_allowed", "?path_to_labels_val": "path_not_found"}
    assert "/path_to_img_train:" not in answer.json()["detail"]
    assert client.get("/jobs").json()["data"] == []


@pytest.mark.parametrize(
    ("code", "status"),
    [("single_class", 422), ("too_many_unreadable", 422), ("out_of_memory", 503), ("internal", 500), ("new_code", 500)],
)
def test_a_failed_job_is_a_problem_with_the_job_s_id(url, measuring, worker, code, status):
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(httpx.get, f"{url}/f1", params=measuring, timeout=20)
        job_id = worker.newest()
        worker.fail(job_id, code)
        answer = held.result()
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Job-ID"] == answer.json()["job"] == job_id
    assert (answer.json()["code"], answer.json()["detail"]) == (code, "it went wrong")


def test_a_job_that_is_cancelled_while_it_is_held_is_a_conflict(url, selecting, worker):
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(httpx.get, f"{url}/active_learning", params=selecting, timeout=20)
        job_id = worker.newest()
        httpx.post(f"{url}/jobs/{job_id}/cancel")
        answer = held.result()
    assert (answer.status_code, answer.json()["code"], answer.json()["job"]) == (409, "cancelled", job_id)


def test_a_client_that_hangs_up_does_not_cancel_its_job(url, selecting, worker):
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{url}/active_learning", params=selecting, timeout=0.5)
    job_id = worker.newest()
    assert worker.store.get(job_id).state == "queued"
    worker.succeed(job_id, selection_result(("b.png", "cat")))  # lets the held call go


def test_many_calls_are_held_at_once(url, selecting, worker):
    with ThreadPoolExecutor(60) as threads:
        held = [threads.submit(httpx.get, f"{url}/active_learning", params=selecting, timeout=60) for _ in range(60)]
        while worker.store.queue_length() < 60:
            time.sleep(0.02)
        assert httpx.get(f"{url}/healthz").status_code == 200
        with worker.carrying_out(selection_result(("b.png", "cat"))):
            assert {answer.result().status_code for answer in held} == {200}

"""Redis can't be reached, won't write, or goes away for a while."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import redis
from fastapi.testclient import TestClient

from nextlabel.api.app import create_app
from nextlabel.core.jobs.result_files import ResultFiles
from nextlabel.core.jobs.store import JobStore
from tests.api.support import OwnRedis, Worker, f1_result, served, settings_for
from tests.api.test_errors import problem


@pytest.fixture
def cut_off(data, tmp_path):
    with TestClient(create_app(settings_for(data, tmp_path, "redis://127.0.0.1:1/0")), "http://localhost") as client:
        yield client


def test_without_redis_nothing_is_accepted(cut_off, data):
    answer = cut_off.post("/jobs", json=data.selection)
    body = problem(answer)
    assert (answer.status_code, body["code"], body["retryable"]) == (503, "store_unavailable", True)
    assert answer.headers["Retry-After"] == "2"


def test_without_redis_a_faulty_request_is_still_told_its_faults(cut_off, data):
    assert cut_off.post("/jobs", json={**data.selection, "add": 0}).status_code == 422


@pytest.mark.parametrize(
    "path", ["/jobs", "/jobs/x", "/jobs/x?wait=5", "/jobs/x/result", "/jobs/x/events", "/metrics", "/readyz"]
)
def test_without_redis_every_question_about_jobs_is_503(cut_off, path):
    answer = cut_off.get(path)
    assert answer.status_code == 503
    assert "Redis can't be reached" in problem(answer)["detail"]


def test_without_redis_the_first_version_s_calls_are_503(cut_off, data):
    measuring = {name: value for name, value in data.f1.items() if name != "kind"}
    assert cut_off.get("/f1", params=measuring).status_code == 503


def test_without_redis_the_process_still_answers(cut_off):
    for path in ("/healthz", "/capabilities", "/docs", "/openapi.json"):
        assert cut_off.get(path).status_code == 200


@pytest.fixture
def full_redis(empty_redis):
    """Its memory is used up: it answers and refuses to write."""
    with redis.Redis.from_url(empty_redis) as server:
        server.config_set("maxmemory", 1)
        yield server
        server.config_set("maxmemory", 0)


def test_a_redis_that_can_not_write_accepts_no_job_and_keeps_no_half_of_one(client, data, full_redis):
    answer = client.post("/jobs", json=data.selection, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, problem(answer)["code"]) == (503, "store_unavailable")
    assert set(full_redis.keys()) <= {b"nextlabel:stack", b"nextlabel:members"}  # whose Redis it is, and who is alive
    assert client.get("/jobs").json()["data"] == []
    full_redis.config_set("maxmemory", 0)
    answer = client.post("/jobs", json=data.selection, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer.headers


def test_a_redis_that_can_not_write_is_not_ready(client, full_redis):
    assert "maxmemory" in client.get("/readyz").json()["detail"]


@pytest.fixture
def own_redis(tmp_path):
    own = OwnRedis(tmp_path)
    own.start()
    yield own
    own.stop()


@pytest.fixture
def own(own_redis, data, tmp_path):
    """(url, worker) of a service on a Redis of its own."""
    settings = settings_for(data, tmp_path, own_redis.url)
    store = JobStore.at(own_redis.url)
    with served(create_app(settings)) as url:
        yield url, Worker(store, ResultFiles(settings.results_dir))
    store.close()


def test_a_held_call_outlives_a_restart_of_redis(own, own_redis, data):
    url, worker = own
    measuring = {name: value for name, value in data.f1.items() if name != "kind"}
    with ThreadPoolExecutor(2) as threads:
        held = threads.submit(httpx.get, f"{url}/f1", params=measuring, timeout=30)
        job_id = worker.newest()
        followed = threads.submit(httpx.get, f"{url}/jobs/{job_id}/events", timeout=30)
        time.sleep(0.3)
        own_redis.stop()
        assert httpx.get(f"{url}/jobs/{job_id}").status_code == 503
        own_redis.start()
        assert httpx.get(f"{url}/jobs/{job_id}").json()["state"] == "queued"
        worker.succeed(job_id, f1_result())
        assert held.result().json() == {"f1_macro": 0.875}
        assert "event: end" in followed.result().text


def test_a_preferred_wait_answers_with_what_was_recorded_when_redis_goes_away(own, own_redis, data):
    url, worker = own
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(httpx.post, f"{url}/jobs", json=data.f1, headers={"Prefer": "wait=2"}, timeout=30)
        job_id = worker.newest()
        time.sleep(0.3)
        own_redis.stop()
        answer = held.result()
        own_redis.start()
    assert answer.status_code == 202
    assert (answer.json()["id"], answer.json()["state"]) == (job_id, "queued")

"""Server-sent events, from a real server."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from itertools import groupby, takewhile

import fastapi.routing
import httpx
import pytest

from nextlabel.core.jobs.record import JobState, JobWarning
from tests.api.support import f1_result


@contextmanager
def following(url, job_id, last=None, headers=None):
    """The events of a job as they come, each a dict of its fields."""
    headers = {**(headers or {}), **({"Last-Event-ID": last} if last else {})}
    with httpx.stream("GET", f"{url}/jobs/{job_id}/events", headers=headers, timeout=20) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield parsed(answer.iter_lines())


def parsed(lines):
    for blank, event in groupby(lines, key=lambda line: line == ""):
        if not blank:
            yield dict(line.split(": ", 1) for line in event)


def names(events):
    return [(event["event"], json.loads(event["data"]).get("state")) for event in events]


@pytest.fixture
def job_id(url, data):
    return httpx.post(f"{url}/jobs", json=data.f1).json()["id"]


def test_the_events_of_a_job_come_in_order_and_close_after_its_end(url, worker, job_id):
    def work():
        claim = worker.claim(job_id)
        worker.report(claim, 10)
        worker.report(claim, 20)
        worker.store.report(claim, None, (JobWarning(code="unreadable_image", detail="one", names=("a.png",)),))
        worker.succeed(job_id, f1_result(), claim)

    with following(url, job_id) as events:
        first = next(events)
        working = threading.Thread(target=work)
        working.start()
        rest = list(events)
        working.join()
    assert names([first]) == [("state", "queued")]
    assert [event["event"] for event in rest] == ["state", "progress", "progress", "warnings", "end"]
    assert json.loads(rest[0]["data"])["state"] == "running"
    assert [json.loads(event["data"])["done"] for event in rest[1:3]] == [10, 20]
    assert json.loads(rest[3]["data"])[0]["names"] == ["a.png"]
    assert json.loads(rest[4]["data"]) == {"state": "succeeded"}
    assert first["retry"] == "3000"


def test_an_event_arrives_as_it_happens(url, worker, job_id, waits):
    with following(url, job_id) as events:
        next(events)
        worker.claim(job_id)
        assert next(events)["event"] == "state"
    assert all(waits.rang)  # nobody found out by looking again


def test_a_stream_resumes_after_the_last_event_that_was_seen(url, worker, job_id):
    worker.report(worker.claim(job_id), 10)
    with following(url, job_id) as events:
        seen = [next(events) for _ in range(3)]
    worker.store.cancel(job_id)
    with following(url, job_id, last=seen[1]["id"]) as events:
        assert next(events) == seen[2]
        assert names([next(events)]) == [("state", "cancelling")]


def test_a_stream_that_resumes_after_the_end_closes_at_once(url, worker, job_id):
    worker.fail(job_id, "internal")
    with following(url, job_id) as events:
        last = list(events)[-1]
    assert last["event"] == "end"
    with following(url, job_id, last=last["id"]) as events:
        assert list(events) == []


@pytest.mark.parametrize("last", ["x", "-", "0", "99999999999999999999999-0", "+", "*", "1-1-1"])
def test_an_event_id_from_elsewhere_begins_the_stream_anew(url, worker, job_id, last):
    worker.fail(job_id, "internal")
    with following(url, job_id, last=last) as events:
        assert names(events) == [("state", "queued"), ("state", "running"), ("end", "failed")]


def test_the_stream_of_a_forgotten_job_closes(url, worker, job_id):
    claim = worker.claim(job_id)
    with following(url, job_id) as events:
        assert [next(events)["event"] for _ in range(2)] == ["state", "state"]
        worker.store.finish(claim, JobState.FAILED)
        worker.store.forget(job_id)
        assert {event["event"] for event in events} <= {"end"}


def test_an_unknown_job_is_a_404_before_any_stream_begins(url):
    answer = httpx.get(f"{url}/jobs/job_x/events", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "job_not_found"


def test_a_silent_stream_is_kept_alive_by_comments(url, job_id, monkeypatch):
    monkeypatch.setattr(fastapi.routing, "_PING_INTERVAL", 0.1)
    with httpx.stream("GET", f"{url}/jobs/{job_id}/events", timeout=5) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "event: state"
        assert len(list(takewhile(lambda line: not line.startswith(":"), lines))) < 10


def test_a_client_that_leaves_does_not_disturb_the_job(url, worker, job_id):
    with following(url, job_id) as events:
        next(events)
    worker.succeed(job_id, f1_result())
    assert httpx.get(f"{url}/jobs/{job_id}").json()["state"] == "succeeded"


def test_many_follow_one_job(url, worker, job_id):
    ends = []

    def follow():
        with following(url, job_id) as events:
            ends.append(list(events)[-1]["event"])

    threads = [threading.Thread(target=follow) for _ in range(20)]
    [thread.start() for thread in threads]
    worker.succeed(job_id, f1_result())
    [thread.join() for thread in threads]
    assert ends == ["end"] * 20

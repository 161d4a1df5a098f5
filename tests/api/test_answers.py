"""What every answer has, and how large a request may be."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest
from anyio import BrokenResourceError
from fastapi.testclient import TestClient
from starlette.requests import ClientDisconnect

from nextlabel.api.answers import AnswerHeaders
from nextlabel.api.app import create_app
from tests.api.support import f1_result


@pytest.mark.parametrize("path", ["/jobs", "/jobs/x", "/nowhere", "/healthz", "/docs", "/readyz", "/metrics"])
def test_every_answer_has_an_id_and_says_not_to_guess_its_type(client, path):
    answer = client.get(path)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_so_has_the_answer_to_a_bug_and_to_who_is_turned_away(settings, logged):
    app = create_app(settings)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("tuna")

    with TestClient(app, "http://localhost") as client:
        for path, host, status in (("/broken", "localhost", 500), ("/jobs", "evil.example", 403)):
            answer = client.get(path, headers={"X-Request-ID": "a.b-c_1", "Host": host})
            assert answer.status_code == status
            assert answer.headers["X-Request-ID"] == "a.b-c_1"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


BROKEN = ExceptionGroup("of a stream", [BrokenResourceError()])
START = {"type": "http.response.start", "status": 200, "headers": []}


def answered(error, *, reads=False, begins=False):
    """Return the types of what is sent where an app raises the error, after it read from a client that has left, or
    after it began to answer."""

    async def app(scope, receive, send):
        if reads:
            await receive()
        if begins:
            await send(START)
        raise error

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message["type"])

    sent = []
    asyncio.run(AnswerHeaders(app)({"type": "http", "path": "/jobs", "headers": []}, receive, send))
    return sent


def test_a_client_that_leaves_is_no_failure(logged):
    assert answered(ClientDisconnect()) == []
    assert answered(BROKEN, reads=True) == []
    assert answered(BROKEN, begins=True) == ["http.response.start"]
    assert "request failed" not in logged()


def test_a_stream_of_our_own_that_breaks_before_the_answer_is_a_failure(logged):
    assert answered(BROKEN) == ["http.response.start", "http.response.body"]
    assert "request failed" in logged()


@pytest.mark.parametrize("given", ["", "a b", "a" * 65, "<script>", "ä".encode(), "a,b"])
def test_an_id_that_does_not_look_like_one_is_replaced(client, given):
    answer = client.get("/healthz", headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_the_id_stands_in_the_logs_of_its_request(client, data, logged):
    client.post("/jobs", json=data.f1, headers={"X-Request-ID": "mine"})
    client.post("/jobs", json=data.f1, headers={"X-Request-ID": "another"})
    told = [json.loads(line) for line in logged().splitlines() if "job accepted" in line]
    assert [line["request_id"] for line in told] == ["mine", "another"]


def test_no_cache_keeps_a_job_and_who_knows_it_is_told_that_nothing_changed(client, data, worker):
    job = client.post("/jobs", json=data.f1)
    job_id = job.json()["id"]
    again = client.get(f"/jobs/{job_id}", headers={"If-None-Match": job.headers["ETag"]})
    assert again.status_code == 304
    worker.succeed(job_id, f1_result())
    answers = [job, again, *(client.get(f"/jobs/{job_id}{more}") for more in ("", "/result", "/events"))]
    assert [answer.headers["Cache-Control"] for answer in (*answers, client.get("/jobs"))] == ["no-store"] * 6


# --- how large a request may be ---------------------------------------------------------------------------------


def test_a_body_sent_in_pieces_without_its_length_is_refused_too(url, settings):
    pieces = (b" " * 100_000 for _ in range(settings.max_request_bytes // 100_000 + 1))
    answer = httpx.post(f"{url}/jobs", content=pieces, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "Content-Length" not in answer.request.headers


@pytest.mark.parametrize("large", ["header", "query"])
def test_endless_headers_and_queries_are_refused_while_they_are_read(url, large):
    where = urlsplit(url)
    begin = b"GET /jobs HTTP/1.1\r\nX: " if large == "header" else b"GET /jobs?state="
    with socket.create_connection((where.hostname, where.port), timeout=10) as endless:
        with suppress(ConnectionError):  # the server hangs up meanwhile
            endless.sendall(begin + b"x" * 2_000_000)
        assert b"400 Bad Request" in endless.recv(100)


def test_a_request_that_never_ends_its_headers_disturbs_nobody(url):
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port)) as slow:
        slow.sendall(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nX: ")
        assert httpx.get(f"{url}/healthz").status_code == 200

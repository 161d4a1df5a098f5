"""A job's end reaches a receiver, from a real worker."""

from __future__ import annotations

import time

import pytest
from standardwebhooks import Webhook

from tests.e2e.conftest import WEBHOOK_SECRET
from tests.receiver import receiving, status

pytestmark = pytest.mark.e2e

SELECTION = {"kind": "selection", "backbone": "descriptor", "add": 3, "path_to_img": "pool"}


def told(receiver, times, within_s=20.0):
    deadline = time.monotonic() + within_s
    while len(receiver.received) < times:
        assert time.monotonic() < deadline, f"told {len(receiver.received)} times"
        time.sleep(0.05)
    return [Webhook(WEBHOOK_SECRET).verify(body, headers) for _, headers, body in receiver.received]


def test_a_receiver_that_fails_once_is_told_of_a_job_again(client):
    with receiving(status(500), status(204)) as receiver:
        job = client.wait(client.submit({**SELECTION, "webhook": receiver.url}).id, timeout_s=60)
        first, again = told(receiver, times=2)
        ids = {headers["webhook-id"] for _, headers, _ in receiver.received}
    assert first == again
    assert len(ids) == 1
    assert (first["type"], first["data"]["id"]) == ("job.succeeded", job.id)
    assert client.job(first["data"]["url"].removeprefix("/jobs/")).state == "succeeded"

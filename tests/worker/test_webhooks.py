"""Real deliveries to a real receiver, out of a real Redis."""

import json
import threading
import time
from itertools import chain, repeat

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from nextlabel.core.errors import StoreUnavailable
from nextlabel.core.jobs.outbox import HELD_FOR_S, RETRY_AFTER_S
from nextlabel.core.jobs.record import JobState, new_job_id
from nextlabel.core.jobs.store import JobStore
from nextlabel.worker import webhooks as module
from nextlabel.worker.webhooks import WITHIN_S, Deliverer
from tests.receiver import after, never, receiving, status
from tests.worker.conftest import wait_until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OK, BROKEN = status(204), status(500)


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"webhook_secret": SecretStr(SECRET), "webhook_allow_private": True})


@pytest.fixture
def strict(settings):
    """As it is unless private addresses are allowed."""
    return settings.model_copy(update={"webhook_allow_private": False})


@pytest.fixture
def deliverer(settings):
    return Deliverer(settings)


@pytest.fixture
def at_once(monkeypatch):
    """The next attempt is due as soon as one has failed."""
    monkeypatch.setattr("nextlabel.core.jobs.outbox.RETRY_AFTER_S", (0,) * len(RETRY_AFTER_S))


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(module, "WITHIN_S", 0.3)


def end(store, url, state=JobState.SUCCEEDED):
    job, _ = store.submit(new_job_id(), "selection", "{}", webhook=url)
    store.finish(store.claim(job.id, process="w/1", token="t", lease_s=20), state)
    return store.get(job.id)


def lines(logged):
    return [json.loads(line) for line in logged().splitlines()]


def outcomes(store):
    return store.counts().webhooks


# --- what arrives ---------------------------------------------------------------------------------------------------


def test_a_receiver_is_told_once_and_can_verify_it(deliverer, store):
    with receiving() as receiver:
        job = end(store, f"{receiver.url}?team=7", JobState.FAILED)
        assert deliverer.deliver_one()
        assert not deliverer.deliver_one()
    ((path, headers, body),) = receiver.received
    assert path == "/hook?team=7"
    assert Webhook(SECRET).verify(body, headers)["type"] == "job.failed"
    assert json.loads(body)["data"] == {
        "id": job.id, "kind": "selection", "state": "failed", "rev": job.rev, "url": f"/jobs/{job.id}",
    }  # fmt: skip
    assert headers["content-type"] == "application/json"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert outcomes(store) == {"delivered": 1}


def test_after_a_failure_the_same_message_comes_again_under_the_same_id(deliverer, store, at_once):
    with receiving(BROKEN, OK) as receiver:
        end(store, receiver.url)
        assert deliverer.deliver_one()
        time.sleep(1.0 - time.time() % 1)  # its time stamp counts seconds
        assert deliverer.deliver_one()
    (_, first, body), (_, second, again) = receiver.received
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert first["webhook-timestamp"] < second["webhook-timestamp"]
    assert Webhook(SECRET).verify(again, second)
    assert outcomes(store) == {"failed": 1, "delivered": 1}


@pytest.mark.parametrize("code", [199, 304, 400, 404, 429, 503])
def test_any_answer_but_2xx_is_a_failure(deliverer, store, code):
    with receiving(status(code)) as receiver:
        end(store, receiver.url)
        deliverer.deliver_one()
    assert outcomes(store) == {"failed": 1}


def test_a_redirect_is_a_failure_and_nobody_goes_there(deliverer, store):
    with receiving() as elsewhere, receiving(status(302, Location=elsewhere.url)) as receiver:
        end(store, receiver.url)
        deliverer.deliver_one()
    assert elsewhere.received == []
    assert outcomes(store) == {"failed": 1}


def test_a_receiver_that_is_gone_for_good_is_left_alone(deliverer, store, at_once):
    with receiving(status(410)) as receiver:
        end(store, receiver.url)
        deliverer.deliver_one()
        assert not deliverer.deliver_one()
    assert outcomes(store) == {"unwanted": 1}


def test_a_slow_receiver_fails_in_time(deliverer, store, hurried):
    with receiving(after(60, OK)) as receiver:
        end(store, receiver.url)
        deliverer.deliver_one()
    assert outcomes(store) == {"failed": 1}


def test_a_receiver_that_is_not_there_fails(deliverer, store, logged):
    with receiving() as receiver:
        pass
    end(store, receiver.url)
    deliverer.deliver_one()
    assert "refused" in lines(logged)[-1]["cause"]
    assert outcomes(store) == {"failed": 1}


def test_a_receiver_that_asks_for_time_gets_it(deliverer, store, logged):
    with receiving(status(503, Retry_After="90")) as receiver:
        end(store, receiver.url)
        deliverer.deliver_one()
    assert 90 <= lines(logged)[-1]["next_in_s"] < 100


def test_the_environments_proxy_is_not_used(deliverer, store, monkeypatch):
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        end(store, receiver.url)
        deliverer.deliver_one()
    assert (len(proxy.received), len(receiver.received)) == (0, 1)


def test_a_claim_is_held_for_longer_than_an_attempt_may_take():
    assert HELD_FOR_S > 2 * WITHIN_S


# --- where it may go ------------------------------------------------------------------------------------------------


def test_a_name_that_leads_to_a_private_address_is_not_called(strict, store, logged):
    with receiving() as receiver:
        end(store, f"https://hooks.example:{receiver.port}/")
        Deliverer(strict, resolve=lambda *_: ["8.8.8.8", "127.0.0.1"]).deliver_one()
    assert receiver.received == []
    assert lines(logged)[-1]["cause"] == "hooks.example leads to 127.0.0.1, which is not a public address"
    assert outcomes(store) == {"failed": 1}


def test_a_name_that_leads_elsewhere_the_second_time_was_resolved_once(strict, store, at_once, monkeypatch):
    """DNS rebinding: public when it is checked, private when it is called."""
    called = []

    def call(address, timeout_s):
        called.append(address[0])
        raise ConnectionRefusedError("nobody is called in a test")

    monkeypatch.setattr("nextlabel.worker.outgoing.socket.create_connection", call)
    answers = chain([["93.184.216.34"]], repeat(["127.0.0.1"]))
    end(store, "https://hooks.example/")
    deliverer = Deliverer(strict, resolve=lambda *_: next(answers))
    deliverer.deliver_one()
    assert called == ["93.184.216.34"]
    deliverer.deliver_one()  # now it is checked as 127.0.0.1, too
    assert called == ["93.184.216.34"]
    assert outcomes(store) == {"failed": 2}


def test_the_call_goes_to_the_address_that_was_checked_under_the_name_that_was_given(settings, store):
    with receiving() as receiver:
        end(store, f"http://hooks.invalid:{receiver.port}/")
        Deliverer(settings, resolve=lambda *_: ["127.0.0.1"]).deliver_one()
    ((_, headers, _),) = receiver.received
    assert headers["host"] == f"hooks.invalid:{receiver.port}"


def test_a_url_that_is_allowed_no_more_is_not_even_resolved(strict, store):
    resolved = []
    end(store, "http://hooks.example/")  # it was, when the job was submitted
    Deliverer(strict, resolve=lambda name, _: resolved.append(name) or ["8.8.8.8"]).deliver_one()
    assert resolved == []
    assert outcomes(store) == {"failed": 1}


# --- what the log tells ---------------------------------------------------------------------------------------------


def test_each_attempt_is_a_line_with_job_host_and_outcome_and_without_what_is_secret(deliverer, store, logged, at_once):
    with receiving(BROKEN, OK) as receiver:
        job = end(store, f"{receiver.url}/private-path?token=of-the-receiver")
        deliverer.deliver_one()
        deliverer.deliver_one()
    failed, delivered = lines(logged)
    assert (failed["event"], failed["cause"], failed["attempt"]) == ("webhook failed", "the receiver answered 500", 1)
    assert (delivered["event"], delivered["status"], delivered["attempt"]) == ("webhook delivered", 204, 2)
    assert {line["job_id"] for line in (failed, delivered)} == {job.id}
    assert {line["host"] for line in (failed, delivered)} == {"127.0.0.1"}
    assert not any(secret in logged() for secret in (SECRET, SECRET[6:], "of-the-receiver", "private-path"))


# --- its threads ----------------------------------------------------------------------------------------------------


def test_one_slow_receiver_does_not_hold_up_another(deliverer, store):
    quick_was_told = threading.Event()
    with receiving(never(quick_was_told)) as slow, receiving() as quick:
        end(store, slow.url)
        end(store, quick.url)
        deliverer.start()
        wait_until(lambda: quick.received)
        assert outcomes(store).get("failed", 0) == 0  # the slow one is still waited for
        quick_was_told.set()
        deliverer.stop()


def test_many_deliverers_tell_of_each_job_once(settings, store):
    deliverers = [Deliverer(settings) for _ in range(3)]
    with receiving() as receiver:
        jobs = [end(store, receiver.url) for _ in range(30)]
        for deliverer in deliverers:
            deliverer.start()
        wait_until(lambda: outcomes(store) == {"delivered": 30})
        for deliverer in deliverers:
            deliverer.stop()
    assert sorted(json.loads(body)["data"]["id"] for _, _, body in receiver.received) == sorted(job.id for job in jobs)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("webhooks-")]


def test_what_was_due_survives_a_restart_of_redis(settings, own_redis, logged, monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.05)
    own_redis.start()
    store = JobStore.at(own_redis.url)
    deliverer = Deliverer(settings.model_copy(update={"redis_url": own_redis.url}))
    with receiving() as receiver:
        end(store, receiver.url)
        own_redis.stop()
        deliverer.start()
        wait_until(lambda: "webhooks are waiting" in logged())
        own_redis.start()
        wait_until(lambda: receiver.received)
        wait_until(lambda: outcomes(store) == {"delivered": 1})
        deliverer.stop()
    store.close()


def test_without_redis_an_attempt_says_so(settings):
    with pytest.raises(StoreUnavailable):
        Deliverer(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})).deliver_one()


def test_without_a_secret_it_leaves_what_is_due_to_others(settings, store):
    deliverer = Deliverer(settings.model_copy(update={"webhook_secret": None}))
    end(store, "http://127.0.0.1:1/")
    deliverer.start()
    time.sleep(0.1)
    deliverer.stop()
    assert store.counts().webhooks_waiting == 1
    assert outcomes(store) == {}

"""The outbox's Lua scripts, against a real Redis."""

import threading
import time

import pytest

from nextlabel.core.jobs.outbox import JITTER, MOST_RETRY_AFTER_S, RETRY_AFTER_S, Delivery, Outbox
from nextlabel.core.jobs.record import JobState, new_job_id

URL = "https://hooks.example/"


@pytest.fixture
def outbox(store):
    return Outbox(store)


@pytest.fixture
def at_once(monkeypatch):
    """The next attempt is due as soon as one has failed."""
    monkeypatch.setattr("nextlabel.core.jobs.outbox.RETRY_AFTER_S", (0,) * len(RETRY_AFTER_S))


def submit(store, webhook=URL):
    return store.submit(new_job_id(), "selection", "{}", webhook=webhook)[0]


def claim(store, job, lease_s=20.0):
    return store.claim(job.id, process="w/1", token=job.id, lease_s=lease_s)


def end(store, state=JobState.SUCCEEDED, **options):
    job = submit(store, **options)
    store.finish(claim(store, job), state)
    return job


def counted(store):
    counts = store.counts()
    return counts.webhooks_waiting, counts.webhooks


def test_nothing_is_due_until_the_job_has_ended(store, outbox):
    job = submit(store)
    assert outbox.claim() is None
    running = claim(store, job)
    assert outbox.claim() is None
    store.finish(running, JobState.SUCCEEDED)
    delivery = outbox.claim()
    assert (delivery.job_id, delivery.url, delivery.failures) == (job.id, URL, 0)


def test_a_job_without_a_webhook_leaves_nothing(store, outbox):
    end(store, webhook=None)
    assert outbox.claim() is None
    assert counted(store) == (0, {})


def test_every_way_to_end_leads_here(store, outbox):
    ends = [end(store, state) for state in (JobState.SUCCEEDED, JobState.FAILED)]
    waiting, running, dying = submit(store), submit(store), submit(store)
    store.cancel(waiting.id)
    given_back = claim(store, running)
    store.cancel(running.id)
    store.put_back(given_back, "drained")
    claim(store, dying, lease_s=0.001)
    time.sleep(0.01)
    store.put_back_expired(most_crashes=1)
    told = {outbox.claim().job_id for _ in range(5)}
    assert told == {job.id for job in (*ends, waiting, running, dying)}
    assert outbox.claim() is None


def test_an_end_that_is_told_twice_is_due_once(store, outbox):
    job = submit(store)
    taken = claim(store, job)
    for _ in range(2):
        store.finish(taken, JobState.SUCCEEDED)
    outbox.mark_delivered(outbox.claim())
    store.finish(taken, JobState.SUCCEEDED)
    assert outbox.claim() is None


def test_the_one_that_waits_longest_comes_first(store, outbox):
    jobs = [end(store) for _ in range(2) if time.sleep(0.002) is None]
    assert [outbox.claim().job_id for _ in jobs] == [job.id for job in jobs]


def test_of_many_deliverers_one_gets_it(store, outbox):
    end(store)
    claimed = []
    threads = [threading.Thread(target=lambda: claimed.append(outbox.claim())) for _ in range(20)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sum(one is not None for one in claimed) == 1


def test_what_a_dead_deliverer_held_is_due_again_and_its_own_word_counts_no_more(store, outbox):
    end(store)
    dead = outbox.claim(held_for_s=0.01)
    time.sleep(0.02)
    alive = outbox.claim()
    assert alive.failures == dead.failures == 0
    outbox.mark_delivered(dead)
    assert counted(store) == (1, {})
    outbox.mark_delivered(alive)
    assert counted(store) == (0, {"delivered": 1})


def test_an_outcome_that_is_told_twice_counts_once(store, outbox):
    end(store)
    delivery = outbox.claim()
    for _ in range(2):
        outbox.mark_failed(delivery)
    assert counted(store) == (1, {"failed": 1})


def test_a_receiver_that_wants_no_more_gets_no_more(store, outbox, at_once):
    end(store)
    outbox.mark_unwanted(outbox.claim())
    assert outbox.claim() is None
    assert counted(store) == (0, {"unwanted": 1})


def test_after_a_failure_it_waits_and_carries_the_count(store, outbox, at_once):
    end(store)
    assert outbox.mark_failed(outbox.claim()) == 0
    assert outbox.claim().failures == 1


def test_it_is_not_due_before_its_time(store, outbox):
    end(store)
    assert outbox.mark_failed(outbox.claim()) >= RETRY_AFTER_S[0]
    assert outbox.claim() is None


def test_attempts_follow_the_specifications_table(outbox):
    table = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    waits = [outbox.mark_failed(Delivery("job_1", fence=0, url=URL, failures=failures)) for failures in range(9)]
    assert all(base <= wait <= base * (1 + JITTER) for base, wait in zip(table, waits, strict=True))
    assert outbox.mark_failed(Delivery("job_1", fence=0, url=URL, failures=9)) is None


def test_what_failed_together_does_not_come_again_together(outbox):
    assert len({outbox.mark_failed(Delivery("job_1", fence=0, url=URL, failures=1)) for _ in range(5)}) > 1


def test_after_the_last_attempt_it_is_given_up(store, outbox, at_once):
    end(store)
    tries = 1
    while outbox.mark_failed(outbox.claim()) is not None:
        tries += 1
    assert tries == 10
    assert outbox.claim() is None
    assert counted(store) == (0, {"failed": 9, "given_up": 1})


def test_a_receivers_wish_to_wait_is_kept_within_a_day(store, outbox):
    for wish, least in ((1, RETRY_AFTER_S[0]), (60, 60), (1e9, MOST_RETRY_AFTER_S)):
        end(store)
        assert least <= outbox.mark_failed(outbox.claim(), not_before_s=wish) <= least * (1 + JITTER)


def test_a_forgotten_job_is_not_told_of(store, outbox):
    job = end(store)
    store.forget(job.id)
    assert outbox.claim() is None
    assert counted(store) == (0, {})


def test_a_job_that_is_forgotten_meanwhile_leaves_no_trace(store, outbox, at_once):
    job = end(store)
    delivery = outbox.claim()
    store.forget(job.id)
    outbox.mark_failed(delivery)
    assert outbox.claim() is None
    assert store.page().jobs == []

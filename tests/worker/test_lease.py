import threading
import time
from functools import partial

import pytest
import redis

from nextlabel.core.errors import Cancelled, DeadlineExceeded, Drained, LeaseLost
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.settings import Settings
from nextlabel.worker.lease import Lease
from tests.worker.conftest import answers, freeze, submit, wait_until

LEASE_S, RENEW_EVERY_S = 0.6, 0.05


@pytest.fixture
def impatient(empty_redis):
    """The store a lease renews with: it does not retry by itself."""
    store = JobStore.at(empty_redis, timeout_s=0.2, retry=False)
    yield store
    store.close()


@pytest.fixture
def claim(store):
    job = submit(store, add=1, path_to_img="p")
    return store.claim(job.id, process="w/1", token="t", lease_s=LEASE_S)


class HandClock:
    """It stands still until it is put forward. Who sleeps by it sleeps for a moment, and is counted."""

    def __init__(self):
        self._now, self.sleeps = 1000.0, 0

    def monotonic(self):
        return self._now

    def sleep(self, seconds):
        self.sleeps += 1
        time.sleep(0.01)

    def put_forward(self, seconds):
        self._now += seconds


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def renewals(monkeypatch):
    """How many renewals were tried so far, by whatever store."""
    tried, renew = [], JobStore.renew

    def counted(*arguments, **options):
        try:
            return renew(*arguments, **options)
        finally:
            tried.append(1)

    monkeypatch.setattr(JobStore, "renew", counted)

    def wait_for(more):
        """Returns when so many more were tried, the last of them from beginning to end."""
        enough = len(tried) + more + 1
        wait_until(lambda: len(tried) >= enough)

    return wait_for


def lease(store, claim, give_up=lambda why: None, clock=time, **settings):
    return Lease(
        partial(store.renew, claim, worker="w", lease_s=LEASE_S),
        Settings(lease_s=LEASE_S, renew_every_s=RENEW_EVERY_S, **settings),
        give_up,
        clock,
    )


def lease_threads():
    return [thread for thread in threading.enumerate() if thread.name == "lease"]


def raised_by(check, within_s=20.0):
    """What the check raises sooner or later."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            check()
        except Exception as error:
            return type(error)
        time.sleep(0.01)
    return None


def test_a_lease_is_renewed_for_as_long_as_the_context_lasts(store, impatient, claim):
    with lease(impatient, claim) as held:
        time.sleep(2 * LEASE_S)
        held.check()
        assert store.put_back_expired(most_crashes=3) == []
    time.sleep(2 * LEASE_S)
    assert store.put_back_expired(most_crashes=3) == [claim.job_id]


def test_the_thread_ends_with_the_context_however_it_is_left(impatient, claim):
    with lease(impatient, claim):
        assert len(lease_threads()) == 1
    assert lease_threads() == []
    with pytest.raises(ZeroDivisionError), lease(impatient, claim):
        raise ZeroDivisionError
    assert lease_threads() == []


def test_a_check_hears_of_a_cancelling(store, impatient, claim):
    with lease(impatient, claim) as held:
        held.check()
        store.cancel(claim.job_id)
        assert raised_by(held.check) is Cancelled


def test_a_check_hears_that_the_worker_is_being_stopped_but_not_another(store, impatient, claim):
    with lease(impatient, claim) as held:
        store.drain("another")
        time.sleep(4 * RENEW_EVERY_S)
        held.check()
        store.drain("w")
        assert raised_by(held.check) is Drained


def test_a_check_hears_that_another_process_owns_the_job(store, impatient, claim):
    with lease(impatient, claim) as held:
        store.put_back(claim, "worker_lost")
        store.claim(claim.job_id, process="other", token="u", lease_s=20)
        assert raised_by(held.check) is LeaseLost
        wait_until(lambda: lease_threads() == [])  # there is nothing to renew any more
        assert raised_by(held.check) is LeaseLost


def test_out_of_contact_a_check_waits_and_goes_on_when_the_fence_still_holds(
    store, impatient, claim, clock, empty_redis
):
    with lease(impatient, claim, clock=clock) as held:
        freeze(empty_redis, 1.0)
        clock.put_forward(LEASE_S)  # by now the lease counts as over
        held.check()
        waited = clock.sleeps
        assert waited > 0
        held.check()
        assert clock.sleeps == waited
    assert store.get(claim.job_id).attempt == 1


def test_a_short_silence_stops_nobody(impatient, claim, clock, empty_redis):
    with lease(impatient, claim, clock=clock) as held:
        freeze(empty_redis, 0.3)
        clock.put_forward(LEASE_S / 2)
        held.check()
        assert clock.sleeps == 0


def test_what_happened_out_of_contact_is_heard_afterwards(store, impatient, claim, empty_redis):
    store.cancel(claim.job_id)
    freeze(empty_redis, 0.8)
    with lease(impatient, claim) as held:
        assert raised_by(held.check) is Cancelled


def test_a_mistake_in_a_renewal_does_not_end_the_renewals(impatient, claim):
    class Stumbling:
        calls = 0

        def renew(self, *arguments, **options):
            self.calls += 1
            if self.calls < 3:
                raise ValueError("an answer nobody understands")
            return impatient.renew(*arguments, **options)

    store = Stumbling()
    with lease(store, claim) as held:
        wait_until(lambda: store.calls > 4)
        held.check()


def test_a_check_hears_that_the_deadline_has_passed(store, impatient):
    job = submit(store, add=1, path_to_img="p", deadline_s=0.3)
    claim = store.claim(job.id, process="w/1", token="t", lease_s=LEASE_S)
    with lease(impatient, claim) as held:
        held.check()
        assert raised_by(held.check) is DeadlineExceeded


# --- work that does not listen ----------------------------------------------------------------------------------


def test_work_that_goes_on_after_a_cancelling_is_given_up_after_the_grace_time(
    store, impatient, claim, clock, renewals
):
    given_up = []
    with lease(impatient, claim, given_up.append, clock, cancel_grace_s=30):
        store.cancel(claim.job_id)
        renewals(2)
        clock.put_forward(29)
        renewals(2)
        assert given_up == []
        clock.put_forward(2)
        wait_until(lambda: given_up)
    assert given_up == ["cancel"]


def test_work_that_does_nothing_for_too_long_is_given_up_and_work_that_gets_on_is_not(
    impatient, claim, clock, renewals
):
    given_up = []
    with lease(impatient, claim, given_up.append, clock, stall_after_s=900) as held:
        for _ in range(3):
            clock.put_forward(800)
            renewals(2)
            held.check()
        assert given_up == []
        clock.put_forward(901)
        wait_until(lambda: given_up)
    assert given_up == ["stalled"]


def test_the_time_that_redis_is_away_does_not_count_as_doing_nothing(impatient, claim, clock, renewals, empty_redis):
    given_up = []
    with lease(impatient, claim, given_up.append, clock, stall_after_s=900):
        freeze(empty_redis, 1.5)
        renewals(1)
        clock.put_forward(1000)
        renewals(1)  # it fails, too
        wait_until(lambda: answers_again(empty_redis))
        renewals(2)
        assert given_up == []


def answers_again(url):
    with redis.Redis.from_url(url, socket_timeout=10) as client:
        return answers(client)

"""The Lua scripts, against a real Redis."""

import itertools
import threading
import time

import pytest
import redis

from nextlabel.core.errors import (
    IdempotencyKeyReused,
    InvalidCursor,
    JobActive,
    JobEnded,
    JobNotFound,
    QuotaExceeded,
    StoreUnavailable,
)
from nextlabel.core.jobs.record import JobError, JobState, JobWarning, Progress, new_job_id
from nextlabel.core.jobs.store import JobStore


def submit(store, **options):
    return store.submit(new_job_id(), "selection", '{"add": 1}', **options)[0]


def claim(store, job, *, token="t", lease_s=20.0, process="w"):
    return store.claim(job.id, process=process, token=token, lease_s=lease_s)


def progress(stage_index, done):
    return Progress(stage="embed", stage_index=stage_index, stage_count=3, done=done, total=100, unit="images")


def test_a_submitted_job_is_queued_and_carries_its_request(store):
    job = store.get(submit(store).id)
    assert (job.state, job.request, job.attempt) == (JobState.QUEUED, {"add": 1}, 0)
    assert job.started_at is None
    assert store.queue_length() == 1


def test_submitting_the_same_id_twice_is_once(store):
    job_id = new_job_id()
    store.submit(job_id, "f1", "{}")
    store.submit(job_id, "f1", "{}")
    assert store.queue_length() == 1
    assert len(store.events(job_id)) == 1


def test_fifty_submits_at_once_with_one_idempotency_key_make_one_job(store):
    made = []

    def one():
        made.append(store.submit(new_job_id(), "f1", "{}", idempotency_key="k", fingerprint="a", keep_key_s=60))

    threads = [threading.Thread(target=one) for _ in range(50)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len({job.id for job, _ in made}) == 1
    assert sum(new for _, new in made) == 1


def test_an_idempotency_key_with_another_request_is_refused(store):
    submit(store, idempotency_key="k", fingerprint="a", keep_key_s=60)
    with pytest.raises(IdempotencyKeyReused, match="use a new key"):
        submit(store, idempotency_key="k", fingerprint="b", keep_key_s=60)


def test_an_idempotency_key_is_forgotten_after_its_time(store):
    first = submit(store, idempotency_key="k", fingerprint="a", keep_key_s=0.05)
    time.sleep(0.1)
    assert submit(store, idempotency_key="k", fingerprint="b", keep_key_s=60).id != first.id


def test_an_idempotency_key_belongs_to_its_owner(store):
    keyed = {"idempotency_key": "k", "fingerprint": "a", "keep_key_s": 60}
    made = {owner: submit(store, owner=owner, **keyed) for owner in ("", "anna", "bob")}
    assert len({job.id for job in made.values()}) == 3
    assert {owner: store.known_by("k", "a", owner).id for owner in made} == {o: job.id for o, job in made.items()}
    assert store.known_by("k", "a", "eve") is None


def test_the_unfinished_jobs_of_an_owner_are_counted_however_they_end(store):
    def full():
        with pytest.raises(QuotaExceeded, match="2 of your jobs have not ended"):
            submit(store, owner="anna", most_unfinished=2)

    jobs = [submit(store, owner="anna", most_unfinished=2) for _ in range(2)]
    full()
    submit(store, owner="bob", most_unfinished=2)
    running = claim(store, jobs[0])
    full()
    store.put_back(running, "drained")
    full()
    store.finish(claim(store, jobs[0], token="again"), JobState.FAILED)
    third = submit(store, owner="anna", most_unfinished=2)
    full()
    store.cancel(jobs[1].id)
    submit(store, owner="anna", most_unfinished=2)
    full()
    assert store.get(third.id).owner == "anna"
    store.forget(jobs[0].id)
    full()


def test_a_page_of_an_owner_has_its_jobs_alone_and_forgets_what_is_forgotten(store):
    jobs = {owner: submit(store, owner=owner) for owner in ("", "anna", "bob")}
    assert {owner: [job.id for job in store.page(owner=owner).jobs] for owner in jobs} == {
        owner: [job.id] for owner, job in jobs.items()
    }
    assert len(store.page().jobs) == 3
    store.cancel(jobs["anna"].id)
    store.forget(jobs["anna"].id)
    assert store.page(owner="anna").jobs == []
    assert store._redis.keys("*anna*") == []


def test_an_owner_without_a_quota_may_have_any_number(store):
    assert len({submit(store, most_unfinished=0).id for _ in range(20)}) == 20


def test_a_minutes_calls_may_come_at_once_and_then_one_by_one(store):
    waits = list(itertools.takewhile(lambda wait: not wait, (store.throttle("anna", 60) for _ in range(600))))
    assert 60 <= len(waits) < 600  # a slow machine gets more of them done, for one is due each second
    wait = store.throttle("anna", 60)
    assert 0 < wait <= 1
    assert store.throttle("bob", 60) == 0
    time.sleep(wait)
    assert store.throttle("anna", 60) == 0
    assert 0 < store._redis.pttl("nextlabel:calls:anna") <= 60_000


def test_an_unknown_job_is_not_found(store):
    for ask in (store.get, store.cancel, store.forget):
        with pytest.raises(JobNotFound, match="there is no job job_x"):
            ask("job_x")


def test_a_claim_takes_the_job_out_of_the_queue_and_hands_out_a_fence(store):
    job = submit(store)
    taken = claim(store, job)
    assert (taken.fence, taken.attempt, taken.kind, taken.request) == (1, 1, "selection", {"add": 1})
    assert store.get(job.id).state is JobState.RUNNING
    assert store.queue_length() == 0


def test_a_message_that_comes_twice_is_claimed_once(store):
    job = submit(store)
    assert claim(store, job, token="a") is not None
    assert claim(store, job, token="b") is None


def test_a_claim_whose_answer_got_lost_is_answered_alike(store):
    job = submit(store)
    assert claim(store, job, token="a") == claim(store, job, token="a")
    assert store.get(job.id).attempt == 1


def test_a_finished_job_is_ended_once_and_for_all(store):
    job = submit(store)
    taken = claim(store, job)
    assert store.finish(taken, JobState.SUCCEEDED)
    assert store.finish(taken, JobState.FAILED)  # a repeated call is answered ok and changes nothing
    ended = store.get(job.id)
    assert ended.state is JobState.SUCCEEDED
    assert ended.finished_at >= ended.started_at >= ended.created_at
    assert claim(store, job, token="later") is None
    with pytest.raises(JobEnded, match="has succeeded already"):
        store.cancel(job.id)


def test_a_failure_carries_its_error(store):
    job = submit(store)
    error = JobError(code="no_labels", detail="no image has a label", stage="read", retryable=False)
    store.finish(claim(store, job), JobState.FAILED, error)
    assert store.get(job.id).error == error


def test_an_expired_lease_goes_back_to_the_queue_and_its_fence_is_dead(store):
    job = submit(store)
    dead = claim(store, job, lease_s=0.01)
    time.sleep(0.05)
    assert store.put_back_expired(most_crashes=3) == [job.id]
    back = store.get(job.id)
    assert (back.state, back.last_interruption.reason, back.last_interruption.worker) == ("queued", "worker_lost", "w")
    assert store.renew(dead, worker="w", lease_s=20) == "lost"
    assert not store.report(dead, progress(0, 5))
    assert not store.finish(dead, JobState.SUCCEEDED)
    assert not store.put_back(dead, "drained")
    assert store.get(job.id).state is JobState.QUEUED


def test_the_job_of_a_process_that_is_dead_goes_back_at_once_and_its_fence_is_dead(store):
    job = submit(store)
    dead = claim(store, job, process="w@host/7")
    assert store.processes_holding("w@host") == {"w@host/7"}
    assert store.put_back_dead("w@host/7", most_crashes=3) == [job.id]
    assert store.get(job.id).last_interruption.reason == "worker_lost"
    assert not store.finish(dead, JobState.SUCCEEDED)
    assert store.processes_holding("w@host") == set()
    assert store.put_back_dead("w@host/7", most_crashes=3) == []  # it is nobody's now


def test_a_job_that_is_with_another_worker_or_process_is_left_there(store):
    job = submit(store)
    claim(store, job, process="w@host2/77")
    for holder in ("w@host", "w@host2/7", "w@host2/777"):
        assert store.put_back_dead(holder, most_crashes=3) == []
    assert store.get(job.id).state is JobState.RUNNING


def test_a_job_with_a_renewed_lease_is_not_put_back(store):
    taken = claim(store, submit(store), lease_s=0.01)
    assert store.renew(taken, worker="w", lease_s=20) == "ok"
    time.sleep(0.05)
    assert store.put_back_expired(most_crashes=3) == []


def test_a_job_that_kills_its_worker_three_times_at_the_same_place_fails(store):
    job = submit(store)
    for attempt in range(3):
        claim(store, job, token=str(attempt), lease_s=0.001)
        time.sleep(0.01)
        store.put_back_expired(most_crashes=3)
    ended = store.get(job.id)
    assert (ended.state, ended.error.code, ended.error.retryable) == (JobState.FAILED, "worker_lost", True)


def test_a_job_that_gets_further_each_time_is_not_given_up(store):
    job = submit(store)
    for attempt in range(5):
        taken = claim(store, job, token=str(attempt), lease_s=0.001)
        store.report(taken, progress(1, 10 * (attempt + 1)))
        time.sleep(0.01)
        store.put_back_expired(most_crashes=3)
    assert store.get(job.id).state is JobState.QUEUED


def test_progress_never_goes_back(store):
    job = submit(store)
    taken = claim(store, job)
    for stage_index, done in [(1, 50), (1, 20), (0, 90), (1, 60)]:
        store.report(taken, progress(stage_index, done))
    shown = store.get(job.id).progress
    assert (shown.stage_index, shown.done) == (1, 60)
    told = [event.data["done"] for event in store.events(job.id) if event.name == "progress"]
    assert told == [50, 60]


def test_warnings_are_kept_with_the_job(store):
    job = submit(store)
    warning = JobWarning(code="unreadable_image", detail="truncated", count=2, names=("a.jpg", "b.jpg"))
    store.report(claim(store, job), None, (warning,))
    assert store.get(job.id).warnings == (warning,)


def test_a_queued_job_is_cancelled_at_once_and_never_runs(store):
    job = submit(store)
    assert store.cancel(job.id).state is JobState.CANCELLED
    assert store.cancel(job.id).state is JobState.CANCELLED
    assert claim(store, job) is None


def test_a_running_job_hears_of_its_cancelling_and_ends_as_cancelled_whatever_it_says(store):
    job = submit(store)
    taken = claim(store, job)
    assert store.cancel(job.id).state is JobState.CANCELLING
    assert store.renew(taken, worker="w", lease_s=20) == "cancel"
    assert store.finish(taken, JobState.SUCCEEDED)
    assert store.get(job.id).state is JobState.CANCELLED


def test_a_cancelling_job_whose_worker_died_is_cancelled(store):
    job = submit(store)
    claim(store, job, lease_s=0.01)
    store.cancel(job.id)
    time.sleep(0.05)
    assert store.put_back_expired(most_crashes=3) == []
    assert store.get(job.id).state is JobState.CANCELLED


def test_a_draining_worker_gives_its_job_back_and_nothing_is_charged(store):
    job = submit(store)
    taken = claim(store, job)
    store.drain("w")
    assert store.renew(taken, worker="w", lease_s=20) == "drain"
    assert store.renew(taken, worker="another", lease_s=20) == "ok"
    assert store.put_back(taken, "drained")
    assert store.get(job.id).last_interruption.reason == "drained"
    assert claim(store, job, token="next").fence > taken.fence


def test_only_an_ended_job_can_be_forgotten(store):
    job = submit(store)
    with pytest.raises(JobActive, match="is queued; cancel it first"):
        store.forget(job.id)
    store.cancel(job.id)
    store.forget(job.id)
    with pytest.raises(JobNotFound):
        store.get(job.id)
    assert store.page().jobs == []


def test_jobs_are_listed_newest_first_a_page_at_a_time(store):
    ids = [submit(store).id for _ in range(7)]
    seen, cursor = [], None
    while True:
        page = store.page(limit=3, cursor=cursor)
        seen += [job.id for job in page.jobs]
        cursor = page.next_cursor
        if cursor is None:
            break
    created = {job.id: (job.created_at, job.id) for job in store.page(limit=50).jobs}
    assert sorted(seen) == sorted(ids)
    assert seen == sorted(ids, key=created.get, reverse=True)


def test_a_listing_can_be_narrowed_to_a_kind_and_a_state(store):
    first, second = submit(store), submit(store)
    store.cancel(first.id)
    assert [job.id for job in store.page(state="cancelled").jobs] == [first.id]
    assert [job.id for job in store.page(state="queued", kind="selection").jobs] == [second.id]
    assert store.page(kind="f1").jobs == []


@pytest.mark.parametrize("cursor", ["x", "eHg=", "é"])
def test_a_foreign_cursor_is_refused(store, cursor):
    with pytest.raises(InvalidCursor, match="did not come from here"):
        store.page(cursor=cursor)


def test_events_can_be_followed_from_where_one_left_off(store):
    job = submit(store)
    claim(store, job)
    first, second = store.events(job.id)
    assert (first.data, second.data["state"]) == ({"state": "queued"}, "running")
    assert store.events(job.id, after=first.id) == [second]


def test_counts_tell_what_waits_what_runs_and_what_ended(store):
    submit(store)
    claim(store, submit(store), token="a")
    store.finish(claim(store, submit(store), token="b"), JobState.SUCCEEDED)
    store.note_worker("w")
    counts = store.counts()
    assert counts.live == {("selection", "queued"): 1, ("selection", "running"): 1}
    assert (counts.queued, counts.leased, counts.workers, counts.processes) == (1, 1, {"w": True}, 1)
    assert counts.started == {"selection": 2}
    assert counts.ended == {("selection", "succeeded"): 1}
    assert counts.oldest_queued_s >= 0


def test_without_redis_every_call_says_that_the_store_is_unavailable():
    store = JobStore.at("redis://127.0.0.1:1/0", retry=False)
    with pytest.raises(StoreUnavailable, match="Redis can't be reached"):
        store.get("job_x")
    store.close()


def test_a_redis_that_refuses_to_write_is_unavailable_and_keeps_no_half_of_a_job(store, empty_redis):
    with redis.Redis.from_url(empty_redis) as admin:
        admin.config_set("maxmemory", "1")
        try:
            with pytest.raises(StoreUnavailable):
                submit(store)
        finally:
            admin.config_set("maxmemory", "0")
    assert store.page().jobs == []

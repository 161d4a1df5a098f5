"""What something else wrote into Redis, or what it lost a part of, hurts itself alone."""

import time

import pytest
import redis
from redis._parsers.base import BaseParser

from nextlabel.core.errors import JobBroken, JobLost, JobNotFound, StoreRefused, StoreUnavailable
from nextlabel.core.jobs.outbox import Outbox
from nextlabel.core.jobs.record import JobError, JobState, is_job_id, new_job_id
from nextlabel.core.jobs.shards import ShardStore
from nextlabel.core.jobs.store import JobStore, reaching_redis
from nextlabel.core.jobs.stored import COUNTED

P = "nextlabel:"


@pytest.fixture
def client(empty_redis):
    with redis.Redis.from_url(empty_redis, decode_responses=True) as client:
        yield client


def submit(store, **more):
    return store.submit(new_job_id(), "f1", "{}", **more)[0].id


def claim(store, job_id, lease_s=20.0):
    return store.claim(job_id, process="w/1", token="t", lease_s=lease_s)


def expired(store, job_id):
    """Wait until the lease of a job that is being run is over."""
    assert claim(store, job_id, lease_s=0.001)
    time.sleep(0.005)


#: Of each: what is done to a record of a job that is being run.
BREAKS = {
    "evicted": lambda client, key: client.delete(key),
    "a string": lambda client, key: (client.delete(key), client.set(key, "x")),
    "half a record": lambda client, key: (client.delete(key), client.hset(key, mapping={"crashes": 1, "fence": 2})),
    "no kind": lambda client, key: client.hdel(key, "kind"),
    "another's id": lambda client, key: client.hset(key, "id", "../../victim"),
    "a state that is none": lambda client, key: client.hset(key, "state", "lively"),
    "a fence that is no number": lambda client, key: client.hset(key, "fence", "9" * 400),
}
#: What a script need not look at, and a reader must.
UNREADABLE = {
    "request that is no JSON": {"request": "{"},
    "request that is no object": {"request": "[1]"},
    "request with half a character": {"request": '{"a": "\\ud800"}'},
    "request with NaN": {"request": '{"a": NaN}'},
    "nested too deeply": {"request": '{"a":' * 100_000 + "1" + "}" * 100_000},
    "a time out of the calendar": {"created_at": "9" * 15},
    "progress of another form": {"progress": "[]"},
    "warnings of another form": {"warnings": '{"a": 1}'},
    "an end without an end": {"state": "succeeded"},
}


@pytest.mark.parametrize("how", BREAKS)
def test_a_broken_record_does_not_keep_the_others_from_being_put_back(store, client, how):
    broken, sound = submit(store), submit(store)
    for job_id in (broken, sound):
        expired(store, job_id)
    BREAKS[how](client, f"{P}job:{broken}")
    assert store.put_back_expired(3) == [sound]
    assert store.put_back_expired(3) == []
    assert not client.exists(f"{P}job:{broken}")  # nothing of it comes back as half a job
    assert [job.id for job in store.page().jobs] == [sound]
    with pytest.raises(JobLost):
        store.get(broken)
    assert store.counts().lost == 1


@pytest.mark.parametrize("how", BREAKS)
def test_what_a_dead_process_held_is_put_back_but_for_the_broken(store, client, how):
    broken, sound = submit(store), submit(store)
    for job_id in (broken, sound):
        claim(store, job_id)
    BREAKS[how](client, f"{P}job:{broken}")
    assert store.put_back_dead("w/1", 3) == [sound]
    assert not client.exists(f"{P}job:{broken}")


@pytest.mark.parametrize("how", BREAKS)
def test_a_broken_record_can_not_be_claimed_and_is_given_up(store, client, how):
    job_id = submit(store)
    BREAKS[how](client, f"{P}job:{job_id}")
    assert claim(store, job_id) is None
    assert (store.queue_length(), store.counts().live) == (0, {})


@pytest.mark.parametrize("how", sorted({*BREAKS, *UNREADABLE}))
def test_a_list_names_the_broken_one_and_has_all_others(store, client, how):
    first, broken, last = submit(store), submit(store), submit(store)
    key = f"{P}job:{broken}"
    BREAKS[how](client, key) if how in BREAKS else client.hset(key, mapping=UNREADABLE[how])
    page = store.page()
    assert {job.id for job in page.jobs} == {first, last}
    assert page.broken == (() if how == "evicted" else (broken,))
    if page.broken:
        with pytest.raises(JobBroken):
            store.get(broken)
        store.forget(broken)
    with pytest.raises(JobNotFound):
        store.get(broken)


@pytest.mark.parametrize("how", sorted({*BREAKS, *UNREADABLE} - {"evicted"}))
def test_a_broken_job_can_not_be_cancelled_and_that_is_said(store, client, how):
    job_id = submit(store)
    key = f"{P}job:{job_id}"
    BREAKS[how](client, key) if how in BREAKS else client.hset(key, mapping=UNREADABLE[how])
    with pytest.raises(JobBroken):
        store.cancel(job_id)


@pytest.mark.parametrize("field", COUNTED)
@pytest.mark.parametrize("value", [None, "", "x", "-1", "1e9", "9" * 20])
def test_readers_and_scripts_agree_on_which_record_is_broken(store, client, field, value):
    job_id = submit(store)
    key = f"{P}job:{job_id}"
    client.hdel(key, field) if value is None else client.hset(key, field, value)
    with pytest.raises(JobBroken):
        store.get(job_id)
    store.forget(job_id)
    assert not client.exists(key)


@pytest.mark.parametrize("request_", ["{", "[1]", '{"a": NaN}'])
def test_a_job_whose_request_can_not_be_read_ends_as_failed_with_words(store, client, request_):
    job_id = submit(store)
    client.hset(f"{P}job:{job_id}", "request", request_)
    assert claim(store, job_id) is None
    error = JobError.model_validate_json(client.hget(f"{P}job:{job_id}", "error"))
    assert (client.hget(f"{P}job:{job_id}", "state"), error.code) == ("failed", "job_broken")


def test_bytes_that_are_no_text_hurt_no_other(store, client):
    sound, broken = submit(store), submit(store)
    client.hset(f"{P}job:{broken}", "kind", b"\xff\xfe")
    client.zadd(P + "jobs", {b"\xff": 1})
    assert sound in {job.id for job in store.page().jobs}


@pytest.mark.parametrize("key", ["shards", "events"])
def test_what_belongs_to_a_job_and_is_of_another_type_does_not_keep_it_from_ending(store, client, key):
    job_id = submit(store)
    running = claim(store, job_id)
    client.delete(f"{P}{key}:{job_id}")
    client.set(f"{P}{key}:{job_id}", "x")
    assert store.finish(running, JobState.FAILED)
    assert store.get(job_id).state is JobState.FAILED


def test_a_shard_that_is_broken_is_left_out_and_its_job_goes_on(store, client):
    job_id = submit(store)
    running, shards = claim(store, job_id), ShardStore(store)
    shards.plan(running, "key", 10)
    shards.claim(job_id, process="v/1", token="s", lease_s=20, wanted=5, least=5)
    client.hset(f"{P}shards:{job_id}", "1", "no JSON")
    client.zadd(P + "shard_leases", {f"{job_id}#1": 1, "no shard": 1})
    assert store.put_back_expired(3) == []
    assert client.zcard(P + "shard_leases") == 0
    assert store.finish(running, JobState.FAILED)


@pytest.mark.parametrize("zset", ["leases", "queued", "deadlines", "webhooks", "jobs", "ended", "shard_leases"])
def test_a_member_that_is_no_job_of_ours_is_no_obstacle(store, client, zset):
    sound = submit(store)
    expired(store, sound)
    client.zadd(P + zset, {"/etc/passwd": 1, "../../victim": 2})
    assert store.put_back_expired(3) == [sound]
    assert Outbox(store).claim() is None
    assert [job.id for job in store.page().jobs] == [sound]
    store.counts()
    assert store.lost(60) == []


def test_a_webhook_of_a_lost_job_makes_no_half_of_it(store, client):
    job_id = submit(store, webhook="https://example.com/")
    store.cancel(job_id)
    client.delete(f"{P}job:{job_id}")
    assert Outbox(store).claim() is None
    assert not client.exists(f"{P}job:{job_id}")


def test_a_hold_on_a_job_that_has_ended_does_not_open_it_again(store, client):
    job_id = submit(store)
    store.finish(claim(store, job_id), JobState.FAILED)
    client.hset(f"{P}holds:w", job_id, "w/1")
    client.zadd(P + "leases", {job_id: 1})
    assert (store.put_back_dead("w/1", 3), store.put_back_expired(3)) == ([], [])
    assert store.get(job_id).state is JobState.FAILED


def test_lost_jobs_take_nobodys_place(store, client):
    for _ in range(2):
        client.delete(f"{P}job:{submit(store, owner='anna', most_unfinished=2)}")
    submit(store, owner="anna", most_unfinished=2)


def test_an_idempotency_key_of_a_broken_job_is_free(store, client):
    keyed = {"idempotency_key": "k", "fingerprint": "a", "keep_key_s": 60}
    broken = submit(store, **keyed)
    client.hdel(f"{P}job:{broken}", "kind")
    assert store.known_by("k", "a") is None
    assert submit(store, **keyed) != broken


# --- an answer is no absence ------------------------------------------------------------------------------------


def test_an_error_that_redis_answers_with_is_told_apart_from_its_absence(store, client):
    client.set(P + "leases", "no zset")
    with pytest.raises(StoreRefused, match="WRONGTYPE") as told:
        claim(store, submit(store))
    assert not told.value.retryable


@pytest.mark.parametrize("answer", ["READONLY You can't write against a replica.", "LOADING Redis is loading"])
def test_a_redis_that_is_about_to_come_back_is_away(answer):
    with pytest.raises(StoreUnavailable) as told:
        _raise_as_redis_does(answer)
    assert not isinstance(told.value, StoreRefused)


@pytest.mark.parametrize("answer", ["NOAUTH Authentication required.", "NOPERM no", "WRONGTYPE", "ERR unknown command"])
def test_a_redis_that_refuses_is_not(answer):
    with pytest.raises(StoreRefused):
        _raise_as_redis_does(answer)


def _raise_as_redis_does(answer):
    with reaching_redis():
        raise BaseParser.parse_error(answer)


def test_a_replica_in_the_primarys_place_is_an_outage_and_no_refusal(store, client):
    job_id = submit(store)
    client.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        with pytest.raises(StoreUnavailable) as told:
            claim(store, job_id)
        assert not isinstance(told.value, StoreRefused)
    finally:
        client.execute_command("REPLICAOF", "NO", "ONE")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("job_01a222c61527db62fd14320731c3", True),
        *[(wrong, False) for wrong in ("", "job_", "job_A", "../job_1", "job_1/..", "job_1\n", None, 7, ["job_1"], {})],
    ],
)
def test_an_id_has_a_form(text, is_one):
    assert is_job_id(text) is is_one


def test_a_store_at_a_socket_is_a_store(tmp_path):
    with pytest.raises(StoreUnavailable):
        JobStore.at(f"unix://{tmp_path}/none.sock", retry=False).get("job_x")

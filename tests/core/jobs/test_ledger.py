"""A Redis that went back behind what it had confirmed: as a failover to a replica that lagged leaves it."""

import pytest
import redis

from nextlabel.core.errors import JobLost, JobNotFound
from nextlabel.core.jobs.ledger import Ledger
from nextlabel.core.jobs.record import JobState, new_job_id
from nextlabel.core.jobs.store import JobStore


@pytest.fixture
def accepting(empty_redis):
    """Make the store of an API process."""
    stores = []

    def made():
        stores.append(JobStore.at(empty_redis, ledger=Ledger()))
        return stores[-1]

    yield made
    for store in stores:
        store.close()


@pytest.fixture
def client(empty_redis):
    with redis.Redis.from_url(empty_redis) as client:
        yield client


def submit(store, owner=""):
    return store.submit(new_job_id(), "f1", "{}", owner=owner)[0].id


def gone_back(client, to):
    """Restore what Redis knew then."""
    client.flushall()
    for key, (value, ttl) in to.items():
        client.restore(key, ttl, value)


def snapshot(client):
    return {key: (client.dump(key), max(0, client.pttl(key))) for key in client.scan_iter()}


def test_exactly_the_accepted_jobs_that_redis_forgot_are_noticed_and_said_to_be_lost(accepting, client):
    ours, theirs = accepting(), accepting()
    kept = [submit(ours), submit(theirs)]
    then = snapshot(client)
    lost = [submit(ours, "anna"), submit(ours)]
    gone_back(client, then)
    submit(theirs)  # another process goes on, which must not hide it
    assert ours.check_ledger() == lost
    assert theirs.check_ledger() == []
    for job_id in lost:
        with pytest.raises(JobLost, match="submit it again"):
            theirs.get(job_id)
    assert [ours.get(job_id).id for job_id in kept] == kept
    assert (ours.owner_of_lost(lost[0]), ours.counts().lost) == ("anna", 2)
    assert sorted(ours.lost(within_s=60)) == sorted(lost)  # of one moment, both: in whatever order


def test_it_is_noticed_once_and_the_next_time_again(accepting, client):
    store = accepting()
    submit(store)
    client.flushall()
    assert len(store.check_ledger()) == 1
    assert store.check_ledger() == []
    submit(store)
    assert store.check_ledger() == []
    client.flushall()
    assert len(store.check_ledger()) == 1


def test_a_job_that_was_deleted_is_not_lost(accepting, client):
    store = accepting()
    job_id = submit(store)
    store.cancel(job_id)
    store.forget(job_id)
    client.flushall()
    assert store.check_ledger() == []
    with pytest.raises(JobNotFound) as told:
        store.get(job_id)
    assert not isinstance(told.value, JobLost)


def test_a_lost_job_comes_back_by_no_step_of_who_ran_it(accepting, client):
    store = accepting()
    job_id = submit(store)
    claim = store.claim(job_id, process="w/1", token="t", lease_s=20)
    client.flushall()
    assert store.renew(claim, worker="w", lease_s=20) == "lost"
    assert not store.report(claim, None)
    assert not store.finish(claim, JobState.SUCCEEDED)
    assert not store.put_back(claim, "drained")
    assert not store.put_back_stalled(claim, 3)
    assert store.claim(job_id, process="w/1", token="t", lease_s=20) is None
    assert not client.exists(f"nextlabel:job:{job_id}")


def test_the_ledger_holds_the_last_ten_thousand():
    ledger = Ledger()
    for number in range(1, 10_003):
        ledger.note(number, f"job_{number}", "")
    assert (ledger.count, len(ledger.after(0)), ledger.after(10_001)) == (10_002, 10_000, [("job_10002", "")])

import time

import pytest

from nextlabel.core.jobs.record import JobState, new_job_id
from nextlabel.core.jobs.shards import Shard, ShardProgress, ShardStore
from nextlabel.core.kinds.registry import parse_request

KEY = "plan"


@pytest.fixture
def shards(store):
    return ShardStore(store)


@pytest.fixture
def claim(store):
    """Of a job that w/1 runs."""
    request = parse_request({"kind": "selection", "backbone": "descriptor", "add": 1, "path_to_img": "p"})
    job = store.submit(new_job_id(), request.kind, request.model_dump_json())[0]
    return store.claim(job.id, process="w/1", token="t", lease_s=60)


def take(shards, claim, *, wanted=10, least=1, token="a", process="w/1", lease_s=60.0):
    return shards.claim(claim.job_id, process=process, token=token, lease_s=lease_s, wanted=wanted, least=least)


def span(shard: Shard) -> tuple[int, int]:
    return shard.start, shard.stop


def renew(shards, shard, worker="w", seen=0):
    return shards.renew(shard, worker=worker, lease_s=60, seen=seen)


def expire(store, shards, claim, **options):
    """A shard whose worker is gone."""
    shard = take(shards, claim, lease_s=0.001, **options)
    time.sleep(0.01)
    store.put_back_expired(most_crashes=3)
    return shard


# --- taking -----------------------------------------------------------------------------------------------------


def test_shards_are_the_next_stretch_as_long_as_wanted_until_all_is_taken(shards, claim):
    assert shards.plan(claim, KEY, 100)
    assert [span(take(shards, claim, token=t)) for t in "abc"] == [(0, 10), (10, 20), (20, 30)]
    assert shards.progress(claim.job_id) == ShardProgress(done=0, free=70, held=3, failures=0, poisoned=0)


def test_towards_the_end_shards_get_shorter_so_that_all_are_done_at_about_the_same_time(shards, claim):
    shards.plan(claim, KEY, 100)
    sizes = []
    while shard := take(shards, claim, wanted=80, token=str(len(sizes))):
        sizes.append(len(shard))
    assert sizes[:3] == [50, 13, 7]  # half of 100; a quarter of 50; a sixth of 37
    assert sum(sizes) == 100
    assert sizes == sorted(sizes, reverse=True)


def test_no_shard_is_shorter_than_the_least_but_the_last(shards, claim):
    shards.plan(claim, KEY, 10)
    assert [len(take(shards, claim, token=t, least=4)) for t in "abc"] == [5, 4, 1]


def test_where_no_plan_was_laid_or_all_is_taken_there_is_nothing_to_take(shards, claim):
    assert take(shards, claim) is None
    shards.plan(claim, KEY, 1)
    assert take(shards, claim) is not None
    assert take(shards, claim, token="b") is None


def test_a_claim_that_is_repeated_gets_the_same_shard(shards, claim):
    shards.plan(claim, KEY, 100)
    assert take(shards, claim) == take(shards, claim)
    assert shards.progress(claim.job_id).held == 1


def test_the_same_plan_laid_again_goes_on_as_it_is_and_another_begins_anew(store, shards, claim):
    shards.plan(claim, KEY, 100)
    shards.leave(take(shards, claim), 10, 1.0)
    assert shards.plan(claim, KEY, 100)
    assert shards.progress(claim.job_id).done == 10
    shards.plan(claim, "other", 7)
    assert shards.progress(claim.job_id) == ShardProgress(done=0, free=7, held=0, failures=0, poisoned=0)


def test_only_who_runs_the_job_lays_its_plan(store, shards, claim):
    store.put_back(claim, "drained")
    assert not shards.plan(claim, KEY, 100)
    assert take(shards, claim) is None


# --- holding and leaving ----------------------------------------------------------------------------------------


def test_a_shard_all_done_is_committed_once(shards, claim):
    shards.plan(claim, KEY, 30)
    shard = take(shards, claim)
    assert shards.leave(shard, 10, 1.5)
    assert not shards.leave(shard, 10, 1.5)
    assert shards.progress(claim.job_id) == ShardProgress(done=10, free=20, held=0, failures=0, poisoned=0)


def test_of_a_shard_left_half_done_the_rest_is_the_next_to_be_taken(shards, claim):
    shards.plan(claim, KEY, 100)
    shards.leave(take(shards, claim), 4, 1.0)
    assert span(take(shards, claim, token="b")) == (4, 10)
    assert span(take(shards, claim, token="c")) == (10, 20)


def test_images_seen_in_shards_under_way_count_as_done(shards, claim):
    shards.plan(claim, KEY, 30)
    shard = take(shards, claim)
    renew(shards, shard, seen=7)
    assert shards.progress(claim.job_id).done == 7
    shards.leave(shard, 10, 1.0)
    assert shards.progress(claim.job_id).done == 10


def test_whoever_holds_a_shard_hears_of_a_cancelling_a_drain_and_the_jobs_end(store, shards, claim):
    shards.plan(claim, KEY, 30)
    shard = take(shards, claim)
    assert renew(shards, shard) == "ok"
    store.drain("w")
    assert renew(shards, shard) == "drain"
    store.cancel(claim.job_id)
    assert renew(shards, shard) == "cancel"
    store.finish(claim, JobState.CANCELLED)
    assert renew(shards, shard) == "lost"


def test_a_job_whose_process_died_leaves_its_shards_to_go_on(store, shards, claim):
    shards.plan(claim, KEY, 30)
    shard = take(shards, claim, process="other/1")
    store.put_back_dead("w", most_crashes=3)
    assert store.get(claim.job_id).state is JobState.QUEUED
    assert renew(shards, shard) == "ok"
    assert take(shards, claim, token="b") is not None


def test_nothing_of_its_shards_is_left_of_a_job_that_ended(store, shards, claim, empty_redis):
    shards.plan(claim, KEY, 30)
    take(shards, claim)
    store.finish(claim, JobState.FAILED)
    assert shards.progress(claim.job_id) == ShardProgress(done=0, free=0, held=0, failures=0, poisoned=0)
    assert take(shards, claim, token="b") is None
    assert store.counts().shard_leases == 0


# --- the dead ---------------------------------------------------------------------------------------------------


def test_a_shard_whose_lease_ran_out_is_taken_by_another_and_its_old_holder_changes_nothing(store, shards, claim):
    shards.plan(claim, KEY, 30)
    old = expire(store, shards, claim)
    new = take(shards, claim, token="b", process="other/1")
    assert span(new) == span(old)
    assert renew(shards, old) == "lost"
    assert not shards.leave(old, 10, 1.0)
    assert shards.leave(new, 10, 1.0)
    assert shards.progress(claim.job_id).done == 10


def test_of_a_dead_process_all_is_taken_back_and_nothing_of_its_neighbours(store, shards, claim):
    shards.plan(claim, KEY, 30)
    its = take(shards, claim, process="w/2")
    others = take(shards, claim, process="w/23", token="b")
    assert store.processes_holding("w") == {"w/1", "w/2", "w/23"}
    assert store.put_back_dead("w/2", most_crashes=3) == []  # the job itself is with w/1
    assert renew(shards, its) == "lost"
    assert renew(shards, others) == "ok"
    assert store.processes_holding("w") == {"w/1", "w/23"}


def test_of_a_dead_worker_all_is_taken_back(store, shards, claim):
    shards.plan(claim, KEY, 30)
    its = take(shards, claim, process="w/2")
    others = take(shards, claim, process="ww/2", token="b")
    assert store.put_back_dead("w", most_crashes=3) == [claim.job_id]
    assert renew(shards, its) == "lost"
    assert renew(shards, others) == "ok"
    assert store.get(claim.job_id).last_interruption.reason == "worker_lost"


def test_a_shard_that_kills_again_and_again_poisons_the_plan(store, shards, claim):
    shards.plan(claim, KEY, 30)
    for crashes in range(3):
        assert shards.progress(claim.job_id).poisoned == 0
        expire(store, shards, claim, token=str(crashes))
    assert shards.progress(claim.job_id).poisoned == 3
    assert take(shards, claim, token="b") is None


def test_getting_further_clears_a_shards_crashes(store, shards, claim):
    shards.plan(claim, KEY, 30)
    for turn in range(4):
        expire(store, shards, claim, token=f"dies {turn}")
        shards.leave(take(shards, claim, token=f"lives {turn}"), 1, 1.0)
    assert shards.progress(claim.job_id).poisoned == 0


def test_failures_of_helpers_are_counted(shards, claim):
    shards.plan(claim, KEY, 30)
    shards.leave(take(shards, claim), 0, 1.0, failed=True)
    assert shards.progress(claim.job_id) == ShardProgress(done=0, free=30, held=0, failures=1, poisoned=0)


def test_what_was_refused_and_what_was_done_is_counted_for_the_metrics(store, shards, claim):
    shards.plan(claim, KEY, 30)
    shard = take(shards, claim)
    shards.leave(shard, 10, 1.5)
    shards.leave(shard, 10, 1.5)
    counts = store.counts()
    assert (counts.fenced, counts.shards, counts.shard_images, counts.shard_s) == (1, 1, 10, 1.5)

"""One Redis, two stacks: told apart by their data roots and by the name in their state folders."""

import pytest
import redis

from nextlabel.core.errors import Misconfigured, StoreUnfit
from nextlabel.core.jobs.queue import JobQueue, messages_key
from nextlabel.core.jobs.record import new_job_id
from nextlabel.core.jobs.redis_watch import RedisWatch
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.jobs.tenancy import Stack
from nextlabel.core.settings import Settings


@pytest.fixture
def stack(tmp_path, empty_redis):
    """Make the store and the watch of a process: `stack("a", roots="r")` is a stack a."""
    stores = []

    def made(name, roots="data", process="p", **more):
        settings = Settings(
            data_roots=(tmp_path / roots,), state_dir=tmp_path / name, cache_dir=tmp_path, redis_url=empty_redis, **more
        )
        stores.append(JobStore.of(settings))
        return stores[-1], RedisWatch(stores[-1], f"{name}-{process}")

    yield made
    for store in stores:
        store.close()


def submit(store):
    return store.submit(new_job_id(), "f1", "{}")[0]


def claim(store, job):
    return store.claim(job.id, process="w/1", token="t", lease_s=20)


@pytest.mark.parametrize(("name", "roots"), [("a", "elsewhere"), ("b", "data"), ("b", "elsewhere")])
def test_a_stack_with_other_roots_or_another_state_folder_is_refused_while_the_first_lives(
    stack, name, roots, empty_redis
):
    ours, first = stack("a")
    first.require(empty_redis)
    theirs, second = stack(name, roots, process="q")
    with pytest.raises(Misconfigured, match=r"in use by another stack.*NEXTLABEL_REDIS_PREFIX"):
        second.require(empty_redis, wait_s=0)
    with pytest.raises(StoreUnfit):
        submit(theirs)
    with pytest.raises(StoreUnfit):
        claim(theirs, submit(ours))
    with pytest.raises(StoreUnfit):
        second.refuse_unfit()
    assert ours.queue_length() == 1


def test_all_processes_of_one_stack_share_it_wherever_its_state_folder_is_mounted(stack, tmp_path, empty_redis):
    ours, first = stack("a")
    first.require(empty_redis)
    (tmp_path / "mounted").symlink_to(tmp_path / "a")
    theirs, second = stack("mounted")
    second.require(empty_redis, wait_s=0)
    assert claim(theirs, submit(ours)) is not None


def test_once_no_process_of_it_lives_its_owner_may_change_the_roots(stack, empty_redis):
    _, first = stack("a")
    first.require(empty_redis)
    changed, second = stack("a", "elsewhere")
    first.leave()
    second.require(empty_redis, wait_s=0)
    submit(changed)


def test_a_process_that_was_killed_is_waited_for_until_it_counts_as_gone(stack, monkeypatch, empty_redis):
    monkeypatch.setattr("nextlabel.core.jobs.redis_watch.ALIVE_S", 1.0)
    stack("a")[1].require(empty_redis)
    stack("a", "elsewhere", process="q")[1].require(empty_redis, wait_s=10)


def test_whoever_comes_back_to_a_redis_that_is_anothers_by_now_takes_nothing_there(stack, empty_redis):
    ours, first = stack("a")
    first.require(empty_redis)
    first.leave()
    _, second = stack("b", "elsewhere")
    second.require(empty_redis, wait_s=0)
    first.look()
    assert first.foreign
    with pytest.raises(StoreUnfit):
        submit(ours)
    second.leave()
    first.look()
    assert not first.foreign
    submit(ours)


def test_after_redis_came_back_empty_the_stack_is_there_again_at_the_next_look(stack, empty_redis):
    ours, first = stack("a")
    first.require(empty_redis)
    with redis.Redis.from_url(empty_redis) as client:
        client.flushall()
    assert claim(ours, submit(ours)) is not None
    first.look()
    with pytest.raises(Misconfigured):
        stack("b")[1].require(empty_redis, wait_s=0)


def test_a_prefix_keeps_two_stacks_apart_down_to_their_queues(stack, empty_redis):
    ours, first = stack("a")
    theirs, second = stack("b", redis_prefix="team-b")
    first.require(empty_redis)
    second.require(empty_redis, wait_s=0)
    job = submit(ours)
    queue = JobQueue(empty_redis, "team-b")
    queue.send("job_1")
    queue.close()
    assert (theirs.queue_length(), theirs.page().jobs, claim(theirs, job)) == (0, [], None)
    assert (ours.messages_waiting(messages_key("jobs")), theirs.messages_waiting(queue.jobs_key)) == (0, 1)
    with redis.Redis.from_url(empty_redis, decode_responses=True) as client:
        assert {key.partition(":")[0] for key in client.scan_iter()} == {"nextlabel", "team-b"}


def test_a_process_that_says_nothing_of_its_stack_is_let_in_as_those_of_earlier_versions_are(stack, empty_redis):
    stack("a")[1].require(empty_redis)
    with redis.Redis.from_url(empty_redis, decode_responses=True) as client:
        store = JobStore(client)
        assert claim(store, submit(store)) is not None


def test_a_state_folder_that_can_not_be_written_has_no_name_and_the_roots_alone_are_compared(tmp_path, logged):
    (tmp_path / "file").write_text("")
    made = Stack.of(Settings(data_roots=(tmp_path,), state_dir=tmp_path / "file" / "state"))
    assert made.state == ""
    assert "has no name" in logged()

import os
import subprocess
import threading
import time

import pytest
import redis

from nextlabel.core.errors import JobNotFound, StoreUnavailable
from nextlabel.core.jobs.queue import JOBS_KEY, JobQueue
from nextlabel.core.jobs.record import JobState
from nextlabel.core.jobs.result_files import ResultFiles
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.settings import Settings
from nextlabel.worker import janitor as module
from nextlabel.worker.janitor import Janitor
from nextlabel.worker.presence import presence_folder
from nextlabel.worker.sharding.plan import plan_path
from tests.worker.conftest import freeze, submit, wait_until

LEASE_S = 1.0
HOLD_OFF_S = LEASE_S + 1


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"lease_s": LEASE_S})


@pytest.fixture
def janitor(settings):
    return Janitor(settings, "w@host")


@pytest.fixture
def at_once(monkeypatch):
    """Messages count as lost at once."""
    monkeypatch.setattr(module, "RESEND_AFTER_S", 0.0)


def new_job(store):
    return submit(store, add=1, path_to_img="p")


def claim(store, job, *, lease_s=LEASE_S, token="t"):
    return store.claim(job.id, process="dead/1", token=token, lease_s=lease_s)


def messages(store):
    return store.messages_waiting(JOBS_KEY)


def tick_until(janitor, met, within_s=15.0):
    """-> how many seconds of ticking it took."""
    begun = time.monotonic()
    while not met():
        assert time.monotonic() - begun < within_s
        janitor.tick()
        time.sleep(0.05)
    return time.monotonic() - begun


# --- expired leases ---------------------------------------------------------------------------------------------


def test_a_dead_workers_job_is_put_back_with_a_message_once_redis_was_in_touch_for_longer_than_a_lease(janitor, store):
    job = new_job(store)
    claim(store, job, lease_s=0.01)
    took = tick_until(janitor, lambda: store.get(job.id).state is JobState.QUEUED)
    assert took > HOLD_OFF_S
    assert store.get(job.id).last_interruption.reason == "worker_lost"
    assert messages(store) == 1


def test_after_a_freeze_of_redis_a_living_worker_has_the_time_to_renew(janitor, store, empty_redis):
    other = new_job(store)
    claim(store, other, lease_s=0.01)
    tick_until(janitor, lambda: store.get(other.id).state is JobState.QUEUED)
    held = claim(store, new_job(store), token="alive")
    freeze(empty_redis, LEASE_S + 0.3)
    janitor.tick()
    assert store.renew(held, worker="alive", lease_s=LEASE_S) == "ok"


def test_two_janitors_put_a_job_back_once(settings, store):
    janitors = [Janitor(settings, name) for name in ("a", "b")]
    job = new_job(store)
    claim(store, job, lease_s=0.01)
    for janitor in janitors:
        janitor.start()
    wait_until(lambda: store.get(job.id).state is JobState.QUEUED)
    time.sleep(0.2)
    for janitor in janitors:
        janitor.stop()
    assert messages(store) == 1
    assert [event.data["state"] for event in store.events(job.id)] == ["queued", "running", "queued"]


def test_a_job_that_ends_its_worker_again_and_again_is_given_up(settings, store):
    janitor = Janitor(settings.model_copy(update={"max_crashes": 1}), "w@host")
    job = new_job(store)
    claim(store, job, lease_s=0.01)
    tick_until(janitor, lambda: store.get(job.id).state is JobState.FAILED)
    assert store.get(job.id).error.code == "worker_lost"
    assert messages(store) == 0


# --- lost messages ----------------------------------------------------------------------------------------------


def test_a_job_whose_message_got_lost_gets_another(janitor, store, at_once):
    new_job(store)
    janitor.tick()
    assert messages(store) == 1


def test_a_message_that_waits_is_not_sent_again(janitor, store, settings, at_once):
    queue = JobQueue(settings.redis_url)
    for _ in range(3):
        queue.send(new_job(store).id)
    janitor.tick()
    assert messages(store) == 3
    queue.close()


def test_a_job_that_was_queued_just_now_has_its_message_on_the_way(janitor, store):
    new_job(store)
    janitor.tick()
    assert messages(store) == 0


def test_a_message_is_not_sent_again_and_again(janitor, store, at_once, empty_redis, monkeypatch):
    new_job(store)
    with redis.Redis.from_url(empty_redis) as client:
        janitor.tick()
        client.delete(JOBS_KEY)
        janitor.tick()
        assert messages(store) == 0
        monkeypatch.setattr(module, "RESEND_AGAIN_S", 0.0)
        janitor.tick()
        assert messages(store) == 1


# --- old jobs ---------------------------------------------------------------------------------------------------


def ended_job(store, settings):
    job = new_job(store)
    taken = claim(store, job, token=job.id)
    ResultFiles(settings.results_dir).write(job.id, taken.fence, [b"{}"])
    store.finish(taken, JobState.SUCCEEDED)
    return job


def test_old_jobs_are_forgotten_with_their_results_and_the_rest_stay(settings, store):
    old = ended_job(store, settings)
    waiting = new_job(store)
    time.sleep(0.15)
    young = ended_job(store, settings)
    Janitor(settings.model_copy(update={"keep_jobs_days": 0.1 / 86_400}), "w@host").tick()
    with pytest.raises(JobNotFound):
        store.get(old.id)
    assert not (settings.results_dir / old.id).exists()
    assert store.get(waiting.id).state is JobState.QUEUED
    assert (settings.results_dir / young.id).is_dir()


def test_results_whose_jobs_are_lost_go_as_late_as_they_had_been_forgotten(settings, store):
    results = ResultFiles(settings.results_dir)
    known = new_job(store)
    for job_id in (known.id, "job_lost", "job_lost_lately"):
        results.write(job_id, 1, [b"{}"])
    for job_id in (known.id, "job_lost"):
        os.utime(settings.results_dir / job_id, (1, 1))
    Janitor(settings, "w@host").tick()
    assert sorted(path.name for path in settings.results_dir.iterdir()) == sorted([known.id, "job_lost_lately"])


def test_janitors_that_forget_the_same_jobs_do_not_trip_over_each_other(settings, store):
    for _ in range(30):
        ended_job(store, settings)
    time.sleep(0.01)
    forgetful = settings.model_copy(update={"keep_jobs_days": 1e-9})
    tripped = []

    def tick(janitor):
        try:
            janitor.tick()
        except Exception as error:
            tripped.append(error)

    threads = [threading.Thread(target=tick, args=[Janitor(forgetful, str(i))]) for i in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert tripped == []
    assert store.page().jobs == []
    assert list(settings.results_dir.iterdir()) == []


def test_the_plans_of_jobs_that_ended_are_removed_and_those_of_others_stay(settings, store):
    plans = {}
    for job in (ended_job(store, settings), new_job(store)):
        plans[job.id] = plan_path(settings.plans_dir, job.id, "key")
    unknown = plan_path(settings.plans_dir, "job_unknown", "key")
    settings.plans_dir.mkdir(parents=True)
    for path in (*plans.values(), unknown):
        path.touch()
    Janitor(settings, "w@host").tick()
    assert list(settings.plans_dir.iterdir()) == [list(plans.values())[1]]


# --- the dead of its machine ------------------------------------------------------------------------------------


def test_the_job_of_a_dead_process_of_its_worker_goes_back_at_the_next_tick_and_that_of_a_living_one_does_not(
    janitor, store
):
    process = subprocess.Popen(["sleep", "60"])
    job = new_job(store)
    store.claim(job.id, process=f"w@host/{process.pid}", token="t", lease_s=60)
    janitor.tick()
    assert store.get(job.id).state is JobState.RUNNING
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is dead, and nobody has come to look at it
    janitor.tick()
    assert store.get(job.id).state is JobState.QUEUED
    process.wait()
    assert messages(store) == 1


def test_a_process_of_another_worker_is_not_judged_by_its_number(janitor, store):
    """It may run on another machine, where that number means another process."""
    process = subprocess.Popen(["true"])
    process.wait()
    job = new_job(store)
    store.claim(job.id, process=f"w@another/{process.pid}", token="t", lease_s=60)
    janitor.tick()
    assert store.get(job.id).state is JobState.RUNNING


def test_the_jobs_of_a_dead_worker_of_the_machine_go_back_at_the_next_tick(janitor, settings, store):
    job = new_job(store)
    store.claim(job.id, process="other@host/1", token="t", lease_s=60)
    store.note_worker("other@host")
    folder = presence_folder(settings.redis_url)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "other@host.lock").touch()  # and nobody holds a lock on it
    janitor.tick()
    assert store.get(job.id).state is JobState.QUEUED
    assert store.workers() == ["w@host"]
    assert not (folder / "other@host.lock").exists()


# --- its worker -------------------------------------------------------------------------------------------------


def test_its_worker_is_seen_while_it_ticks_and_gone_when_it_stops(janitor, store):
    janitor.start()
    wait_until(lambda: store.workers() == ["w@host"])
    janitor.stop()
    assert store.workers() == []
    assert "janitor" not in {thread.name for thread in threading.enumerate()}


def test_draining_reaches_the_jobs_of_its_worker_and_a_new_start_ends_it(janitor, store):
    held = claim(store, new_job(store))
    janitor.drain()
    assert store.renew(held, worker="w@host", lease_s=LEASE_S) == "drain"
    janitor.start()
    assert store.renew(held, worker="w@host", lease_s=LEASE_S) == "ok"
    janitor.stop()


def test_without_redis_a_tick_says_so():
    with pytest.raises(StoreUnavailable):
        Janitor(Settings(redis_url="redis://127.0.0.1:1/0"), "w@host").tick()


def test_it_may_start_before_redis_does_and_outlives_its_restart(settings, own_redis, logged):
    janitor = Janitor(settings.model_copy(update={"redis_url": own_redis.url}), "w@host")
    janitor.start()
    own_redis.start()
    store = JobStore.at(own_redis.url)
    wait_until(lambda: store.workers(within_s=1) == ["w@host"])
    own_redis.stop()
    wait_until(lambda: "janitor is waiting" in logged())
    own_redis.start()
    wait_until(lambda: store.workers(within_s=1) == ["w@host"])
    own_redis.stop()
    janitor.stop()
    store.close()


# --- what comes from Redis is input -----------------------------------------------------------------------------


@pytest.fixture
def server(empty_redis):
    with redis.Redis.from_url(empty_redis) as client:
        yield client


@pytest.mark.parametrize("form", ["{}", "../../{}", "job_1/../../../{}"])
def test_a_folder_that_is_no_jobs_is_not_removed(janitor, settings, server, tmp_path, form):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "thesis.txt").write_text("mine")
    settings.results_dir.mkdir(parents=True)
    server.zadd("nextlabel:ended", {form.format(victim if form == "{}" else "victim"): 1})
    janitor.tick()
    assert (victim / "thesis.txt").read_text() == "mine"
    assert server.zcard("nextlabel:ended") == 0


@pytest.mark.parametrize("process", ["w@host/abc", "w@host/" + "9" * 30, "w@host/-1", "w@host/"])
def test_a_holder_that_is_no_process_is_dead_and_its_job_goes_back(janitor, store, server, process):
    job = new_job(store)
    store.claim(job.id, process=process, token="t", lease_s=60)
    janitor.tick()
    assert store.get(job.id).state is JobState.QUEUED


def test_a_duty_that_redis_refuses_keeps_no_other_from_being_done(janitor, store, server, at_once, logged):
    server.set("nextlabel:holds:w@host", "no hash")
    new_job(store)
    janitor.tick()
    assert messages(store) == 1
    assert "a duty of the janitor was refused" in logged()


def test_what_is_no_jobs_id_is_not_sent_again_and_again(janitor, store, server, at_once):
    server.zadd("nextlabel:queued", {"/etc/passwd": 1})
    janitor.tick()
    assert (messages(store), store.queue_length()) == (0, 0)


def test_in_another_stacks_redis_nothing_is_put_back_or_shown(janitor, settings, store, server):
    server.hset("nextlabel:stack", mapping={"roots": "others", "state": "others"})
    server.zadd("nextlabel:members", {"other": 1e15})
    job = new_job(store)
    store.claim(job.id, process="w@host/abc", token="t", lease_s=60)
    janitor.tick()
    assert janitor.redis_watch.foreign
    assert store.get(job.id).state is JobState.RUNNING
    assert store.workers() == []


def test_others_see_a_worker_once_a_process_of_it_is_warm_and_then_until_it_stops(settings, store):
    warm = []
    janitor = Janitor(settings, "w@host", is_warm=lambda: bool(warm))
    janitor.tick()
    assert store.workers() == []
    warm.append("a process")
    janitor.tick()
    assert store.workers() == ["w@host"]
    warm.clear()  # it died, and is being replaced
    store.forget_worker("w@host")
    janitor.tick()
    assert store.workers() == ["w@host"]

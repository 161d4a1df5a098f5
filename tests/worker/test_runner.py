import json
import os
import sys
import threading
import time
from contextlib import closing, contextmanager

import pytest
import torch
from PIL import Image

from nextlabel.core.errors import StorageFull, StoreUnavailable
from nextlabel.core.jobs.hand_outs import HandOuts, people_by_name
from nextlabel.core.jobs.record import JobState
from nextlabel.core.jobs.result_files import ResultFiles
from nextlabel.core.jobs.store import Claim, JobStore
from nextlabel.core.kinds.projects import project_of
from nextlabel.core.kinds.registry import KINDS, result_adapter
from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.pipelines import run as run_module
from nextlabel.core.pipelines import selection
from nextlabel.worker import patience
from nextlabel.worker import runner as module
from nextlabel.worker.runner import Runner
from tests import pools
from tests.worker.conftest import freeze, submit, wait_until


@pytest.fixture
def runner(settings):
    with closing(Runner(settings, "w@host")) as runner:
        yield runner


@pytest.fixture
def root(settings):
    return settings.data_roots[0]


@pytest.fixture
def pool(root):
    """-> the fields of a request; a red and a blue image of five each are labelled."""
    pools.draw(root / "pool", red=5, blue=5)
    pools.label(root / "labels.txt", ["red_0.png", "blue_0.png"])
    return {"path_to_img": "pool", "path_to_labels": "labels.txt"}


@pytest.fixture
def large_pool(root, monkeypatch):
    """A request that takes two seconds to embed, and tells of every batch."""
    monkeypatch.setattr(run_module, "PUBLISH_EVERY_S", 0.0)
    (root / "large").mkdir()
    Image.effect_noise((2200, 2200), 60).convert("RGB").save(root / "photo.jpg")
    for i in range(100):
        os.link(root / "photo.jpg", root / "large" / f"{i:02d}.jpg")
    return {"path_to_img": "large", "add": 5, "near_copies": "allow"}


@pytest.fixture
def broken(monkeypatch):
    """Lets the pipeline fail in its first stage."""

    def fail_with(error):
        def carry_out(request, run):
            run.plan("read")
            run.stage("read")
            raise error

        monkeypatch.setattr(module, "carry_out", carry_out)

    return fail_with


@contextmanager
def running(runner, job_id):
    """Another thread runs the job; ended when this ends."""
    thread = threading.Thread(target=runner.run, args=[job_id])
    thread.start()
    yield thread
    thread.join(60)
    assert not thread.is_alive()


def embedding(store, job):
    progress = store.get(job.id).progress
    return progress is not None and progress.stage == "embed" and progress.done > 0


def begun_with(store, job):
    """How many images the job found in the cache."""
    told = [event.data for event in store.events(job.id) if event.name == "progress"]
    return next(data["done"] for data in told if data["stage"] == "embed")


def result_of(settings, job):
    return result_adapter.validate_json(ResultFiles(settings.results_dir).path(job).read_bytes())


# --- success ----------------------------------------------------------------------------------------------------


def test_a_job_that_was_carried_out_has_succeeded_and_has_a_result(runner, store, settings, pool):
    job = submit(store, add=3, **pool)
    runner.run(job.id)
    ended = store.get(job.id)
    assert (ended.state, ended.attempt, ended.error) == (JobState.SUCCEEDED, 1, None)
    assert ended.process == f"w@host/{os.getpid()}"
    assert ended.started_at <= ended.finished_at
    assert len(result_of(settings, ended).data) == 3


@pytest.fixture
def whole(root):
    """By kind, the fields of a request; 30 images of each of two classes are labelled, and 3 are not."""
    names = pools.draw(root / "whole", red=33, blue=33)
    labelled = [name for name in names if int(name.partition("_")[2].removesuffix(".png")) < 30]
    pools.draw(root / "val", red=2, blue=2)
    one = {"path_to_img": "whole", "path_to_labels": pools.label(root / "whole.txt", labelled)}
    val = {"path_to_img_val": "val", "path_to_labels_val": pools.label(root / "val.txt", ["red_1.png", "blue_1.png"])}
    return {
        "selection": {**one, "add": 1},
        "prediction": one,
        "f1": {**{f"{field}_train": path for field, path in one.items()}, **val},
        "learning_curve": {**one, "repeats": 2},
        "audit": {**one, "repeats": 2, "budget": 20, "methods": ["margin"]},
        "label_check": one,
        "agreement": one,
        "similar": {**one, "add": 1, "like": ["red_0.png"]},
        "map": {**one, "points": 10},
        "embedding": {"path_to_img": "whole"},
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_job_is_carried_out(runner, store, settings, whole, kind):
    job = submit(store, kind=kind, **whole[kind])
    runner.run(job.id)
    ended = store.get(job.id)
    assert type(result_of(settings, ended)) is KINDS[kind].result
    assert ended.progress.stage == KINDS[kind].stages[-1]


def test_warnings_and_the_last_progress_stand_in_the_record(runner, store, pool):
    job = submit(store, add=100, **pool)
    runner.run(job.id)
    ended = store.get(job.id)
    assert [warning.code for warning in ended.warnings] == ["fewer_than_asked"]
    assert (ended.progress.stage, ended.progress.stage_index, ended.progress.stage_count) == ("choose", 3, 4)


def test_a_message_that_comes_twice_finds_nothing_to_claim(runner, store, pool, logged):
    job = submit(store, add=3, **pool)
    runner.run(job.id)
    before = store.get(job.id)
    assert "nothing to claim" not in logged()
    runner.run(job.id)
    assert store.get(job.id) == before
    assert "nothing to claim" in logged()


def test_a_message_about_a_job_that_nobody_knows_is_harmless(runner, store, logged):
    runner.run("job_unknown")
    assert "nothing to claim" in logged()
    assert store.page().jobs == []


def test_a_second_job_with_the_same_backbone_loads_nothing(runner, store, pool, monkeypatch):
    loaded = []
    build = BackboneLoader._build
    monkeypatch.setattr(BackboneLoader, "_build", lambda self, *what: loaded.append(what[0].name) or build(self, *what))
    for backbone in ("test_resnet", "test_resnet", "descriptor"):
        job = submit(store, add=1, backbone=backbone, weights="random", **pool)
        runner.run(job.id)
        assert store.get(job.id).state is JobState.SUCCEEDED
    assert loaded == ["test_resnet", "descriptor"]


# --- failure ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labelled", "code", "detail"),
    [
        ([], "no_labels", "prediction needs labels: no image of the pool has one"),
        (["red_0.png"], "single_class", "prediction needs two classes at least: the one label says 'red'"),
    ],
)
def test_a_request_that_cannot_be_met_fails_with_its_code_and_stage(
    runner, store, settings, root, pool, labelled, code, detail
):
    job = submit(store, kind="prediction", path_to_img="pool", path_to_labels=pools.label(root / "l.txt", labelled))
    runner.run(job.id)
    ended = store.get(job.id)
    assert ended.state is JobState.FAILED
    assert (ended.error.code, ended.error.detail, ended.error.stage) == (code, detail, "read")
    assert not ended.error.retryable
    assert not settings.results_dir.exists()


def test_a_pool_that_vanished_since_the_request_was_accepted_fails(runner, store):
    job = submit(store, add=1, path_to_img="gone")
    runner.run(job.id)
    assert store.get(job.id).error.code == "path_not_found"


@pytest.mark.parametrize("field", ["path_to_img", "path_to_labels"])
def test_a_path_outside_the_roots_is_refused_even_when_a_record_names_it(runner, store, root, pool, tmp_path, field):
    """Whoever can write to Redis can't have the worker read what it likes."""
    pools.draw(tmp_path / "secret" / "pool", red=2)
    pools.label(tmp_path / "secret" / "labels", ["red_0.png"])
    outside = tmp_path / "secret" / ("pool" if field == "path_to_img" else "labels")
    (root / "link").symlink_to(outside)
    for path in (str(outside), f"../secret/{outside.name}", "link"):
        job = submit(store, add=1, **{**pool, field: path})
        runner.run(job.id)
        ended = store.get(job.id)
        assert (ended.state, ended.error.code) == (JobState.FAILED, "path_not_allowed")


def test_what_passes_by_itself_is_retryable(runner, store, pool, broken):
    broken(StorageFull("no room for the result"))
    job = submit(store, add=1, **pool)
    runner.run(job.id)
    assert (store.get(job.id).error.code, store.get(job.id).error.retryable) == ("storage_full", True)


def test_too_little_memory_is_told_as_such(runner, store, pool, broken):
    broken(MemoryError())
    job = submit(store, add=1, **pool)
    runner.run(job.id)
    error = store.get(job.id).error
    assert (error.code, error.stage, error.retryable) == ("out_of_memory", "read", True)


def test_a_mistake_of_ours_is_told_as_internal_and_its_trace_stands_in_the_log_alone(
    runner, store, pool, broken, logged
):
    broken(ZeroDivisionError("/home/ada/secret"))
    job = submit(store, add=1, **pool)
    runner.run(job.id)
    error = store.get(job.id).error
    assert (error.code, error.stage, error.retryable) == ("internal", "read", False)
    assert "the worker's log has the details under this job's id" in error.detail
    assert "secret" not in store.get(job.id).model_dump_json()
    (line,) = [line for line in map(json.loads, logged().splitlines()) if line["event"] == "job failed"]
    assert (line["job_id"], line["level"]) == (job.id, "error")
    assert "ZeroDivisionError: /home/ada/secret" in line["exception"]


def test_a_worker_goes_on_after_a_failure(runner, store, pool):
    runner.run(submit(store, add=1, path_to_img="gone").id)
    job = submit(store, add=1, **pool)
    runner.run(job.id)
    assert store.get(job.id).state is JobState.SUCCEEDED


# --- cancelled, drained, lost -----------------------------------------------------------------------------------


def test_a_cancelled_job_ends_within_seconds_and_what_was_embedded_is_kept(runner, store, large_pool):
    job = submit(store, **large_pool)
    with running(runner, job.id):
        wait_until(lambda: embedding(store, job))
        assert store.cancel(job.id).state is JobState.CANCELLING
        wait_until(lambda: store.get(job.id).state is JobState.CANCELLED)
    embedded = store.get(job.id).progress.done
    assert 0 < embedded < 100
    assert store.get(job.id).error is None
    following = submit(store, **large_pool)
    with running(runner, following.id):
        wait_until(lambda: embedding(store, following))
        store.cancel(following.id)
    assert embedded <= begun_with(store, following) < 100


def test_a_job_cancelled_at_the_very_end_leaves_no_result(runner, store, settings, pool, monkeypatch):
    job = submit(store, add=1, **pool)
    carry_out = module.carry_out

    def and_be_cancelled(request, run):
        result = carry_out(request, run)
        store.cancel(job.id)
        time.sleep(3 * settings.renew_every_s)  # the lease has heard of it
        return result

    monkeypatch.setattr(module, "carry_out", and_be_cancelled)
    runner.run(job.id)
    assert store.get(job.id).state is JobState.CANCELLED
    assert not settings.results_dir.exists()


def test_embedding_ahead_gives_way_to_whoever_waits_and_goes_on_where_it_was(runner, store, settings, large_pool, pool):
    ahead = submit(store, kind="embedding", path_to_img=large_pool["path_to_img"])
    with running(runner, ahead.id):
        wait_until(lambda: embedding(store, ahead))
        other = submit(store, **pool, add=1)
    gave_way = store.get(ahead.id)
    assert (gave_way.state, gave_way.last_interruption.reason) == (JobState.QUEUED, "gave_way")
    assert store.messages_waiting(runner._process.queue.jobs_key) == 1, "its message is behind the other job's"
    runner.run(other.id)
    runner.run(ahead.id)
    ended = store.get(ahead.id)
    assert (ended.state, ended.error) == (JobState.SUCCEEDED, None)
    assert begun_with(store, ahead) == 0
    assert result_of(settings, ended).embedded == 100
    again = submit(store, kind="embedding", path_to_img=large_pool["path_to_img"])
    runner.run(again.id)
    assert begun_with(store, again) == 100


def test_embedding_ahead_gives_way_to_no_job_of_its_kind(runner, store, large_pool):
    jobs = [submit(store, kind="embedding", path_to_img=large_pool["path_to_img"]) for _ in range(2)]
    runner.run(jobs[0].id)
    assert [store.get(job.id).state for job in jobs] == [JobState.SUCCEEDED, JobState.QUEUED]


def test_a_drained_worker_gives_its_job_back_and_another_goes_on_where_it_was(runner, store, settings, large_pool):
    job = submit(store, **large_pool)
    with running(runner, job.id):
        wait_until(lambda: embedding(store, job))
        store.drain("w@host")
    given_back = store.get(job.id)
    assert (given_back.state, given_back.last_interruption.reason) == (JobState.QUEUED, "drained")
    with closing(Runner(settings, "another@host")) as another:
        another.run(job.id)
    ended = store.get(job.id)
    assert (ended.state, ended.attempt, ended.error) == (JobState.SUCCEEDED, 2, None)
    told = [event.data for event in store.events(job.id) if event.name == "progress"]
    begun = [progress["done"] for progress in told if progress["stage"] == "embed"]
    assert begun == sorted(begun)
    assert len(result_of(settings, ended).data) == 5


def test_a_lost_lease_leaves_the_record_to_its_new_owner(runner, store, settings, large_pool, logged):
    job = submit(store, **large_pool)
    with running(runner, job.id):
        wait_until(lambda: embedding(store, job))
        store.put_back(Claim(job.id, 1, 1, job.kind, {}), "worker_lost")
        owner = store.claim(job.id, process="other/1", token="u", lease_s=60)
        owned = store.get(job.id)
    assert store.get(job.id) == owned
    assert '"end": "lease lost"' in logged()
    assert store.finish(owner, JobState.SUCCEEDED)


def test_a_lease_lost_at_the_very_end_leaves_a_file_that_nobody_looks_at(runner, store, settings, pool, monkeypatch):
    """The first attempt has its result written, and then finds that it may not say so."""
    job = submit(store, add=1, **pool)
    write = ResultFiles.write

    def write_and_lose(files, *result):
        write(files, *result)
        store.put_back(Claim(job.id, 1, 1, job.kind, {}), "worker_lost")

    monkeypatch.setattr(ResultFiles, "write", write_and_lose)
    runner.run(job.id)
    assert store.get(job.id).state is JobState.QUEUED
    monkeypatch.setattr(ResultFiles, "write", write)
    runner.run(job.id)
    ended = store.get(job.id)
    written = sorted(path.name for path in (settings.results_dir / job.id).iterdir())
    assert written == ["1.json", f"{ended.ended_by}.json"]
    assert (ended.state, ended.ended_by, ended.attempt) == (JobState.SUCCEEDED, 3, 2)


# --- work that must be ended from outside -----------------------------------------------------------------------


@pytest.fixture
def left(monkeypatch):
    """How often the process would have been left."""
    ends = []

    def leave():
        ends.append(1)
        if threading.current_thread() is threading.main_thread():
            sys.exit()

    monkeypatch.setattr(module, "leave_process", leave)
    return ends


@pytest.fixture
def deaf(monkeypatch):
    """Lets the pipeline do nothing until the event is set."""
    released = threading.Event()
    monkeypatch.setattr(module, "carry_out", lambda request, run: released.wait(20))
    yield released
    released.set()


def impatient(settings, **more):
    return closing(Runner(settings.model_copy(update=more), "w@host"))


def test_a_job_that_does_not_stop_when_cancelled_is_ended_with_its_process(store, settings, pool, deaf, left):
    job = submit(store, add=1, **pool)
    with impatient(settings, cancel_grace_s=0.2) as runner, running(runner, job.id):
        wait_until(lambda: store.get(job.id).state is JobState.RUNNING)
        store.cancel(job.id)
        wait_until(lambda: left)
        assert store.get(job.id).state is JobState.CANCELLED
        deaf.set()


def test_a_job_that_runs_on_past_its_deadline_is_ended_with_its_process(store, settings, pool, deaf, left):
    job = submit(store, add=1, deadline_s=0.5, **pool)
    with impatient(settings, cancel_grace_s=0.2) as runner, running(runner, job.id):
        wait_until(lambda: left)
        ended = store.get(job.id)
        assert (ended.state, ended.error.code) == (JobState.FAILED, "deadline_exceeded")
        deaf.set()


def test_a_job_that_gets_nowhere_is_put_back_and_given_up_after_some_times(store, settings, pool, deaf, left):
    job = submit(store, add=1, **pool)
    with impatient(settings, stall_after_s=0.3, max_crashes=2) as runner:
        for state in (JobState.QUEUED, JobState.FAILED):
            deaf.clear()
            left.clear()
            with running(runner, job.id):
                wait_until(lambda: left)
                assert store.get(job.id).state is state
                deaf.set()
    ended = store.get(job.id)
    assert (ended.error.code, ended.error.retryable, ended.attempt) == ("stalled", True, 2)
    assert ended.last_interruption.reason == "stalled"


def test_a_job_past_its_deadline_fails_at_its_next_batch(store, settings, large_pool, runner):
    job = submit(store, deadline_s=0.6, **large_pool)
    runner.run(job.id)
    ended = store.get(job.id)
    assert (ended.state, ended.error.code, ended.error.stage) == (JobState.FAILED, "deadline_exceeded", "embed")


def test_a_broken_gpu_ends_the_process_and_leaves_the_record_to_its_parent(store, pool, runner, broken, left):
    broken(torch.AcceleratorError("CUDA error: device-side assert triggered"))
    job = submit(store, add=1, **pool)
    with pytest.raises(SystemExit):
        runner.run(job.id)
    assert store.get(job.id).state is JobState.RUNNING


# --- Redis away -------------------------------------------------------------------------------------------------


def test_a_job_pauses_while_redis_is_silent_and_goes_on(runner, store, large_pool, empty_redis):
    job = submit(store, **large_pool)
    with running(runner, job.id):
        wait_until(lambda: embedding(store, job))
        freeze(empty_redis, 2.5)  # longer than the lease
    ended = store.get(job.id)
    assert (ended.state, ended.attempt) == (JobState.SUCCEEDED, 1)


def test_a_claim_whose_answer_got_lost_is_asked_for_again_and_is_the_same(runner, store, pool, monkeypatch):
    monkeypatch.setattr(patience, "RETRY_EVERY_S", 0.0)
    job = submit(store, add=1, **pool)
    claim, answers = JobStore.claim, iter([True, False])

    def claim_and_lose_the_first_answer(self, job_id, **how):
        claimed = claim(self, job_id, **how)
        if next(answers):
            raise StoreUnavailable("the connection was closed")
        return claimed

    monkeypatch.setattr(JobStore, "claim", claim_and_lose_the_first_answer)
    runner.run(job.id)
    ended = store.get(job.id)
    assert (ended.state, ended.attempt, ended.last_interruption) == (JobState.SUCCEEDED, 1, None)


def test_a_job_that_is_done_while_redis_is_away_ends_when_it_is_back(settings, own_redis, pool, monkeypatch, logged):
    own_redis.start()
    store = JobStore.at(own_redis.url)
    job = submit(store, add=1, **pool)
    carry_out = module.carry_out

    def and_redis_goes(request, run):
        result = carry_out(request, run)
        own_redis.stop()
        return result

    monkeypatch.setattr(module, "carry_out", and_redis_goes)
    runner = Runner(settings.model_copy(update={"redis_url": own_redis.url}), "w@host")
    with closing(runner), running(runner, job.id):
        wait_until(lambda: "waiting for Redis" in logged())
        time.sleep(0.2)
        own_redis.start()
    ended = store.get(job.id)
    assert (ended.state, ended.attempt) == (JobState.SUCCEEDED, 1)
    store.close()


# --- hand-outs --------------------------------------------------------------------------------------------------


@pytest.fixture
def with_whom(store, root):
    """-> who has which images of the pool."""
    hand_outs = HandOuts(store)
    return lambda: people_by_name(hand_outs.of(project_of(str(root / "pool"), str(root / "labels.txt"), [root])))


def test_two_people_get_different_images_and_the_third_hears_that_none_is_left(runner, store, settings, pool):
    batches, last = [], None
    for person in ("anna", "ben", "carla"):
        last = submit(store, add=4, near_copies="allow", person=person, **pool)
        runner.run(last.id)
        batches.append(result_of(settings, store.get(last.id)))
    first, second, third = (set(batch.data) for batch in batches)
    assert (len(first), len(second), third) == (4, 4, set())
    assert not first & second
    assert [(batch.handed_to, batch.candidates, batch.with_others) for batch in batches] == [
        ("anna", 8, 0), ("ben", 4, 4), ("carla", 0, 8)
    ]  # fmt: skip
    assert "8 are with others" in store.get(last.id).warnings[-1].detail


def test_who_asks_again_gets_others_than_those_of_the_batch_before(runner, store, settings, pool, with_whom):
    for person in ("anna", None):
        job = submit(store, add=4, near_copies="allow", person=person, **pool)
        runner.run(job.id)
    job = submit(store, add=8, near_copies="allow", person="anna", **pool)
    runner.run(job.id)
    result = result_of(settings, store.get(job.id))
    assert (len(result.data), result.with_you, result.with_others) == (4, 4, 0)
    assert list(with_whom().values()) == [{"anna"}] * 8


def test_an_overlap_lets_two_people_have_an_image_and_no_third(runner, store, settings, pool, with_whom):
    counts = []
    for person in ("anna", "ben", "carla"):
        job = submit(store, add=8, near_copies="allow", person=person, overlap=2, overlap_share=0.5, **pool)
        runner.run(job.id)
        counts.append(len(result_of(settings, store.get(job.id)).data))
    had = {
        name: {*who, *(("labels",) if name in ("red_0.png", "blue_0.png") else ())} for name, who in with_whom().items()
    }
    assert counts[0] == 8
    assert 0 < counts[1] < 8
    assert max(map(len, had.values())) == 2


def test_images_that_others_were_given_meanwhile_are_replaced_by_the_next_ones(
    runner, store, settings, pool, monkeypatch, with_whom
):
    """Another job hands out what this one has just chosen."""
    chosen = []

    def choose(*arguments, **options):
        batch = real(*arguments, **options)
        if not chosen:
            chosen.append(batch)
            rival = submit(store, add=2, near_copies="allow", person="ben", **pool)
            Runner(settings, "x@host").run(rival.id)
        return batch

    real = selection._choose
    monkeypatch.setattr(selection, "_choose", choose)
    job = submit(store, add=3, near_copies="allow", person="anna", **pool)
    runner.run(job.id)
    result = result_of(settings, store.get(job.id))
    assert (len(result.data), result.with_others) == (3, 2)
    assert sorted(len(who) for who in with_whom().values()) == [1] * 5


def test_what_a_job_handed_out_that_then_failed_is_anybodys_again(runner, store, pool, with_whom, monkeypatch):
    def full(*_):
        assert len(with_whom()) == 3
        raise StorageFull("no room")

    monkeypatch.setattr(ResultFiles, "write", full)
    job = submit(store, add=3, near_copies="allow", person="anna", **pool)
    runner.run(job.id)
    assert store.get(job.id).state is JobState.FAILED
    assert with_whom() == {}

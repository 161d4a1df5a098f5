"""One job, several workers: each a Runner in a thread, under a name of its own; Redis and the disk are real."""

import os
import threading
import time
from contextlib import closing

import pytest
from PIL import Image

from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.embeddings.cache import CacheKey, EmbeddingCache
from nextlabel.core.jobs.queue import SHARDS_KEY
from nextlabel.core.jobs.record import JobState
from nextlabel.core.jobs.result_files import ResultFiles
from nextlabel.core.jobs.shards import ShardStore
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.neural.backbones import DescriptorBackbone
from nextlabel.core.pipelines import run as run_module
from nextlabel.worker.runner import Runner
from nextlabel.worker.sharding import filler
from nextlabel.worker.sharding.plan import Plan, plan_path
from tests.worker.conftest import submit, wait_until

IMAGES = 60


@pytest.fixture
def settings(settings, monkeypatch):
    """Shares at once, in small shards, and looks often."""
    monkeypatch.setattr(run_module, "PUBLISH_EVERY_S", 0.0)
    monkeypatch.setattr(filler, "LOOK_EVERY_S", 0.0)
    return settings.model_copy(update={"share_above_s": 0.0, "shard_s": 0.1})


@pytest.fixture
def pool(settings):
    """Half a second of work for one worker, on an idle machine."""
    folder = settings.data_roots[0] / "large"
    folder.mkdir()
    Image.effect_noise((1000, 1000), 60).convert("RGB").save(folder.parent / "photo.jpg")
    for i in range(IMAGES):
        os.link(folder.parent / "photo.jpg", folder / f"{i:02d}.jpg")
    return folder


@pytest.fixture
def runner(settings):
    with closing(Runner(settings, "one@host")) as runner:
        yield runner


@pytest.fixture
def helper(settings, store):
    """Another worker: seen, and coming when it is called."""
    store.note_worker("one@host")
    store.note_worker("two@host")
    stop = threading.Event()
    with closing(Runner(settings, "two@host")) as helper:

        def come_when_called():
            while not stop.wait(0.01):
                if store.messages_waiting(SHARDS_KEY):
                    store._redis.lpop(SHARDS_KEY)
                    helper.help(store.page(limit=1).jobs[0].id)

        thread = threading.Thread(target=come_when_called)
        thread.start()
        yield helper
        stop.set()
        thread.join(60)


def ask(store):
    return submit(store, path_to_img="large", add=3, near_copies="allow")


def run(runner, store, job):
    runner.run(job.id)
    return store.get(job.id)


def result(settings, job):
    return ResultFiles(settings.results_dir).path(job).read_bytes()


def test_a_large_job_is_embedded_by_all_who_come_and_its_answer_is_the_same(
    runner, helper, store, settings, pool, logged
):
    ended = run(runner, store, ask(store))
    assert ended.state is JobState.SUCCEEDED
    assert "job shared out" in logged()
    counts = store.counts()
    assert counts.shards > 2
    assert counts.shard_images <= IMAGES
    assert not list(settings.plans_dir.iterdir())
    alone = settings.model_copy(update={"cache_dir": settings.state_dir / "another_cache", "share_above_s": 1e9})
    with closing(Runner(alone, "alone@host")) as single:
        assert result(settings, run(single, store, ask(store))) == result(settings, ended)


def test_progress_of_a_shared_job_never_goes_back_and_reaches_the_end(runner, helper, store, pool):
    job = ask(store)
    run(runner, store, job)
    done = [event.data["done"] for event in store.events(job.id) if event.name == "progress"]
    embedding = done[: done.index(IMAGES) + 1]
    assert embedding == sorted(embedding)


def test_where_there_is_one_process_nothing_is_shared(runner, store, settings, pool, logged):
    store.note_worker("one@host")
    assert run(runner, store, ask(store)).state is JobState.SUCCEEDED
    assert "shared out" not in logged()
    assert not settings.plans_dir.exists()


def test_a_job_that_takes_no_longer_than_the_setting_is_not_shared(settings, helper, store, pool, logged):
    with closing(Runner(settings.model_copy(update={"share_above_s": 60.0}), "one@host")) as runner:
        assert run(runner, store, ask(store)).state is JobState.SUCCEEDED
    assert "shared out" not in logged()


def test_whoever_takes_a_shared_job_over_goes_on_with_its_plan(runner, store, settings, pool, logged):
    """The first one to run it is drained in the middle; nobody helps."""
    store.note_worker("one@host")
    store.note_worker("two@host")
    job = ask(store)
    thread = threading.Thread(target=runner.run, args=[job.id])
    thread.start()
    wait_until(lambda: ShardStore(store).progress(job.id).done > 10)
    store.drain("one@host")
    thread.join(60)
    assert store.get(job.id).state is JobState.QUEUED
    before = ShardStore(store).progress(job.id)
    assert 10 < before.done < IMAGES
    (plan,) = settings.plans_dir.iterdir()
    written = plan.stat().st_mtime_ns
    with closing(Runner(settings, "two@host")) as another:
        thread = threading.Thread(target=another.run, args=[job.id])
        thread.start()
        wait_until(lambda: ShardStore(store).progress(job.id).done > before.done)
        assert plan.stat().st_mtime_ns == written
        thread.join(60)
    assert store.get(job.id).state is JobState.SUCCEEDED


def test_a_shard_of_a_dead_helper_is_done_by_others(runner, store, settings, pool):
    """The helper takes a shard, and is never heard of again."""
    store.note_worker("one@host")
    store.note_worker("two@host")
    job = ask(store)
    thread = threading.Thread(target=runner.run, args=[job.id])
    thread.start()
    shards = ShardStore(store)
    wait_until(lambda: shards.progress(job.id).free)
    shards.claim(job.id, process="two@host/1", token="x", lease_s=0.3, wanted=20, least=20)
    time.sleep(0.4)
    store.put_back_expired(most_crashes=3)
    thread.join(60)
    assert store.get(job.id).state is JobState.SUCCEEDED


def test_images_that_cannot_be_read_are_told_by_the_job_whoever_met_them(runner, helper, store, settings, pool):
    for i in (3, IMAGES - 2):
        (pool / f"{i:02d}.jpg").unlink()
        (pool / f"{i:02d}.jpg").write_text("no image")
    ended = run(runner, store, ask(store))
    (warning,) = ended.warnings
    assert (warning.code, warning.names) == ("unreadable_image", ("03.jpg", f"{IMAGES - 2:02d}.jpg"))


def test_a_cancelled_job_stops_its_helpers_too(runner, helper, store, settings, pool):
    job = ask(store)
    thread = threading.Thread(target=runner.run, args=[job.id])
    thread.start()
    wait_until(lambda: ShardStore(store).progress(job.id).held > 1)
    store.cancel(job.id)
    thread.join(60)
    assert store.get(job.id).state is JobState.CANCELLED
    wait_until(lambda: store.counts().shard_leases == 0)


def test_where_the_cache_cannot_be_written_the_job_embeds_by_itself(settings, store, pool, tmp_path):
    store.note_worker("one@host")
    store.note_worker("two@host")
    (tmp_path / "file").touch()
    with closing(Runner(settings.model_copy(update={"cache_dir": tmp_path / "file" / "x"}), "one@host")) as runner:
        ended = run(runner, store, ask(store))
    assert ended.state is JobState.SUCCEEDED
    assert {warning.code for warning in ended.warnings} == {"cache_not_written"}


def test_where_the_plan_cannot_be_written_the_job_embeds_by_itself(settings, store, pool, logged):
    store.note_worker("one@host")
    store.note_worker("two@host")
    settings.state_dir.mkdir()
    settings.plans_dir.touch()  # a file in the folder's place
    with closing(Runner(settings, "one@host")) as runner:
        ended = run(runner, store, ask(store))
    assert (ended.state, ended.warnings) == (JobState.SUCCEEDED, ())
    assert "not shared" in logged()


def test_a_call_for_help_with_a_job_that_nobody_knows_or_that_has_ended_is_harmless(runner, store, pool, logged):
    runner.help("job_unknown")
    job = ask(store)
    run(runner, store, job)
    before = store.get(job.id)
    runner.help(job.id)
    assert store.get(job.id) == before
    assert "no shard to take" in logged()


def test_there_are_never_more_calls_waiting_than_processes_that_could_come(runner, store, settings, pool):
    store.note_worker("one@host")
    store.note_worker("two@host", processes=3)
    run(runner, store, ask(store))
    assert 1 <= store.messages_waiting(SHARDS_KEY) <= 4


def test_a_machine_with_other_weights_does_not_help(settings, store, pool, runner, logged):
    """Its embeddings would be of another network."""
    store.note_worker("one@host")
    store.note_worker("two@host")
    job = submit(
        store, path_to_img="large", add=3, near_copies="allow", backbone="test_resnet", weights="random", seed=1
    )
    thread = threading.Thread(target=runner.run, args=[job.id])
    thread.start()
    wait_until(lambda: ShardStore(store).progress(job.id).free)
    with closing(Runner(settings, "two@host")) as other:
        load = other._backbones.load
        other._backbones.load = lambda spec, weights, seed: load(spec, weights, seed + 1)
        other.help(job.id)
    thread.join(60)
    assert store.get(job.id).state is JobState.SUCCEEDED
    assert "differ from those where the job runs" in logged()


def test_a_helper_embeds_with_the_backbone_of_the_plan_even_where_the_request_names_none(runner, store, settings, pool):
    job = submit(store, path_to_img="large", add=3, backbone=None, path_to_embeddings="own.npy")
    claim = store.claim(job.id, process="one@host/1", token="t", lease_s=60)
    images, backbone = list_pool(place_at("large", settings.data_roots)), DescriptorBackbone()
    key = CacheKey(backbone.name, backbone.weights, backbone.preprocessing, images.place.key)
    Plan(key, images).write(plan_path(settings.plans_dir, job.id, "key"))
    ShardStore(store).plan(claim, "key", IMAGES)
    runner.help(job.id)
    assert EmbeddingCache(settings.cache_dir, key, backbone.dimension).find(images.names, images.stamps).hit.any()
    assert ShardStore(store).progress(job.id).failures == 0


def test_a_store_that_goes_away_is_waited_for(runner, helper, store, pool, empty_redis):
    job = ask(store)
    thread = threading.Thread(target=runner.run, args=[job.id])
    thread.start()
    wait_until(lambda: ShardStore(store).progress(job.id).done > 10)
    with closing(JobStore.at(empty_redis)) as other:
        other._redis.execute_command("CLIENT", "PAUSE", 2500, "ALL")
    thread.join(30)
    assert (store.get(job.id).state, store.get(job.id).attempt) == (JobState.SUCCEEDED, 1)

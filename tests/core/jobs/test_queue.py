import base64
import json

import pytest
import redis

from nextlabel.client.stack import free_port
from nextlabel.core.errors import StoreUnavailable
from nextlabel.core.jobs.queue import JOBS_KEY, JobQueue, celery_app
from nextlabel.core.jobs.store import JobStore


@pytest.fixture
def queue(empty_redis):
    queue = JobQueue(empty_redis)
    yield queue
    queue.close()


def messages(url):
    with redis.Redis.from_url(url) as client:
        return [json.loads(message) for message in client.lrange(JOBS_KEY, 0, -1)]


def test_a_message_is_the_name_of_the_task_and_the_jobs_id_in_json(queue, empty_redis):
    queue.send("job_1")
    (message,) = messages(empty_redis)
    assert message["headers"]["task"] == "run_job"
    assert (message["content-type"], message["content-encoding"]) == ("application/json", "utf-8")
    arguments, options, _ = json.loads(base64.b64decode(message["body"]))
    assert (arguments, options) == (["job_1"], {})


def test_the_janitor_counts_the_messages_that_wait(queue, empty_redis):
    store = JobStore.at(empty_redis)
    assert store.messages_waiting(JOBS_KEY) == 0
    for i in range(3):
        queue.send(f"job_{i}")
    assert store.messages_waiting(JOBS_KEY) == 3
    store.close()


def test_what_the_broker_keeps_stands_under_nextlabels_prefix(queue, empty_redis):
    queue.send("job_1")
    with redis.Redis.from_url(empty_redis, decode_responses=True) as client:
        assert all(key.startswith("nextlabel:") for key in client.scan_iter())


def test_nothing_but_json_is_taken_and_no_result_is_kept(empty_redis):
    configured = celery_app(empty_redis).conf
    assert configured.accept_content == ["json"]
    assert (configured.task_serializer, configured.result_backend, configured.task_ignore_result) == (
        "json",
        None,
        True,
    )
    assert (configured.task_acks_late, configured.worker_pool_start_method) == (False, "spawn")


def test_celery_imports_nothing_of_the_folder_that_a_worker_was_started_in(tmp_path, monkeypatch):
    (tmp_path / "of_the_user.py").write_text("raise SystemExit('run from the data folder')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModuleNotFoundError):
        celery_app("redis://127.0.0.1").loader.import_task_module("of_the_user")


def test_an_unreachable_broker_is_told_after_a_few_tries(monkeypatch):
    tries, connect = [], redis.Connection._connect
    monkeypatch.setattr(redis.Connection, "_connect", lambda self: tries.append(1) or connect(self))
    queue = JobQueue(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(StoreUnavailable, match="the message for job job_1 could not be sent"):
        queue.send("job_1")
    assert 1 <= len(tries) <= 10
    queue.close()


def test_a_broker_that_refuses_to_write_is_unavailable_and_serves_again_afterwards(queue, empty_redis):
    with redis.Redis.from_url(empty_redis) as admin:
        admin.config_set("maxmemory", "1")
        try:
            with pytest.raises(StoreUnavailable):
                queue.send("job_1")
        finally:
            admin.config_set("maxmemory", "0")
    queue.send("job_2")
    assert len(messages(empty_redis)) == 1


def test_connections_that_redis_closed_are_opened_again(queue, empty_redis):
    queue.send("job_1")
    with redis.Redis.from_url(empty_redis) as admin:
        admin.client_kill_filter(_type="normal", skipme=True)
    queue.send("job_2")
    assert len(messages(empty_redis)) == 2

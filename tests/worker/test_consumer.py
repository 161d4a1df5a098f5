import base64
import inspect
import json
from queue import Empty
from types import SimpleNamespace

import pytest
import redis
from celery.concurrency import prefork
from celery.concurrency.asynpool import AsynPool
from celery.worker import state
from hypothesis import given
from hypothesis import strategies as st
from kombu import Consumer, Queue
from kombu.transport.redis import Channel
from kombu.transport.virtual.base import QoS

from nextlabel.core.jobs.queue import JOBS, JOBS_KEY, JobQueue, celery_app
from nextlabel.worker.consumer import BrokenMessage, GoesOnWithoutAck, OnlySoundMessages, OnlyWhenReady, sound


@pytest.fixture
def step():
    return OnlyWhenReady(SimpleNamespace())


@pytest.fixture
def qos():
    return SimpleNamespace(can_consume=lambda: True)


def consumer(qos, pool):
    return SimpleNamespace(task_consumer=SimpleNamespace(channel=SimpleNamespace(qos=qos)), pool=pool)


def test_a_message_is_taken_only_while_a_process_is_ready_for_it(step, qos, monkeypatch):
    ready = {}
    step.start(consumer(qos, SimpleNamespace(_pool=SimpleNamespace(_fileno_to_inq=ready))))
    assert not qos.can_consume()
    assert OnlyWhenReady.processes_up() == 0
    ready[7] = "a process that is up"
    assert qos.can_consume()
    assert OnlyWhenReady.processes_up() == 1
    monkeypatch.setattr(state, "reserved_requests", {"a message that it works on"})
    assert not qos.can_consume()
    ready[8] = "another"
    assert qos.can_consume()


def test_what_celery_refuses_by_itself_stays_refused(step):
    qos = SimpleNamespace(can_consume=lambda: False)
    step.start(consumer(qos, SimpleNamespace(_pool=SimpleNamespace(_fileno_to_inq={7: "ready"}))))
    assert not qos.can_consume()


@pytest.mark.parametrize("pool", [SimpleNamespace(), SimpleNamespace(_pool=SimpleNamespace())])
def test_a_celery_that_keeps_its_pool_elsewhere_takes_messages_by_itself_and_the_log_says_so(step, qos, pool, logged):
    step.start(consumer(qos, pool))
    assert qos.can_consume()
    assert OnlyWhenReady.processes_up() > 1_000
    assert "does not show which processes are ready" in logged()


def test_the_celery_that_is_installed_has_the_private_names_that_are_read():
    assert "_fileno_to_inq" in inspect.getsource(AsynPool.__init__)
    assert "self._pool" in inspect.getsource(prefork.TaskPool)
    assert callable(QoS.can_consume)


def test_a_message_that_redis_was_not_told_of_is_not_waited_for(own_redis):
    own_redis.start()
    queue = JobQueue(own_redis.url)
    queue.send("job_1")
    queue.close()
    taken = []
    with celery_app(own_redis.url).connection_for_read() as connection:
        channel = connection.default_channel
        channel.basic_qos(0, 1, False)
        tasks = Consumer(channel, Queue(JOBS), on_message=taken.append)
        tasks.consume()
        GoesOnWithoutAck(SimpleNamespace()).start(SimpleNamespace(task_consumer=SimpleNamespace(channel=channel)))
        connection.drain_events(timeout=10)
        assert not channel.qos.can_consume()
        own_redis.stop()
        with pytest.raises(connection.connection_errors):
            taken[0].ack()
        assert channel.qos.can_consume()


# --- messages ---------------------------------------------------------------------------------------------------


def sent(empty_redis, job_id="job_1"):
    """A message as the API sends it."""
    queue = JobQueue(empty_redis)
    queue.send(job_id)
    queue.close()
    with redis.Redis.from_url(empty_redis) as client:
        return json.loads(client.lpop(JOBS_KEY))


def body_of(*parts):
    return base64.b64encode(json.dumps(parts).encode()).decode()


def arguments_of(message):
    return json.loads(base64.b64decode(message["body"]))[0]


def test_of_a_message_the_name_of_the_task_and_the_jobs_id_are_taken_and_nothing_else(empty_redis):
    message = sent(empty_redis)
    message["headers"] |= {"eta": "2999-01-01T00:00:00", "timelimit": [1, 1], "id": ["no", "text"], "chord": {"x": 1}}
    message["properties"]["delivery_tag"] = {"no": "tag"}
    message["body"] = body_of(["job_1"], {"job_id": "job_2"}, {"callbacks": [{"task": "other"}]})
    made = sound(message, "jobs")
    assert (made["headers"]["task"], arguments_of(made)) == ("run_job", ["job_1"])
    assert (made["headers"]["eta"], made["headers"]["timelimit"]) == (None, [None, None])
    assert json.loads(base64.b64decode(made["body"]))[1:] == [
        {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None},
    ]  # fmt: skip
    assert isinstance(made["headers"]["id"], str)
    assert isinstance(made["properties"]["delivery_tag"], str)


@pytest.mark.parametrize(
    "change",
    [
        {"body": body_of([{"an": "object"}], {}, {})},
        {"body": body_of([["a list"]], {}, {})},
        {"body": body_of(["../../victim"], {}, {})},
        {"body": body_of(["job_1", "job_2"], {}, {})},
        {"body": body_of([], {}, {})},
        {"body": body_of("job_1")},
        {"body": "no base64 &"},
        {"body": None},
        {"headers": []},
        {"headers": {"task": "celery.backend_cleanup"}},
        {"headers": {"task": ["run_job"]}},
        {"properties": "none"},
        {"content-type": "application/x-python-serialize"},
        {"content-type": ["application/json"]},
    ],
)
def test_what_has_not_that_form_is_broken(empty_redis, change):
    with pytest.raises(BrokenMessage):
        sound(sent(empty_redis) | change, "jobs")


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_json_is_taken_for_a_message(anything):
    with pytest.raises(BrokenMessage):
        sound(anything, "jobs")


def test_a_broken_message_is_counted_in_the_log_and_the_next_one_is_read(logged):
    def read():
        raise BrokenMessage("it names no job")

    def lost():
        raise redis.ConnectionError("gone")

    channel = SimpleNamespace(handlers={"BRPOP": read}, connection_errors=(redis.ConnectionError,))
    channel.connection = SimpleNamespace(_deliver=lambda message, queue: None)
    OnlySoundMessages(SimpleNamespace()).start(SimpleNamespace(task_consumer=SimpleNamespace(channel=channel)))
    for _ in range(2):
        with pytest.raises(Empty):
            channel.handlers["BRPOP"]()
    assert '"dropped": 2' in logged()
    channel.handlers["BRPOP"] = lost
    OnlySoundMessages(SimpleNamespace()).start(SimpleNamespace(task_consumer=SimpleNamespace(channel=channel)))
    with pytest.raises(redis.ConnectionError):
        channel.handlers["BRPOP"]()


def test_the_kombu_that_is_installed_reads_and_delivers_by_the_names_that_are_replaced():
    assert "self.handlers = {'BRPOP': self._brpop_read" in inspect.getsource(Channel.__init__)
    assert "self.connection._deliver(" in inspect.getsource(Channel._brpop_read)

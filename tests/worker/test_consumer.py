import inspect
from types import SimpleNamespace

import pytest
from celery.concurrency import prefork
from celery.concurrency.asynpool import AsynPool
from celery.worker import state
from kombu.transport.virtual.base import QoS

from nextlabel.worker.consumer import OnlyWhenReady


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
    ready[7] = "a process that is up"
    assert qos.can_consume()
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
    assert "does not show which processes are ready" in logged()


def test_the_celery_that_is_installed_has_the_private_names_that_are_read():
    assert "_fileno_to_inq" in inspect.getsource(AsynPool.__init__)
    assert "self._pool" in inspect.getsource(prefork.TaskPool)
    assert callable(QoS.can_consume)

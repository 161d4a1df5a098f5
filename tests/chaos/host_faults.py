"""What can befall a host among others, or the network between them. Faults as in `nemesis`, of a `HostsStack`."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import permutations

from tests.chaos import nemesis as on_one_host
from tests.chaos.hosts import Host, HostsStack
from tests.chaos.nemesis import Fault, Nemesis, NotNow, Steps, alone, longer_than_the_lease, name_of
from tests.chaos.stack import LEASE_S

CLOCKS_WITHIN_S = 7200  # so far from the right time
HOST_EVERY_S = (4.0, 10.0)  # between the beginnings of two faults: most strike a third of the service, for 4 to 12 s


def a_host_vanishes(nemesis: Nemesis) -> Steps:
    """Power off: nobody is told, not even by a reset connection. It comes back later and knows none of the old ones."""
    stack = _stack(nemesis)
    with _one_host(nemesis) as host:
        gone, workers = stack.on(host), _workers_of(stack, host)
        host.vanish()
        for process in gone:
            process.kill()
            if process in workers:
                nemesis.died("host killed", name_of(process), time.time())
        host.remove()
        with _outage(nemesis, "a host vanishes", host):
            yield longer_than_the_lease(nemesis)
            host.appear()
            for process in gone:
                if process not in workers:
                    process.start()
        for worker in workers:
            stack.replace(worker)


def a_host_freezes(nemesis: Nemesis) -> Steps:
    """All that runs on it stands still, as when a virtual machine is moved; then it goes on as if nothing had been."""
    with _one_host(nemesis) as host:
        _signal_all(nemesis, host, signal.SIGSTOP)
        with _outage(nemesis, "a host freezes", host), _struck(nemesis, "host frozen", host):
            yield longer_than_the_lease(nemesis)
            _signal_all(nemesis, host, signal.SIGCONT)


def a_host_is_cut_off(nemesis: Nemesis) -> Steps:
    """From all others. It computes on, as do they."""
    with _one_host(nemesis) as host:
        _stack(nemesis).set_ways(host, is_cut=True)
        with _outage(nemesis, "a host is cut off", host), _struck(nemesis, "host cut off", host):
            yield longer_than_the_lease(nemesis)
            _stack(nemesis).set_ways(host, is_cut=False)


def two_hosts_are_parted(nemesis: Nemesis) -> Steps:
    """They still reach the third, and are reached."""
    one, other = nemesis.rng.sample(_stack(nemesis).hosts, 2)
    yield from _part(nemesis, "two hosts are parted", [(one, other), (other, one)])


def one_way_is_cut(nemesis: Nemesis) -> Steps:
    """What is sent arrives, and no answer to it ever does."""
    ways = list(permutations(_stack(nemesis).hosts, 2))
    yield from _part(nemesis, "one way is cut", [nemesis.rng.choice(ways)])


def _part(nemesis: Nemesis, how: str, ways: list[tuple[Host, Host]]) -> Steps:
    stack = _stack(nemesis)
    sources = {source for source, _ in ways}
    with ExitStack() as both:
        for host in {host for way in ways for host in way}:
            both.enter_context(_alone(stack, host))
        for source, target in ways:
            stack.set_way(source.address, target.address, is_cut=True)
        begun = time.time()
        yield longer_than_the_lease(nemesis)
        for source, target in ways:
            stack.set_way(source.address, target.address, is_cut=False)
    if stack.redis.host in {host for way in ways for host in way}:
        for host in sources | {target for _, target in ways}:
            _note(nemesis, "host cut off", host, begun)
    nemesis.history.outages.append((how, begun, time.time()))


def a_slow_link(nemesis: Nemesis) -> Steps:
    """Each packet to and from one host is late: a round trip of 0.1 to 0.6 s."""
    yield from _for_a_while(nemesis, late_s=nemesis.rng.uniform(0.05, 0.3))


def a_lossy_link(nemesis: Nemesis) -> Steps:
    """One packet in ten to one in three is lost; TCP sends it again, later and later."""
    yield from _for_a_while(nemesis, lost=nemesis.rng.uniform(0.1, 0.33))


def _for_a_while(nemesis: Nemesis, **field: float) -> Steps:
    stack = _stack(nemesis)
    with _one_host(nemesis) as host:
        stack.set_ways(host, **field)
        begun = time.time()
        yield nemesis.rng.uniform(2, 3 * LEASE_S)
        stack.set_ways(host, **dict.fromkeys(field, 0.0))
        _note(nemesis, "bad link", host, begun)  # slow enough, and a lease runs out


def a_clock_jumps(nemesis: Nemesis) -> Steps:
    """Of a host that is not Redis', by up to two hours to either side; those of files do not."""
    settable = [host for host in _stack(nemesis).hosts if host.has_clock]
    if not settable:
        raise NotNow("all clocks are right for want of a C compiler")
    nemesis.rng.choice(settable).set_clock_ahead(nemesis.rng.uniform(-CLOCKS_WITHIN_S, CLOCKS_WITHIN_S))
    yield 0


HOST_FAULTS: dict[Fault, int] = {
    a_host_vanishes: 4,
    a_host_freezes: 2,
    a_host_is_cut_off: 4,
    two_hosts_are_parted: 3,
    one_way_is_cut: 3,
    a_slow_link: 3,
    a_lossy_link: 2,
    a_clock_jumps: 3,
    on_one_host.kill_a_process: 2,
    on_one_host.kill_a_worker: 1,
    on_one_host.stop_a_worker: 1,
    on_one_host.kill_redis: 1,
    on_one_host.drop_messages: 2,
    on_one_host.double_messages: 1,
    on_one_host.kill_the_api: 1,
    on_one_host.submit_without_a_message: 1,
    on_one_host.fill_the_disk: 1,
}


def _stack(nemesis: Nemesis) -> HostsStack:
    assert isinstance(nemesis.stack, HostsStack)
    return nemesis.stack


@contextmanager
def _one_host(nemesis: Nemesis) -> Iterator[Host]:
    """For the fault alone, with all that runs on it."""
    stack = _stack(nemesis)
    free = [host for host in stack.hosts if stack.on(host) and not any(process.busy for process in stack.on(host))]
    if not free:
        raise NotNow("no host is left")
    host = nemesis.rng.choice(free)
    with _alone(stack, host):
        yield host


@contextmanager
def _alone(stack: HostsStack, host: Host) -> Iterator[None]:
    with ExitStack() as all_of_them:
        for process in stack.on(host):
            all_of_them.enter_context(alone(process))
        yield


def _workers_of(stack: HostsStack, host: Host) -> list:
    return [process for process in stack.on(host) if process in stack.workers]


def _signal_all(nemesis: Nemesis, host: Host, number: signal.Signals) -> None:
    for process in _stack(nemesis).on(host):
        process.signal_all(number)


@contextmanager
def _struck(nemesis: Nemesis, how: str, host: Host) -> Iterator[None]:
    """The processes that lose what they hold by it: those of a host without Redis, or of all the others."""
    begun = time.time()
    yield
    _note(nemesis, how, host, begun)


def _note(nemesis: Nemesis, how: str, host: Host, begun: float) -> None:
    stack = _stack(nemesis)
    for worker in stack.workers:
        if host is stack.redis.host or worker.host is host:
            nemesis.died(how, name_of(worker), begun, time.time())


@contextmanager
def _outage(nemesis: Nemesis, how: str, host: Host) -> Iterator[None]:
    begun, redis_host = time.time(), _stack(nemesis).redis.host
    yield
    of_redis = ", which is Redis'" if host is redis_host else ""
    nemesis.history.outages.append((how + of_redis, begun, time.time()))

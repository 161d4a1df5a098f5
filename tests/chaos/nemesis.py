"""Does to the service what a bad day does, one fault after another, by a seed.

A fault is a generator: it does harm, yields for how long, and mends what it did. So several may be under way at once;
each has a worker (or Redis, or the API) for itself while it lasts.
"""

from __future__ import annotations

import heapq
import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import redis

from nextlabel.core.errors import NextlabelError
from nextlabel.core.jobs.queue import JOBS_KEY, JobQueue
from nextlabel.core.jobs.record import JobState, new_job_id
from nextlabel.core.jobs.store import PREFIX
from nextlabel.core.kinds.registry import parse_request
from tests.chaos.history import Death, History, Oddity, Submission
from tests.chaos.network import Link
from tests.chaos.stack import LEASE_S, STOPS_WITHIN_S, ChaosStack, Process
from tests.chaos.watch import Watch
from tests.chaos.workloads import BY_NAME, Pools

EVERY_S = (1.5, 4.0)  # between the beginnings of two faults
AT_ITS_JOB = 0.8  # of the victims; the others are taken as they come
LOST_REPLIES = 0.2  # of all, with their connections
LOOKS_FOR_POISON_EVERY_S = 0.02


class NotNow(RuntimeError):
    """This fault can't be done at present: there is nothing to do it to."""


LEASES = PREFIX + "leases"
Steps = Iterator[float]  # seconds to wait before each next step


class Nemesis:
    def __init__(
        self,
        stack: ChaosStack,
        pools: Pools,
        history: History,
        *,
        seed: int,
        faults: Mapping[Fault, int],
        every_s: tuple[float, float] = EVERY_S,
        only: Collection[str] = (),
    ) -> None:
        """`faults`: how often each comes, relative to the others. `only`: these of them."""
        self._every_s = every_s
        self.stack, self.pools, self.history = stack, pools, history
        self._shares = {fault: share for fault, share in faults.items() if not only or called(fault) in only}
        self.rng = random.Random(f"{seed}/nemesis")
        self.redis = redis.Redis.from_url(stack.redis_url, decode_responses=True, socket_timeout=1, retry=None)
        self._under_way: list[tuple[float, int, Steps]] = []
        self._order = itertools.count()
        self._poisoner = Poisoner(stack, history)

    def run(self, seconds: float) -> None:
        """Faults for so long; then all that is broken is mended."""
        self._poisoner.start()
        begin_next = time.monotonic()
        end = begin_next + seconds
        while time.monotonic() < end:
            if time.monotonic() >= begin_next:
                self._begin_one()
                begin_next = time.monotonic() + self.rng.uniform(*self._every_s)
            self._go_on()
            time.sleep(0.02)
        while self._under_way:
            self._go_on()
            time.sleep(0.02)

    def rest(self) -> None:
        """After the drain: poison is lethal until the last such job has ended."""
        self._poisoner.stop()
        self.redis.close()

    @contextmanager
    def one_worker(self) -> Iterator[Any]:
        """For the fault alone; most often one that runs a job."""
        free = [worker for worker in self.stack.workers if worker.runs and not worker.busy]
        at_work = [worker for worker in free if any(name_of(worker) in one for one in self.at_work())]
        if not free:
            raise NotNow("no worker is left")
        worker = self.rng.choice(at_work if at_work and self.rng.random() < AT_ITS_JOB else free)
        with alone(worker):
            yield worker

    def at_work(self) -> list[str]:
        """The processes that hold a lease, by name."""
        try:
            return [self.redis.hget(f"{PREFIX}job:{one}", "worker") or "" for one in self.redis.zrange(LEASES, 0, -1)]
        except redis.RedisError:
            return []

    def died(self, how: str, worker: str, at: float, until: float | None = None) -> None:
        self.history.deaths.append(Death(at, how, worker, until))

    def _begin_one(self) -> None:
        """The first that can be done at present; rather one that came seldom so far."""
        came = self.history.faults
        left = {fault: share / (1 + came[called(fault)]) ** 2 for fault, share in self._shares.items()}
        while left:
            fault = self.rng.choices(list(left), list(left.values()))[0]
            del left[fault]
            with suppress(NotNow, ProcessLookupError):  # poison may have been quicker
                self._step(fault(self))
                self.history.count(came, called(fault))
                return

    def _go_on(self) -> None:
        while self._under_way and self._under_way[0][0] <= time.monotonic():
            self._step(heapq.heappop(self._under_way)[2])
        self._replace_what_ended_by_itself()

    def _step(self, steps: Steps) -> None:
        seconds = next(steps, None)
        if seconds is not None:
            heapq.heappush(self._under_way, (time.monotonic() + seconds, next(self._order), steps))

    def _replace_what_ended_by_itself(self) -> None:
        """A supervisor would, too; but none of our faults makes a parent end."""
        for process in (*self.stack.workers, self.stack.api, self.stack.redis):
            if not process.runs and not process.busy:
                self.history.oddities.append(Oddity(time.time(), "nemesis", None, f"{process.name} ended by itself"))
                process.start()


Fault = Callable[[Nemesis], Steps]


def called(fault: Fault) -> str:
    return fault.__name__.replace("_", " ")


def name_of(worker: Process) -> str:
    """What the names of its processes in the records begin with."""
    return f"worker-{worker.pid}@"


@contextmanager
def alone(process: Process) -> Iterator[None]:
    if process.busy or not process.runs:
        raise NotNow(f"{process.name} is taken")
    process.busy = True
    try:
        yield
    finally:
        process.busy = False


def _kill(process: Process, *, for_s: float) -> Steps:
    with alone(process):
        process.kill()
        yield for_s
        process.start()


# --- workers ---------------------------------------------------------------------------------------------------


def kill_a_process(nemesis: Nemesis) -> Steps:
    """The one that computes; its parent sees it die, and starts another."""
    with nemesis.one_worker() as worker:
        pid = pool_process(nemesis, worker)
        nemesis.died("process killed", f"/{pid}", time.time())
        os.kill(pid, signal.SIGKILL)
        yield 0


def kill_a_worker(nemesis: Nemesis) -> Steps:
    """Parent and all, as when a machine dies; another comes up later."""
    with nemesis.one_worker() as worker:
        nemesis.died("worker killed", name_of(worker), time.time())
        worker.kill()
        yield nemesis.rng.uniform(0, 2 * LEASE_S)
        nemesis.stack.replace(worker)


def freeze_a_process(nemesis: Nemesis) -> Steps:
    """For longer than the lease; then it goes on, and must find out that its job is another's."""
    with nemesis.one_worker() as worker:
        pid, begun = pool_process(nemesis, worker), time.time()
        os.kill(pid, signal.SIGSTOP)
        yield longer_than_the_lease(nemesis)
        nemesis.died("process frozen", f"/{pid}", begun, time.time())
        with suppress(ProcessLookupError):  # poison killed it meanwhile
            os.kill(pid, signal.SIGCONT)


def freeze_a_worker(nemesis: Nemesis) -> Steps:
    """Its janitor, too."""
    with nemesis.one_worker() as worker:
        begun = time.time()
        worker.signal_all(signal.SIGSTOP)
        yield longer_than_the_lease(nemesis)
        nemesis.died("worker frozen", name_of(worker), begun, time.time())
        worker.signal_all(signal.SIGCONT)


def stop_a_worker(nemesis: Nemesis) -> Steps:
    """By SIGTERM, as for an upgrade; the next one starts at once."""
    with nemesis.one_worker() as worker:
        worker.ask_to_stop()
        begun = time.time()
        nemesis.stack.retired.append(worker)
        nemesis.stack.replace(worker)
        while worker.runs and time.time() - begun < STOPS_WITHIN_S:
            yield 0.1
    nemesis.history.drains_s.append(time.time() - begun)


def longer_than_the_lease(nemesis: Nemesis) -> float:
    return LEASE_S + nemesis.rng.uniform(1, 9)  # so that its job may be another's, and running, when it goes on


def pool_process(nemesis: Nemesis, worker: Process) -> int:
    """The parent's child that runs jobs. Raises NotNow while there is none.

    A worker whose first process dies before it is ready gives up, by Celery's rule, and is its supervisor's to restart.
    """
    with _reaching_redis():
        if not any(name.startswith(name_of(worker)) for name in nemesis.redis.zrange(PREFIX + "workers", 0, -1)):
            raise NotNow(f"{worker.name} is not ready yet")
    with suppress(OSError):  # it is gone, or its child is
        for pid in Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    raise NotNow(f"{worker.name} has no process yet")


# --- Redis and its messages ------------------------------------------------------------------------------------


def kill_redis(nemesis: Nemesis) -> Steps:
    """It comes back with the same files."""
    yield from _kill(nemesis.stack.redis, for_s=nemesis.rng.uniform(0, 4))


def freeze_redis_briefly(nemesis: Nemesis) -> Steps:
    yield from _freeze_redis(nemesis, nemesis.rng.uniform(0.3, LEASE_S / 2))


def freeze_redis_for_long(nemesis: Nemesis) -> Steps:
    yield from _freeze_redis(nemesis, longer_than_the_lease(nemesis))


def _freeze_redis(nemesis: Nemesis, seconds: float) -> Steps:
    with alone(nemesis.stack.redis):
        nemesis.stack.redis.signal_all(signal.SIGSTOP)
        yield seconds
        nemesis.stack.redis.signal_all(signal.SIGCONT)


def cut_connections(nemesis: Nemesis) -> Steps:
    """All that lead to Redis, at once."""
    with _reaching_redis():
        for kind in ("normal", "pubsub"):
            nemesis.redis.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    yield 0


def cut_a_worker_off(nemesis: Nemesis) -> Steps:
    """It goes on computing; what it has sent meanwhile arrives late, when its job is another's."""
    with nemesis.one_worker() as worker:
        begun, worker.link.is_cut = time.time(), True
        yield longer_than_the_lease(nemesis)
        nemesis.died("worker cut off", name_of(worker), begun, time.time())
        worker.link.is_cut = False


def lose_replies(nemesis: Nemesis) -> Steps:
    """The command has run, and whoever sent it can't know."""
    links = links_of(nemesis)
    for link in links:
        link.lost_replies = LOST_REPLIES
    yield nemesis.rng.uniform(1, 3)
    for link in links:
        link.lost_replies = 0.0


def slow_network(nemesis: Nemesis) -> Steps:
    links = links_of(nemesis)
    for link in links:
        link.late_s = nemesis.rng.uniform(0.1, 0.5)
    yield nemesis.rng.uniform(2, 6)
    for link in links:
        link.late_s = 0.0


def links_of(nemesis: Nemesis) -> list[Link]:
    return [process.link for process in (*nemesis.stack.workers, nemesis.stack.api)]


def drop_messages(nemesis: Nemesis) -> Steps:
    with _reaching_redis():
        if not nemesis.redis.delete(JOBS_KEY):
            raise NotNow("no message is waiting")
    yield 0


def double_messages(nemesis: Nemesis) -> Steps:
    """All that wait, once more, in another order; and those of the jobs that run, which are taken next."""
    with _reaching_redis(), closing(JobQueue(nemesis.stack.redis_url)) as queue:
        waiting, running = nemesis.redis.lrange(JOBS_KEY, 0, -1), nemesis.redis.zrange(LEASES, 0, -1)
        if not waiting and not running:
            raise NotNow("no message is waiting, no job runs")
        nemesis.rng.shuffle(waiting)
        if waiting:
            nemesis.redis.lpush(JOBS_KEY, *waiting)
        for job_id in running:
            queue.send(job_id)
            nemesis.redis.lmove(JOBS_KEY, JOBS_KEY, "LEFT", "RIGHT")  # workers take from the right
    yield 0


@contextmanager
def _reaching_redis() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, NextlabelError) as error:
        raise NotNow("Redis is away") from error


# --- the API and the disk --------------------------------------------------------------------------------------


def kill_the_api(nemesis: Nemesis) -> Steps:
    yield from _kill(nemesis.stack.api, for_s=nemesis.rng.uniform(0, 2))


def submit_without_a_message(nemesis: Nemesis) -> Steps:
    """What an API leaves that dies between the record and the message."""
    workload = BY_NAME["next batch"]
    job_id = new_job_id()
    request = parse_request(nemesis.pools.request(workload, job_id))
    with _reaching_redis():
        nemesis.stack.store().submit(job_id, request.kind, request.model_dump_json())
    nemesis.history.submissions.append(Submission(time.time(), "nemesis", job_id, workload.name))
    yield 0


def fill_the_disk(nemesis: Nemesis) -> Steps:
    """The one that results are written to, to the last byte."""
    filler = nemesis.stack.results / "filler"
    if not nemesis.stack.has_small_disk or filler.exists():
        raise NotNow("no small disk")
    begun = time.time()
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 20)):
            pass
    yield nemesis.rng.uniform(1, 5)
    filler.unlink()
    nemesis.history.full_disk.append((begun, time.time()))


SHARES: dict[Fault, int] = {
    kill_a_process: 4,
    kill_a_worker: 3,
    freeze_a_process: 3,
    freeze_a_worker: 3,
    stop_a_worker: 2,
    kill_redis: 2,
    freeze_redis_briefly: 2,
    freeze_redis_for_long: 1,
    cut_connections: 2,
    cut_a_worker_off: 2,
    lose_replies: 2,
    slow_network: 1,
    drop_messages: 3,
    double_messages: 3,
    kill_the_api: 2,
    submit_without_a_message: 2,
    fill_the_disk: 1,
}


# --- poison ----------------------------------------------------------------------------------------------------


class Poisoner(Watch):
    """A thread that kills each process that takes a job marked as poison, as the kernel does when memory ends."""

    def __init__(self, stack: ChaosStack, history: History) -> None:
        super().__init__(stack, every_s=LOOKS_FOR_POISON_EVERY_S)
        self._stack, self._history = stack, history
        self._killed: set[tuple[str, str]] = set()  # job and attempt
        self._ended: set[str] = set()

    def look(self) -> None:
        poison = {one.job_id for one in list(self._history.submissions) if BY_NAME[one.workload].poison}
        for job_id in poison - self._ended:
            self._look_at(job_id)

    def _look_at(self, job_id: str) -> None:
        state, attempt, worker = self._redis.hmget(f"{PREFIX}job:{job_id}", "state", "attempt", "worker")
        if state is None or JobState(state).is_final:
            self._ended.add(job_id)
        elif state == JobState.RUNNING and (job_id, attempt) not in self._killed:
            self._killed.add((job_id, attempt))
            self._kill(job_id, int(worker.rpartition("/")[2]))

    def _kill(self, job_id: str, pid: int) -> None:
        with suppress(ProcessLookupError):  # another fault was quicker
            if os.getpgid(pid) in {one.pid for one in (*self._stack.workers, *self._stack.retired)}:
                self._history.deaths.append(Death(time.time(), "process killed", f"/{pid}"))
                os.kill(pid, signal.SIGKILL)
        self._history.count(self._history.poison_kills, job_id)

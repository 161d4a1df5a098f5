"""One run: the undisturbed answers first, then clients and faults, then the drain and the inventory."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from nextlabel.client.http import Client
from nextlabel.core.jobs.queue import JOBS_KEY
from tests.chaos.checker import Violation, check
from tests.chaos.clients import Crowd
from tests.chaos.history import History
from tests.chaos.nemesis import EVERY_S, SHARES, Fault, Nemesis
from tests.chaos.observer import Observer, take_inventory
from tests.chaos.report import figures
from tests.chaos.stack import ChaosStack
from tests.chaos.workloads import WORKLOADS, Pools, Workload

UNDISTURBED_WITHIN_S = 300.0
DRAINS_WITHIN_S = 180.0
SMALL_DISK_KB = 256 * 1024


def run(
    folder: Path,
    *,
    seed: int,
    seconds: float,
    workers: int,
    clients: int,
    only: Collection[str] = (),
    stack_of: type[ChaosStack] = ChaosStack,
    faults: Mapping[Fault, int] = SHARES,
    every_s: tuple[float, float] = EVERY_S,
) -> tuple[list[Violation], dict]:
    """-> (violations, figures). `folder` must not exist; it keeps the logs and all files. `only`: these of `faults`."""
    history = History()
    with stack_of(folder, workers=workers, small_disk_kb=SMALL_DISK_KB) as stack, ExitStack() as at_the_end:
        pools = Pools(stack.data)
        pools.write()
        expected = undisturbed(stack, pools)
        observer = Observer(stack, history)
        nemesis = Nemesis(stack, pools, history, seed=seed, faults=faults, every_s=every_s, only=only)
        crowd = Crowd(stack.url, pools, history, seed=seed, count=clients)
        for ended in (observer.stop, nemesis.rest, crowd.give_up):  # whatever happens
            at_the_end.callback(ended)
        observer.start()
        crowd.start()
        nemesis.run(seconds)
        drain_s = drain(stack, crowd)
        messages = stack.store().messages_waiting(JOBS_KEY)  # a worker gives back what its process had not begun
        stuck = stack.stop_workers()
        evidence = take_inventory(stack, history, expected, messages=messages, stuck=stuck)
    violations = check(evidence)
    return violations, figures(evidence, violations, seed=seed, drain_s=drain_s)


def undisturbed(stack: ChaosStack, pools: Pools) -> dict[str, bytes]:
    """Each workload's result, byte for byte, on a pool that nothing is cached of."""
    with ThreadPoolExecutor(len(stack.workers)) as several:
        results = several.map(lambda workload: _result(stack, pools, workload), WORKLOADS)
        return {workload.name: result for workload, result in zip(WORKLOADS, results, strict=True)}


def _result(stack: ChaosStack, pools: Pools, workload: Workload) -> bytes:
    with Client(stack.url) as client:
        job = client.submit(pools.request(workload, f"undisturbed {workload.name}"))
        client.wait(job.id, timeout_s=UNDISTURBED_WITHIN_S)
        return client.download(job.id)


def drain(stack: ChaosStack, crowd: Crowd) -> float:
    """Seconds until every job has ended, those of no client too; at most DRAINS_WITHIN_S."""
    begun = time.monotonic()
    crowd.finish(DRAINS_WITHIN_S)
    store = stack.store()
    while time.monotonic() - begun < DRAINS_WITHIN_S:
        counts = store.counts()
        if not (counts.queued or counts.leased or store.messages_waiting(JOBS_KEY)):
            break
        time.sleep(0.1)
    return time.monotonic() - begun

"""`python -m tests.chaos.recovery`: how long it takes from a death until another process has the job.

With the leases of a service in production, idle workers beside the one that dies, and nothing else going on.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nextlabel.core.jobs.record import Job, JobState, new_job_id
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.settings import Settings
from tests.chaos.hosts import Host, HostsStack, why_not
from tests.chaos.stack import SETTINGS, ChaosStack, Process, until
from tests.chaos.workloads import BY_NAME, Pools

IN_PRODUCTION = {
    **SETTINGS,
    **{
        f"NEXTLABEL_{name.upper()}": str(getattr(Settings(), name))
        for name in ("lease_s", "renew_every_s", "janitor_every_s")
    },
    "NEXTLABEL_SHARE_ABOVE_S": "1000",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.recovery", description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--hosts", action="store_true", help="on hosts in network namespaces; needs root")
    arguments = parser.parse_args()
    if arguments.hosts and (cause := why_not()):
        sys.exit(f"no hosts can be had here: {cause}")
    for what, measure in (ON_HOSTS if arguments.hosts else ON_ONE_HOST).items():
        with tempfile.TemporaryDirectory() as folder:
            taken = [measure(Path(folder) / str(n)) for n in range(arguments.times)]
        spans = f"{min(taken):.1f} / {statistics.median(taken):.1f} / {max(taken):.1f} s (min / median / max)"
        print(f"{what:<45} {spans}", flush=True)


def recovery_s(folder: Path, blow: Callable[[Process, Job], None], *, neighbours: bool) -> float:
    """Two workers; the one that has the job is struck while it embeds. -> seconds until the other has it."""
    with ChaosStack(folder, workers=2, settings=IN_PRODUCTION) as stack:
        if neighbours:
            for worker in stack.workers:
                worker.kill()
                worker.environment["NEXTLABEL_REDIS_URL"] = stack.redis_url
                worker.start()
        pools, store = Pools(stack.data), stack.store()
        pools.write()
        warm_up(stack, pools, store)
        job = submit(pools, store, "large prediction", "the job")
        until(lambda: bool((shown := store.get(job.id).progress) and shown.done), "images are being embedded")
        job = store.get(job.id)
        struck_at = time.monotonic()
        blow(next(one for one in stack.workers if f"-{one.pid}@" in (job.process or "")), job)
        until(lambda: store.get(job.id).attempt == 2, "another process has it")
        return time.monotonic() - struck_at


def recovery_on_hosts_s(folder: Path, blow: Callable[[HostsStack, Host], None]) -> float:
    """Three hosts; the one that has the job is struck, unless Redis is on it. -> seconds until another has the job."""
    with HostsStack(folder, workers=3, settings=IN_PRODUCTION) as stack:
        pools, store = Pools(stack.data), stack.store()
        pools.write()
        warm_up(stack, pools, store)
        while True:
            job = submit(pools, store, "large prediction", f"the job {time.monotonic()}")
            until(lambda job=job: bool((shown := store.get(job.id).progress) and shown.done), "images are embedded")
            job = store.get(job.id)
            host = next(one.host for one in stack.workers if f"-{one.pid}@" in (job.process or ""))
            if host is not stack.redis.host:
                break
        struck_at = time.monotonic()
        blow(stack, host)
        until(lambda: store.get(job.id).attempt == 2, "another process has it")
        return time.monotonic() - struck_at


def vanish(stack: HostsStack, host: Host) -> None:
    host.vanish()
    for process in stack.on(host):
        process.kill()


def cut_off(stack: HostsStack, host: Host) -> None:
    stack.set_ways(host, is_cut=True)


def kill_process(worker: Process, job: Job) -> None:
    os.kill(int((job.process or "").rpartition("/")[2]), signal.SIGKILL)


def kill_worker(worker: Process, job: Job) -> None:
    worker.kill()


def warm_up(stack: ChaosStack, pools: Pools, store: JobStore) -> None:
    """Until both workers have run a job, and watched Redis for longer than a lease."""
    begun, seen = time.monotonic(), set[str]()
    while len(seen) < len(stack.workers) or time.monotonic() - begun < float(IN_PRODUCTION["NEXTLABEL_LEASE_S"]) + 3:
        jobs = [submit(pools, store, "cached", "") for _ in stack.workers]
        until(lambda jobs=jobs: all(store.get(job.id).state is JobState.SUCCEEDED for job in jobs), "both have worked")
        seen |= {(store.get(job.id).process or "").partition("@")[0] for job in jobs}


def submit(pools: Pools, store: JobStore, workload: str, name: str) -> Job:
    """Without a message: the janitor sends it."""
    request = parse_request(pools.request(BY_NAME[workload], name))
    return store.submit(new_job_id(), request.kind, request.model_dump_json())[0]


ON_ONE_HOST: dict[str, Callable[[Path], float]] = {
    "a process is killed": partial(recovery_s, blow=kill_process, neighbours=False),
    "a worker is killed, its machine has another": partial(recovery_s, blow=kill_worker, neighbours=True),
    "a machine is gone": partial(recovery_s, blow=kill_worker, neighbours=False),
}
ON_HOSTS: dict[str, Callable[[Path], float]] = {
    "a host vanishes": partial(recovery_on_hosts_s, blow=vanish),
    "a host is cut off": partial(recovery_on_hosts_s, blow=cut_off),
}


if __name__ == "__main__":
    main()

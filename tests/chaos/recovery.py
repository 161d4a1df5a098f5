"""`python -m tests.chaos.recovery`: how long it takes from a death until another process has the job.

With the leases of a service in production, idle workers beside the one that dies, and nothing else going on.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nextlabel.core.jobs.record import Job, JobState, new_job_id
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.settings import Settings
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
    times = parser.parse_args().times
    for what, blow, neighbours in (
        ("a process is killed", kill_process, False),
        ("a worker is killed, its machine has another", kill_worker, True),
        ("a machine is gone", kill_worker, False),
    ):
        with tempfile.TemporaryDirectory() as folder:
            taken = [recovery_s(Path(folder) / str(n), blow, neighbours=neighbours) for n in range(times)]
        print(f"{what:<45} {min(taken):.1f} / {statistics.median(taken):.1f} / {max(taken):.1f} s (min / median / max)")


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
        seen |= {(store.get(job.id).worker or "").partition("@")[0] for job in jobs}


def submit(pools: Pools, store: JobStore, workload: str, name: str) -> Job:
    """Without a message: the janitor sends it."""
    request = parse_request(pools.request(BY_NAME[workload], name))
    return store.submit(new_job_id(), request.kind, request.model_dump_json())[0]


if __name__ == "__main__":
    main()

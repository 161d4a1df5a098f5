"""How warm a worker is when it says that it is ready, and how soon a killed process' job runs again. In seconds.

    python -m benchmarks.warm_starts --times 10

The whole stack as `nextlabel up` runs it, one worker with one process, real photos and weights, what was compiled on
disk. The first job of a stack that has just come up chooses 10 of 40 photos that nobody has embedded: from the POST to
its result. Then process after process is killed (SIGKILL) after it has embedded for `--pause`, in which the next spare
warms up beside it: from the kill until the job's record says that another process runs it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

from benchmarks import DATA
from benchmarks.fanout import redis_server
from nextlabel.client.http import Client
from nextlabel.client.stack import Stack, free_port
from nextlabel.core.jobs.record import Job
from nextlabel.core.jobs.store import JobStore

OF_FIRST_JOB, OF_LONG_JOB = 40, 50_000
LOOK_EVERY_S = 0.01


def main() -> None:
    arguments = _parse()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        photos = shutil.copytree(arguments.photos, folder / "originals")
        _first_job(folder, _pool(folder, photos, "before", OF_FIRST_JOB), arguments)  # compiles the network
        if "first" in arguments.measure:
            pools = [_pool(folder, photos, f"first-{n}", OF_FIRST_JOB) for n in range(arguments.times)]
            _tell("first job of a ready worker", [_first_job(folder, pool, arguments) for pool in pools])
        if "kills" in arguments.measure:
            pool = _pool(folder, photos, "long", OF_LONG_JOB)
            _tell("killed process to job running", _kills(folder, pool, arguments))


def _pool(folder: Path, photos: Path, name: str, count: int) -> Path:
    """Hard links to so many of the photos, under names of their own."""
    pool = folder / "data" / name
    pool.mkdir(parents=True)
    for number, photo in enumerate(islice(cycle(sorted(photos.iterdir())), count)):
        os.link(photo, pool / f"{number:06}{photo.suffix}")
    return pool


def _stack(folder: Path, arguments: argparse.Namespace, redis_url: str) -> Stack:
    environment = {
        "NEXTLABEL_DATA_ROOTS": str(folder / "data"),
        "NEXTLABEL_STATE_DIR": str(folder / "state"),
        "NEXTLABEL_CACHE_DIR": str(folder / "cache"),
        "NEXTLABEL_WEIGHTS_DIR": str(arguments.weights),
        "NEXTLABEL_REDIS_URL": redis_url,
    }
    return Stack(environment, port=free_port(), workers=1, log=folder / "stack.log")


def _first_job(folder: Path, pool: Path, arguments: argparse.Namespace) -> float:
    with redis_server(folder / "redis") as url, _stack(folder, arguments, url) as stack, Client(stack.url) as client:
        began = time.perf_counter()
        client.select(path_to_img=pool, backbone=arguments.backbone, add=10)
        return time.perf_counter() - began


def _kills(folder: Path, pool: Path, arguments: argparse.Namespace) -> list[float]:
    taken = []
    with redis_server(folder / "redis") as url, _stack(folder, arguments, url) as stack, Client(stack.url) as client:
        store = JobStore.at(url)
        request = {"kind": "embedding", "path_to_img": str(pool), "backbone": arguments.backbone}
        for _ in range(arguments.times):
            job_id = client.submit(request).id
            _until(lambda job_id=job_id: _done(store.get(job_id)) > 0)
            time.sleep(arguments.pause)
            process = store.get(job_id).process
            assert process is not None
            struck = time.perf_counter()
            os.kill(int(process.rpartition("/")[2]), signal.SIGKILL)
            taken.append(_until(lambda job_id=job_id: store.get(job_id).attempt == 2) - struck)
            client.cancel(job_id)
    return taken


def _done(job: Job) -> int:
    return job.progress.done if job.progress is not None and job.progress.done else 0


def _until(met: Callable[[], bool]) -> float:
    while not met():
        time.sleep(LOOK_EVERY_S)
    return time.perf_counter()


def _tell(what: str, taken: list[float]) -> None:
    listed = ", ".join(f"{seconds:.2f}" for seconds in sorted(taken))
    print(f"{what}: median {statistics.median(taken):.2f} s ({listed})", flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--measure", nargs="+", choices=["first", "kills"], default=["first", "kills"])
    parser.add_argument("--pause", type=float, default=12, help="seconds of work between two kills")
    parser.add_argument("--photos", type=Path, default=DATA / "clothing" / "train")
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--backbone", default="mobilenet")
    return parser.parse_args()


if __name__ == "__main__":
    main()

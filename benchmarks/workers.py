"""One cold job by one worker and by several, each with a core of its own: how much faster several are.

    python -m benchmarks.workers --images 3000 --backbone mobilenet --workers 2
    python -m benchmarks.workers --gpu --images 60000 --workers 2    # processes that share one GPU

Real Redis, real worker processes, real photos. Each worker is warm: it has embedded a few other photos before. Timed
from the submit to the result. A shard takes a few seconds here, so that a job of half a minute has several.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path

from benchmarks import DATA
from benchmarks.fanout import redis_server
from nextlabel.core.embeddings.catalogue import find_backbone, weights_in
from nextlabel.core.jobs.queue import JobQueue
from nextlabel.core.jobs.record import JobState, new_job_id
from nextlabel.core.jobs.store import JobStore
from nextlabel.core.kinds.registry import parse_request

SHARE_ABOVE_S, SHARD_S = "2", "4"
WARM = 60  # photos that a worker has embedded before
WARM_ON_GPU = 4_000  # long enough for each of its processes to take one such job


def main() -> None:
    arguments = _parse()
    took: dict[int, list[float]] = {1: [], arguments.workers: []}
    for _ in range(arguments.rounds):  # in turn: the machine may be faster now than then
        for workers, seconds in took.items():
            seconds.append(_seconds(workers, arguments))
    alone = statistics.median(took[1])
    print("| workers | seconds | median | images/s | to one |\n|---|---|---|---|---|")
    for workers, seconds in took.items():
        median, all_of_them = statistics.median(seconds), ", ".join(f"{one:.1f}" for one in seconds)
        print(f"| {workers} | {all_of_them} | {median:.1f} | {arguments.images / median:.0f} | {alone / median:.2f} |")


def _seconds(workers: int, arguments: argparse.Namespace) -> float:
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        photos = cycle(sorted(arguments.photos.iterdir()))
        pool = _copied(photos, arguments.images, folder / "data" / "pool")
        warm = WARM_ON_GPU if arguments.gpu else WARM
        warming = [_copied(photos, warm, folder / "data" / f"warm {i}") for i in range(workers)]
        url = stack.enter_context(redis_server(folder / "redis"))
        if arguments.gpu:
            stack.enter_context(_worker(url, folder, arguments, processes=workers))
        else:
            for core in range(workers):
                stack.enter_context(_worker(url, folder, arguments, core=core))
        store, queue = JobStore.at(url), JobQueue(url)
        stack.callback(store.close)
        stack.callback(queue.close)
        _wait(lambda: store.count_processes() == workers)
        jobs = [_submit(store, queue, one, arguments) for one in warming]  # as many as there are workers to take them
        _wait(lambda: all(_ended(store, job_id) for job_id in jobs))
        began = time.perf_counter()
        job_id = _submit(store, queue, pool, arguments)
        _wait(lambda: _ended(store, job_id))
        return time.perf_counter() - began


def _submit(store: JobStore, queue: JobQueue, pool: Path, arguments: argparse.Namespace) -> str:
    request = parse_request(
        {
            "kind": "selection",
            "backbone": arguments.backbone,
            "weights": None if weights_in(find_backbone(arguments.backbone), arguments.weights) else "random",
            "method": "random",
            "near_copies": "allow",
            "add": 1,
            "path_to_img": str(pool),
        }
    )
    job, _ = store.submit(new_job_id(), request.kind, request.model_dump_json())
    queue.send(job.id)
    return job.id


def _ended(store: JobStore, job_id: str) -> bool:
    job = store.get(job_id)
    assert job.state in (JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED), job.error
    return job.state is JobState.SUCCEEDED


def _copied(photos: Iterator[Path], count: int, folder: Path) -> Path:
    """So many of them, each under a name of its own."""
    folder.mkdir(parents=True)
    for number, photo in enumerate(islice(photos, count)):
        shutil.copy(photo, folder / f"{number:06}{photo.suffix}")
    return folder


@contextmanager
def _worker(
    url: str, folder: Path, arguments: argparse.Namespace, *, core: int | None = None, processes: int = 1
) -> Iterator[None]:
    """On a CPU bound to one core, and all that it starts with it."""
    environment = {
        **os.environ,
        "NEXTLABEL_REDIS_URL": url,
        "NEXTLABEL_DATA_ROOTS": str(folder / "data"),
        "NEXTLABEL_STATE_DIR": str(folder / "state"),
        "NEXTLABEL_CACHE_DIR": str(folder / "cache"),
        "NEXTLABEL_WEIGHTS_DIR": str(arguments.weights),
        "NEXTLABEL_CPU_THREADS": "0" if core is None else "1",
        "NEXTLABEL_SHARE_ABOVE_S": SHARE_ABOVE_S,
        "NEXTLABEL_SHARD_S": SHARD_S,
        "NEXTLABEL_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "nextlabel.worker", "--processes", str(processes)],
        env=environment,
        stdout=subprocess.DEVNULL,
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509 - no thread here
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _wait(met) -> None:
    deadline = time.monotonic() + 600
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=DATA / "clothing" / "train")
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--backbone", default="mobilenet")
    parser.add_argument("--images", type=int, default=3_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--gpu", action="store_true", help="not on cores of their own, but all on one GPU")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()

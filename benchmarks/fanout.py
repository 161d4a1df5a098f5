"""A cold job far larger than this machine, simulated: how much faster 8 GPUs are, what limits, and where the knee is.

    python -m benchmarks.fanout --images 10000000 --rate 6200

The shards are dealt out by the real scripts in a real Redis, as workers ask for them; only time is simulated. It takes
what was measured: images a second of one worker (benchmarks/embedding.py), seconds a million images for what a process
does alone (benchmarks/warm.py), and seconds that a shard costs besides its images (the claim, its messages, the last
batch, and bringing the embeddings to the disk). The disk is shared: all workers together read no faster than it.
"""

from __future__ import annotations

import argparse
import heapq
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from nextlabel.client.redis_server import redis_command
from nextlabel.client.stack import free_port
from nextlabel.core.jobs.record import new_job_id
from nextlabel.core.jobs.shards import Shard, ShardStore
from nextlabel.core.jobs.store import Claim, JobStore
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.settings import Settings
from nextlabel.worker.sharding.job_shards import FIRST, LEAST

LEASE_S = 3600.0  # none runs out: time stands still for Redis


def main() -> None:
    arguments = _parse()
    millions = arguments.images / 1e6
    alone_s = millions * (arguments.list_s + arguments.read_s)
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
        store = JobStore.at(url)
        print(f"{arguments.images:,} images; one process lists them and reads the embeddings in {alone_s:,.0f} s\n")
        print("| workers | shards | embedding, s | at best, s | in all, s | to one worker | waiting at the end, s |")
        print("|---|---|---|---|---|---|---|")
        one = 0.0
        for workers in arguments.workers:
            shards, took, idle = _embedding(store, workers, arguments)
            total = alone_s + took
            one = one or total
            embedding = f"{took:,.0f} | {_at_best(workers, arguments):,.0f}"
            row = f"| {workers} | {shards:,} | {embedding} | {total:,.0f} | {one / total:.2f} | {idle:.1f} |"
            print(row, flush=True)
        store.close()


def _at_best(workers: int, arguments: argparse.Namespace) -> float:
    """Seconds that embedding takes where nothing costs anything but the images: no engine is faster."""
    return float(arguments.images / _rate(workers, arguments) / workers)


def _rate(workers: int, arguments: argparse.Namespace) -> float:
    """Images a second of each of them: all read one disk."""
    return float(min(arguments.rate, arguments.disk_mb_s / arguments.image_mb / workers))


def _embedding(store: JobStore, workers: int, arguments: argparse.Namespace) -> tuple[int, float, float]:
    """-> shards, seconds until all is embedded, and seconds that the first worker to be out of work then waits."""
    claim = _job(store)
    shards = ShardStore(store)
    assert shards.plan(claim, "key", arguments.images)
    rate = _rate(workers, arguments)
    shard_s, count, done_at = Settings().shard_s, 0, []
    current: dict[int, Shard] = {}
    free = [(0.0, worker, 0.0) for worker in range(workers)]  # (when, who, its speed as it knows it)
    while free:
        now, worker, speed = heapq.heappop(free)
        if worker in current:
            assert shards.leave(current[worker], len(current[worker]), 0.0)
        wanted = max(round(speed * shard_s) or FIRST * LEAST, LEAST)
        shard = shards.claim(
            claim.job_id, process=f"{worker}", token=f"{count}", lease_s=LEASE_S, wanted=wanted, least=LEAST
        )
        if shard is None:
            done_at.append(now)
            continue
        current[worker], count = shard, count + 1
        took = len(shard) / rate + arguments.shard_overhead
        heapq.heappush(free, (now + took, worker, len(shard) / took))
    return count, max(done_at), max(done_at) - min(done_at)


def _job(store: JobStore) -> Claim:
    request = parse_request({"kind": "selection", "backbone": "b0", "add": 1, "path_to_img": "/nowhere"})
    job, _ = store.submit(new_job_id(), request.kind, request.model_dump_json())
    claim = store.claim(job.id, process="owner", token="t", lease_s=LEASE_S)
    assert claim is not None
    return claim


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """-> its URL."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    server = subprocess.Popen(redis_command(folder, port), stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        with redis.Redis.from_url(url) as client:
            while not _answers(client):
                time.sleep(0.02)
        yield url
    finally:
        server.terminate()
        server.wait()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000_000)
    parser.add_argument("--rate", type=float, default=6_200, help="images a second of one worker alone")
    parser.add_argument("--image-mb", type=float, default=0.019)
    parser.add_argument("--disk-mb-s", type=float, default=2_000, help="of the shared disk, for all workers together")
    parser.add_argument("--list-s", type=float, default=7.0, help="a million images, to list and look up")
    parser.add_argument("--read-s", type=float, default=6.5, help="a million embeddings, from the cache into memory")
    parser.add_argument("--shard-overhead", type=float, default=1.0, help="seconds")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    return parser.parse_args()


if __name__ == "__main__":
    main()

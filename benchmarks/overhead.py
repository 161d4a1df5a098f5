"""What a job costs besides its work: from the POST until a warm, idle worker has it, and until the result is there.

    python -m benchmarks.overhead --jobs 50

The whole stack as `nextlabel up` runs it; the same small job again and again, one after the other.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from nextlabel.client.digits import write_digits
from nextlabel.client.http import Client
from nextlabel.client.stack import Stack, free_port

IMAGES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=50)
    jobs = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_digits(folder)
        for image in sorted((folder / "pool").iterdir())[IMAGES:]:
            image.unlink()
        environment = {
            "NEXTLABEL_DATA_ROOTS": scratch,
            "NEXTLABEL_STATE_DIR": f"{scratch}/state",
            "NEXTLABEL_CACHE_DIR": f"{scratch}/cache",
        }
        stack = Stack(environment, port=free_port(), workers=1, own_redis=True, log=folder / "stack.log")
        with stack, Client(stack.url) as client:
            request = {"kind": "selection", "backbone": "descriptor", "add": 1, "path_to_img": str(folder / "pool")}
            timed = [_job(client, request) for _ in range(jobs + 3)][3:]  # the first ones warm up
    for name, seconds in zip(
        ("POST to start", "start to end", "POST to result"), zip(*timed, strict=True), strict=True
    ):
        ordered = sorted(seconds)
        p95 = ordered[int(0.95 * len(ordered))]
        print(f"{name}: {1000 * statistics.median(ordered):.0f} ms median, {1000 * p95:.0f} ms in 95 of 100")


def _job(client: Client, request: dict[str, object]) -> tuple[float, float, float]:
    began = time.perf_counter()
    ended = client.wait(client.submit(request).id, timeout_s=60)
    took = time.perf_counter() - began
    started, finished = ended.started_at, ended.finished_at
    return (started - ended.created_at).total_seconds(), (finished - started).total_seconds(), took


if __name__ == "__main__":
    main()

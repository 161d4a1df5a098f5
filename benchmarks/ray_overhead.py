"""What Ray Data costs besides the work, on this machine. For a Python that has `ray[data]`: nextlabel needs none.

    python benchmarks/ray_overhead.py

Blocks of work that only sleeps are mapped by actors, as embedding would be: seconds until a cluster is there and its
actors have begun, and what a block costs besides its sleep. `python -m benchmarks.fanout` has the crew's.
"""

from __future__ import annotations

import argparse
import time

import ray

BLOCK_S = 0.5


class Sleeps:
    def __call__(self, batch: dict) -> dict:
        time.sleep(BLOCK_S)
        return {"id": batch["id"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--blocks", type=int, default=40, help="for each worker")
    arguments = parser.parse_args()
    begun = time.monotonic()
    ray.init(num_cpus=arguments.workers + 1, include_dashboard=False, logging_level="ERROR")
    started_s = time.monotonic() - begun
    first, few, many = (_seconds(arguments.workers, blocks) for blocks in (1, 1, 1 + arguments.blocks))
    later = f"its first job {first - BLOCK_S:.1f} s besides the work, the next {few - BLOCK_S:.1f} s"
    print(f"cluster {started_s:.1f} s; {later}")
    print(f"each further block {(many - few) / arguments.blocks - BLOCK_S:.2f} s besides its {BLOCK_S} s")


def _seconds(workers: int, blocks: int) -> float:
    begun = time.monotonic()
    dataset = ray.data.range(workers * blocks, override_num_blocks=workers * blocks)
    for _ in dataset.map_batches(Sleeps, batch_size=1, concurrency=workers).iter_batches(batch_size=None):
        pass
    return time.monotonic() - begun


if __name__ == "__main__":
    main()

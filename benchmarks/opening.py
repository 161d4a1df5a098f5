"""What a job on a large pool does before it computes: lists the files, reads labels, looks embeddings up in the cache.
And the plan of a job that several workers embed together, which is written once and read by each of them.

    python -m benchmarks.opening --images 1000000

Files are empty, and an embedding has 8 numbers: neither is read. A million images at most are labelled. Beside each
stands what takes about as long as it could at best: `find` with sizes and times, and splitting the lines of the labels
file. CPU seconds are of all processes together: they can be believed where others are at work, and seconds can't.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from nextlabel.core.data.labels import write_labels
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import Pool, list_pool
from nextlabel.core.embeddings.cache import CacheKey, EmbeddingCache
from nextlabel.core.tasks.classification import read_labels
from nextlabel.worker.sharding.plan import Plan

DIMENSION, A_FOLDER, A_SEGMENT = 8, 10_000, 50_000  # numbers of an embedding, files, embeddings
LABELLED = 1_000_000
KEY = CacheKey("made up", "none", "none", "pool")


def main() -> None:
    arguments = _parse()
    with nullcontext(arguments.work) if arguments.work else tempfile.TemporaryDirectory() as work:
        folder = Path(work).resolve()
        if not (folder / "pool").exists():
            _make_files(folder / "pool", arguments.images)
        pool = list_pool(place_at(folder / "pool", [folder]))
        labels = folder / "labels.txt"
        write_labels(labels, [(name, f"class {row % 10}") for row, name in enumerate(pool.names[:LABELLED])])
        if not (folder / "cache").exists():
            _fill_cache(folder / "cache", pool)
        print("| of | seconds | CPU seconds | at best | CPU seconds | ratio of these |\n|---|---|---|---|---|---|")
        _print(
            "listing", lambda: list_pool(place_at(folder / "pool", [folder])), lambda: _find(folder / "pool"), arguments
        )
        _print("reading labels", lambda: read_labels(labels, [folder]), lambda: _split(labels), arguments)
        _print("looking up embeddings", lambda: _look_up(folder / "cache", pool), None, arguments)
        plan = folder / "plan.npz"
        _print("writing the plan", lambda: Plan(KEY, pool).write(plan), None, arguments)
        _print("reading the plan", lambda: Plan.read(plan, [folder]), None, arguments)
        print(f"\n{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most, of all of it together")


def _make_files(pool: Path, images: int) -> None:
    for row in range(images):
        if row % A_FOLDER == 0:
            (pool / f"{row // A_FOLDER:04}").mkdir(parents=True)
        os.close(os.open(pool / f"{row // A_FOLDER:04}" / f"{row:08}.jpg", os.O_CREAT))


def _fill_cache(root: Path, pool: Pool) -> None:
    cache = EmbeddingCache(root, KEY, DIMENSION)
    for start in range(0, len(pool), A_SEGMENT):
        part = pool.take(np.arange(start, min(start + A_SEGMENT, len(pool))))
        cache.add(part.names, part.stamps, np.zeros((len(part), DIMENSION), np.float32))


def _look_up(root: Path, pool: Pool) -> None:
    assert EmbeddingCache(root, KEY, DIMENSION).find(pool.names, pool.stamps).hit.all()


def _find(pool: Path) -> None:
    subprocess.run(["find", pool, "-type", "f", "-printf", "%P %s %T@\\n"], stdout=subprocess.DEVNULL, check=True)


def _split(labels: Path) -> None:
    dict(line.split("\t") for line in labels.read_text().splitlines())


def _print(what: str, ours: Callable[[], object], best: Callable[[], object] | None, arguments) -> None:
    """In turn, and the median of each."""
    took: list[list[tuple[float, float]]] = [[], []]
    for _ in range(arguments.rounds):
        for seconds, run in zip(took, (ours, best), strict=True):
            if run is not None:
                began, cpu = time.perf_counter(), _cpu_seconds()
                run()
                seconds.append((time.perf_counter() - began, _cpu_seconds() - cpu))
    mine = np.median(took[0], axis=0)
    theirs = np.median(took[1], axis=0) if best else None
    beside = " | | " if theirs is None else f"{theirs[0]:.2f} | {theirs[1]:.2f} | {mine[1] / theirs[1]:.2f}"
    print(f"| {what} | {mine[0]:.2f} | {mine[1]:.2f} | {beside} |", flush=True)


def _cpu_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="a folder for the files, which are kept there and used again")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""The first batch of a pool that nobody has embedded: seconds until it is there, and what a part of the pool costs.

    python -m benchmarks.first_batch --images 1000 100000 1000000     # seconds, by the size of the pool
    python -m benchmarks.first_batch --points --set clothing          # points lost to the whole pool

The whole stack as `nextlabel up` runs it, one worker, real photos and weights. A pool is made of hard links to a copy
of the photos, all in one folder. Seconds are from the POST to the result: checking the request, listing, embedding,
choosing. The worker has carried one small job out before. For points, rounds of `auto` choose among the first so many
images of the order in which a pool is drawn, as a job with `within_s` does that got so far, and are scored on the
validation set.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from benchmarks import DATA
from benchmarks.answers import Answers, Bench, answers
from nextlabel.client.http import Client
from nextlabel.client.stack import Stack, free_port
from nextlabel.core.data.draw import drawn_order

ADD = 24
ROUNDS = (20, 20, 40, 80, 160)


def main() -> None:
    arguments = _parse()
    if arguments.points:
        _tell_points(answers(arguments.set, arguments.work.resolve()), arguments)
        return
    print("| images | first batch, s | looked at | the next, s | looked at |\n|---|---|---|---|---|")
    for images in arguments.images:
        with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
            (first, reached), (after, reached_after) = _batches(images, Path(scratch), arguments)
            print(f"| {images:,} | {first:.1f} | {reached:,} | {after:.1f} | {reached_after:,} |", flush=True)


# --- seconds ----------------------------------------------------------------------------------------------------


def _batches(images: int, folder: Path, arguments: argparse.Namespace) -> list[tuple[float, int]]:
    """Seconds to each of two batches, and how many images each was chosen among."""
    originals = folder / "originals"
    shutil.copytree(arguments.photos, originals)
    pool, small = folder / "data" / "pool", folder / "data" / "small"
    for place, count in ((pool, images), (small, 40)):
        place.mkdir(parents=True)
        names = sorted(originals.iterdir())
        for number, photo in enumerate(islice(cycle(names), count)):
            os.link(photo, place / f"{number:07}{photo.suffix}")
    environment = {
        "NEXTLABEL_DATA_ROOTS": str(folder / "data"),
        "NEXTLABEL_STATE_DIR": str(folder / "state"),
        "NEXTLABEL_CACHE_DIR": str(folder / "cache"),
        "NEXTLABEL_WEIGHTS_DIR": str(arguments.weights),
    }
    stack = Stack(environment, port=free_port(), workers=1, own_redis=True, log=folder / "stack.log")
    with stack, Client(stack.url) as client:
        request = {"backbone": arguments.backbone, "add": ADD}
        client.select(path_to_img=small, **request)
        timed = []
        for _ in range(2):
            began = time.perf_counter()
            reached = client.select(path_to_img=pool, within_s=arguments.within, **request).reached
            assert reached is not None
            timed.append((time.perf_counter() - began, reached.images))
    return timed


# --- points -----------------------------------------------------------------------------------------------------


def _tell_points(of: Answers, arguments: argparse.Namespace) -> None:
    """Rounds of `auto` on the whole pool and on a draw of it, both from the same seeds."""
    bench = Bench(of, arguments.work.resolve())
    names = sorted(of.classes)
    lost: dict[int, list[float]] = {}
    for seed in range(arguments.seeds):
        part = bench.folder / f"{of.name}-{seed}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for row in drawn_order(names, seed)[: arguments.among]:
            shutil.copyfile(of.pool / names[row], part / names[row])
        whole, of_part = _curve(bench, of.pool, seed), _curve(bench, part, seed)
        for (labels, f1), (_, f1_of_part) in zip(whole, of_part, strict=True):
            lost.setdefault(labels, []).append(100 * (f1 - f1_of_part))
    print(f"{of.name}: {len(names):,} images, batches chosen among {arguments.among:,}, {arguments.seeds} seeds")
    print("| labels | points of macro F1 lost | each seed |\n|---|---|---|")
    for labels, points in lost.items():
        print(f"| {labels} | {statistics.mean(points):.1f} | {', '.join(f'{one:.1f}' for one in points)} |")


def _curve(bench: Bench, pool: Path, seed: int) -> list[tuple[int, float]]:
    chosen: list[str] = []
    curve = []
    for add in ROUNDS:
        fields = bench.labelled(chosen) | {"path_to_img": str(pool)}
        chosen += bench.carry_out("selection", add=add, seed=seed, **fields).data
        curve.append((len(chosen), bench.f1(chosen)))
    return curve


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--within", type=float, default=8, help="seconds, as the page asks")
    parser.add_argument("--photos", type=Path, default=DATA / "clothing" / "train")
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--backbone", default="mobilenet")
    parser.add_argument("--scratch", type=Path, help="where the pool is made; by default the system's folder for that")
    parser.add_argument("--points", action="store_true")
    parser.add_argument("--set", default="clothing")
    parser.add_argument("--among", type=int, default=1_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("build/sets"))
    return parser.parse_args()


if __name__ == "__main__":
    main()

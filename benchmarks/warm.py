"""The rounds after the first: everything is in the cache, then in memory. Seconds of each stage, and peak memory.

    python -m benchmarks.warm --images 162000 --methods margin
    python -m benchmarks.warm --images 1000000 --dimension 1280 --methods margin auto

Embeddings and files are made up: clusters, one a class, some of which lie close together, and empty files. A job runs
as a worker runs it, without Redis around it; a process of its own, so that its memory can be told.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from nextlabel.core.data.labels import write_labels
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.embeddings.cache import CacheKey, EmbeddingCache
from nextlabel.core.embeddings.recent import RecentEmbeddings
from nextlabel.core.jobs.record import JobWarning, Progress
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.neural.backbones import DescriptorBackbone
from nextlabel.core.neural.heads.kept import TrainedHeads
from nextlabel.core.neural.heads.registry import HEADS
from nextlabel.core.pipelines.registry import carry_out
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings
from nextlabel.worker.memory import kept_by_default

CLASSES = 10
MORE_LABELS = 100
BLOCK = 50_000  # rows drawn and written at once


Measured = tuple[dict[str, float], int]  # seconds of each stage; bytes beyond what the process had before


class Filled:
    """A backbone of whatever dimension whose embeddings are all in the cache."""

    def __init__(self, dimension: int) -> None:
        self._backbone = DescriptorBackbone()
        self._backbone.dimension = dimension
        self.device = "cpu"

    def load(self, *_: object) -> DescriptorBackbone:
        return self._backbone


def main() -> None:
    arguments = _parse()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        folder = Path(scratch)
        began = time.perf_counter()
        make(folder, "pool", arguments.images, arguments.dimension, arguments.labels)
        make(folder, "val", arguments.validation, arguments.dimension, arguments.validation)
        print(f"made in {time.perf_counter() - began:.0f} s; seconds of each stage\n")
        matrix = arguments.images * arguments.dimension * 4
        print(f"{arguments.images:,} x {arguments.dimension} ({matrix / 1e9:.2f} GB), {arguments.labels:,} labels\n")
        for method in arguments.methods:
            for head in arguments.heads:
                rounds = {
                    f"{name} ({head})": {**one, "head": head}
                    for name, one in _rounds(folder, method, arguments).items()
                }
                _print(_measure(folder, rounds, arguments.dimension), matrix)


def _rounds(folder: Path, method: str, arguments: argparse.Namespace) -> dict[str, dict[str, object]]:
    """What a person does at first, in any order after that, and once there are new labels."""
    first = _selection(folder, method, arguments.add, "pool.txt")
    rounds = {f"{method}, first in a process": first, f"{method}, again": first}
    if arguments.validation:
        rounds["f1 on the same labels"] = _f1(folder, "pool.txt")
    rounds[f"{method}, {MORE_LABELS} new labels"] = _selection(folder, method, arguments.add, "pool-more.txt")
    if arguments.validation:
        rounds["f1 on those"] = _f1(folder, "pool-more.txt")
    return rounds


def _print(measured: dict[str, Measured], matrix: int) -> None:
    for name, (stages, peak) in measured.items():
        shown = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in stages.items())
        memory = f"{peak / 1e9:.2f} GB, {peak / matrix:.2f} of the matrix"
        print(f"{name}: {sum(stages.values()):.2f} s ({shown}); {memory}", flush=True)


def make(folder: Path, name: str, images: int, dimension: int, labels: int) -> None:
    pool = folder / name
    pool.mkdir()
    for part in range(0, images, 10_000):
        (pool / f"{part // 10_000:04}").mkdir()
    names = [f"{row // 10_000:04}/{row:08}.jpg" for row in range(images)]
    for one in names:
        os.close(os.open(pool / one, os.O_CREAT))
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLASSES, dimension)).astype(np.float32) * 0.25
    classes = rng.integers(0, CLASSES, images)
    listed = list_pool(place_at(pool, [folder]))
    backbone = DescriptorBackbone()
    key = CacheKey(backbone.name, backbone.weights, backbone.preprocessing, listed.place.key)
    cache = EmbeddingCache(folder / "cache", key, dimension)
    for start in range(0, images, BLOCK):
        rows = np.arange(start, min(start + BLOCK, images))
        part = listed.take(rows)
        noise = rng.standard_normal((len(rows), dimension), dtype=np.float32)
        cache.add(part.names, part.stamps, centres[classes[rows]] + noise)
    labelled = rng.choice(images, min(labels + MORE_LABELS, images), replace=False)
    for file, count in ((f"{name}.txt", labels), (f"{name}-more.txt", labels + MORE_LABELS)):
        write_labels(folder / file, [(names[row], f"class {classes[row]}") for row in labelled[:count]])


def _selection(folder: Path, method: str, add: int, labels: str) -> dict[str, object]:
    return {
        "kind": "selection",
        "backbone": "descriptor",
        "method": method,
        "add": add,
        "path_to_img": str(folder / "pool"),
        "path_to_labels": str(folder / labels),
    }


def _f1(folder: Path, labels: str) -> dict[str, object]:
    return {
        "kind": "f1",
        "backbone": "descriptor",
        "path_to_img_train": str(folder / "pool"),
        "path_to_labels_train": str(folder / labels),
        "path_to_img_val": str(folder / "val"),
        "path_to_labels_val": str(folder / "val.txt"),
    }


def _measure(folder: Path, requests: dict[str, dict[str, object]], dimension: int) -> dict[str, Measured]:
    with multiprocessing.get_context("spawn").Pool(1) as process:
        measured = process.apply(_run_all, (folder, json.dumps(list(requests.values())), dimension))
    return dict(zip(requests, measured, strict=True))


def _run_all(folder: Path, requests: str, dimension: int) -> list[Measured]:
    settings = Settings(data_roots=(folder,), cache_dir=folder / "cache")
    heads, recent = TrainedHeads(), RecentEmbeddings(kept_by_default(processes=1))
    before = _status("VmRSS")
    measured = []
    for request in json.loads(requests):
        clock: list[tuple[str, float]] = []

        def publish(progress: Progress, _: tuple[JobWarning, ...], clock: list[tuple[str, float]] = clock) -> None:
            if not clock or clock[-1][0] != progress.stage:
                clock.append((progress.stage, time.perf_counter()))

        run = Run(settings, Filled(dimension), check=lambda: None, publish=publish, heads=heads, recent=recent)  # type: ignore[arg-type]
        result = carry_out(parse_request(request), run)
        clock.append(("write", time.perf_counter()))
        result.model_dump_json()
        clock.append(("", time.perf_counter()))
        stages = {stage: after - at for (stage, at), (_, after) in pairwise(clock)}
        measured.append((stages, _status("VmHWM") - before))
    return measured


def _status(field: str) -> int:
    """Bytes of this process' memory: VmRSS now, VmHWM at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=162_000)
    parser.add_argument("--dimension", type=int, default=1280)
    parser.add_argument("--labels", type=int, default=2_000)
    parser.add_argument("--validation", type=int, default=20_000, help="labelled images for f1; 0: no f1")
    parser.add_argument("--methods", nargs="+", default=["margin"])
    parser.add_argument("--heads", nargs="+", choices=list(HEADS), default=["linear"])
    parser.add_argument("--add", type=int, default=100)
    parser.add_argument("--scratch", type=Path, help="where to make the files, for a while")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Selections on a pool far larger than memory, of made-up embeddings in a real cache: seconds and memory.

    python -m benchmarks.ten_million --rows 10000000 --work /some/large/disk
    python -m benchmarks.ten_million --rows 1000000 --work /some/large/disk --memory-mb 205 --exact
    python -m benchmarks.ten_million --rows 1000000 --work /some/large/disk --memory-mb 205 --rounds 4 --seeds 5

Writes the cache once (15.6 GB for ten million rows of 384 numbers), then carries a `selection` out for each method as
a worker does, each in a process of its own, whose peak of memory is told. All is real but for the images and their
listing. `--exact`: besides, with the whole pool in memory, and with another seed, and how many picks agree.
`--rounds`: from 20 labels on, what a head that is trained on the picks so far gets right, of both ways.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.files import Files
from nextlabel.core.data.labels import write_labels
from nextlabel.core.embeddings.cache import CacheKey, EmbeddingCache, Found
from nextlabel.core.kinds.registry import parse_request
from nextlabel.core.neural.backbones import DescriptorBackbone
from nextlabel.core.neural.heads.registry import train_head
from nextlabel.core.neural.training import Examples
from nextlabel.core.pipelines import material
from nextlabel.core.pipelines.registry import carry_out
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings

CLASSES, CLUSTERS, NOISE = 10, 200, 1.2  # so that one image in ten or so is hard to tell
AT_ONCE = 200_000  # rows of a segment
ADD = 100
FEW, HELD_OUT = 20, 20_000  # labels that rounds begin with, and rows that tell what is right
ALL_IN_MEMORY_MB = 1 << 20


def main() -> None:
    arguments = _parse()
    if arguments.child:
        print(json.dumps(_selection(arguments)))
        return
    pool = MadeUp(arguments.rows, arguments.dimension)
    begun = time.monotonic()
    pool.write(arguments.work)
    print(f"{arguments.rows:,} rows of {arguments.dimension}; written in {time.monotonic() - begun:.0f} s", flush=True)
    if arguments.rounds:
        _show_rounds(arguments, pool)
        return
    print("| method | seconds | of a CPU | peak memory, MB | picks also made with all in memory | with another seed |")
    print("|---|---|---|---|---|---|")
    for method in arguments.methods:
        ours = _in_a_process(arguments, method, arguments.memory_mb)
        agree = among_seeds = "-"
        if arguments.exact:
            exact = _in_a_process(arguments, method, ALL_IN_MEMORY_MB)
            other = _in_a_process(arguments, method, ALL_IN_MEMORY_MB, seed=1)
            agree = f"{_common(ours, exact)} of {ADD} ({exact['cpu_s']:.0f} s of a CPU, {exact['peak_mb']:,} MB)"
            among_seeds = f"{_common(exact, other)} of {ADD}"
        took = f"{ours['seconds']:.0f} | {ours['cpu_s']:.0f} | {ours['peak_mb']:,}"
        print(f"| {method} | {took} | {agree} | {among_seeds} |", flush=True)


def _show_rounds(arguments: argparse.Namespace, pool: MadeUp) -> None:
    print("| method | labels | within the limit: right, of 20,000 others | with all in memory | difference, points |")
    print("|---|---|---|---|---|")
    for method in arguments.methods:
        seeds = np.array([_rounds(arguments, pool, method, seed) for seed in range(arguments.seeds)])
        for number, (within, whole) in enumerate(seeds.transpose(1, 2, 0), start=1):
            lost = 100 * (within - whole)
            shown = f"{lost.mean():+.1f} ({lost.min():+.1f} to {lost.max():+.1f})"
            print(
                f"| {method} | {FEW + number * ADD} | {within.mean():.4f} | {whole.mean():.4f} | {shown} |", flush=True
            )


def _rounds(arguments: argparse.Namespace, pool: MadeUp, method: str, seed: int) -> list[list[float]]:
    """Return what a head is right about after each round: [within the limit, with all in memory]."""
    names, classes = pool.list().names, pool.classes()
    rows, rng = {name: row for row, name in enumerate(names)}, np.random.default_rng(2 + seed)
    held_out = rng.choice(arguments.rows, HELD_OUT, replace=False)
    start = rng.choice(np.setdiff1d(np.arange(arguments.rows), held_out), FEW, replace=False)

    def right(labelled: NDArray[np.int64]) -> float:
        (_, known), (_, asked) = (pool.found(arguments.work, rows).read() for rows in (labelled, held_out))
        head = train_head("linear", Examples(known, classes[labelled], CLASSES), seed=0)
        return float(np.mean(head.logits(asked).argmax(axis=1) == classes[held_out]))

    ways, after = {arguments.memory_mb: start, ALL_IN_MEMORY_MB: start}, []
    for _ in range(arguments.rounds):
        for memory_mb, labelled in ways.items():
            path = arguments.work / "labels" / f"{method}-{memory_mb}.txt"
            write_labels(path, [(names[row], f"class {classes[row]}") for row in sorted(labelled.tolist())])
            picks = _in_a_process(arguments, method, memory_mb, seed=seed, labels=path)["data"]
            picked = np.array([rows[name] for name in picks])
            ways[memory_mb] = np.union1d(labelled, np.setdiff1d(picked, held_out))
        after.append([right(labelled) for labelled in ways.values()])
    return after


@dataclass(frozen=True)
class MadeUp(DescriptorBackbone):
    """A pool, and the backbone and place that its embeddings are said to be of. Nothing is ever embedded."""

    rows: int = 0
    dimension: int = 0
    name: ClassVar[str] = "made up"
    preprocessing: ClassVar[str] = "none"
    device: ClassVar[str] = "cpu"
    key: ClassVar[str] = "/made-up"
    waits_for: ClassVar[None] = None

    def load(self, *_: object) -> MadeUp:
        return self

    def list(self) -> Files:
        names = tuple(f"camera-{row % 97:02}/{row:08}.jpg" for row in range(self.rows))
        numbers = np.arange(self.rows, dtype=np.int64)
        return Files(names, numbers, numbers, numbers, ())

    def ahead(self, *_: object) -> MadeUp:
        return self  # of no image, as all are in the cache

    def close(self) -> None:
        pass

    def classes(self) -> NDArray[np.int64]:
        return np.random.default_rng(0).integers(CLUSTERS, size=self.rows) % CLASSES

    def cache(self, work: Path) -> EmbeddingCache:
        key = CacheKey(self.name, self.weights, self.preprocessing, self.key)
        return EmbeddingCache(work / f"cache-{self.rows}", key, self.dimension)

    def found(self, work: Path, rows: NDArray[np.int64]) -> Found:
        files = self.list().take(rows)
        return self.cache(work).find(files.names, files.stamps)

    def write(self, work: Path) -> None:
        """Into the cache, what is not there yet; and the labels of a thousand rows."""
        labels = work / "labels" / f"{self.rows}.txt"
        if labels.exists():
            return
        labels.parent.mkdir(parents=True, exist_ok=True)
        files, rng, cache = self.list(), np.random.default_rng(1), self.cache(work)
        clusters = np.random.default_rng(0).integers(CLUSTERS, size=self.rows)
        centres = rng.standard_normal((CLUSTERS, self.dimension), np.float32)
        for start in range(0, self.rows, AT_ONCE):
            part = slice(start, start + AT_ONCE)
            embeddings = rng.standard_normal((len(clusters[part]), self.dimension), np.float32)
            embeddings *= NOISE
            embeddings += centres[clusters[part]]
            cache.add(files.names[part], files.stamps[part], embeddings)
        labelled = rng.choice(self.rows, 1_000, replace=False)
        classes = self.classes()
        write_labels(labels, [(files.names[row], f"class {classes[row]}") for row in sorted(labelled.tolist())])


def _selection(arguments: argparse.Namespace) -> dict:
    pool = MadeUp(arguments.rows, arguments.dimension)
    settings = Settings(
        data_roots=(arguments.work,),
        cache_dir=arguments.work / f"cache-{arguments.rows}",
        selection_memory_mb=arguments.memory_mb,
    )
    run = Run(settings, pool, check=lambda: None, publish=lambda _progress, _warnings: None)
    request = {
        "kind": "selection",
        "backbone": "descriptor",
        "method": arguments.child,
        "add": ADD,
        "seed": arguments.seed,
        "path_to_img": str(arguments.work),
        "path_to_labels": str(arguments.labels or arguments.work / "labels" / f"{arguments.rows}.txt"),
    }
    begun = time.monotonic()
    with patch.object(material, "place_at", lambda *_args, **_more: pool):
        result = carry_out(parse_request(request), run)
    seconds = time.monotonic() - begun
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = used.ru_utime + used.ru_stime
    return {"seconds": seconds, "cpu_s": cpu_s, "peak_mb": used.ru_maxrss // 1024, "data": result.data}


def _in_a_process(
    arguments: argparse.Namespace, method: str, memory_mb: int, *, seed: int = 0, labels: Path | None = None
) -> dict:
    command = [
        *(sys.executable, "-m", "benchmarks.ten_million", "--child", method, "--seed", str(seed)),
        *("--rows", str(arguments.rows), "--dimension", str(arguments.dimension)),
        *("--work", str(arguments.work), "--memory-mb", str(memory_mb)),
        *(("--labels", str(labels)) if labels else ()),
    ]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict = json.loads(told.splitlines()[-1])
    return found


def _common(one: dict, other: dict) -> int:
    return len({*one["data"]} & {*other["data"]})


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--work", type=Path, required=True, help="a folder on a disk with room; it is not deleted")
    parser.add_argument("--memory-mb", type=int, default=2_048, help="NEXTLABEL_SELECTION_MEMORY_MB")
    parser.add_argument("--methods", nargs="+", default=["margin", "auto"])
    parser.add_argument("--exact", action="store_true", help="compare with the whole pool in memory")
    parser.add_argument("--rounds", type=int, default=0, help="compare what is learnt from the picks, round by round")
    parser.add_argument("--seeds", type=int, default=1, help="of the rounds")
    parser.add_argument("--labels", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--child", metavar="METHOD", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

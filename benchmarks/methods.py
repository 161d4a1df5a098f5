"""Seconds and memory that each method takes to pick 100 of 10,000 and of 100,000 images of 1,280 numbers each.

    python -m benchmarks.methods
    python -m benchmarks.methods --sizes 1000000 --methods margin auto coreset typiclust badge

Each runs in a process of its own, near-copies looked for as a job does, from 1,000 labels of 20 classes on clustered
random embeddings. Memory is the process' peak over what it had with embeddings and logits in it. What `dropquery`,
`vae` and `mixture` train is not counted: it depends on the labels, not on the pool (docs/methods.md).
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from nextlabel.core.methods.base import Inputs
from nextlabel.core.methods.batch import choose
from nextlabel.core.methods.registry import methods_of, parse_method

DIMENSION, CLASSES, LABELS, ADD = 1_280, 20, 1_000, 100
CLUSTERS = 400


def main() -> None:
    arguments = _parse()
    context = multiprocessing.get_context("spawn")
    cells: dict[str, list[str]] = {method: [] for method in arguments.methods}
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        for n in arguments.sizes:
            make(Path(scratch), n)
            for method in arguments.methods:
                with context.Pool(1) as process:
                    seconds, megabytes = process.apply(measure, (method, Path(scratch)))
                cells[method].append(f"{seconds:.2f} | {megabytes:,.0f}")
                print(f"{n:,} images, {method}: {cells[method][-1]}", flush=True)
    print("\n| method | " + " | ".join(f"{n:,} images: s | MB" for n in arguments.sizes) + " |")
    print("|---" * (1 + 2 * len(arguments.sizes)) + "|")
    for method, row in cells.items():
        print(f"| `{method}` | " + " | ".join(row) + " |")


def measure(method: str, folder: Path) -> tuple[float, float]:
    inputs = load(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    batch = choose(parse_method(method), inputs, ADD, np.random.default_rng(0))
    seconds = time.perf_counter() - begun
    assert len(batch.picks.rows) == ADD
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def make(folder: Path, n: int) -> None:
    """Embeddings (n, d), their logits (n, C) and clusters (n,), once for all methods."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLUSTERS, DIMENSION)).astype(np.float32)
    of = rng.integers(CLUSTERS, size=n)
    weights = rng.normal(size=(DIMENSION, CLASSES)).astype(np.float32) * 0.05
    embeddings = open_memmap(folder / "embeddings.npy", "w+", np.float32, (n, DIMENSION))
    logits = np.empty((n, CLASSES), np.float32)
    for start in range(0, n, 5_000):
        part = slice(start, start + 5_000)
        embeddings[part] = rng.standard_normal((len(of[part]), DIMENSION), np.float32) + centres[of[part]]
        logits[part] = embeddings[part] @ weights
    np.save(folder / "logits.npy", logits)
    np.save(folder / "of.npy", of)


def load(folder: Path) -> Inputs:
    embeddings, logits, of = (np.load(folder / f"{name}.npy") for name in ("embeddings", "logits", "of"))
    rng, n = np.random.default_rng(0), len(of)
    labelled = np.sort(rng.permutation(n)[:LABELS])
    return Inputs(
        candidates=np.setdiff1d(np.arange(n), labelled),
        embeddings=embeddings,
        labelled=labelled,
        targets=of[labelled] % CLASSES,
        logits=logits,
        votes=np.stack([logits.argmax(axis=1), *(rng.integers(CLASSES, size=n) for _ in range(3))]),
        reconstruction_errors=rng.random(n).astype(np.float32),
        components=of % CLASSES,
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--methods", nargs="+", default=methods_of("classification"))
    parser.add_argument("--scratch", type=Path, help="where to make the embeddings, for a while")
    return parser.parse_args()


if __name__ == "__main__":
    main()

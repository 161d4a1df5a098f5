"""Seconds and memory that each method takes to pick 100 of 10,000 and of 100,000 images of 1,280 numbers each.

    python -m benchmarks.methods

Each runs in a process of its own, near-copies looked for as a job does, from 1,000 labels of 20 classes on clustered
random embeddings. Memory is the process' peak over what it had with embeddings and logits in it. What `dropquery`,
`vae` and `mixture` train is not counted: it depends on the labels, not on the pool (docs/methods.md).
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time

import numpy as np

from core.methods.base import Inputs
from core.methods.batch import choose
from core.methods.registry import METHODS, parse_method

DIMENSION, CLASSES, LABELS, ADD = 1_280, 20, 1_000, 100
CLUSTERS = 400


def main() -> None:
    arguments = _parse()
    print("| method | " + " | ".join(f"{n:,} images: s | MB" for n in arguments.sizes) + " |")
    print("|---" * (1 + 2 * len(arguments.sizes)) + "|")
    context = multiprocessing.get_context("spawn")
    for method in arguments.methods:
        cells = []
        for n in arguments.sizes:
            with context.Pool(1) as process:
                seconds, megabytes = process.apply(measure, (method, n))
            cells.append(f"{seconds:.2f} | {megabytes:,.0f}")
        print(f"| `{method}` | " + " | ".join(cells) + " |", flush=True)


def measure(method: str, n: int) -> tuple[float, float]:
    inputs = pool(n)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    batch = choose(parse_method(method), inputs, ADD, np.random.default_rng(0))
    seconds = time.perf_counter() - begun
    assert len(batch.picks.rows) == ADD
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def pool(n: int) -> Inputs:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLUSTERS, DIMENSION)).astype(np.float32)
    of = rng.integers(CLUSTERS, size=n)
    embeddings = np.empty((n, DIMENSION), np.float32)
    for start in range(0, n, 5_000):
        part = slice(start, start + 5_000)
        embeddings[part] = rng.standard_normal((len(of[part]), DIMENSION), np.float32) + centres[of[part]]
    weights = rng.normal(size=(DIMENSION, CLASSES)).astype(np.float32) * 0.05
    logits = embeddings @ weights
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
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    return parser.parse_args()


if __name__ == "__main__":
    main()

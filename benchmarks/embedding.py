"""Images per second: from a folder of JPEGs to the cache, and of the decode and the forward step alone.

    python -m benchmarks.embedding --images ../shared/data/clothing/train --backbones mobilenet descriptor

`ideal` is what the cores could do if the two steps shared them without loss: cores / (decode + forward) seconds an
image on a CPU, the slower of the two steps on a GPU. All three are measured in turn in one run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

from core.data.images import decode
from core.data.labels import Labels, match
from core.data.pool import Pool, list_pool
from core.embeddings.catalogue import find_backbone
from core.neural.backbones import Backbone, BackboneLoader
from core.neural.engine import available_cores, decode_threads
from core.pipelines.embedding import embed_rows
from core.pipelines.material import Labelled
from core.pipelines.run import Run
from core.settings import Settings

AT_ONCE = 100_000  # the descriptor does everything in the decode step

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def main() -> None:
    arguments = _parse()
    folder = arguments.images
    pool = list_pool(folder, [folder])
    pool = pool.take(np.arange(min(arguments.limit, len(pool))))
    print(f"{len(pool)} images of {folder}, {available_cores()} cores\n")
    print("| backbone | device | decode/s | forward/s | whole/s | ideal/s | whole / ideal |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.backbones:
        print(_row(name, pool, arguments), flush=True)


def _row(name: str, pool: Pool, arguments: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings(
            data_roots=(arguments.images,),
            cache_dir=Path(cache),
            weights_dir=arguments.weights,
            batch_size=arguments.batch,
        )
        loader = BackboneLoader(settings)
        backbone = loader.load(find_backbone(name), "random" if arguments.random_weights else None)
        backbone.forward(_stack(backbone, pool, settings, 2))  # the first pass warms up
        decode_s = _decode_alone(backbone, pool, settings)
        forward_s = _forward_alone(backbone, pool, settings)
        whole_s = _whole(backbone, loader, pool, settings)
    cores = available_cores()
    on_cpu = loader.device == "cpu"
    decode_rate, forward_rate = (cores if on_cpu else decode_threads(settings)) / decode_s, 1 / forward_s
    # alone on a CPU, the forward step has all cores to itself: it costs cores * forward_s core-seconds an image
    ideal = 1 / (decode_s / cores + forward_s) if on_cpu else min(decode_rate, forward_rate)
    rates = (decode_rate, forward_rate, 1 / whole_s, ideal)
    shown = " | ".join(f"{rate:.0f}" if rate < AT_ONCE else "at once" for rate in rates)
    return f"| {name} | {loader.device} | {shown} | {1 / whole_s / ideal:.2f} |"


def _decode_alone(backbone: Backbone, pool: Pool, settings: Settings) -> float:
    """Core-seconds an image."""
    threads = decode_threads(settings)
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as executor:
        for _ in executor.map(lambda row: _prepare(backbone, pool, row, settings), range(len(pool))):
            pass
    return (time.perf_counter() - began) * min(threads, available_cores()) / len(pool)


def _forward_alone(backbone: Backbone, pool: Pool, settings: Settings) -> float:
    """Seconds an image, in batches, with all cores."""
    batch = _stack(backbone, pool, settings, min(settings.batch_size, len(pool)))
    passes = max(3, min(20, len(pool) // len(batch)))
    began = time.perf_counter()
    for _ in range(passes):
        backbone.forward(batch)
    return (time.perf_counter() - began) / (passes * len(batch))


def _whole(backbone: Backbone, loader: BackboneLoader, pool: Pool, settings: Settings) -> float:
    """Seconds an image, from the listed pool to embeddings in the cache."""
    run = Run(settings, loader, check=lambda: None, publish=lambda _progress, _warnings: None)
    run.plan("embed")
    labels = Labels({})
    began = time.perf_counter()
    embed_rows(Labelled(pool, labels, match(labels, pool)), np.arange(len(pool)), backbone, "embed", run)
    return (time.perf_counter() - began) / len(pool)


def _stack(backbone: Backbone, pool: Pool, settings: Settings, count: int) -> np.ndarray:
    return np.stack([_prepare(backbone, pool, row, settings) for row in islice(range(len(pool)), count)])


def _prepare(backbone: Backbone, pool: Pool, row: int, settings: Settings) -> np.ndarray:
    return backbone.prepare(decode(pool.path(row), max_pixels=settings.max_image_pixels))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=DATA / "clothing" / "train")
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--backbones", nargs="+", default=["mobilenet", "descriptor"])
    parser.add_argument("--random-weights", action="store_true", help="for backbones whose weights are not here")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--limit", type=int, default=1000, help="images at most")
    arguments = parser.parse_args()
    arguments.images = arguments.images.resolve()
    return arguments


if __name__ == "__main__":
    main()

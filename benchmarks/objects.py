"""Images per second from a bucket some milliseconds away, beside the same images in a folder of the local disk.

    python -m benchmarks.objects --backbones mobilenet descriptor --latency-ms 30

The bucket is moto's, behind a relay that answers each request after that time. What it answered once it gives again by
itself, so that little but reading is measured; both are processes of their own on the same cores. Folder and bucket
take turns in one run, each with an empty cache, and medians are shown. Networks whose weights are not there get random
ones, which take as long. The CPU is that of the process that embeds, without the server's, which on a machine of few
cores is what the bucket's rate lacks.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import DATA
from nextlabel.core.data.objects import PAGE
from nextlabel.core.data.places import Place, place_at
from nextlabel.core.data.pool import Pool, list_pool
from nextlabel.core.data_roots import Roots, bucket_url
from nextlabel.core.embeddings.catalogue import find_backbone, weights_in
from nextlabel.core.neural.backbones import Backbone, BackboneLoader
from nextlabel.core.neural.engine import Watch, available_cores, embed
from nextlabel.core.settings import Settings
from tests.object_storage import moto_storage

POOL = "s3://photos/pool"


def main() -> None:
    arguments = _parse()
    if arguments.serve:
        _serve(arguments)
        return
    command = [sys.executable, "-m", "benchmarks.objects", "--serve", *sys.argv[1:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        os.environ.update(line.split("=", 1) for line in server.stdout.readline().split())
        bucket, far_s = _listed(place_at(POOL, Roots((), [bucket_url(POOL)])))
        folder, near_s = _listed(place_at(arguments.images, [arguments.images]))
        print(f"{arguments.limit} images, {available_cores()} cores, {arguments.latency_ms} ms a request")
        print(f"listing: {near_s:.3f} s from the folder, {far_s:.3f} s from the bucket\n")
        print("| backbone | folder, images/s | bucket, images/s | bucket / folder, median | CPU of both, ms an image |")
        print("|---|---|---|---|---|")
        for name in arguments.backbones:
            rounds = [[_speed(name, place, arguments) for place in (folder, bucket)] for _ in range(arguments.rounds)]
            near, far = zip(*rounds, strict=True)
            ratios = sorted(theirs.rate / ours.rate for ours, theirs in rounds)
            rates = " | ".join(f"{statistics.median(speed.rate for speed in speeds):,.0f}" for speeds in (near, far))
            cpu = ", ".join(f"{statistics.median(speed.cpu_ms for speed in speeds):.2f}" for speeds in (near, far))
            shown = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            print(f"| {name} | {rates} | {shown} | {cpu} |", flush=True)


def _listed(place: Place) -> tuple[Pool, float]:
    began = time.perf_counter()
    return list_pool(place), time.perf_counter() - began


class _Speed(NamedTuple):
    rate: float  # images a second
    cpu_ms: float  # of this process, an image


def _speed(name: str, pool: Pool, arguments: argparse.Namespace) -> _Speed:
    settings = Settings(weights_dir=arguments.weights)
    spec = find_backbone(name)
    loader = BackboneLoader(settings)
    backbone: Backbone = loader.load(spec, None if weights_in(spec, settings.weights_dir) else "random")
    for _ in embed(backbone, pool, range(min(64, len(pool))), settings, Watch()):  # once, to be warm
        pass
    images = min(arguments.limit, len(pool))
    began, cpu_began = time.perf_counter(), time.process_time()
    for _ in embed(backbone, pool, range(images), settings, Watch()):
        pass
    return _Speed(images / (time.perf_counter() - began), (time.process_time() - cpu_began) * 1e3 / images)


def _serve(arguments: argparse.Namespace) -> None:
    """Fill a bucket, say what tells a process where it is, and go on until the end."""
    with tempfile.TemporaryDirectory() as scratch, moto_storage(Path(scratch) / "log.txt", PAGE) as storage:
        storage.make("photos")
        storage.put_folder(arguments.images, "photos", "pool")
        storage.relay.kept, storage.relay.delay_s = {}, arguments.latency_ms / 1e3
        print(*(f"{name}={value}" for name, value in storage.environment.items()), flush=True)
        sys.stdin.read()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=DATA / "clothing" / "train")
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--backbones", nargs="+", default=["mobilenet", "descriptor"])
    parser.add_argument("--limit", type=int, default=1_000)
    parser.add_argument("--latency-ms", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

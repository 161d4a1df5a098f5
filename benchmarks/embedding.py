"""Images per second: from a folder of JPEGs to embeddings in the cache, against what the machine could do at best.

    python -m benchmarks.embedding --backbones mobilenet b0
    python -m benchmarks.embedding --make 600 --height 533      # variants of the photos, enlarged to 400 x 533
    python -m benchmarks.embedding --make 20000 --backbones b0  # as large as they are, and as many as a GPU needs
    python -m benchmarks.embedding --precisions exact auto fast # of a CPU, docs/precision.md

`ideal` is what the hardware could do if reading images and the forward pass shared it without loss: on a CPU, with d
and f the core-seconds an image that each takes alone, cores / (d + f); on a GPU the slower of the two. `first version`
is that one's way, made anew (benchmarks/first_version.py): one image at a time, all its pixels, through eager PyTorch,
and a .npy file for each. All are measured in turn in one run. Networks whose weights are not there get random ones,
which take as long; what else than float32 they can be computed in, their embeddings may forbid.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import timm
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from benchmarks import DATA
from benchmarks.first_version import first_versions_embedding, first_versions_network
from nextlabel.core.data.decoder import Decoder
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import Pool, list_pool
from nextlabel.core.embeddings.catalogue import BackboneSpec, find_backbone, weights_in
from nextlabel.core.neural.backbones import Backbone, BackboneLoader
from nextlabel.core.neural.engine import Watch, available_cores, embed
from nextlabel.core.pipelines.embedding import embed_rows
from nextlabel.core.pipelines.material import Labelled
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings
from nextlabel.core.tasks.classification import ClassLabels as Labels
from nextlabel.core.tasks.classification import match

Engine: TypeAlias = Literal["auto", "openvino", "torch"]
Precision: TypeAlias = Literal["exact", "auto", "fast"]

BACKBONES = ("mobilenet", "b0", "resnet50", "vit_small_patch16_224")
ENOUGH_S = 3.0  # of each of the parts
COLUMNS = ("reading", "forward", "whole", "ideal", "whole / ideal", "first version", "times")


def main() -> None:
    arguments = _parse()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        folder = arguments.images
        if arguments.make:
            folder = Path(scratch)
            make_photos(arguments.images, folder, arguments.make, arguments.height)
        pool = list_pool(place_at(folder, [folder]))
        pool = pool.take(np.arange(min(arguments.limit or len(pool), len(pool))))
        megabytes = pool.sizes.mean() / 1e6
        print(f"{len(pool)} images of {megabytes:.3f} MB, {available_cores()} cores; images a second\n")
        print("| backbone | by |", " | ".join(COLUMNS), "|")
        print("|---|---|" + "---|" * len(COLUMNS))
        for name in arguments.backbones:
            spec = find_backbone(name)
            weights = _weights(spec, arguments.weights, Path(scratch))
            for precision in arguments.precisions:
                print(_row(spec, pool, weights, precision, arguments.engine), flush=True)


def make_photos(source: Path, target: Path, count: int, height: int | None) -> None:
    """Variants of the photos, none quite like another: cut at the edges, enlarged to `height` where it is given."""
    originals = sorted(path for path in source.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    with multiprocessing.get_context("spawn").Pool(available_cores()) as processes:
        tasks = islice(enumerate(cycle(originals)), count)
        processes.map(partial(_make_photo, target, height), tasks, chunksize=64)


def _make_photo(target: Path, height: int | None, task: tuple[int, Path]) -> None:
    number, original = task
    image = Image.open(original).convert("RGB")
    left, top = np.random.default_rng(number).integers(0, 8, 2).tolist()
    image = image.crop((left, top, image.width, image.height))
    if height is not None:
        image = image.resize((round(image.width * height / image.height), height), Image.Resampling.BICUBIC)
    image.save(target / f"{number:07}.jpg", quality=90)


def _weights(spec: BackboneSpec, folder: Path, scratch: Path) -> Path:
    """The folder that has the backbone's weights, made up where they are not there."""
    if weights_in(spec, folder):
        return folder
    assert spec.timm_name is not None
    network = timm.create_model(spec.timm_name)
    save_file(network.state_dict(), scratch / f"{spec.timm_name}.safetensors")
    return scratch


def _row(spec: BackboneSpec, pool: Pool, weights: Path, precision: Precision, engine: Engine) -> str:
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings(
            data_roots=(Path(pool.place.key),),
            cache_dir=Path(cache),
            weights_dir=weights,
            cpu_engine=engine,
            precision=precision,
        )
        loader = BackboneLoader(settings)
        backbone = loader.load(spec)
        part = pool.take(np.arange(min(len(pool), 20_000 if loader.device == "cuda" else 600)))
        reading = _reading_alone(backbone, part, settings)
        forward = _forward_alone(backbone, part, settings)
        whole = _whole(backbone, loader, pool, settings)
        with multiprocessing.get_context("spawn").Pool(1) as alone:  # beside ours in one process it is slower
            first = alone.apply(_first_versions_way, (spec, pool, Path(cache), loader.device))
    ideal = 1 / (1 / reading + 1 / forward) if loader.device == "cpu" else min(reading, forward)
    shown = [f"{rate:,.0f}" for rate in (reading, forward, whole, ideal)]
    shown += [f"{whole / ideal:.2f}", f"{first:,.1f}", f"{whole / first:,.1f}"]
    narrower = backbone.preprocessing.partition("precision=")[2].partition("-")[0]
    by = " ".join(filter(None, (getattr(backbone, "engine", loader.device), narrower)))
    return " | ".join([f"| {spec.name}", by, *shown]) + " |"


class _WithoutForward:
    """Does all that the backbone does up to the forward pass."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backbone, name)

    def forward(self, batch: Any) -> NDArray[np.float32]:
        return np.zeros((len(batch), self._backbone.dimension), np.float32)


def _reading_alone(backbone: Backbone, pool: Pool, settings: Settings) -> float:
    """From files to what the forward pass takes, by the engine's own steps."""
    began = time.perf_counter()
    rows = range(len(pool))
    for _ in embed(_WithoutForward(backbone), pool, rows, settings, Watch()):
        pass
    return len(pool) / (time.perf_counter() - began)


def _forward_alone(backbone: Backbone, pool: Pool, settings: Settings) -> float:
    read, decoder = [], Decoder.of(settings)
    for row in range(backbone.images_at_once):
        with pool.open(row) as file:
            read.append(backbone.read(file, decoder).prepared)
    batch = backbone.gather(read).batch
    backbone.forward(batch)
    began, passes = time.perf_counter(), 0
    while time.perf_counter() - began < ENOUGH_S:
        backbone.forward(batch)
        passes += 1
    return passes * len(batch) / (time.perf_counter() - began)


def _whole(backbone: Backbone, loader: BackboneLoader, pool: Pool, settings: Settings) -> float:
    """From the listed pool to embeddings in the cache."""
    run = Run(settings, loader, check=lambda: None, publish=lambda _progress, _warnings: None)
    run.plan("embed")
    labels = Labels({})
    began = time.perf_counter()
    embed_rows(Labelled(pool, labels, match(labels, pool)), np.arange(len(pool)), backbone, "embed", run)
    return len(pool) / (time.perf_counter() - began)


def _first_versions_way(spec: BackboneSpec, pool: Pool, folder: Path, device: str) -> float:
    network = first_versions_network(spec.name, device)
    first_versions_embedding(network, Path(pool.place.key, pool.names[0]), folder)  # libraries set themselves up
    began, done = time.perf_counter(), 0
    while done + 1 < len(pool) and time.perf_counter() - began < 3 * ENOUGH_S:
        done += 1
        first_versions_embedding(network, Path(pool.place.key, pool.names[done]), folder)
    return done / (time.perf_counter() - began)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=DATA / "clothing" / "train")
    parser.add_argument("--weights", type=Path, default=DATA / "weights")
    parser.add_argument("--backbones", nargs="+", default=list(BACKBONES))
    parser.add_argument("--engine", choices=get_args(Engine), default="auto", help="of a CPU")
    parser.add_argument("--precisions", choices=get_args(Precision), nargs="+", default=["exact"], help="of a CPU")
    parser.add_argument("--limit", type=int, help="images at most")
    parser.add_argument("--make", type=int, help="so many variants of the images, and measure on them")
    parser.add_argument("--height", type=int, help="of the variants, in pixels")
    parser.add_argument("--scratch", type=Path, help="where to make them, for a while")
    arguments = parser.parse_args()
    arguments.images = arguments.images.resolve()
    return arguments


if __name__ == "__main__":
    main()

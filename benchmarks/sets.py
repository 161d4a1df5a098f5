"""Pools with known answers, as embeddings: the photos of clothes in four forms, and handwritten digits.

Built once into the work folder; the rest of a benchmark is arithmetic on arrays.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from benchmarks import DATA
from nextlabel.client.digits import write_digits
from nextlabel.core.data.images import decode
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.neural.vae import Thumbnail, ThumbnailReader
from nextlabel.core.pipelines.embedding import embed_rows
from nextlabel.core.pipelines.material import Labelled
from nextlabel.core.pipelines.run import Run
from nextlabel.core.settings import Settings
from nextlabel.core.tasks.classification import ClassLabels as Labels
from nextlabel.core.tasks.classification import match, read_labels

WORK = Path(tempfile.gettempdir()) / "nextlabel-label-efficiency"  # where they are built, unless said otherwise
COPIED, COPIES = 1_500, 5  # photos, and files of each
LONG_TAIL = 50  # images of the most frequent class for one of the rarest
MAX_PIXELS = 100_000_000  # of an image
BOTTOMS_AND_SHOES = ("pants", "shoes", "shorts")


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """A pool (N, d) with its answers (N,), and held-out images (V, d) with theirs. Classes are 0..C-1, in both."""

    name: str
    embeddings: NDArray[np.float32]
    targets: NDArray[np.int64]
    held_out: NDArray[np.float32]
    held_out_targets: NDArray[np.int64]
    original: NDArray[np.int64]  # (N,), the image that a row is a copy of
    pixels: Thumbnail | None = None  # (N, 3, 64, 64), only where a method asks for them

    @property
    def n_classes(self) -> int:
        return int(self.targets.max()) + 1

    def hold_out(self, share: float, rng: np.random.Generator) -> LabelledSet:
        """With that share of the originals held out, too, and their copies in neither part."""
        originals, first = np.unique(self.original, return_index=True)
        taken = rng.permutation(len(originals))[: round(share * len(originals))]
        kept = ~np.isin(self.original, originals[taken])
        return replace(
            self,
            embeddings=self.embeddings[kept],
            targets=self.targets[kept],
            original=self.original[kept],
            pixels=None if self.pixels is None else self.pixels[kept],
            held_out=np.concatenate([self.held_out, self.embeddings[first[taken]]]),
            held_out_targets=np.concatenate([self.held_out_targets, self.targets[first[taken]]]),
        )


def load(name: str, work: Path, weights: Path = DATA / "weights") -> LabelledSet:
    """One of SETS, from the work folder if it is there."""
    path = work / f"{name}.npz"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        built = SETS[name](work, weights)
        temporary = path.with_suffix(".tmp.npz")
        np.savez(temporary, **{key: value for key, value in vars(built).items() if key not in ("name", "pixels")})
        temporary.replace(path)
    with np.load(path) as arrays:
        return LabelledSet(name, **arrays)


def with_pixels(pool: LabelledSet, work: Path) -> LabelledSet:
    """With its images as `vae` sees them, from the work folder if they are there."""
    path = work / f"{pool.name}-pixels.npy"
    if not path.exists():
        temporary = path.with_suffix(".tmp.npy")
        np.save(temporary, np.stack([_thumbnail(image) for image in _images(pool.name, work)]))
        temporary.replace(path)
    pixels = np.load(path)
    assert len(pixels) == len(pool.targets)
    return replace(pool, pixels=pixels)


def _images(name: str, work: Path) -> list[Path]:
    """The pool's, in the order of its rows."""
    if name == "two-class":
        return _images("clothing", work)
    if name == "long-tail":
        images = _images("clothing", work)
        return [images[row] for row in _long_tail_rows(load("clothing", work).targets)]
    folder, labels = {"clothing": _clothing_pool, "copies": _copies_pool, "digits": _digits_pool}[name](work)
    pool = list_pool(place_at(folder, [folder]))
    return [folder / pool.names[row] for row in match(labels, pool).rows]


def _thumbnail(image: Path) -> Thumbnail:
    with image.open("rb") as stream:
        return ThumbnailReader().prepare(decode(stream, max_pixels=MAX_PIXELS).image)


def _clothing(work: Path, weights: Path) -> LabelledSet:
    folder = DATA / "clothing"
    pool = embed(*_clothing_pool(work), "mobilenet", work, weights)
    held_out = embed(folder / "val", read_labels(folder / "labels_val.txt"), "mobilenet", work, weights)
    return LabelledSet("clothing", *pool, *held_out, np.arange(len(pool[1])))


def _clothing_pool(_work: Path) -> tuple[Path, Labels]:
    folder = DATA / "clothing"
    return folder / "train", read_labels(folder / "labels_train_all.txt")


def _two_classes(work: Path, weights: Path) -> LabelledSet:
    whole = load("clothing", work, weights)
    names = (DATA / "clothing" / "classes.txt").read_text().split()
    one = np.array([name in BOTTOMS_AND_SHOES for name in names], np.int64)
    return LabelledSet(
        "two-class",
        whole.embeddings,
        one[whole.targets],
        whole.held_out,
        one[whole.held_out_targets],
        whole.original,
    )


def _long_tail(work: Path, weights: Path) -> LabelledSet:
    """The classes by falling size get geometrically fewer images, the last a fiftieth of the first."""
    whole = load("clothing", work, weights)
    rows = _long_tail_rows(whole.targets)
    return LabelledSet(
        "long-tail",
        whole.embeddings[rows],
        whole.targets[rows],
        whole.held_out,
        whole.held_out_targets,
        np.arange(len(rows)),
    )


def _long_tail_rows(targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the whole set, ascending."""
    rng = np.random.default_rng(0)
    sizes = np.bincount(targets)
    order = np.argsort(-sizes, kind="stable")
    most = sizes.max()
    kept = []
    for place, target in enumerate(order):
        wanted = max(1, round(most * LONG_TAIL ** (-place / (len(order) - 1))))
        rows = np.flatnonzero(targets == target)
        kept.append(rng.choice(rows, min(wanted, len(rows)), replace=False))
    return np.sort(np.concatenate(kept))


def _copies(work: Path, weights: Path) -> LabelledSet:
    """The first 1,500 photos as five files each: cropped by up to 3 %, a little lighter or darker, saved again."""
    whole = load("clothing", work, weights)
    folder = work / "copies"
    source = DATA / "clothing" / "train"
    folder.mkdir(exist_ok=True)
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        list(processes.map(partial(_write_copies, source, folder), _copied(), chunksize=50))
    embeddings, targets = embed(*_copies_pool(work), "mobilenet", work, weights)
    original = np.repeat(np.arange(len(_copied())), COPIES)
    return LabelledSet("copies", embeddings, targets, whole.held_out, whole.held_out_targets, original)


def _copied() -> tuple[str, ...]:
    source = DATA / "clothing" / "train"
    return list_pool(place_at(source, [source])).names[:COPIED]


def _copies_pool(work: Path) -> tuple[Path, Labels]:
    answers = read_labels(DATA / "clothing" / "labels_train_all.txt").classes_by_name
    labels = Labels({f"{Path(name).stem}-{i}.jpg": answers[name] for name in _copied() for i in range(COPIES)})
    return work / "copies", labels


def _write_copies(source: Path, folder: Path, name: str) -> None:
    rng = np.random.default_rng(list(name.encode()))
    with Image.open(source / name) as opened:
        image = opened.convert("RGB")
    for i in range(COPIES):
        left, top, right, bottom = rng.uniform(0, 0.03, 4)
        box = (image.width * left, image.height * top, image.width * (1 - right), image.height * (1 - bottom))
        changed = ImageEnhance.Brightness(image.crop(tuple(map(round, box)))).enhance(rng.uniform(0.92, 1.08))
        changed.save(folder / f"{Path(name).stem}-{i}.jpg", quality=int(rng.integers(75, 96)))


def _digits(work: Path, weights: Path) -> LabelledSet:
    folder = work / "digits"
    write_digits(folder)
    pool = embed(*_digits_pool(work), "descriptor", work, weights)
    held_out = embed(folder / "val", read_labels(folder / "labels_val.txt"), "descriptor", work, weights)
    return LabelledSet("digits", *pool, *held_out, np.arange(len(pool[1])))


def _digits_pool(work: Path) -> tuple[Path, Labels]:
    folder = work / "digits"
    return folder / "pool", read_labels(folder / "answers.txt")


SETS: dict[str, Callable[[Path, Path], LabelledSet]] = {
    "clothing": _clothing,
    "two-class": _two_classes,
    "long-tail": _long_tail,
    "copies": _copies,
    "digits": _digits,
}


def embed(
    folder: Path, labels: Labels, backbone: str, work: Path, weights: Path
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    settings = Settings(data_roots=(folder,), cache_dir=work / "cache", weights_dir=weights)
    backbones = BackboneLoader(settings)
    run = Run(settings, backbones, check=lambda: None, publish=lambda _progress, _warnings: None)
    run.plan("embed")
    pool = list_pool(place_at(folder, [folder]))
    labelled = Labelled(pool, labels, match(labels, pool))
    embedded = embed_rows(labelled, labelled.matched.rows, backbones.load(find_backbone(backbone)), "embed", run)
    return embedded.embeddings, embedded.matched.targets

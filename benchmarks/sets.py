"""Pools with known answers, as embeddings: the photos of clothes in four forms, and handwritten digits.

Built once into the work folder; the rest of a benchmark is arithmetic on arrays.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from client.digits import write_digits
from core.data.labels import Labels, match, read_labels
from core.data.pool import list_pool
from core.embeddings.catalogue import find_backbone
from core.neural.backbones import BackboneLoader
from core.pipelines.embedding import embed_rows
from core.pipelines.material import Labelled
from core.pipelines.run import Run
from core.settings import Settings

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
COPIED, COPIES = 1_500, 5  # photos, and files of each
LONG_TAIL = 50  # images of the most frequent class for one of the rarest
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
        np.savez(temporary, **{key: value for key, value in vars(built).items() if key != "name"})
        temporary.replace(path)
    with np.load(path) as arrays:
        return LabelledSet(name, **arrays)


def _clothing(work: Path, weights: Path) -> LabelledSet:
    folder = DATA / "clothing"
    pool = _embed(folder / "train", read_labels(folder / "labels_train_all.txt"), "mobilenet", work, weights)
    held_out = _embed(folder / "val", read_labels(folder / "labels_val.txt"), "mobilenet", work, weights)
    return LabelledSet("clothing", *pool, *held_out, np.arange(len(pool[1])))


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
    rng = np.random.default_rng(0)
    sizes = np.bincount(whole.targets)
    order = np.argsort(-sizes, kind="stable")
    most = sizes.max()
    kept = []
    for place, target in enumerate(order):
        wanted = max(1, round(most * LONG_TAIL ** (-place / (len(order) - 1))))
        rows = np.flatnonzero(whole.targets == target)
        kept.append(rng.choice(rows, min(wanted, len(rows)), replace=False))
    rows = np.sort(np.concatenate(kept))
    return LabelledSet(
        "long-tail",
        whole.embeddings[rows],
        whole.targets[rows],
        whole.held_out,
        whole.held_out_targets,
        np.arange(len(rows)),
    )


def _copies(work: Path, weights: Path) -> LabelledSet:
    """The first 1,500 photos as five files each: cropped by up to 3 %, a little lighter or darker, saved again."""
    whole = load("clothing", work, weights)
    folder = work / "copies"
    source = DATA / "clothing" / "train"
    names = list_pool(source, [source]).names[:COPIED]
    folder.mkdir(exist_ok=True)
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        list(processes.map(partial(_write_copies, source, folder), names, chunksize=50))
    answers = read_labels(DATA / "clothing" / "labels_train_all.txt").classes_by_name
    labels = Labels({f"{Path(name).stem}-{i}.jpg": answers[name] for name in names for i in range(COPIES)})
    embeddings, targets = _embed(folder, labels, "mobilenet", work, weights)
    return LabelledSet(
        "copies", embeddings, targets, whole.held_out, whole.held_out_targets, np.repeat(np.arange(len(names)), COPIES)
    )


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
    pool = _embed(folder / "pool", read_labels(folder / "answers.txt"), "descriptor", work, weights)
    held_out = _embed(folder / "val", read_labels(folder / "labels_val.txt"), "descriptor", work, weights)
    return LabelledSet("digits", *pool, *held_out, np.arange(len(pool[1])))


SETS: dict[str, Callable[[Path, Path], LabelledSet]] = {
    "clothing": _clothing,
    "two-class": _two_classes,
    "long-tail": _long_tail,
    "copies": _copies,
    "digits": _digits,
}


def _embed(
    folder: Path, labels: Labels, backbone: str, work: Path, weights: Path
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    settings = Settings(data_roots=(folder,), cache_dir=work / "cache", weights_dir=weights)
    backbones = BackboneLoader(settings)
    run = Run(settings, backbones, check=lambda: None, publish=lambda _progress, _warnings: None)
    run.plan("embed")
    pool = list_pool(folder, [folder])
    labelled = Labelled(pool, labels, match(labels, pool))
    embedded = embed_rows(labelled, labelled.matched.rows, backbones.load(find_backbone(backbone)), "embed", run)
    return embedded.embeddings, embedded.matched.targets

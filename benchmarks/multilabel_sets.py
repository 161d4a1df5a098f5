"""Pools for several classes an image, as embeddings, with what each image shows. Built once into the work folder.

`canvases` and `attributes` were looked at while methods were made; `cells` and `cards` only when they were done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import DATA, attributes, canvases
from benchmarks.sets import embed
from nextlabel.core.tasks.classification import ClassLabels

CHOSEN_FROM = 0.6  # of the photos; the others are scored on
TILES = 3  # of a picture of cells, each way
Answers = Mapping[str, Sequence[str]]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Sets:
    """Embeddings (N, d) and which of the classes (N, C) images have: to choose from, and to score on."""

    embeddings: NDArray[np.float32]
    said: Flags
    held_out: NDArray[np.float32]
    truth: Flags


@dataclass(frozen=True, eq=False)
class Whole:
    """All images of a set. source (N,): the picture that an image was cut from; a split keeps pictures whole."""

    embeddings: NDArray[np.float32]
    said: Flags
    source: NDArray[np.int64]

    def split(self, seed: int) -> Sets:
        """Classes that too few images have to be scored are left out, whatever the split."""
        sources = np.random.default_rng([seed, 9]).permutation(np.unique(self.source))
        pool = np.isin(self.source, sources[: round(CHOSEN_FROM * len(sources))])
        said = self.said[:, self.said.sum(axis=0) >= LEAST_IMAGES]
        return Sets(self.embeddings[pool], said[pool], self.embeddings[~pool], said[~pool])


LEAST_IMAGES = 40  # of a class


def load(name: str, work: Path, weights: Path = DATA / "weights") -> Whole:
    """Load one of SETS, from the work folder if it is there."""
    path = work / f"{name}.npz"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        built = SETS[name](work, weights)
        temporary = path.with_suffix(".tmp.npz")
        np.savez(temporary, **vars(built))
        temporary.replace(path)
    with np.load(path) as arrays:
        return Whole(**arrays)


def _canvases(work: Path, weights: Path) -> Whole:
    return _whole(
        [(work / "canvases" / part, said) for part, said in _written(work / "canvases").items()], work, weights
    )


def _written(folder: Path) -> dict[str, Answers]:
    pool, val = canvases.write_canvases(folder)
    return {"pool": pool, "val": val}


def _attributes(work: Path, weights: Path) -> Whole:
    return _whole([attributes.answers(part) for part in ("train", "val")], work, weights)


def _cards(work: Path, weights: Path) -> Whole:
    folder, boxes = _boxes("cards")
    return _whole(
        [(folder, {name: sorted({class_ for class_, *_ in found}) for name, found in boxes.items()})], work, weights
    )


def _cells(work: Path, weights: Path) -> Whole:
    """Nine tiles of each picture. A cell is on a tile that holds half of it, or that it takes a quarter of."""
    folder, boxes = _boxes("bccd")
    tiles = work / "cells"
    tiles.mkdir(exist_ok=True)
    said = {}
    for name, found in boxes.items():
        with Image.open(folder / name) as opened:
            picture = opened.convert("RGB")
        width, height = picture.width // TILES, picture.height // TILES
        for place in range(TILES**2):
            left, top = place % TILES * width, place // TILES * height
            tile = (left, top, left + width, top + height)
            picture.crop(tile).save(tiles / f"{Path(name).stem}-{place}.png")
            said[f"{Path(name).stem}-{place}.png"] = sorted({class_ for class_, *box in found if _lies_on(box, tile)})
    return _whole([(tiles, said)], work, weights, a_source=TILES**2)


def _lies_on(box: Sequence[float], tile: Sequence[float]) -> bool:
    x, y, width, height = box
    across = min(x + width, tile[2]) - max(x, tile[0])
    down = min(y + height, tile[3]) - max(y, tile[1])
    shared = max(0, across) * max(0, down)
    return bool(shared >= 0.5 * width * height or shared >= 0.25 * (tile[2] - tile[0]) * (tile[3] - tile[1]))


def _boxes(name: str) -> tuple[Path, dict[str, list[tuple]]]:
    """Return the folder of the pictures, and for each its boxes: class, x, y, width, height."""
    told = json.loads((DATA / name / "annotations.json").read_text())
    classes = {one["id"]: one["name"] for one in told["categories"]}
    names = {one["id"]: one["file_name"] for one in told["images"]}
    boxes: dict[str, list[tuple]] = {one: [] for one in sorted(names.values())}
    for one in told["annotations"]:
        boxes[names[one["image_id"]]].append((classes[one["category_id"]], *one["bbox"]))
    return DATA / name / "images", boxes


def _whole(parts: Sequence[tuple[Path, Answers]], work: Path, weights: Path, a_source: int = 1) -> Whole:
    """Embed the images of some folders. a_source: how many, one after the other, are of the same picture."""
    classes = sorted({class_ for _, said in parts for found in said.values() for class_ in found})
    embedded = [
        embed(folder, ClassLabels(dict.fromkeys(said, "any")), "mobilenet", work, weights)[0] for folder, said in parts
    ]
    flags = [[class_ in said[name] for class_ in classes] for _, said in parts for name in sorted(said)]
    return Whole(np.concatenate(embedded), np.array(flags), np.arange(len(flags)) // a_source)


SETS: dict[str, Callable[[Path, Path], Whole]] = {
    "canvases": _canvases,
    "attributes": _attributes,
    "cells": _cells,
    "cards": _cards,
}

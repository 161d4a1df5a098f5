"""Tiny pools whose classes differ in colour and slant of their stripes. `red_0.png` is of class `red`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200), "grey": (130, 130, 130)}
SLANTS = {"red": (1, 0), "green": (0, 1), "blue": (1, 1), "grey": (1, -1)}  # (x, y) to go across the stripes
SIDE = 24


def draw(folder: Path, *, start: int = 0, **counts: int) -> list[str]:
    """`red=2`: red_0.png and red_1.png, whose pixels are the same each time. -> all their names, sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{colour}_{i}.png" for colour, count in counts.items() for i in range(start, start + count)]
    for name in names:
        _stripes(name).save(folder / name)
    return sorted(names)


def spoil(folder: Path, *names: str) -> None:
    """Files that are listed as images and are none."""
    for name in names:
        (folder / name).write_bytes(b"no image")


def class_of(name: str) -> str:
    return name.rpartition("/")[2].partition("_")[0]


def label(path: Path, names: Iterable[str]) -> str:
    """Writes what a person would answer."""
    path.write_text("".join(f"{name}\t{class_of(name)}\n" for name in names))
    return str(path)


def _stripes(name: str) -> Image.Image:
    rng = np.random.default_rng(list(name.encode()))
    across, down = SLANTS[class_of(name)]
    y, x = np.mgrid[:SIDE, :SIDE]
    light = 1 + 0.5 * np.sin((across * x + down * y) / 2 + rng.uniform(0, 6))
    pixels = np.multiply.outer(light, COLOURS[class_of(name)]) + rng.normal(0, 4, (SIDE, SIDE, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

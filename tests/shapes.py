"""Images of squares and discs on grey, and where they are: what a small network learns to find in seconds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 64, 48
COLOURS = {"square": (210, 50, 40), "disc": (40, 80, 210)}


def draw(folder: Path, *contents: Sequence[str], seed: int = 0) -> list[dict[str, Any]]:
    """Draw an image for each list of shapes, none of which overlap; return the lines of boxes that are right."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    return [_draw(folder, f"{seed}_{i:03}.png", shapes, rng) for i, shapes in enumerate(contents)]


def write(path: Path, lines: Iterable[dict[str, Any]]) -> str:
    """Write a file of boxes."""
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return str(path)


def _draw(folder: Path, name: str, shapes: Sequence[str], rng: np.random.Generator) -> dict[str, Any]:
    noise = rng.normal(128, 6, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8)
    image, boxes = Image.fromarray(noise), []
    pen = ImageDraw.Draw(image)
    columns = rng.permutation(3)[: len(shapes)]
    for shape, column in zip(shapes, columns.tolist(), strict=True):
        side = int(rng.integers(13, 19))
        x, y = column * 21 + int(rng.integers(0, 21 - side)), int(rng.integers(0, HEIGHT - side))
        at = [x, y, x + side - 1, y + side - 1]
        (pen.rectangle if shape == "square" else pen.ellipse)(at, fill=COLOURS[shape])
        boxes.append({"class": shape, "box": [x, y, side, side]})
    image.save(folder / name)
    return {"name": name, "width": WIDTH, "height": HEIGHT, "boxes": boxes}

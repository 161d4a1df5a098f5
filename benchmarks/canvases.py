"""Canvases of one to three photos of clothes, for several classes an image: a pool and held-out images with answers.

Which classes meet on a canvas is uneven, as it is in life: each class has two that it is often seen with. The photos of
one class are what nobody asked for: a canvas of these alone has been looked at, and no class applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import DATA
from nextlabel.core.tasks.classification import read_labels

POOL, HELD_OUT = 3_000, 800  # canvases
SIDE = 256  # pixels of a canvas; of a photo, where it is not alone, half of that
COUNTS = (0.3, 0.4, 0.3)  # shares of canvases with one, two and three photos
TOGETHER = 0.6  # how often the next photo is of a class that goes with the first one's
OUTSIDE = "9"  # T-shirts, the commonest: nobody asked for them

Answers = dict[str, tuple[str, ...]]


def write_canvases(folder: Path) -> tuple[Answers, Answers]:
    """Write `pool` and `val`; return the classes that stand on each canvas of both."""
    clothing = DATA / "clothing"
    pool = _write(clothing / "train", clothing / "labels_train_all.txt", folder / "pool", POOL, seed=0)
    return pool, _write(clothing / "val", clothing / "labels_val.txt", folder / "val", HELD_OUT, seed=1)


def _write(photos: Path, labels: Path, folder: Path, count: int, seed: int) -> Answers:
    folder.mkdir(parents=True, exist_ok=True)
    class_by_name = read_labels(labels).classes_by_name
    names_by_class: dict[str, list[str]] = {}
    for name, class_ in sorted(class_by_name.items()):
        names_by_class.setdefault(class_, []).append(name)
    rng = np.random.default_rng(seed)
    answers: Answers = {}
    for number in range(count):
        shown = _drawn(sorted(class_by_name), class_by_name, names_by_class, rng)
        name = f"{number:04}.jpg"
        _canvas([photos / one for one in shown], rng).save(folder / name, quality=90)
        answers[name] = tuple(sorted({class_by_name[one] for one in shown} - {OUTSIDE}))
    return answers


def _drawn(
    names: Sequence[str],
    class_by_name: dict[str, str],
    names_by_class: dict[str, list[str]],
    rng: np.random.Generator,
) -> list[str]:
    """One to three photos: the first by chance, each other often of a class that goes with the first one's."""
    shown = [names[rng.integers(len(names))]]
    classes = sorted(names_by_class)
    place = classes.index(class_by_name[shown[0]])
    for _ in range(rng.choice(len(COUNTS), p=COUNTS)):
        partner = classes[(place + 1 + rng.integers(2)) % len(classes)]
        among = names_by_class[partner] if rng.random() < TOGETHER else names
        shown.append(among[rng.integers(len(among))])
    return shown


def _canvas(photos: Sequence[Path], rng: np.random.Generator) -> Image.Image:
    """A photo alone fills the canvas; several have a quarter each, in places drawn by chance."""
    canvas = Image.new("RGB", (SIDE, SIDE), tuple(int(grey) for grey in rng.integers(0, 256, 3)))
    side = SIDE if len(photos) == 1 else SIDE // 2
    for photo, cell in zip(photos, rng.permutation(4), strict=False):
        with Image.open(photo) as opened:
            tile = opened.convert("RGB").resize((side, side))
        canvas.paste(tile, (0, 0) if len(photos) == 1 else (SIDE // 2 * (cell % 2), SIDE // 2 * (cell // 2)))
    return canvas

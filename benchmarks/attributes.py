"""What photos of clothes show, as several classes an image: colours that take up much of them, and what is worn where.

Nobody answered that: the colours are counted in the pixels, and where a thing is worn follows from its class. So
colours meet kinds of clothes as they do in life, some are frequent and some rare, and many photos show none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import DATA
from nextlabel.core.tasks.classification import read_labels

SIDE = 64  # pixels that are looked at, each way
HUES = {"red": (345, 15), "orange": (15, 45), "yellow": (45, 75), "green": (75, 165), "blue": (165, 255)}
HUES["purple"] = (255, 345)
SHARE = 0.1  # of the photo, for a colour to be one of its classes
DARK, WHITE = 0.2, 0.2  # the same for black and for white
LEGS = frozenset({"pants", "shorts", "skirt"})
ELSEWHERE = {"shoes": "feet", "hat": "head", "dress": "whole body"}


def answers(part: str) -> tuple[Path, dict[str, tuple[str, ...]]]:
    """Return the folder of the photos `train` or `val`, and what each of them shows."""
    clothing = DATA / "clothing"
    names = (clothing / "classes.txt").read_text().split()
    labels = read_labels(clothing / ("labels_train_all.txt" if part == "train" else "labels_val.txt"))
    worn = {name: _worn(names[int(class_)]) for name, class_ in labels.classes_by_name.items()}
    return clothing / part, _told(clothing / part, worn)


def _told(folder: Path, worn: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: (*_colours(folder / name), *where) for name, where in sorted(worn.items())}


def _worn(class_: str) -> tuple[str, ...]:
    """The upper body, where most clothes are worn, is no class."""
    return ("legs",) if class_ in LEGS else (ELSEWHERE[class_],) if class_ in ELSEWHERE else ()


def _colours(photo: Path) -> tuple[str, ...]:
    with Image.open(photo) as opened:
        small = opened.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX).convert("HSV")
    hue, saturation, value = np.moveaxis(np.asarray(small).astype(np.float64) / 255, 2, 0)
    strong = (saturation > 0.35) & (value > 0.2)
    found = [name for name, ends in HUES.items() if (strong & _between(360 * hue, *ends)).mean() > SHARE]
    found += ["black"] * bool((value < 0.2).mean() > DARK)
    found += ["white"] * bool(((value > 0.8) & (saturation < 0.15)).mean() > WHITE)
    return tuple(found)


def _between(hue: NDArray[np.float64], low: float, high: float) -> NDArray[np.bool_]:
    return (hue >= low) & (hue < high) if low < high else (hue >= low) | (hue < high)

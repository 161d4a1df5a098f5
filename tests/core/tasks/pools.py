"""Pools of names alone: no image is opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nextlabel.core.data.files import Files
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import Pool


def pool_of(*names: str) -> Pool:
    zeros = np.zeros(len({*names}), np.int64)
    return Pool(place_at("/", [Path("/")]), Files(tuple(sorted({*names})), zeros, zeros, zeros, ()))

"""Images of a pool as the detector takes them, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.pool import Pool
from nextlabel.core.neural import engine
from nextlabel.core.neural.detection.letterbox import BoxReader
from nextlabel.core.pipelines.run import Run

LARGE_AT_ONCE = 4  # images of which more pixels are wanted: all their boxes are looked at between two looks at `check`


def in_batches(
    side: int,
    pool: Pool,
    rows: Sequence[int],
    run: Run,
    forward: Callable[[Any], NDArray[np.object_]],
    *,
    larger: bool = False,
) -> Generator[engine.ForwardedBatch[np.object_], None, None]:
    """Read those rows of the pool in order, and run `forward` on b Small at a time; it returns (b,) objects."""
    reader = BoxReader(side, LARGE_AT_ONCE, larger=True) if larger else BoxReader(side)
    batches = engine.run(reader, forward, np.empty(0, object), pool, list(rows), run.settings, run.watch)
    with closing(batches):
        yield from batches

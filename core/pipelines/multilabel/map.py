"""A map of images that may have several classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.kinds.map import MapRequest, MultilabelMapResult
from nextlabel.core.pipelines.map import draw_map
from nextlabel.core.pipelines.run import Run


def carry_out(request: MapRequest, run: Run) -> MultilabelMapResult:
    drawn = draw_map(request, run)
    return MultilabelMapResult(
        classes=tuple(None if flags is None else _indices(flags) for flags in drawn.targets),
        predicted=None if drawn.predicted is None else tuple(map(_indices, drawn.predicted)),
        **drawn.told,
    )


def _indices(flags: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(flags).tolist())

"""Which points of a plane lie inside a line drawn around them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Point = tuple[float, float]
LEAST, MOST = 3, 200  # corners


def lasso_in(text: str) -> list[Point]:
    """Read the corners of a closed line: `x,y,x,y,...`. Raises ValueError, with words for a person."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError("a lasso is numbers with commas between: x,y,x,y,...") from None
    if not np.isfinite(numbers).all():
        raise ValueError("a lasso's numbers are finite")
    if len(numbers) % 2 or not LEAST <= len(numbers) // 2 <= MOST:
        raise ValueError(f"a lasso has {LEAST} to {MOST} corners, each an x and a y")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def inside(x: ArrayLike, y: ArrayLike, corners: Sequence[Point]) -> NDArray[np.bool_]:
    """Tell of each point whether it lies inside: (N,). What a line that crosses itself runs around twice is outside."""
    across, down = np.asarray(x, float), np.asarray(y, float)
    within = np.zeros(across.shape, np.bool_)
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        spans = (y0 > down) != (y1 > down)
        if spans.any():
            within ^= spans & (across < (x1 - x0) * (down - y0) / ((y1 - y0) or 1.0) + x0)
    return within

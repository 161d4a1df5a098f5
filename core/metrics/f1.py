"""F1 from counts: of each class, and the mean of those that occur."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Counts: TypeAlias = NDArray[np.int64]


def macro_f1(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean F1 of the classes that occur in the validation labels: (..., 3, C) -> (...).

    counts: hits, true and predicted images of each class.
    """
    hits, support, predicted = np.moveaxis(counts, -2, 0)
    return mean_of_occurring(f1_of(hits, support, predicted), support)


def f1_of(hits: NDArray[Any], support: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.float64]:
    """Return F1, elementwise. A class neither true nor predicted has F1 0."""
    return ratio(2 * hits, support + predicted)


def mean_of_occurring(scores: NDArray[np.float64], support: NDArray[Any]) -> NDArray[np.float64]:
    """Average over the classes with support: (..., C), (..., C) -> (...); 0 of none. The others' scores must be 0."""
    return ratio(scores.sum(axis=-1), np.asarray(np.count_nonzero(support, axis=-1)))


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """Divide elementwise; 0/0 is 0."""
    return np.asarray(np.divide(part, whole, out=np.zeros(whole.shape), where=whole > 0))

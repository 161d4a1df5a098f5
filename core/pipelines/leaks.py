"""Training images that are (nearly) copies of validation images: a score made with them flatters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nextlabel.core.errors import UnreadableImage
from nextlabel.core.kinds.results import Leak
from nextlabel.core.methods.base import Matrix, Rows
from nextlabel.core.methods.batch import EQUAL, copy_distance
from nextlabel.core.methods.geometry import Geometry, nearest_within
from nextlabel.core.pipelines.embedding import Embedded

BLOCK_BYTES = 1 << 16


@dataclass(frozen=True)
class LeakedRows:
    """A row of the training set, and the row of the validation set that it is a near-copy of."""

    training: int
    validation: int
    identical: bool  #: byte for byte


def find_leaks(training: Embedded, validation: Embedded) -> tuple[LeakedRows, ...]:
    """Among the labelled images of both, embedded alike. By training row; each once, with its nearest."""
    mine, theirs = training.matched.rows, validation.matched.rows
    geometry = Geometry(_stacked(training.embeddings, mine, validation.embeddings, theirs))
    limit = max(copy_distance(geometry), EQUAL) ** 2
    rows = np.arange(len(geometry.embeddings))
    found = nearest_within(geometry, rows[: len(mine)], rows[len(mine) :], limit)
    pairs = [(int(mine[i]), int(theirs[found[i]])) for i in np.flatnonzero(found >= 0)]
    return tuple(LeakedRows(a, b, _identical(training, a, validation, b)) for a, b in pairs)


def _stacked(A: Matrix, mine: Rows, B: Matrix, theirs: Rows) -> Matrix:
    """Those rows of both, copied once: `clip`, for numpy fills a buffer before `out` when it has to check the rows."""
    stacked = np.empty((len(mine) + len(theirs), A.shape[1]), np.float32)
    np.take(A, mine, axis=0, out=stacked[: len(mine)], mode="clip")
    np.take(B, theirs, axis=0, out=stacked[len(mine) :], mode="clip")
    return stacked


def as_leaks(leaks: Sequence[LeakedRows], training: Embedded, validation: Embedded) -> tuple[Leak, ...]:
    """Return leaks as results have them."""
    mine, theirs = training.matched.class_by_row(), validation.matched.class_by_row()
    return tuple(
        Leak(
            name=training.pool.names[leak.training],
            validation_name=validation.pool.names[leak.validation],
            class_name=mine[leak.training],
            validation_class=theirs[leak.validation],
            identical=leak.identical,
        )
        for leak in leaks
    )


def _identical(training: Embedded, row: int, validation: Embedded, other: int) -> bool:
    if training.pool.sizes[row] != validation.pool.sizes[other]:
        return False
    try:
        with training.pool.open(row) as mine, validation.pool.open(other) as theirs:
            while (part := mine.read(BLOCK_BYTES)) == theirs.read(BLOCK_BYTES):
                if not part:
                    return True
    except (UnreadableImage, OSError):  # gone meanwhile
        pass
    return False

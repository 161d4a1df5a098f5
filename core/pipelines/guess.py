"""What is thought of each image: by the head trained on the labels, or by predictions that were brought along."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.brought import BroughtPredictions, read_predictions
from nextlabel.core.errors import NameNotInPool, WarningCode
from nextlabel.core.kinds.requests import OnePredicted
from nextlabel.core.kinds.results import HeadSummary
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.material import train
from nextlabel.core.pipelines.run import Run

LEAST = 1e-9  # a probability of 0 has no logarithm


@dataclass(frozen=True, eq=False)
class Guess:
    """logits: (K, C); classes: C; targets: (L,) the labelled rows' classes. `known`: (K,) whether a row has a guess of
    its own; the others' logits are all alike. `head`: None for what was brought along; `fingerprint` is its, then.
    """

    logits: NDArray[np.float32]
    classes: tuple[str, ...]
    targets: NDArray[np.int64]
    known: NDArray[np.bool_]
    head: HeadSummary | None = None
    fingerprint: str | None = None


def guess_of(request: OnePredicted, embedded: Embedded, run: Run) -> Guess | None:
    """None where the labels hold fewer than two classes, and nothing was brought along."""
    if request.path_to_predictions is not None:
        return _brought(read_predictions(request.path_to_predictions, run.settings.data_roots), embedded, run)
    matched = embedded.matched
    if len(matched.classes) < 2:
        return None
    head, summary = train(request, embedded.embeddings[matched.rows], matched.targets, matched.classes, run)
    every_row = np.ones(len(embedded.pool), np.bool_)
    return Guess(head.logits(embedded.embeddings), matched.classes, matched.targets, every_row, summary)


def _brought(brought: BroughtPredictions, embedded: Embedded, run: Run) -> Guess:
    """Classes that only labels have come last, with no probability."""
    places, known = laid_on(brought, embedded, run)
    classes = (*brought.classes, *(name for name in embedded.matched.classes if name not in brought.classes))
    probabilities = np.full((len(known), len(classes)), 1 / len(classes))
    probabilities[known] = 0
    probabilities[known, : len(brought.classes)] = brought.probabilities[places[known]]
    logits = np.log(np.maximum(probabilities, LEAST)).astype(np.float32)
    return Guess(logits, classes, embedded.matched.onto(classes), known, fingerprint=brought.fingerprint())


def laid_on(brought: BroughtPredictions, embedded: Embedded, run: Run) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """-> (K,) each image's row of the predictions, and (K,) whether it has one.

    Raises NameNotInPool when not one of them has.
    """
    place = {name: i for i, name in enumerate(brought.names)}
    places = np.array([place.get(name, -1) for name in embedded.pool.names], np.int64)
    known = places >= 0
    if not known.any():
        raise NameNotInPool(f"no image of the pool has a prediction in the file; it names {brought.names[0]!r}")
    if not known.all():
        names = [embedded.pool.names[row] for row in np.flatnonzero(~known)]
        run.warn(
            WarningCode.WITHOUT_PREDICTION, "these images have no prediction in the file; they were left out", names
        )
    return places, known

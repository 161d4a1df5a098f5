"""What a model says of each image: the head trained on the labels, or another model, whose predictions a file has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.external import ExternalPredictions, read_predictions
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.spelling import all_as_seen, hint
from nextlabel.core.errors import WarningCode
from nextlabel.core.kinds.requests import OnePredicted
from nextlabel.core.kinds.results import HeadSummary
from nextlabel.core.methods.base import Rows
from nextlabel.core.neural.heads.base import Head
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.leftovers import refuse_none_of, warn_of_leftovers
from nextlabel.core.pipelines.material import train
from nextlabel.core.pipelines.run import Run
from nextlabel.core.tasks.base import ClassTask
from nextlabel.core.tasks.registry import task_of


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of K images.

    logits: (K, C), as the task's head gives them, by whose doubts images are chosen. classes: the C of them.
    whole: of a head that says more than those, and asks the K images' embeddings; None: what is said is the logits.
    targets: what the L labelled rows are labelled, in the space of these classes.
    thresholds: (C,) those of the head, where its task has them.
    known: (K,) whether the model says anything of a row; the others' logits are all alike.
    head: how the head was trained; None where the predictions are external. fingerprint: of external ones.
    """

    logits: NDArray[np.float32]
    classes: tuple[str, ...]
    targets: NDArray[Any]
    known: NDArray[np.bool_]
    head: HeadSummary | None = None
    thresholds: NDArray[np.float64] | None = None
    fingerprint: str | None = None
    whole: Whole | None = None

    def said_of(self, rows: Rows) -> NDArray[np.float32]:
        """Return logits (n, C) of what is said of those rows."""
        return self.logits[rows] if self.whole is None else self.whole.said_of(rows)


@dataclass(frozen=True, eq=False)
class Whole:
    """A head, and the images that it can be asked about, (K, d): about few at a time, for these are copied."""

    head: Head
    embeddings: NDArray[np.float32]

    def said_of(self, rows: Rows) -> NDArray[np.float32]:
        return self.head.logits(self.embeddings[rows])


def read_external(path: str | None, pool: Pool, run: Run) -> ExternalPredictions | None:
    """Read external predictions, if there are any. Raises NameNotInPool where they are of none of the pool's images:
    before anything is embedded."""
    external = None if path is None else read_predictions(path, run.settings.data_roots)
    if external is not None and not pool.find(external.names):
        refuse_none_of("image of the pool", "prediction", external.names[0])
    return external


def predictions_of(
    request: OnePredicted,
    embedded: Embedded,
    run: Run,
    external: ExternalPredictions | None,
    *,
    whole_pool: Pool | None,
) -> Predictions | None:
    """Take the external predictions, or train a head; None where there are none and the labels can't train one.

    embedded: what of the pool is chosen among. whole_pool: all that the place has; None: that isn't known.
    """
    if external is not None:
        found = _of_external(external, embedded, task_of(request.task), run)
        if whole_pool is not None:
            warn_of_leftovers("prediction", external.names, whole_pool, run)
        return found
    matched = embedded.matched
    if not task_of(request.task).can_train(matched):
        return None
    head, summary = train(request, embedded.embeddings, matched, run, neighbourhood=embedded.neighbourhood)
    every_row = np.ones(len(embedded.pool), np.bool_)
    return Predictions(
        head.to_choose_by().logits(embedded.embeddings),
        matched.classes,
        matched.targets,
        every_row,
        summary,
        head.thresholds,
        whole=None if head.gaussians is None else Whole(head, embedded.embeddings),
    )


def _of_external(external: ExternalPredictions, embedded: Embedded, task: ClassTask, run: Run) -> Predictions:
    """Put external predictions and labels into one space: classes that only labels have come last, at probability 0."""
    places, known = align(external, embedded, run)
    foreign = tuple(name for name in embedded.matched.classes if name not in external.classes)
    classes = (*external.classes, *foreign)
    if foreign == embedded.matched.classes != ():
        detail = f"the predictions have no class that a label has{hint(foreign, external.classes)}"
        run.warn(WarningCode.CLASS_WITHOUT_PREDICTION, detail, foreign)
    probabilities = np.full((len(known), len(classes)), task.unknown(len(classes)))
    probabilities[known] = 0
    probabilities[known, : len(external.classes)] = external.probabilities[places[known]]
    logits = task.logits(probabilities)
    return Predictions(logits, classes, embedded.matched.onto(classes), known, fingerprint=external.fingerprint())


def align(external: ExternalPredictions, embedded: Embedded, run: Run) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return (K,) each image's row of the external predictions, and (K,) whether it has one.

    Raises NameNotInPool when not one image has.
    """
    place = {name: i for i, name in enumerate(external.names)}
    places = np.array([place.get(name, -1) for name in all_as_seen(embedded.pool.names)], np.int64)
    known = places >= 0
    if not known.any():
        refuse_none_of("image of the pool", "prediction", external.names[0])
    if not known.all():
        names = [embedded.pool.names[row] for row in np.flatnonzero(~known)]
        run.warn(
            WarningCode.WITHOUT_PREDICTION, "these images have no prediction in the file; they were left out", names
        )
    return places, known

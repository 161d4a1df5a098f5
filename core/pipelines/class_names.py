"""A class for each image by the classes' names alone, while labels can't teach a head yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.kinds.prediction import CLASS_NAMES
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.kinds.results import HeadSummary
from nextlabel.core.neural.texts import Directions
from nextlabel.core.pipelines.material import Labelled, rounded
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.texts import declared_for, directions_of_names, directions_of_names_if_known


@dataclass(frozen=True, eq=False)
class ClassNames:
    """Stands for a head. classes: in the order in which they were declared, then others that labels have."""

    classes: tuple[str, ...]
    directions: Directions
    images_per_class: dict[str, int]
    thresholds: None = None

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits (N, C) of which name fits: those that the network was trained by, not calibrated here."""
        return self.directions.cosines(embeddings) * np.float32(self.directions.scale)

    @property
    def summary(self) -> HeadSummary:
        return HeadSummary(
            name=CLASS_NAMES,
            classes=self.classes,
            images_per_class=self.images_per_class,
            temperature=1.0,
            details={"scale": rounded(self.directions.scale)},
        )


def class_names(request: JobRequest, labelled: Labelled, run: Run, *, needed: bool) -> ClassNames | None:
    """Load what goes by names; None where labels teach a head, or names won't do.

    needed: whether the job can't do without. If it can, None where they can't be embedded, and a warning.

    Raises InvalidRequest for names that can't be spelt, and what `load_texts` does.
    """
    if labelled.task.can_train(labelled.matched) or not (declared := declared_for(request, run, needed=needed)):
        return None
    counts = labelled.matched.images_per_class()
    classes = tuple(dict.fromkeys([*declared, *counts]))
    directions = (directions_of_names if needed else directions_of_names_if_known)(
        request, classes, run, declared=declared
    )
    if directions is None:
        return None
    return ClassNames(classes, directions, {name: counts.get(name, 0) for name in classes})

"""A class for each image by the classes' names alone, while labels can't teach a head yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.class_file import declared_names
from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.errors import InvalidRequest, WarningCode, WeightsMismatch, WeightsUnavailable
from nextlabel.core.kinds.prediction import CLASS_NAMES, goes_by_names
from nextlabel.core.kinds.requests import OnePool
from nextlabel.core.kinds.results import HeadSummary
from nextlabel.core.neural.texts import Directions
from nextlabel.core.pipelines.material import Labelled, rounded
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.texts import directions_for

SENTENCE = "This is a photo of {}."  # that the network was shown most like
FIELD = "/path_to_labels"


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


def class_names(request: OnePool, labelled: Labelled, run: Run) -> ClassNames | None:
    """Load what goes by names; None where labels teach a head, or names won't do.

    Raises InvalidRequest for names that can't be spelt, and what `load_texts` does.
    """
    classes = _names_to_go_by(request, labelled, run)
    if classes is None:
        return None
    counts = labelled.matched.images_per_class()
    directions = directions_for(request, [SENTENCE.format(name) for name in classes], FIELD, run)
    return ClassNames(classes, directions, {name: counts.get(name, 0) for name in classes})


def class_names_if_known(request: OnePool, labelled: Labelled, run: Run) -> ClassNames | None:
    """Do what `class_names` does for a job that can do without: where names can't be embedded, warn, and return None.

    A hub that could not be reached lately is not waited for again.
    """
    if _names_to_go_by(request, labelled, run) is None:
        return None
    assert request.backbone is not None
    why: Exception | None = run.texts.failed_lately(find_backbone(request.backbone), run.settings)
    if why is None:
        try:
            return class_names(request, labelled, run)
        except (InvalidRequest, WeightsUnavailable, WeightsMismatch) as error:
            why = error
    run.warn(WarningCode.NAMES_UNREAD, f"the names of the classes say nothing of images here: {why}")
    return None


def _names_to_go_by(request: OnePool, labelled: Labelled, run: Run) -> tuple[str, ...] | None:
    if labelled.task.can_train(labelled.matched) or not goes_by_names(request.model_dump()):
        return None
    if request.path_to_labels is None:
        return None
    declared = declared_names(request.path_to_labels, run.settings.data_roots)
    return tuple(dict.fromkeys([*declared, *labelled.matched.images_per_class()])) if len(declared) > 1 else None

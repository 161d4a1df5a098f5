"""A class for each image by the classes' names alone, while labels can't teach a head yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.class_file import declared_names
from nextlabel.core.kinds.prediction import CLASS_NAMES, PredictionRequest, goes_by_names
from nextlabel.core.kinds.results import HeadSummary
from nextlabel.core.neural.texts import Texts
from nextlabel.core.pipelines.material import Labelled, rounded
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.texts import texts_for

SENTENCE = "This is a photo of {}."  # that the network was shown most like


@dataclass(frozen=True, eq=False)
class ClassNames:
    """Stands for a head. classes: in the order in which they were declared, then others that labels have."""

    classes: tuple[str, ...]
    texts: Texts
    images_per_class: dict[str, int]
    thresholds: None = None

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits (N, C) of which name fits: those that the network was trained by, not calibrated here."""
        sentences = [SENTENCE.format(name) for name in self.classes]
        return self.texts.cosines(sentences, embeddings, np.arange(len(embeddings))) * np.float32(self.texts.scale)

    @property
    def summary(self) -> HeadSummary:
        return HeadSummary(
            name=CLASS_NAMES,
            classes=self.classes,
            images_per_class=self.images_per_class,
            temperature=1.0,
            details={"scale": rounded(self.texts.scale)},
        )


def class_names(request: PredictionRequest, labelled: Labelled, run: Run) -> ClassNames | None:
    """Load what goes by names; None where labels teach a head, or names won't do.

    Raises what `load_texts` does.
    """
    if labelled.task.can_train(labelled.matched) or not goes_by_names(request.model_dump()):
        return None
    assert request.path_to_labels is not None
    declared = declared_names(request.path_to_labels, run.settings.data_roots)
    if len(declared) < 2:
        return None
    counts = labelled.matched.images_per_class()
    classes = tuple(dict.fromkeys([*declared, *counts]))
    texts = texts_for(request, classes, "/path_to_labels", run)
    return ClassNames(classes, texts, {name: counts.get(name, 0) for name in classes})

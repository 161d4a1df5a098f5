"""A validation set beside the labelled one, in one label space with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.errors import NothingToValidate
from nextlabel.core.kinds.requests import OneValidated
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.material import Labelled, read_labelled
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import Source
from nextlabel.core.tasks.base import Matched
from nextlabel.core.tasks.registry import task_of


@dataclass(frozen=True, eq=False)
class Validation:
    """The V labelled images of a validation set, embedded."""

    labelled: Labelled
    embedded: Embedded

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """(V, d)"""
        return self.embedded.embeddings[self.embedded.matched.rows]

    def together(self, trained: Matched) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int64]]:
        """-> (the classes of both sets, the labelled images' (L,), the validation images' (V,))."""
        classes = sorted_classes([*trained.classes, *self.embedded.matched.classes])
        return classes, trained.onto(classes), self.embedded.matched.onto(classes)


def read_validation(request: OneValidated, source: Source, run: Run) -> Validation:
    """Its stage is called `embed validation images`. Raises NothingToValidate."""
    assert request.path_to_img_val is not None
    labelled = read_labelled(
        request.path_to_img_val,
        request.path_to_labels_val,
        run,
        "validation",
        labelled_only=True,
        task=task_of(request.task),
        content=request.content,
    )
    if not len(labelled.matched.rows):
        raise NothingToValidate("no image of the validation folder has a validation label")
    return Validation(labelled, source.embed(labelled, labelled.matched.rows, "embed validation images", run))


def sources_of(labelled: Labelled, validation: Validation | None) -> dict[str, Labelled]:
    """As the manifest names them."""
    return {"pool": labelled, **({"validation": validation.labelled} if validation else {})}

"""A validation set beside the labelled one, in one label space with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import hint
from nextlabel.core.errors import ClassesNeverMeet, NothingToValidate, WarningCode
from nextlabel.core.kinds.requests import OneValidated
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.material import Labelled, Read, read_labelled
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import Source
from nextlabel.core.tasks.base import Matched


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


def read_validation(request: OneValidated, trained: Matched, run: Run) -> Labelled | None:
    """Read a validation set that can score what is trained on those labels; None: the request names none.

    Raises NothingToValidate, ClassesNeverMeet.
    """
    if request.path_to_img_val is None:
        return None
    paths = request.path_to_img_val, request.path_to_labels_val
    labelled = read_labelled(request, *paths, run, "validation", labelled_only=True)
    check_validation(trained, labelled.matched, run)
    return labelled


def embed_validation(labelled: Labelled | None, source: Source, run: Run) -> Validation | None:
    """Embed the labelled images of a validation set, where there is one."""
    if labelled is None:
        return None
    return Validation(labelled, source.embed(labelled, labelled.matched.rows, "embed validation images", run))


def check_validation(trained: Matched, validation: Matched, run: Run) -> None:
    """Refuse a validation set that can score nothing; warn of its classes that no training label has.

    Raises NothingToValidate, ClassesNeverMeet.
    """
    if not len(validation.rows):
        absent = f"; its labels name {shown(validation.absent[0])}, for one" if validation.absent else ""
        raise NothingToValidate(f"no image of the validation folder has a validation label{absent}")
    check_classes_meet(trained.classes, validation.classes)
    if unknown := never_trained(trained.classes, validation.classes):
        meant = hint(unknown, trained.classes)
        detail = "no training label has these classes of the validation labels, so all of their images are misses"
        run.warn(WarningCode.CLASS_NEVER_TRAINED, f"{detail}{meant}", unknown)


def never_trained(trained: Sequence[str], validation: Sequence[str]) -> list[str]:
    """Return the classes of validation labels that no training label has."""
    return [name for name in validation if name not in trained]


def check_classes_meet(trained: Sequence[str], validation: Sequence[str]) -> None:
    """Raise ClassesNeverMeet where no training label has one of the classes of the validation labels, if there are."""
    unknown = never_trained(trained, validation)
    if unknown and len(unknown) == len(validation):
        raise ClassesNeverMeet(
            f"no class of the validation labels ({_few(validation)}) has a training label "
            f"({_few(trained)}){hint(unknown, trained)}"
        )


def _few(classes: Sequence[str]) -> str:
    more = f" and {len(classes) - 5} more" if len(classes) > 5 else ""
    return ", ".join(map(shown, classes[:5])) + more


class Beside(Protocol):
    """A validation set, of whatever task."""

    @property
    def labelled(self) -> Read: ...


def sources_of(labelled: Read, validation: Beside | None) -> dict[str, Read]:
    """Name them as the manifest does."""
    return {"pool": labelled, **({"validation": validation.labelled} if validation else {})}

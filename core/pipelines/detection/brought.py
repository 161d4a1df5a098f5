"""What another detector says of the images of a pool, from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nextlabel.core.data.boxes import BoxedImage, Detected
from nextlabel.core.data.detections import fingerprint, read_detections
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import WarningCode
from nextlabel.core.methods.arrays import Rows
from nextlabel.core.metrics.detection import Calibration
from nextlabel.core.pipelines.detection.labelled import LabelledBoxes, truth_of
from nextlabel.core.pipelines.leftovers import refuse_none_of, warn_of_leftovers
from nextlabel.core.pipelines.run import Run


@dataclass(frozen=True, eq=False)
class Brought:
    """by_name: what is said of each image, by its name, composed. classes: those of the file and of the labels."""

    by_name: Mapping[str, Detected]
    classes: tuple[str, ...]
    calibration: Calibration
    fingerprint: str

    def of(self, name: str) -> Detected:
        """Return what is said of an image: nothing, where it doesn't stand in the file."""
        return self.by_name.get(as_seen(name), Detected.nothing())


def read_brought(path: str, labelled: LabelledBoxes, drawn: Mapping[int, BoxedImage], run: Run) -> Brought:
    """Read them. Their scores are judged by the labelled images that they say something of.

    labelled: of the whole pool. What is said of images that it doesn't have is told.

    Raises PredictionsMalformed.
    """
    found = read_detections(path, run.settings.data_roots)
    classes = sorted_classes([*found.classes, *labelled.matched.classes])
    by_name = found.in_space_of(classes).by_name
    index = {name: i for i, name in enumerate(classes)}
    warn_of_leftovers("prediction", by_name, labelled.pool, run)
    names = {row: as_seen(labelled.pool.names[row]) for row in drawn}
    judged = [row for row in drawn if names[row] in by_name]
    calibration = Calibration.of(
        [truth_of(drawn[row], index) for row in judged], [by_name[names[row]] for row in judged], len(classes)
    )
    return Brought(by_name, classes, calibration, fingerprint(found))


def known_rows(brought: Brought, labelled: LabelledBoxes, rows: Rows, what: str, run: Run) -> Rows:
    """Return the rows of images that the file says something of, and warn of the others.

    what: which images they are. Raises NameNotInPool where it says something of none.
    """
    names = labelled.pool.names
    known = rows[[as_seen(names[row]) in brought.by_name for row in rows.tolist()]]
    if len(rows) and not len(known):
        refuse_none_of(f"{what} image", "prediction", next(iter(brought.by_name)))
    if len(known) < len(rows):
        absent = [names[row] for row in np.setdiff1d(rows, known)]
        detail = "these images have no prediction in the file; they were left out"
        run.warn(WarningCode.WITHOUT_PREDICTION, detail, absent)
    return known

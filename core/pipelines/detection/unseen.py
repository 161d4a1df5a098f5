"""What detectors say of labelled images that they were not trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nextlabel.core.data.boxes import BoxedImage, Detected, Detections
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import NoLabels
from nextlabel.core.kinds.requests import MIN_SCORE, Detecting
from nextlabel.core.kinds.results import Skipped
from nextlabel.core.methods.arrays import Rows
from nextlabel.core.neural.folds import stratified_folds
from nextlabel.core.pipelines.detection.finder import finder_of, series_of
from nextlabel.core.pipelines.detection.looking import Finder
from nextlabel.core.pipelines.material import skipped_images
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.unreadable import check_share

FOLDS = 3


@dataclass(frozen=True, eq=False)
class Unseen:
    """What was found on the labelled images that could be read, each by a detector that had not seen it; boxes of the
    lowest scores are left out.

    finder: the first of the detectors, for where they come from.
    """

    found: Detections
    finder: Finder
    skipped: tuple[Skipped, ...]


def find_unseen(request: Detecting, pool: Pool, drawn: Mapping[int, BoxedImage], run: Run) -> Unseen:
    """Train a detector for each fold of the images, without it, and ask it of that fold. Stages `train` and `predict`.

    Raises NoLabels where fewer images than there are folds have a box, and what `finder_of` does.
    """
    rows = np.array(list(drawn), np.int64)
    fold = folds_of(drawn, FOLDS, request.seed)
    finders, series = [], series_of(request, drawn, run, trainings=FOLDS)
    for f in range(FOLDS):
        others = {row: drawn[row] for row in rows[fold != f].tolist()}
        finders.append(finder_of(request, pool, others, run, series=series))
        series.count(0, run)
    run.stage("predict", len(rows), "images")
    classes = sorted_classes(name for finder in finders for name in finder.classes)
    by_name: dict[str, Detected] = {}
    unreadable: list[SkippedFile] = []
    for f, finder in enumerate(finders):
        found = finder.find(pool, rows[fold == f].tolist(), run)
        told = finder.told(pool, found).in_space_of(classes)
        by_name |= {name: one.from_score(MIN_SCORE) for name, one in told.by_name.items()}
        unreadable += found.unreadable
    check_share(unreadable, len(rows), pool.place, run)
    return Unseen(Detections(classes, by_name), finders[0], skipped_images(unreadable))


def folds_of(drawn: Mapping[int, BoxedImage], folds: int, seed: int) -> Rows:
    """Return (L,) the fold that each image is held out in; each has its share of the images with a class, and without
    one. Raises NoLabels.
    """
    boxed = sum(image.has_objects for image in drawn.values())
    if boxed < folds:
        raise NoLabels(
            f"each of {folds} detectors is held against the images that it was not trained on, so a box has to be "
            f"drawn on {folds} images at least; there are {boxed}"
        )
    return stratified_folds(rarest_class(list(drawn.values())), folds, seed)


def rarest_class(images: list[BoxedImage]) -> Rows:
    """Return (L,) a number for the class on each image that is on the fewest images; one more for no class.

    A crowd is of none: of crowds alone nothing is learnt, and by them nothing is scored.
    """
    classes = [{box.class_name for box in image.boxes if not box.crowd} for image in images]
    on = Counter(name for of_image in classes for name in of_image)
    order = [name for name, _ in sorted(on.items(), key=lambda one: (one[1], one[0]))]
    numbers = {name: i for i, name in enumerate(order)}
    return np.array([min((numbers[name] for name in one), default=len(order)) for one in classes], np.int64)

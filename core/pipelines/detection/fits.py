"""Detectors trained on parts of what was drawn, for what could have been: learning curves and audits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nextlabel.core.data.boxes import BoxedImage, Detected
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import NothingToValidate
from nextlabel.core.kinds.requests import Detecting, OneValidated
from nextlabel.core.methods.geometry import sample
from nextlabel.core.metrics.detection import score
from nextlabel.core.neural.detection.large import large_weights
from nextlabel.core.pipelines.detection.finder import proposing_finder
from nextlabel.core.pipelines.detection.labelled import LabelledBoxes, Sized, of_their_size, read_boxes, truth_of
from nextlabel.core.pipelines.detection.looking import Finder
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.sampling import LABELLED_MOST, UNLABELLED_MOST, is_random_sample
from nextlabel.core.pipelines.unreadable import check_share


@dataclass(frozen=True, eq=False)
class Validation:
    """Images to score by, and what was drawn on those whose size is right."""

    labelled: LabelledBoxes
    sized: Sized


def read_validation(request: OneValidated, run: Run) -> Validation:
    assert request.path_to_img_val is not None
    assert request.path_to_labels_val is not None  # the request was refused otherwise
    labelled = read_boxes(request, request.path_to_img_val, request.path_to_labels_val, run, "validation")
    return Validation(labelled, of_their_size(labelled, run))


@dataclass(frozen=True, eq=False)
class Split:
    """One repeat: images to learn from, in the order in which they are learnt, and others to score by; by row."""

    pool: Pool
    learnt: Mapping[int, BoxedImage]
    held_pool: Pool
    held: Mapping[int, BoxedImage]

    @property
    def images(self) -> int:
        return len(self.learnt) + len(self.held)

    def judge(self, finder: Finder, run: Run) -> Answers:
        """Ask a detector of the images to score by that can be read. Where it knows no class, it finds nothing.

        Raises TooManyUnreadable where too many of all images can't be read.
        """
        if not finder.classes:
            return Answers((), [*self.held.values()], [Detected.nothing()] * len(self.held))
        found = finder.find(self.held_pool, list(self.held), run)
        check_share(found.unreadable, self.images, self.held_pool.place, run)
        rows = [row for row in self.held if row in found.seen]
        return Answers(finder.classes, [self.held[row] for row in rows], [found.seen[row].detected for row in rows])


@dataclass(frozen=True, eq=False)
class Answers:
    """What one detector finds on images, and what was drawn on them. classes: those that it knows."""

    classes: tuple[str, ...]
    drawn: Sequence[BoxedImage]
    said: Sequence[Detected]


def map50_of(parts: Sequence[Answers]) -> float:
    """Score what detectors find, each on images of its own, as that of one: mAP@50 of fewer images is too high.

    Raises NothingToValidate where none of them has a box.
    """
    drawn = [image for part in parts for image in part.drawn]
    known = [name for part in parts for name in part.classes]
    classes = sorted_classes([*known, *(box.class_name for image in drawn for box in image.boxes)])
    index = {name: i for i, name in enumerate(classes)}
    said = []
    for part in parts:
        own = np.array([index[name] for name in part.classes], np.int64)
        said += [Detected(one.places, own[one.classes], one.scores) for one in part.said]
    reached = score([truth_of(image, index) for image in drawn], said, classes).map50
    if reached is None:
        raise NothingToValidate("none of the images to score by that a box was drawn on can be read")
    return reached


def is_random(request: Detecting, labelled: LabelledBoxes, run: Run, what: str) -> bool:
    """Say whether the labelled images may be a random sample, by what the detector sees in them before training.

    what: as of `is_random_sample`. Raises WeightsUnavailable before it looks, where what is to be trained is not here.
    """
    if request.detector == "large":
        large_weights(run.settings, run.backbones.device)
    pool, known = labelled.pool, labelled.matched
    rng = np.random.default_rng(request.seed)
    others = known.unlabelled(len(pool))
    rows = np.sort(np.concatenate([sample(known.rows, LABELLED_MOST, rng), sample(others, UNLABELLED_MOST, rng)]))
    run.stage("embed", len(rows), "images")
    found = proposing_finder(request, run, features_do=True).find(pool, rows.tolist(), run)
    check_share(found.unreadable, len(rows), pool.place, run)
    seen = found.seen
    part = pool.take(np.array(sorted(seen), np.int64))
    features = np.stack([seen[row].features for row in sorted(seen)])
    return is_random_sample(Embedded(part, features, labelled.match(part), ()), run, what)

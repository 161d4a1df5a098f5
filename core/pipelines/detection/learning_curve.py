"""How much more boxes would bring, and whether to stop: detectors trained on growing parts of the labelled images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.curves.forecast import REPLICATES, Outlook, fit_all, outlook
from nextlabel.core.data.boxes import BoxedImage, Detected
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import NoLabels, NothingToValidate
from nextlabel.core.kinds.learning_curve import (
    KIND,
    BoxCurvePoint,
    BoxForecast,
    DetectionLearningCurveResult,
    LearningCurveRequest,
)
from nextlabel.core.kinds.requests import Detecting, OneValidated
from nextlabel.core.methods.arrays import Rows
from nextlabel.core.methods.geometry import sample
from nextlabel.core.metrics.detection import score
from nextlabel.core.pipelines.advice import OF_BOXES, advise
from nextlabel.core.pipelines.detection.finder import finder_of, passes_of, proposing_finder
from nextlabel.core.pipelines.detection.labelled import (
    LabelledBoxes,
    Sized,
    check_can_score,
    of_their_size,
    read_boxes,
    read_pool,
    truth_of,
    without_shared,
)
from nextlabel.core.pipelines.detection.looking import Finder
from nextlabel.core.pipelines.detection.training_set import are_small
from nextlabel.core.pipelines.detection.unseen import folds_of
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.learning_curve import as_fit
from nextlabel.core.pipelines.material import manifest, rounded, skipped_images
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.sampling import LABELLED_MOST, UNLABELLED_MOST, is_random_sample

LEAST_LABELS = 20
SMALLEST, SIZES = 0.3, 4  # the smallest part, of the largest; and how many parts
NOT_TOLD = "what more of them would bring can't be told: label some 200 images that the method `random` chooses"


def carry_out(request: LearningCurveRequest, run: Run) -> DetectionLearningCurveResult:
    """Train a detector from the published weights for each part of the labelled images."""
    validates = request.path_to_img_val is not None
    run.plan(*KIND.planned(leave_out=("embed validation images",)))
    run.stage("read")
    labelled = read_pool(request.path_to_img, request.path_to_labels, run, labelled_only=False, content=request.content)
    drawn, skipped = of_their_size(labelled, run)
    validation = read_validation(request, run) if validates else None
    if validation is not None:
        drawn = without_shared(drawn, labelled, validation.labelled, run)
        skipped = (*skipped, *validation.sized[1])
    if len(drawn) < LEAST_LABELS:
        raise NoLabels(f"a learning curve needs {LEAST_LABELS} labelled images at least; there are {len(drawn)}")
    if validation is not None:
        check_can_score(drawn, validation.sized[0], run)
    splits = _splits(request, labelled, drawn, validation)
    at_random = is_random(request, labelled, run, NOT_TOLD)
    measured = _measure(request, splits, run)
    run.stage("forecast")
    images, boxes = len(drawn), sum(len(image.boxes) for image in drawn.values())
    sizes = measured.sizes.astype(np.float64)
    replicates, noise = measured.drawn_again(pooled=not validates)
    fits = fit_all(sizes, replicates)
    ahead = outlook(fits, images, np.array([images, *(images + extra for extra in request.ahead)], float), noise)
    hundred = outlook(fits, images, np.array([images + 100.0]), noise)

    def forecast(i: int, extra: int) -> BoxForecast:
        more = round(boxes * (images + extra) / images)
        return _forecast(ahead, i, extra, images + extra, more, at_random)

    return DetectionLearningCurveResult(
        images=images,
        boxes=boxes,
        validation="held out" if validates else "cross-validation",
        validation_images=images if validation is None else len(validation.sized[0]),
        points=measured.points(),
        fits=tuple(as_fit(one, sizes, measured.map50.mean(axis=0)) for one in fits),
        now=forecast(0, 0),
        forecast=tuple(forecast(i, extra) for i, extra in enumerate(request.ahead, 1)),
        advice=advise(images, hundred if at_random else None, request.worth_per_100, None, None, words=OF_BOXES),
        skipped=(*skipped, *skipped_images(labelled.pool.skipped)),
        manifest=manifest(
            request,
            measured.finder,
            run,
            head=False,
            sources={"pool": labelled} if validation is None else {"pool": labelled, "validation": validation.labelled},
        ),
    )


# --- what is measured -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Validation:
    """Images to score by, and what was drawn on those whose size is right."""

    labelled: LabelledBoxes
    sized: Sized


def read_validation(request: OneValidated, run: Run) -> Validation:
    assert request.path_to_img_val is not None
    assert request.path_to_labels_val is not None  # the request was refused otherwise
    labelled = read_boxes(
        request.path_to_img_val, request.path_to_labels_val, run, "validation", content=request.content
    )
    return Validation(labelled, of_their_size(labelled, run))


@dataclass(frozen=True, eq=False)
class _Split:
    """One repeat: images to train on, in the order in which they are learnt, and others to score by; by row."""

    pool: Pool
    learnt: Mapping[int, BoxedImage]
    held_pool: Pool
    held: Mapping[int, BoxedImage]


def _splits(
    request: LearningCurveRequest,
    labelled: LabelledBoxes,
    drawn: Mapping[int, BoxedImage],
    validation: Validation | None,
) -> list[_Split]:
    """Without a validation set, each labelled image is scored in one of the repeats. Raises NoLabels."""
    rows = np.array(list(drawn), np.int64)
    fold = folds_of(drawn, request.repeats, request.seed)
    splits = []
    for r in range(request.repeats):
        chance = np.random.default_rng([request.seed, r])
        order = chance.permutation(rows if validation is not None else rows[fold != r]).tolist()
        held_pool, held = labelled.pool, {row: drawn[row] for row in rows[fold == r].tolist()}
        if validation is not None:
            held_pool, held = validation.labelled.pool, validation.sized[0]
        splits.append(_Split(labelled.pool, {row: drawn[row] for row in order}, held_pool, held))
    return splits


@dataclass(frozen=True, eq=False)
class _Measured:
    """sizes: (S,) numbers of images; boxes, map50: (R, S) how many are on them, and what a detector reaches by them."""

    sizes: Rows
    boxes: Rows
    map50: NDArray[np.float64]
    finder: Finder

    def points(self) -> tuple[BoxCurvePoint, ...]:
        return tuple(
            BoxCurvePoint(
                images=int(size),
                boxes=round(float(self.boxes[:, s].mean())),
                map50=rounded(self.map50[:, s].mean()),
                repeats=tuple(map(rounded, self.map50[:, s])),
            )
            for s, size in enumerate(self.sizes)
        )

    def drawn_again(self, *, pooled: bool) -> tuple[NDArray[np.float64], float]:
        """Draw the repeats again: (B, S) means, and the standard deviation of one score.

        pooled: the score is that of all repeats together, which are folds; else it is that of one of them.
        """
        draws = np.random.default_rng(0).integers(0, len(self.map50), (REPLICATES, len(self.map50)))
        replicates = self.map50[draws].mean(axis=1)
        chance = replicates.std(axis=0) if pooled else self.map50.std(axis=0, ddof=1)
        return replicates, float(chance[-3:].mean())


def _measure(request: LearningCurveRequest, splits: Sequence[_Split], run: Run) -> _Measured:
    """Train for all parts of all splits. Detectors of parts are not kept: they would take the place of others."""
    small = are_small(splits[0].learnt)
    passes = passes_of(request, run, small=small)
    most = min(len(split.learnt) for split in splits)
    sizes = np.unique(np.geomspace(SMALLEST * most, most, SIZES).round().astype(np.int64))
    total = len(sizes) * sum(passes + len(split.held) for split in splits)
    boxes, map50 = np.zeros((len(splits), len(sizes)), np.int64), np.zeros((len(splits), len(sizes)))
    done = 0
    for r, split in enumerate(splits):
        for s, size in enumerate(sizes.tolist()):
            part = dict(list(split.learnt.items())[:size])
            finder = finder_of(
                request,
                split.pool,
                part,
                run,
                before=done,
                counts=passes,
                total=total,
                keeps=False,
                features_do=True,
                small=small,
            )
            map50[r, s] = map50_of(finder, split.held_pool, split.held, run)
            boxes[r, s] = sum(len(image.boxes) for image in part.values())
            done += passes + len(split.held)
            run.advance(done)
    return _Measured(sizes, boxes, map50, finder)


def map50_of(finder: Finder, pool: Pool, drawn: Mapping[int, BoxedImage], run: Run) -> float:
    """Score what is found on images of the pool that can be read; 0 where no class was learnt.

    Raises NothingToValidate where none of them has a box.
    """
    if not finder.classes:
        return 0.0
    found = finder.find(pool, list(drawn), run).seen
    held = {row: image for row, image in drawn.items() if row in found}
    classes = sorted_classes([*finder.classes, *(box.class_name for image in held.values() for box in image.boxes)])
    index = {name: i for i, name in enumerate(classes)}
    known = np.array([index[name] for name in finder.classes], np.int64)
    said = [found[row].detected for row in held]
    moved = [Detected(one.places, known[one.classes], one.scores) for one in said]
    reached = score([truth_of(image, index) for image in held.values()], moved, classes).map50
    if reached is None:
        raise NothingToValidate("none of the images to score by that a box was drawn on can be read")
    return reached


def is_random(request: Detecting, labelled: LabelledBoxes, run: Run, what: str) -> bool:
    """Say whether the labelled images may be a random sample, by what the detector sees in them before training.

    what: as of `is_random_sample`.
    """
    pool, known = labelled.pool, labelled.matched
    rng = np.random.default_rng(request.seed)
    others = known.unlabelled(len(pool))
    rows = np.sort(np.concatenate([sample(known.rows, LABELLED_MOST, rng), sample(others, UNLABELLED_MOST, rng)]))
    run.stage("embed", len(rows), "images")
    seen = proposing_finder(request, run, features_do=True).find(pool, rows.tolist(), run).seen
    part = pool.take(np.array(sorted(seen), np.int64))
    features = np.stack([seen[row].features for row in sorted(seen)])
    return is_random_sample(Embedded(part, features, labelled.match(part), ()), run, what)


def _forecast(ahead: Outlook, i: int, extra: int, images: int, boxes: int, can_be_told: bool) -> BoxForecast:
    if not can_be_told:
        return BoxForecast(extra=extra, images=images, boxes=boxes, map50=None, low=0.0, high=1.0)
    value, low, high = (rounded(one[i]) for one in (ahead.score, ahead.low, ahead.high))
    return BoxForecast(extra=extra, images=images, boxes=boxes, map50=value, low=low, high=high)

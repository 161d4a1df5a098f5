"""How much more boxes would bring, and whether to stop: detectors trained on growing parts of the labelled images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.curves.forecast import fit_all
from nextlabel.core.curves.repeats import drawn_again
from nextlabel.core.data.boxes import BoxedImage
from nextlabel.core.errors import NoLabels
from nextlabel.core.kinds.learning_curve import (
    KIND,
    BoxCurvePoint,
    BoxForecast,
    DetectionLearningCurveResult,
    LearningCurveRequest,
)
from nextlabel.core.methods.arrays import Rows
from nextlabel.core.pipelines.advice import OF_BOXES, Ahead
from nextlabel.core.pipelines.detection.finder import finder_of, series_of
from nextlabel.core.pipelines.detection.fits import Answers, Split, Validation, is_random, map50_of, read_validation
from nextlabel.core.pipelines.detection.labelled import (
    LabelledBoxes,
    check_can_learn,
    check_can_score,
    of_their_size,
    read_pool,
    without_shared,
)
from nextlabel.core.pipelines.detection.looking import Finder
from nextlabel.core.pipelines.detection.unseen import folds_of
from nextlabel.core.pipelines.learning_curve import as_fit
from nextlabel.core.pipelines.material import manifest, rounded, skipped_images
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.validation import sources_of

LEAST_LABELS = 20
SMALLEST, SIZES = 0.3, 4  # the smallest part, of the largest; and how many parts
NOT_TOLD = "what more of them would bring can't be told: label some 200 images that the method `random` chooses"


def carry_out(request: LearningCurveRequest, run: Run) -> DetectionLearningCurveResult:
    """Train a detector from the published weights for each part of the labelled images."""
    validates = request.path_to_img_val is not None
    run.plan(*KIND.planned(leave_out=("embed validation images",)))
    run.stage("read")
    labelled = read_pool(request, run)
    drawn, skipped = of_their_size(labelled, run)
    validation = read_validation(request, run) if validates else None
    if validation is not None:
        drawn = without_shared(drawn, labelled, validation.labelled, run)
        skipped = (*skipped, *validation.sized[1])
    if len(drawn) < LEAST_LABELS:
        raise NoLabels(f"a learning curve needs {LEAST_LABELS} labelled images at least; there are {len(drawn)}")
    if validation is not None:
        check_can_learn(drawn)
        check_can_score(drawn, validation.sized[0], run)
    splits = _splits(request, labelled, drawn, validation)
    at_random = is_random(request, labelled, run, NOT_TOLD)
    measured = _measure(request, splits, run, pooled=not validates)
    run.stage("forecast")
    images, boxes = len(drawn), sum(len(image.boxes) for image in drawn.values())
    sizes = measured.sizes.astype(np.float64)
    replicates, noise = drawn_again(sizes, measured.repeats, measured.map50, pooled=not validates)
    ahead = Ahead(fit_all(sizes, replicates), images, noise, scored=at_random)
    extra = (0, *request.ahead)
    now, *forecast = (
        BoxForecast(
            extra=more,
            images=images + more,
            boxes=round(boxes * (images + more) / images),
            map50=score,
            low=low,
            high=high,
        )
        for more, (score, low, high) in zip(extra, ahead.scores(extra), strict=True)
    )
    return DetectionLearningCurveResult(
        images=images,
        boxes=boxes,
        validation="held out" if validates else "cross-validation",
        validation_images=images if validation is None else len(validation.sized[0]),
        points=measured.points(),
        fits=tuple(as_fit(one, sizes, measured.map50) for one in ahead.fits),
        now=now,
        forecast=tuple(forecast),
        advice=ahead.advice(request.worth_per_100, words=OF_BOXES),
        skipped=(*skipped, *skipped_images(labelled.pool.skipped)),
        manifest=manifest(request, measured.finder, run, head=False, sources=sources_of(labelled, validation)),
    )


# --- what is measured -------------------------------------------------------------------------------------------


def _splits(
    request: LearningCurveRequest,
    labelled: LabelledBoxes,
    drawn: Mapping[int, BoxedImage],
    validation: Validation | None,
) -> list[Split]:
    """Without a validation set, each labelled image is scored in one of the repeats. Raises NoLabels."""
    rows = np.array(list(drawn), np.int64)
    fold = folds_of(drawn, request.repeats, request.seed) if validation is None else None
    splits = []
    for r in range(request.repeats):
        order = np.random.default_rng([request.seed, r]).permutation(rows if fold is None else rows[fold != r])
        learnt = {row: drawn[row] for row in order.tolist()}
        if fold is None:
            assert validation is not None
            splits.append(Split(labelled.pool, learnt, validation.labelled.pool, validation.sized[0]))
        else:
            held = {row: drawn[row] for row in rows[fold == r].tolist()}
            splits.append(Split(labelled.pool, learnt, labelled.pool, held))
    return splits


@dataclass(frozen=True, eq=False)
class _Measured:
    """sizes: (S,) numbers of images; boxes, repeats: (R, S) how many are on them, and what a detector reaches by them.

    map50: (S,) what those of all repeats come to. Where each scored other images, they are scored together.
    """

    sizes: Rows
    boxes: Rows
    repeats: NDArray[np.float64]
    map50: NDArray[np.float64]
    finder: Finder

    def points(self) -> tuple[BoxCurvePoint, ...]:
        return tuple(
            BoxCurvePoint(
                images=int(size),
                boxes=round(float(self.boxes[:, s].mean())),
                map50=rounded(self.map50[s]),
                repeats=tuple(map(rounded, self.repeats[:, s])),
            )
            for s, size in enumerate(self.sizes)
        )


def _measure(request: LearningCurveRequest, splits: Sequence[Split], run: Run, *, pooled: bool) -> _Measured:
    """Train for all parts of all splits. Detectors of parts are not kept: they would take the place of others.

    Each repeat has a seed of its own: its last part is all that there is, and would teach each of them the same.
    pooled: whether each repeat scores other images.
    """
    most = min(len(split.learnt) for split in splits)
    sizes = np.unique(np.geomspace(SMALLEST * most, most, SIZES).round().astype(np.int64))
    held = sum(len(split.held) for split in splits)
    trainings, looked_at = len(sizes) * len(splits), len(sizes) * held
    series = series_of(request, splits[0].learnt, run, trainings=trainings, looked_at=looked_at)
    boxes, repeats = np.zeros((len(splits), len(sizes)), np.int64), np.zeros((len(splits), len(sizes)))
    map50 = np.zeros(len(sizes))
    for s, size in enumerate(sizes.tolist()):
        answers: list[Answers] = []
        for r, split in enumerate(splits):
            part = dict(list(split.learnt.items())[:size])
            anew = request.model_copy(update={"seed": request.seed + r})
            finder = finder_of(anew, split.pool, part, run, series=series, keeps=False, features_do=True)
            answers.append(split.judge(finder, run))
            repeats[r, s] = map50_of(answers[-1:])
            boxes[r, s] = sum(len(image.boxes) for image in part.values())
            series.count(len(split.held), run)
        map50[s] = map50_of(answers) if pooled else repeats[:, s].mean()
    return _Measured(sizes, boxes, repeats, map50, finder)

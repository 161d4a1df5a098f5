"""How much more labels would bring, and whether to stop: heads trained on growing parts of the labels there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.curves.forecast import REPLICATES, Fits, fit_all, forecast_error
from nextlabel.core.kinds.learning_curve import (
    KIND,
    Coverage,
    CurveFit,
    CurvePoint,
    Forecast,
    LearningCurveRequest,
    LearningCurveResult,
    Stability,
)
from nextlabel.core.methods.base import Rows
from nextlabel.core.methods.geometry import Geometry, nearest, sample, squared_distances
from nextlabel.core.metrics.f1 import macro_f1
from nextlabel.core.neural.folds import stratified_folds
from nextlabel.core.pipelines.advice import OF_CLASSES, Ahead
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.fits import Fitter, Split, need_labels
from nextlabel.core.pipelines.material import manifest, read_labelled, rounded, skipped_images
from nextlabel.core.pipelines.replay import order_of_choice
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.sampling import is_random_sample
from nextlabel.core.pipelines.source import source_of
from nextlabel.core.pipelines.texts import names_for
from nextlabel.core.pipelines.validation import Validation, embed_validation, read_validation, sources_of
from nextlabel.core.tasks.registry import task_of

LEAST_LABELS = 30
SMALLEST, SIZES = 15, 9  # labels of the smallest part, and how many parts
ROUNDS, ROUND, STABILITY_IMAGES = 3, 100, 2_000  # stability: the last rounds, of so many labels or a tenth of them
OTHERS = 2_000  # unlabelled images that stand for the pool where the order of choice is sought
COVERAGE_IMAGES, NEIGHBOURS, USUAL = 5_000, 500, 0.75
ORDER_OF_CHOICE = (
    "the forecast is for more labels chosen by `auto`, and follows the order in which it would choose these; of few "
    "labels, and a curve that still rises, it can't be told where it ends"
)
ENOUGH_A_CLASS = 25  # chosen labels: from fewer, forecasts of curves that still rise were too rosy (docs/stopping.md)
OWN_SCORES = (
    "they can't score themselves, and nothing bounds the forecast: label some 200 images that the method `random` "
    "chooses, and name them as a validation set"
)


def carry_out(request: LearningCurveRequest, run: Run) -> LearningCurveResult:
    """Embeds all of the pool: stability and coverage are about its unlabelled images."""
    validates = request.path_to_img_val is not None
    run.plan(*KIND.planned(leave_out=() if validates else ("embed validation images",)))
    run.stage("read")
    labelled = read_labelled(request, request.path_to_img, request.path_to_labels, run)
    labelled.task.check_matched(labelled.matched, "learning_curve")
    need_labels(labelled.matched, LEAST_LABELS, "a learning curve")
    held_out = read_validation(request, labelled.matched, run)
    source = source_of(request, run)
    embedded = source.embed(labelled, np.arange(len(labelled.pool), dtype=np.int64), "embed", run)
    need_labels(embedded.matched, LEAST_LABELS, "a learning curve")
    validation = embed_validation(held_out, source, run)
    names = _names(request, embedded, validation, run)
    fitter = Fitter(request.head, task_of(request.task), request.seed, run, embedded.neighbourhood, names)
    at_random = is_random_sample(embedded, run, OWN_SCORES if validation is None else ORDER_OF_CHOICE)
    splits = _splits(request, embedded, validation, None if at_random else fitter)
    measured = _measure(splits, fitter, run)
    run.stage("forecast")
    scores, sizes = measured.scores(pooled=validation is None), measured.sizes.astype(np.float64)
    labels = len(embedded.matched.rows)
    needed, scored = 0 if at_random else ENOUGH_A_CLASS * splits[0].n_classes, at_random or validation is not None
    ahead = Ahead(fit_all(sizes, scores.replicates), labels, scores.noise, needed, scored)
    extra = (0, *request.ahead)
    now, *forecast = (
        Forecast(extra=more, labels=labels + more, f1_macro=score, low=low, high=high)
        for more, (score, low, high) in zip(extra, ahead.scores(extra), strict=True)
    )
    stability = _stability(splits[0], embedded, fitter, request.seed)
    coverage = _coverage(embedded, request.seed)
    return LearningCurveResult(
        labels=labels,
        validation="cross-validation" if validation is None else "held out",
        validation_images=labels if validation is None else len(validation.embeddings),
        points=_points(measured, scores),
        fits=tuple(as_fit(one, sizes, scores.mean) for one in ahead.fits),
        now=now,
        forecast=tuple(forecast),
        stability=stability,
        coverage=coverage,
        advice=ahead.advice(request.worth_per_100, stability, coverage, words=OF_CLASSES),
        skipped=skipped_images(labelled.pool.skipped, embedded.unreadable),
        manifest=manifest(request, source, run, head=True, sources=sources_of(labelled, validation)),
    )


def _names(
    request: LearningCurveRequest, embedded: Embedded, validation: Validation | None, run: Run
) -> NDArray[np.float32] | None:
    """Return where the names of classes lie, in the space of the splits: zero where no head can learn the class."""
    matched = embedded.matched
    names = names_for(request, matched.classes, run)
    if names is None or validation is None:
        return names
    classes, _, _ = validation.together(matched)
    spread = np.zeros((len(classes), names.shape[1]), np.float32)
    spread[[classes.index(name) for name in matched.classes]] = names
    return spread


# --- what is measured -------------------------------------------------------------------------------------------


def _splits(
    request: LearningCurveRequest, embedded: Embedded, validation: Validation | None, choosing: Fitter | None
) -> list[Split]:
    """choosing: fits the heads that the labelled images were chosen by; None: they were drawn at random.

    Parts of chosen labels that are drawn at random teach less than those that were chosen first did, and make the curve
    too steep. So the parts are chosen, too, where a validation set scores them; chosen labels can't score themselves.
    """
    matched = embedded.matched
    X, y = embedded.embeddings[matched.rows], matched.targets
    if validation is not None:
        classes, targets, truth = validation.together(matched)
        chances = [np.random.default_rng([request.seed, r]) for r in range(request.repeats)]
        if choosing is None:
            orders = [chance.permutation(len(y)) for chance in chances]
        else:
            others = embedded.embeddings[sample(embedded.unlabelled(), OTHERS, np.random.default_rng(request.seed))]
            orders = [order_of_choice(X, targets, others, choosing, chance) for chance in chances]
        return [Split(X[order], targets[order], validation.embeddings, truth, len(classes)) for order in orders]
    fold = stratified_folds(task_of(request.task).strata(y), request.repeats, request.seed)
    splits = []
    for r in range(request.repeats):
        order = np.random.default_rng([request.seed, r]).permutation(np.flatnonzero(fold != r))
        splits.append(Split(X[order], y[order], X[fold == r], y[fold == r], len(matched.classes)))
    return splits


@dataclass(frozen=True, eq=False)
class Measured:
    """sizes: (S,) numbers of labels; counts: (R, S, 3, C) as `class_counts`."""

    sizes: Rows
    counts: NDArray[np.int64]

    def scores(self, *, pooled: bool) -> RepeatedScores:
        """pooled: the repeats are folds, so that their images are scored together; else each is a score by itself."""
        draws = np.random.default_rng(0).integers(0, len(self.counts), (REPLICATES, len(self.counts)))
        repeats = macro_f1(self.counts)
        if pooled:
            replicates = np.stack([macro_f1(self.counts[draw].sum(axis=0)) for draw in draws])
            noise = replicates[:, -3:].std(axis=0)
            return RepeatedScores(macro_f1(self.counts.sum(axis=0)), repeats, replicates, float(noise.mean()))
        noise = repeats[:, -4:-1].std(axis=0, ddof=1)  # the last head is the same in each repeat
        return RepeatedScores(repeats.mean(axis=0), repeats, repeats[draws].mean(axis=1), float(noise.mean()))


@dataclass(frozen=True, eq=False)
class RepeatedScores:
    """Macro F1: mean (S,), of each repeat (R, S), drawn again (B, S); noise: standard deviation of a repeat's."""

    mean: NDArray[np.float64]
    repeats: NDArray[np.float64]
    replicates: NDArray[np.float64]
    noise: float


def _measure(splits: Sequence[Split], fitter: Fitter, run: Run) -> Measured:
    most = min(len(split.targets) for split in splits)
    sizes = np.unique(np.geomspace(min(SMALLEST, most // 2), most, SIZES).round().astype(np.int64))
    run.stage("train", total=len(splits) * len(sizes), unit="heads")
    counts = np.zeros((len(splits), len(sizes), 3, splits[0].n_classes), np.int64)
    for r, split in enumerate(splits):
        for s, size in enumerate(sizes):
            fitted = fitter.train(split.embeddings[:size], split.targets[:size], split.n_classes)
            counts[r, s] = fitter.task.counts(split.truth, fitted.predict(split.held_out), split.n_classes)
            run.advance(r * len(sizes) + s + 1)
    return Measured(sizes, counts)


def _stability(split: Split, embedded: Embedded, fitter: Fitter, seed: int) -> Stability | None:
    """Bloodgood and Vijay-Shanker, A Method for Stopping Active Learning Based on Stabilizing Predictions (2009)."""
    watched = sample(embedded.unlabelled(), STABILITY_IMAGES, np.random.default_rng(seed))
    if not len(watched):
        return None
    most = len(split.targets)
    sizes = [most - min(ROUND, most // 10) * back for back in range(ROUNDS, -1, -1)]
    X = embedded.embeddings[watched]
    seen = [fitter.train(split.embeddings[:size], split.targets[:size], split.n_classes).predict(X) for size in sizes]
    kappas = [fitter.task.agreement(a, b, split.n_classes) for a, b in pairwise(seen)]
    return Stability(labels=tuple(sizes), kappas=tuple(rounded(kappa) for kappa in kappas), images=len(watched))


def _coverage(embedded: Embedded, seed: int) -> Coverage | None:
    """Close enough is where, for three images in four, the nearest of 500 drawn from the pool lies."""
    rng = np.random.default_rng(seed)
    geometry, n = Geometry(embedded.embeddings), len(embedded.pool)
    if n < 2 * NEIGHBOURS:
        return None
    drawn = geometry.units(sample(np.arange(n), NEIGHBOURS, rng))
    squared = squared_distances(drawn, drawn)
    np.fill_diagonal(squared, np.inf)
    usual = float(np.quantile(squared.min(axis=1), USUAL))
    asked = sample(embedded.unlabelled(), COVERAGE_IMAGES, rng)
    if not len(asked):
        return None
    _, distances = nearest(geometry.units(asked), geometry.units(embedded.matched.rows))
    return Coverage(share=rounded(float((distances <= usual).mean())), images=len(asked))


# --- in the result ----------------------------------------------------------------------------------------------


def _points(measured: Measured, scores: RepeatedScores) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(
            labels=int(size),
            f1_macro=rounded(scores.mean[s]),
            repeats=tuple(rounded(one) for one in scores.repeats[:, s]),
        )
        for s, size in enumerate(measured.sizes)
    )


def as_fit(one: Fits, sizes: NDArray[np.float64], mean: NDArray[np.float64]) -> CurveFit:
    """Tell the middle one of the curves fitted."""
    middle = {name: rounded(float(np.median(getattr(one, name)))) for name in ("a", "b", "c")}
    family = one.family
    return CurveFit(
        family=family.name,
        formula=family.formula,
        parameters=middle,
        error=rounded(forecast_error(family, sizes, mean)),
    )

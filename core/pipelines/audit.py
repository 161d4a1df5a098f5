"""Whether methods beat chance on the labels there are: each is replayed from zero labels on, beside `random`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.curves.comparison import compare
from nextlabel.core.kinds.audit import KIND, AuditArm, AuditRequest, AuditResult
from nextlabel.core.methods.base import NO_ROWS, Inputs, Method, Rows
from nextlabel.core.methods.baseline import Random
from nextlabel.core.methods.batch import choose
from nextlabel.core.metrics.f1 import macro_f1
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.fits import Fit, Fitter, Split, need_labels
from nextlabel.core.pipelines.material import manifest, read_labelled, rounded, rounded_interval, skipped_images
from nextlabel.core.pipelines.replay import settle_by_targets
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.sampling import is_random_sample, rows_to_compare
from nextlabel.core.pipelines.source import source_of
from nextlabel.core.pipelines.validation import Validation, embed_validation, read_validation, sources_of
from nextlabel.core.pipelines.verdicts import OF_CLASSES, sentence_of, summary_of, verdict_of
from nextlabel.core.tasks.base import ClassTask
from nextlabel.core.tasks.registry import task_of

LEAST_LABELS = 60
HELD_OUT, HELD_OUT_MOST = 0.4, 2_000  # of the labelled images, where there is no validation set
DRAWN = 0.8  # of the labelled images, anew in each repeat, where there is one: else all repeats would start alike
BUDGET, BUDGET_MOST = 0.5, 1_000  # of the images replayed: near their end all methods have the same labels
CANT_TELL = "an audit of them can't tell whether methods are better than random; label images that `random` chooses"
FIRST, GROWTH = 10, 1.6  # labels after the first round, and how many times as many after each other


def carry_out(request: AuditRequest, run: Run) -> AuditResult:
    """Embeds what is labelled, and a sample of the rest of the pool to see whether the labels are a random one."""
    validates = request.path_to_img_val is not None
    run.plan(*KIND.planned(leave_out=() if validates else ("embed validation images",)))
    run.stage("read")
    labelled = read_labelled(request, request.path_to_img, request.path_to_labels, run)
    labelled.task.check_matched(labelled.matched, "audit")
    need_labels(labelled.matched, LEAST_LABELS, "an audit")
    held_out = read_validation(request, labelled.matched, run)
    source = source_of(request, run)
    embedded = source.embed(labelled, rows_to_compare(labelled), "embed", run)
    need_labels(embedded.matched, LEAST_LABELS, "an audit")
    validation = embed_validation(held_out, source, run)
    at_random = is_random_sample(embedded, run, CANT_TELL)
    splits = [_split(embedded, validation, [request.seed, repeat]) for repeat in range(request.repeats)]
    sizes = _sizes(request.budget, min(len(split.targets) for split in splits))
    methods: list[Method] = [Random(), *request.methods]
    f1 = _replay_all(request, methods, splits, sizes, run)
    arms = tuple(_arm(method, sizes, f1[0], f1[i], at_random) for i, method in enumerate(methods))
    return AuditResult(
        repeats=request.repeats,
        images=len(splits[0].targets),
        validation="split" if validation is None else "held out",
        validation_images=len(splits[0].truth),
        arms=arms,
        sentence=summary_of(arms, at_random, OF_CLASSES),
        skipped=skipped_images(labelled.pool.skipped, embedded.unreadable),
        manifest=manifest(request, source, run, head=True, sources=sources_of(labelled, validation)),
    )


# --- replays ----------------------------------------------------------------------------------------------------


def _split(embedded: Embedded, validation: Validation | None, seed: Sequence[int]) -> Split:
    """Its images to learn from are the pool of a replay."""
    matched = embedded.matched
    X = embedded.embeddings[matched.rows]
    order = np.random.default_rng(seed).permutation(len(X))
    if validation is not None:
        classes, targets, truth = validation.together(matched)
        drawn = order[: round(DRAWN * len(X))]
        return Split(X[drawn], targets[drawn], validation.embeddings, truth, len(classes))
    held_out, drawn = np.split(order, [min(HELD_OUT_MOST, round(HELD_OUT * len(X)))])
    y = matched.targets
    return Split(X[drawn], y[drawn], X[held_out], y[held_out], len(matched.classes))


def _sizes(budget: int | None, images: int) -> list[int]:
    most = min(budget or min(BUDGET_MOST, round(BUDGET * images)), images)
    return sizes_between(FIRST, most)


def sizes_between(first: int, most: int) -> list[int]:
    """Return numbers of labels after each round, ascending; two at least, unless they are equal."""
    rounds = max(1, round(np.log(most / first) / np.log(GROWTH)))
    return [int(size) for size in np.unique(np.geomspace(first, most, rounds + 1).round())]


def _replay_all(
    request: AuditRequest, methods: Sequence[Method], splits: Sequence[Split], sizes: Sequence[int], run: Run
) -> NDArray[np.float64]:
    """(M, R, S) macro F1."""
    run.stage("replay", total=len(methods) * len(splits), unit="replays")
    fitter = Fitter(request.head, task_of(request.task), request.seed, run)
    f1 = np.zeros((len(methods), len(splits), len(sizes)))
    for repeat, split in enumerate(splits):
        for number, method in enumerate(methods):
            rng = np.random.default_rng([request.seed, repeat, number])
            f1[number, repeat] = _replay(method, split, sizes, fitter, rng, run)
            run.advance(repeat * len(methods) + number + 1)
    return f1


def _replay(
    method: Method, split: Split, sizes: Sequence[int], fitter: Fitter, rng: np.random.Generator, run: Run
) -> list[float]:
    """Macro F1 after each round, each round as `selection` would do it."""
    known, fitted = NO_ROWS, None
    f1 = []
    for size in sizes:
        settled = settle_by_targets(method, split.targets[known], fitter.task)
        rows = choose(
            settled, _inputs(split, known, fitted, fitter.task), size - len(known), rng, check=run.check
        ).picks.rows
        known = np.union1d(known, rows)
        fitted = fitter.train(split.embeddings[known], split.targets[known], split.n_classes)
        counts = fitter.task.counts(split.truth, fitted.predict(split.held_out), split.n_classes)
        f1.append(float(macro_f1(counts)))
    return f1


def _inputs(split: Split, known: Rows, fitted: Fit | None, task: ClassTask) -> Inputs:
    head = fitted.head if fitted else None
    return Inputs(
        candidates=np.setdiff1d(np.arange(len(split.targets)), known),
        embeddings=split.embeddings,
        labelled=known,
        targets=task.learnable(split.targets[known])[1],
        logits=head.logits(split.embeddings) if head else None,
        units=task.units,
    )


# --- in words ---------------------------------------------------------------------------------------------------


def _arm(
    method: Method, sizes: Sequence[int], chance: NDArray[np.float64], f1: NDArray[np.float64], at_random: bool
) -> AuditArm:
    """chance, f1: (R, S)"""
    found = compare(np.array(sizes, float), chance, f1, np.random.default_rng(0))
    verdict = verdict_of(method.name, found, at_random)
    return AuditArm(
        method=method.name,
        labels=tuple(sizes),
        f1_macro=tuple(rounded(one) for one in f1.mean(axis=0)),
        gain=rounded(found.gain),
        gain_interval=rounded_interval(found.gain_interval),
        saved=rounded(found.saved),
        saved_interval=rounded_interval(found.saved_interval),
        verdict=verdict,
        sentence=sentence_of(method.name, verdict, found, sizes[-1], float(chance[:, -1].mean()), OF_CLASSES),
    )

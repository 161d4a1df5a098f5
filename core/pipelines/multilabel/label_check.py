"""Which classes look missing or surplus, where an image may have several: confident learning, a class at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.counting import counted
from nextlabel.core.errors import WarningCode
from nextlabel.core.kinds.label_check import (
    LabelCheckRequest,
    MultilabelCopiesDisagree,
    MultilabelLabelCheckResult,
    MultilabelSuspiciousLabel,
)
from nextlabel.core.methods.batch import copy_distance
from nextlabel.core.methods.geometry import Geometry, nearest_within
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.label_check import embed_labelled, read_labelled_images
from nextlabel.core.pipelines.material import manifest, out_of_fold, rounded, train
from nextlabel.core.pipelines.run import Run
from nextlabel.core.tasks.multilabel import MatchedSets
from nextlabel.core.tasks.registry import task_of

LEAST = 2  # images that have a class, and that have not: one has no other to be judged by
FEW_OF_A_CLASS = 20  # on average: with fewer, what a head takes for errors is its own


def carry_out(request: LabelCheckRequest, run: Run) -> MultilabelLabelCheckResult:
    checked = embed_labelled(request, read_labelled_images(request, run), run)
    embedded, matched = checked.embedded, checked.embedded.matched
    assert isinstance(matched, MatchedSets)
    run.stage("judge")
    wrong, share = _suspicious(request, embedded, matched, run)
    run.stage("compare")
    return MultilabelLabelCheckResult(
        expected_errors=share,
        items=wrong,
        copies_that_disagree=tuple(_copies_that_disagree(embedded, matched)),
        manifest=manifest(request, checked.source, run, head=True, sources=checked.sources),
        **checked.told,
    )


def _suspicious(
    request: LabelCheckRequest, embedded: Embedded, matched: MatchedSets, run: Run
) -> tuple[tuple[MultilabelSuspiciousLabel, ...], float | None]:
    """-> (what looks wrong, by image and class, the most suspicious first; how much of that an image is expected)."""
    probabilities = _left_out(request, embedded, matched, run)
    wrong = np.zeros(matched.targets.shape, np.bool_)
    for c in _judgeable(matched, run):
        run.check()
        wrong[_issues(matched.targets[:, c], probabilities[:, c]), c] = True
    return tuple(_items(wrong, probabilities, embedded, matched)), _expected(wrong, matched, run)


def _copies_that_disagree(embedded: Embedded, matched: MatchedSets) -> Iterator[MultilabelCopiesDisagree]:
    """Each image with the nearest of its near-copies that is labelled otherwise; each pair once."""
    geometry, classes = Geometry(embedded.embeddings), matched.classes_by_row()
    limit = copy_distance(geometry) ** 2
    sets, which = np.unique(matched.targets, axis=0, return_inverse=True)
    seen: set[frozenset[int]] = set()
    for number in range(len(sets)):
        mine, others = matched.rows[which == number], matched.rows[which != number]
        found = nearest_within(geometry, mine, others, limit)
        for i in np.flatnonzero(found >= 0):
            row, other = int(mine[i]), int(others[found[i]])
            if frozenset((row, other)) not in seen:
                seen.add(frozenset((row, other)))
                yield MultilabelCopiesDisagree(
                    names=(embedded.pool.names[row], embedded.pool.names[other]),
                    classes=tuple(sorted({*classes[row]} ^ {*classes[other]})),
                )


def _left_out(request: LabelCheckRequest, embedded: Embedded, matched: MatchedSets, run: Run) -> NDArray[np.float64]:
    """Return (L, C) what heads say of images that they were not trained on."""
    task = task_of(request.task)
    head, _ = train(request, embedded.embeddings, matched, run)
    logits = out_of_fold(head, request, embedded.embeddings, matched, run)
    return task.probabilities(logits)


def _judgeable(matched: MatchedSets, run: Run) -> list[int]:
    counts = matched.targets.sum(axis=0)
    enough = (counts >= LEAST) & (len(matched.rows) - counts >= LEAST)
    small = [matched.classes[c] for c in np.flatnonzero(~enough)]
    if small:
        detail = "a class that one image alone has, or has not, can't be judged; these were left out"
        run.warn(WarningCode.CLASS_TOO_SMALL, detail, small)
    return [int(c) for c in np.flatnonzero(enough)]


def _issues(said: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    from cleanlab.filter import find_label_issues  # noqa: PLC0415 - it brings pandas: a second at each worker's start

    both = np.stack([1 - probabilities, probabilities], axis=1)
    found: NDArray[np.int64] = find_label_issues(
        said.astype(np.int64),
        both,
        filter_by="low_self_confidence",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    return found


def _items(
    wrong: NDArray[np.bool_], probabilities: NDArray[np.float64], embedded: Embedded, matched: MatchedSets
) -> Iterator[MultilabelSuspiciousLabel]:
    given = np.where(matched.targets, probabilities, 1 - probabilities)
    image, class_ = np.nonzero(wrong)
    order = np.argsort(given[image, class_], kind="stable")
    for rank, (i, c) in enumerate(zip(image[order].tolist(), class_[order].tolist(), strict=True), 1):
        name, has, p = matched.classes[c], bool(matched.targets[i, c]), probabilities[i, c]
        right = np.flatnonzero(matched.targets[i] != wrong[i]).tolist()
        yield MultilabelSuspiciousLabel(
            rank=rank,
            name=embedded.pool.names[matched.rows[i]],
            class_name=name,
            miss="surplus" if has else "missing",
            probability=rounded(p),
            suggested=tuple(matched.classes[k] for k in right),
            reason=f"labelled {name}, which is unlikely ({p:.2f})" if has else f"not labelled {name} ({p:.2f})",
        )


def _expected(wrong: NDArray[np.bool_], matched: MatchedSets, run: Run) -> float | None:
    images, classes = matched.targets.shape
    if matched.targets.sum() < FEW_OF_A_CLASS * classes:
        those = f"{counted(images, 'labelled image')} of {counted(classes, 'class', 'classes')}"
        detail = f"with {those} the model is wrong more often than a person is"
        run.warn(WarningCode.FEW_LABELS, f"{detail}: look closely")
        return None
    return rounded(float(wrong.sum() / images))

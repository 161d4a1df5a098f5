"""Which labels look wrong: out-of-fold confident learning, names labelled twice, copies that disagree, leaks.

Northcutt, Jiang and Chuang, Confident Learning, JAIR 2021, by cleanlab.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.counting import counted
from nextlabel.core.data.external import ExternalPredictions
from nextlabel.core.data.spelling import hint
from nextlabel.core.errors import NoLabels, TooFewOfAClass, WarningCode
from nextlabel.core.kinds.label_check import (
    KIND,
    CopiesDisagree,
    LabelCheckRequest,
    LabelCheckResult,
    NameConflict,
    SuspiciousLabel,
)
from nextlabel.core.methods.batch import copy_distance
from nextlabel.core.methods.geometry import Geometry, nearest_within
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.leaks import as_leaks, find_leaks
from nextlabel.core.pipelines.material import (
    Labelled,
    Read,
    manifest,
    out_of_fold,
    read_labelled,
    rounded,
    skipped_images,
    train,
)
from nextlabel.core.pipelines.predictions import align, read_external
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import Source, source_of
from nextlabel.core.pipelines.validation import embed_validation, read_validation, sources_of
from nextlabel.core.tasks.base import Matched
from nextlabel.core.tasks.registry import task_of

FEW_OF_A_CLASS = 20  # on average: with fewer, what a head takes for errors is its own
LEAST_OF_A_CLASS = 2  # one image has no other to be judged by


def carry_out(request: LabelCheckRequest, run: Run) -> LabelCheckResult:
    """With predictions brought along, they judge, and no head is trained."""
    labelled = read_labelled_images(request, run)
    external = read_external(request.path_to_predictions, labelled.pool, run)
    if external is None:
        _need_judgeable_classes(labelled.matched)
    else:
        _need_a_class_of(external, labelled.matched)
    checked = embed_labelled(request, labelled, run)
    run.stage("judge")
    judged = _judge(request, checked.embedded, external, run)
    run.stage("compare")
    items, expected = _suspicious(judged, checked.embedded)
    return LabelCheckResult(
        expected_errors=_share(expected, judged, run),
        items=tuple(items),
        copies_that_disagree=tuple(_copies_that_disagree(checked.embedded)),
        manifest=manifest(
            request,
            checked.source,
            run,
            head=judged.fingerprint is None,
            sources=checked.sources,
            predictions=judged.fingerprint,
        ),
        **checked.told,
    )


def read_labelled_images(request: LabelCheckRequest, run: Run) -> Labelled:
    """Read the labels and the pool of what is labelled."""
    validates = request.path_to_img_val is not None
    of_boxes = ("train", "predict")
    run.plan(*KIND.planned(leave_out=of_boxes if validates else (*of_boxes, "embed validation images")))
    run.stage("read")
    labelled = read_labelled(request, request.path_to_img, request.path_to_labels, run, labelled_only=True)
    labelled.task.check_matched(labelled.matched, "label_check")
    return labelled


@dataclass(frozen=True, eq=False)
class Checked:
    """The labelled images, embedded. told: what every result says, whatever a label is."""

    embedded: Embedded
    source: Source
    sources: dict[str, Read]
    told: dict[str, Any]


def embed_labelled(request: LabelCheckRequest, labelled: Labelled, run: Run) -> Checked:
    """Embed the labelled images, and find what needs no model: contradictions, and leaks into the validation set."""
    held_out = read_validation(request, labelled.matched, run)
    source = source_of(request, run)
    embedded = source.embed(labelled, labelled.matched.rows, "embed", run)
    validation = embed_validation(held_out, source, run)
    leaks = as_leaks(find_leaks(embedded, validation.embedded), embedded, validation.embedded) if validation else ()
    told: dict[str, Any] = {
        "labels": len(embedded.matched.rows),
        "conflicts": tuple(NameConflict(name=name, classes=places) for name, places in labelled.conflicts.items()),
        "leaks": leaks,
        "skipped": skipped_images(labelled.pool.skipped, embedded.unreadable),
    }
    return Checked(embedded, source, sources_of(labelled, validation), told)


@dataclass(frozen=True, eq=False)
class Judgement:
    """rows: (J,) labelled rows that can be judged; targets: (J,) into `classes`; probabilities: (J, C), by what had not
    seen the label. fingerprint: of predictions that were brought along."""

    rows: NDArray[np.int64]
    targets: NDArray[np.int64]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    fingerprint: str | None = None


def _judge(request: LabelCheckRequest, embedded: Embedded, external: ExternalPredictions | None, run: Run) -> Judgement:
    if external is not None:
        return _by_predictions(external, embedded, run)
    task = task_of(request.task)
    matched = _of_judgeable_classes(embedded.matched, run)
    head, _ = train(request, embedded.embeddings, matched, run)
    run.check()
    logits = out_of_fold(head, request, embedded.embeddings, matched, run)
    return Judgement(matched.rows, matched.targets, matched.classes, task.probabilities(logits))


def _need_judgeable_classes(matched: Matched) -> None:
    """Raise TooFewOfAClass where no label has others of its class, and of another class, to be judged by."""
    counts = matched.images_per_class()
    enough = [name for name, count in counts.items() if count >= LEAST_OF_A_CLASS]
    if len(enough) < 2:
        having = f"only {enough[0]!r} has" if enough else "each of them has one"
        raise TooFewOfAClass(
            "label_check judges a label by other images of its class, and beside another class: two classes need "
            f"{LEAST_OF_A_CLASS} labelled images at least; of the {len(counts)} classes {having}"
        )


def _of_judgeable_classes(matched: Matched, run: Run) -> Matched:
    _need_judgeable_classes(matched)
    counts = np.bincount(matched.targets)
    small = [matched.classes[i] for i in np.flatnonzero(counts < LEAST_OF_A_CLASS)]
    if not small:
        return matched
    run.warn(
        WarningCode.CLASS_TOO_SMALL, "the only image of its class can't be judged; these classes were left out", small
    )
    return matched.take(~np.isin(matched.targets, np.flatnonzero(counts < LEAST_OF_A_CLASS)))


def _need_a_class_of(external: ExternalPredictions, matched: Matched) -> None:
    if not set(matched.classes) & set(external.classes):
        meant = hint(matched.classes, external.classes)
        raise NoLabels(f"no labelled image has a prediction for its class{meant}")


def _by_predictions(external: ExternalPredictions, embedded: Embedded, run: Run) -> Judgement:
    places, known = align(external, embedded, run)
    matched = embedded.matched
    targets = matched.onto(external.classes)
    foreign = [name for name in matched.classes if name not in external.classes]
    if foreign:
        run.warn(
            WarningCode.CLASS_WITHOUT_PREDICTION,
            f"labels of classes that the predictions don't have were left out{hint(foreign, external.classes)}",
            foreign,
        )
    kept = known[matched.rows] & (targets >= 0)
    if not kept.any():
        meant = hint(foreign, external.classes)
        raise NoLabels(f"no labelled image has a prediction for its class{meant}")
    rows = matched.rows[kept]
    return Judgement(
        rows, targets[kept], external.classes, external.probabilities[places[rows]], external.fingerprint()
    )


def _share(expected: int, judged: Judgement, run: Run) -> float | None:
    labels, classes = len(judged.rows), len(np.unique(judged.targets))
    if labels < FEW_OF_A_CLASS * classes and judged.fingerprint is None:
        those = f"{labels} labels of {counted(classes, 'class', 'classes')}"
        detail = f"with {those} the model is wrong more often than a person is: look closely"
        run.warn(WarningCode.FEW_LABELS, detail)
        return None
    return rounded(expected / labels)


def _suspicious(judged: Judgement, embedded: Embedded) -> tuple[Iterator[SuspiciousLabel], int]:
    """-> (those, most suspicious first; how many wrong labels confident learning expects).

    As many as it expects, those whose given class has the smallest probability: on photos with 5 % of the labels wrong
    this finds more of them, and is right more often, than its other filters (docs/labels.md).
    """
    from cleanlab.filter import find_label_issues  # noqa: PLC0415 - it brings pandas: a second at the start of each worker

    order = find_label_issues(
        judged.targets,
        judged.probabilities,
        filter_by="low_self_confidence",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    return (_item(rank, int(place), judged, embedded) for rank, place in enumerate(order, 1)), len(order)


def _item(rank: int, place: int, judged: Judgement, embedded: Embedded) -> SuspiciousLabel:
    row, given = judged.probabilities[place], int(judged.targets[place])
    suggested = int(np.argmax(np.where(np.arange(len(row)) == given, -1.0, row)))
    name, other = judged.classes[given], judged.classes[suggested]
    return SuspiciousLabel(
        rank=rank,
        name=embedded.pool.names[judged.rows[place]],
        given=name,
        suggested=other,
        given_probability=rounded(row[given]),
        confidence=rounded(row[suggested]),
        reason=f"labelled {name} ({row[given]:.2f}), looks like {other} ({row[suggested]:.2f})",
    )


def _copies_that_disagree(embedded: Embedded) -> Iterator[CopiesDisagree]:
    """Each image with the nearest of its near-copies that has another class; each pair once."""
    matched = embedded.matched
    if not embedded.embeddings.shape[1]:
        return
    geometry = Geometry(embedded.embeddings)
    limit = copy_distance(geometry) ** 2
    class_by_row = matched.class_by_row()
    seen: set[frozenset[int]] = set()
    for target, name in enumerate(matched.classes):
        mine, others = matched.rows[matched.targets == target], matched.rows[matched.targets != target]
        found = nearest_within(geometry, mine, others, limit)
        for i in np.flatnonzero(found >= 0):
            row, other = int(mine[i]), int(others[found[i]])
            if frozenset((row, other)) not in seen:
                seen.add(frozenset((row, other)))
                names = (embedded.pool.names[row], embedded.pool.names[other])
                yield CopiesDisagree(names=names, classes=(name, class_by_row[other]))

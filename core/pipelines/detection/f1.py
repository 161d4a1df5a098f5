"""How good boxes are that were predicted elsewhere: what `f1` tells of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from nextlabel.core.kinds.f1 import KIND, BoxMiss, BoxScores, Confusion, DetectionF1Result, F1Request
from nextlabel.core.metrics.detection import ClassAP, Interval, Kind, Miss, score
from nextlabel.core.pipelines.detection.labelled import Compared, compare, read_boxes
from nextlabel.core.pipelines.f1 import MISSES_TOLD
from nextlabel.core.pipelines.material import manifest, rounded, rounded_interval
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import NoEmbeddings

MISSES: tuple[Kind, ...] = ("class", "place", "both", "double", "background", "missed")


def carry_out(request: F1Request, run: Run) -> DetectionF1Result:
    """Read both sides, hold the boxes of each image against each other, and tell how good they are."""
    run.plan(*KIND.planned(leave_out=("embed training images", "embed validation images", "train")))
    run.stage("read")
    labelled = read_boxes(
        request.path_to_img_val, request.path_to_labels_val, run, "validation", content=request.content
    )
    assert request.path_to_predictions is not None  # the request was refused otherwise
    compared = compare(labelled, request.path_to_predictions, run)
    run.stage("score")
    rng = np.random.default_rng(request.seed)
    scores = score(compared.truth, compared.detected, compared.classes, rng)
    kinds = Counter(miss.kind for miss in scores.misses)
    return DetectionF1Result(
        mean_average_precision=_rounded(scores.mean_average_precision),
        mean_average_precision_interval=_both(scores.mean_average_precision_interval),
        map50=_rounded(scores.map50),
        map50_interval=_both(scores.map50_interval),
        average_recall=_rounded(scores.average_recall),
        f1=_rounded(scores.f1),
        f1_interval=_both(scores.f1_interval),
        validation_images=len(compared.names),
        validation_boxes=compared.boxes,
        per_class=tuple(map(_shown, scores.per_class)),
        confusion=Confusion(classes=compared.classes, matrix=tuple(tuple(row) for row in scores.confusion.tolist())),
        misses_by_kind={kind: kinds[kind] for kind in MISSES},
        misses=_misses(scores.misses, compared),
        classes_without_predictions=compared.never_predicted,
        classes_without_validation_images=tuple(one.name for one in scores.per_class if not one.objects),
        skipped=compared.skipped,
        manifest=manifest(
            request, NoEmbeddings(), run, head=False, sources={"validation": labelled}, predictions=compared.fingerprint
        ),
    )


def _misses(misses: Sequence[Miss], compared: Compared) -> tuple[BoxMiss, ...]:
    """List them, the surest first; what was missed has no score, and comes last."""
    told = []
    for miss in misses:
        said, one = compared.detected[miss.image], miss.detection
        drawn = None if miss.truth is None else compared.images[miss.image].boxes[miss.truth]
        told.append(
            BoxMiss(
                name=compared.names[miss.image],
                miss=miss.kind,
                class_name=None if drawn is None else drawn.class_name,
                predicted=None if one is None else compared.classes[said.classes[one]],
                box=None if drawn is None else drawn[1:5],
                predicted_box=None if one is None else tuple(map(rounded, said.places[one])),
                score=None if one is None else rounded(said.scores[one]),
                iou=rounded(miss.iou),
            )
        )
    told.sort(key=lambda miss: -1.0 if miss.score is None else miss.score, reverse=True)
    return tuple(told[:MISSES_TOLD])


def _shown(one: ClassAP) -> BoxScores:
    return BoxScores(
        class_name=one.name,
        average_precision=_rounded(one.average_precision),
        average_precision_interval=_both(one.average_precision_interval),
        ap50=_rounded(one.ap50),
        ap50_interval=_both(one.ap50_interval),
        average_recall=_rounded(one.recall),
        objects=one.objects,
        predicted=one.predicted,
        threshold=_rounded(one.threshold),
        precision=rounded(one.precision),
        recall=rounded(one.recall_there),
        f1=rounded(one.f1),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else rounded(value)


def _both(interval: Interval | None) -> Interval | None:
    return None if interval is None else rounded_interval(interval)

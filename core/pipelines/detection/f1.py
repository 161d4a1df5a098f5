"""How good the boxes of a detector are, trained here or elsewhere: what `f1` tells of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nextlabel.core.data.boxes import BoxedImage, Detections
from nextlabel.core.data.detections import fingerprint, read_detections
from nextlabel.core.kinds.f1 import KIND, BoxMiss, BoxScores, Confusion, DetectionF1Result, F1Request
from nextlabel.core.kinds.results import DetectorSummary, Skipped
from nextlabel.core.metrics.detection import ClassAP, Kind, Miss, score
from nextlabel.core.pipelines.detection.finder import finder_of
from nextlabel.core.pipelines.detection.labelled import (
    Compared,
    LabelledBoxes,
    check_any_left,
    check_can_learn,
    compare,
    of_their_size,
    read_boxes,
    warn_never_trained,
    without_shared,
    without_unread,
)
from nextlabel.core.pipelines.f1 import MISSES_TOLD
from nextlabel.core.pipelines.material import Origin, manifest, rounded, rounded_interval, skipped_images
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import NoEmbeddings
from nextlabel.core.pipelines.unreadable import check_share

MISSES: tuple[Kind, ...] = ("class", "place", "both", "double", "background", "missed")


def carry_out(request: F1Request, run: Run) -> DetectionF1Result:
    """Train a detector, or read what another one predicted, and hold it against what was drawn on each image."""
    trains = request.path_to_predictions is None
    embed = ("embed neighbours", "embed training images", "embed validation images")
    run.plan(*KIND.planned(leave_out=embed if trains else (*embed, "train", "predict")))
    run.stage("read")
    labelled = read_boxes(request, request.path_to_img_val, request.path_to_labels_val, run, "validation")
    sized = of_their_size(labelled, run)
    check_any_left(sized)
    predicted = _train_and_predict(request, labelled, sized[0], run) if trains else _brought(request, run)
    left = without_unread(sized, predicted.unread, labelled)
    compared = compare(labelled, left, predicted.found, run, predicted.never_trained)
    run.stage("score")
    rng = np.random.default_rng(request.seed)
    scores = score(compared.truth, compared.detected, compared.classes, rng)
    kinds = Counter(miss.kind for miss in scores.misses)
    return DetectionF1Result(
        mean_average_precision=rounded(scores.mean_average_precision),
        mean_average_precision_interval=rounded_interval(scores.mean_average_precision_interval),
        map50=rounded(scores.map50),
        map50_interval=rounded_interval(scores.map50_interval),
        average_recall=rounded(scores.average_recall),
        f1=rounded(scores.f1),
        f1_interval=rounded_interval(scores.f1_interval),
        validation_images=len(compared.names),
        validation_boxes=compared.boxes,
        per_class=tuple(map(_shown, scores.per_class)),
        confusion=Confusion(classes=compared.classes, matrix=tuple(tuple(row) for row in scores.confusion.tolist())),
        misses_by_kind={kind: kinds[kind] for kind in MISSES},
        misses=_misses(scores.misses, compared),
        classes_without_predictions=compared.never_predicted,
        classes_without_validation_images=tuple(one.name for one in scores.per_class if not one.objects),
        detector=predicted.detector,
        skipped=(*predicted.skipped, *compared.skipped),
        manifest=manifest(
            request,
            predicted.origin,
            run,
            head=False,
            sources={**predicted.sources, "validation": labelled},
            predictions=predicted.fingerprint,
        ),
    )


@dataclass(frozen=True, eq=False)
class _Predicted:
    """What was predicted of the validation images, and what the result says of where it is from.

    skipped: training images that were left out. unread: validation images that can't be read to their end.
    never_trained: classes on validation images that nothing was learnt of, which is told.
    """

    found: Detections
    origin: Origin
    sources: Mapping[str, LabelledBoxes]
    detector: DetectorSummary | None = None
    skipped: tuple[Skipped, ...] = ()
    unread: tuple[Skipped, ...] = ()
    never_trained: Sequence[str] = ()
    fingerprint: str | None = None


def _brought(request: F1Request, run: Run) -> _Predicted:
    assert request.path_to_predictions is not None
    found = read_detections(request.path_to_predictions, run.settings.data_roots)
    return _Predicted(found, NoEmbeddings(), {}, fingerprint=fingerprint(found))


def _train_and_predict(
    request: F1Request, validation: LabelledBoxes, judged: Mapping[int, BoxedImage], run: Run
) -> _Predicted:
    """Learn from the labelled training images, and look at those that are judged.

    Raises NoLabels where no box was drawn on any, and ClassesNeverMeet before anything is trained.
    """
    assert request.path_to_img_train is not None  # the request was refused otherwise
    assert request.path_to_labels_train is not None
    training = read_boxes(request, request.path_to_img_train, request.path_to_labels_train, run, "training")
    of_training, left_out = of_their_size(training, run)
    drawn = without_shared(of_training, training, validation, run)
    check_can_learn(drawn)
    never_trained = warn_never_trained(drawn, judged, run)
    finder = finder_of(request, training.pool, drawn, run)
    run.stage("predict", len(judged), "images")
    found = finder.find(validation.pool, list(judged), run)
    check_share(found.unreadable, len(judged) + len(drawn), validation.pool.place, run)
    told, unread = finder.told(validation.pool, found), skipped_images(found.unreadable)
    return _Predicted(told, finder, {"training": training}, finder.summary, left_out, unread, never_trained)


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
        average_precision=rounded(one.average_precision),
        average_precision_interval=rounded_interval(one.average_precision_interval),
        ap50=rounded(one.ap50),
        ap50_interval=rounded_interval(one.ap50_interval),
        average_recall=rounded(one.recall),
        objects=one.objects,
        predicted=one.predicted,
        threshold=rounded(one.threshold),
        precision=rounded(one.precision),
        recall=rounded(one.recall_there),
        f1=rounded(one.f1),
    )

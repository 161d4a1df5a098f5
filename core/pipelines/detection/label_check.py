"""Which boxes look wrong, beside those that detectors predict that were not trained on the image."""

from __future__ import annotations

from collections import Counter

import numpy as np

from nextlabel.core.data.boxes import Box
from nextlabel.core.data.detections import fingerprint, read_detections
from nextlabel.core.errors import WarningCode
from nextlabel.core.kinds.label_check import (
    KIND,
    DetectionLabelCheckResult,
    LabelCheckRequest,
    NameConflict,
    SuspiciousBox,
)
from nextlabel.core.metrics.box_check import Sure, Suspect, Suspicion, suspects
from nextlabel.core.metrics.detection import score, usual_scores
from nextlabel.core.pipelines.detection.labelled import (
    Compared,
    compare,
    of_their_size,
    read_boxes,
    without_unread,
)
from nextlabel.core.pipelines.detection.unseen import find_unseen
from nextlabel.core.pipelines.material import Origin, manifest, rounded
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import NoEmbeddings

WEAK = 0.5  # mAP@50 of what judges, below which it is wrong more often than people are
MOST_SWAPPED = 0.1  # of the boxes drawn: of more of them people hardly err about the class
SUSPICIONS: tuple[Suspicion, ...] = ("overlooked", "swapped", "badly_placed", "spurious")


def carry_out(request: LabelCheckRequest, run: Run) -> DetectionLabelCheckResult:
    """Hold what people drew against what was predicted; what is predicted surely and was not drawn is told, too."""
    brought = request.path_to_predictions
    asks_nobody = ("embed", "embed validation images", "compare")
    run.plan(*KIND.planned(leave_out=(*asks_nobody, "train", "predict") if brought else asks_nobody))
    run.stage("read")
    assert request.path_to_labels is not None  # the request was refused otherwise
    labelled = read_boxes(request, request.path_to_img, request.path_to_labels, run)
    sized = of_their_size(labelled, run)
    origin: Origin = NoEmbeddings()
    if brought is not None:
        found = read_detections(brought, run.settings.data_roots)
    else:
        unseen = find_unseen(request, labelled.pool, sized[0], run)
        found, origin, sized = unseen.found, unseen.finder, without_unread(sized, unseen.skipped, labelled)
    compared = compare(labelled, sized, found, run)
    run.stage("judge")
    scores = score(compared.truth, compared.detected, compared.classes, np.random.default_rng(request.seed))
    thresholds = {one.name: one.threshold for one in scores.per_class}
    best = np.array([np.inf if one is None else one for one in thresholds.values()])
    usual = usual_scores(compared.truth, compared.detected, len(compared.classes))
    suspected = suspects(compared.truth, compared.detected, Sure.of(best, usual))
    counts = Counter(one.kind for one in suspected)
    if scores.map50 is not None and scores.map50 < WEAK:
        detail = f"mAP@50 of what judges these boxes is {scores.map50:.2f}: most faults that it sees may be its own"
        run.warn(WarningCode.FEW_LABELS, detail)
    if counts["swapped"] > MOST_SWAPPED * compared.boxes:
        detail = (
            f"of {compared.boxes} drawn boxes, {counts['swapped']} are taken for another class, which is more than "
            "people err about: most of these it confuses itself, so those of pairs that it often confuses count less"
        )
        run.warn(WarningCode.FEW_LABELS, detail)
    return DetectionLabelCheckResult(
        labels=len(compared.names),
        boxes=compared.boxes,
        items=tuple(_item(rank, one, compared) for rank, one in enumerate(suspected, start=1)),
        by_suspicion={kind: counts[kind] for kind in SUSPICIONS},
        map50=None if scores.map50 is None else rounded(scores.map50),
        thresholds={name: None if one is None else rounded(one) for name, one in thresholds.items()},
        conflicts=tuple(NameConflict(name=name, classes=dict(said)) for name, said in labelled.conflicts.items()),
        skipped=compared.skipped,
        manifest=manifest(
            request,
            origin,
            run,
            head=False,
            sources={"pool": labelled},
            predictions=fingerprint(found) if brought else None,
        ),
    )


def _item(rank: int, one: Suspect, compared: Compared) -> SuspiciousBox:
    said = compared.detected[one.image]
    drawn = None if one.truth is None else compared.images[one.image].boxes[one.truth]
    suggested = None if one.detection is None else compared.classes[said.classes[one.detection]]
    at = 0.0 if one.detection is None else float(said.scores[one.detection])
    return SuspiciousBox(
        rank=rank,
        name=compared.names[one.image],
        suspicion=one.kind,
        class_name=None if drawn is None else drawn.class_name,
        suggested=suggested,
        box=None if drawn is None else drawn[1:5],
        predicted_box=None if one.detection is None else tuple(map(rounded, said.places[one.detection])),
        score=rounded(one.score),
        reason=_reason(one.kind, drawn, suggested, at),
    )


def _reason(kind: Suspicion, drawn: Box | None, suggested: str | None, score: float) -> str:
    """Say why in words a person understands."""
    name = "" if drawn is None else drawn.class_name
    return {
        "overlooked": f"{suggested} {score:.2f} is predicted where nothing is drawn",
        "swapped": f"drawn as {name}, and {suggested} {score:.2f} is predicted",
        "badly_placed": f"{name} {score:.2f} is predicted beside it",
        "spurious": "nothing is predicted here",
    }[kind]

"""Boxes for every unlabelled image, or for those that are named."""

from __future__ import annotations

import numpy as np

from nextlabel.core.data.boxes import BoxedImage, Detected, iou
from nextlabel.core.errors import WarningCode
from nextlabel.core.kinds.prediction import KIND, BoxesOfImage, DetectionPredictionResult, PredictionRequest
from nextlabel.core.methods.arrays import Rows
from nextlabel.core.pipelines.detection.finder import finder_of
from nextlabel.core.pipelines.detection.labelled import LabelledBoxes, of_their_size, read_pool
from nextlabel.core.pipelines.material import manifest, skipped_images
from nextlabel.core.pipelines.run import Run

ON_TOP = 0.5  # IoU with a drawn box from which on a predicted one is of the same object


def carry_out(request: PredictionRequest, run: Run) -> DetectionPredictionResult:
    run.plan(*KIND.planned(leave_out=("embed",)))
    run.stage("read")
    labelled = read_pool(request.path_to_img, request.path_to_labels, run, labelled_only=False, content=request.content)
    drawn, left_out = of_their_size(labelled, run)
    finder = finder_of(request, labelled.pool, drawn, run)
    rows = _rows(request, labelled, run)
    run.stage("predict", total=len(rows), unit="images")
    found = finder.find(labelled.pool, rows.tolist(), run)
    items = []
    for row in sorted(found.seen):
        said = beside(found.seen[row].detected, drawn.get(row))
        width, height = found.sizes[row]
        boxes = finder.shown(said, request.min_score)
        items.append(BoxesOfImage(name=labelled.pool.names[row], width=width, height=height, boxes=boxes))
    return DetectionPredictionResult(
        items=tuple(items),
        detector=finder.summary,
        skipped=(*left_out, *skipped_images(labelled.pool.skipped, found.unreadable)),
        manifest=manifest(request, finder, run, head=False, sources={"pool": labelled}),
    )


def _rows(request: PredictionRequest, labelled: LabelledBoxes, run: Run) -> Rows:
    """Return the rows that were asked for: those of the names, or all without a label."""
    pool, matched = labelled.pool, labelled.matched
    if not request.names:
        return np.setdiff1d(np.arange(len(pool)), np.union1d(matched.rows, matched.disputed))
    if absent := pool.absent(request.names):
        run.warn(WarningCode.NAME_WITHOUT_IMAGE, "these names are not in the pool", absent)
    return pool.rows_of(request.names)


def beside(said: Detected, drawn: BoxedImage | None) -> Detected:
    """Leave out what lies on top of a box that a person drew, whatever its class."""
    if drawn is None or not len(said) or not drawn.boxes:
        return said
    free = iou(said.places, drawn.places).max(axis=1) < ON_TOP
    return Detected(said.places[free], said.classes[free], said.scores[free])

"""The boxes of a pool in a plane: those that look alike lie close."""

from __future__ import annotations

import numpy as np

from nextlabel.core.errors import NoLabels
from nextlabel.core.kinds.map import KIND, DetectionMapResult, MapRequest
from nextlabel.core.methods.geometry import Geometry, sample
from nextlabel.core.pipelines.detection.crops import MOST_CROPS, Crops, drawn_crops, embed_boxes, predict_crops
from nextlabel.core.pipelines.detection.finder import box_of_place
from nextlabel.core.pipelines.detection.labelled import of_their_size, read_pool
from nextlabel.core.pipelines.map import lay_out
from nextlabel.core.pipelines.material import manifest, rounded, skipped_images
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import load_backbone


def carry_out(request: MapRequest, run: Run) -> DetectionMapResult:
    """Draw the boxes that people drew first, then predicted ones by chance, as many as there is room for."""
    brought = request.path_to_predictions is not None
    run.plan(*KIND.planned(leave_out=("embed", "train", "predict") if brought else ("embed",)))
    run.stage("read")
    labelled = read_pool(request, run)
    drawn, left_out = of_their_size(labelled, run)
    backbone = load_backbone(request, run).backbone
    predicted = predict_crops(request, labelled, drawn, run)
    known = drawn_crops(drawn, predicted.classes)
    rng, most = np.random.default_rng(request.seed), min(request.points, MOST_CROPS)
    mine = np.sort(sample(np.arange(len(known)), most, rng))
    others = np.sort(sample(np.arange(len(predicted.crops)), most - len(mine), rng))
    crops = Crops.join(known.take(mine), predicted.crops.take(others))
    if not len(crops):
        raise NoLabels("no box was drawn, and none is predicted surely enough: there is nothing to put on a map")
    kept, embeddings, unreadable = embed_boxes(labelled, crops, backbone, run, looked_at=predicted.images + len(drawn))
    told = crops.take(kept)
    places = lay_out(Geometry(embeddings), np.arange(len(told)), request.seed, run)
    return DetectionMapResult(
        class_names=predicted.classes,
        names=tuple(labelled.pool.names[row] for row in told.rows.tolist()),
        boxes=tuple(map(box_of_place, told.places)),
        x=tuple(rounded(x) for x in places[:, 0]),
        y=tuple(rounded(y) for y in places[:, 1]),
        classes=tuple(told.drawn.tolist()),
        predicted=tuple(told.predicted.tolist()),
        all_boxes=len(known) + len(predicted.crops),
        images=len(drawn) + predicted.images,
        detector=predicted.detector,
        skipped=(*left_out, *skipped_images(labelled.pool.skipped, predicted.unreadable, unreadable)),
        manifest=manifest(
            request, backbone, run, head=False, sources={"pool": labelled}, predictions=predicted.fingerprint
        ),
    )

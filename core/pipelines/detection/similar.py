"""Boxes like some, and unlike others, by what a backbone sees in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.counting import counted
from nextlabel.core.data.boxes import SAME_OBJECT, fault_of, iou
from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import Fault, InvalidRequest, NameNotInPool, WarningCode
from nextlabel.core.kinds.similar import KIND, BoxExample, DetectionSimilarItem, DetectionSimilarResult, SimilarRequest
from nextlabel.core.methods.arrays import Rows
from nextlabel.core.methods.geometry import Geometry, nearest
from nextlabel.core.pipelines.detection.crops import (
    MOST_CROPS,
    NONE,
    Crops,
    drawn_crops,
    embed_boxes,
    predict_crops,
)
from nextlabel.core.pipelines.detection.finder import box_of_place
from nextlabel.core.pipelines.detection.labelled import LabelledBoxes, of_their_size, read_pool, sizes_of
from nextlabel.core.pipelines.material import manifest, rounded, skipped_images
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.similar import scores_of
from nextlabel.core.pipelines.source import load_backbone


def carry_out(request: SimilarRequest, run: Run) -> DetectionSimilarResult:
    """Look among boxes predicted on images without a label; and among those drawn, if all are asked for."""
    brought = request.path_to_predictions is not None
    run.plan(*KIND.planned(leave_out=("embed", "train", "predict") if brought else ("embed",)))
    run.stage("read")
    labelled = read_pool(request, run)
    drawn, left_out = of_their_size(labelled, run)
    examples = [*request.like_boxes, *request.unlike_boxes]
    if absent := labelled.pool.absent([*(one.name for one in examples), *request.exclude]):
        run.warn(WarningCode.NAME_WITHOUT_IMAGE, "these names are not in the pool", absent)
    like = _at(request.like_boxes, "like_boxes", labelled, run)
    unlike = _at(request.unlike_boxes, "unlike_boxes", labelled, run)
    if not len(like):
        raise NameNotInPool(f"the pool has none of the images of like_boxes; the first is {examples[0].name!r}")
    backbone = load_backbone(request, run).backbone
    predicted = predict_crops(request, labelled, drawn, run)
    found = predicted.crops
    if request.among == "all":
        found = Crops.join(drawn_crops(drawn, predicted.classes), found)
    found = found.take(np.flatnonzero(~np.isin(found.rows, labelled.pool.rows_of(request.exclude))))
    found = found.take(np.sort(np.argsort(-found.scores, kind="stable")[:MOST_CROPS]))
    found = found.take(np.flatnonzero(~_are(found, Crops.join(like, unlike))))
    crops = Crops.join(like, unlike, found)
    kept, embeddings, unreadable = embed_boxes(labelled, crops, backbone, run, looked_at=predicted.images + len(drawn))
    run.stage("rank")
    part = np.digitize(kept, np.cumsum([len(like), len(unlike)]))
    likes, unlikes, candidates = (np.flatnonzero(part == i) for i in range(3))
    if not len(likes):
        raise NameNotInPool("none of the images of like_boxes can be read")
    if len(candidates) < request.add:
        asked = counted(request.add, "box was", "boxes were")
        detail = f"{asked} asked for; besides the examples there are {len(candidates)}"
        run.warn(WarningCode.FEWER_THAN_ASKED, detail)
    geometry = Geometry(embeddings)
    scores = scores_of(candidates, likes, unlikes, geometry, request.seed)
    best = np.argsort(-scores, kind="stable")[: request.add]
    chosen = candidates[best]
    closest, _ = nearest(geometry.units(chosen), geometry.units(likes))
    items = _items(crops.take(kept[chosen]), scores[best], kept[likes[closest]], predicted.classes, labelled.pool)
    return DetectionSimilarResult(
        data=tuple(dict.fromkeys(item.name for item in items)),
        items=items,
        candidates=len(candidates),
        looked_at=predicted.images,
        detector=predicted.detector,
        skipped=(*left_out, *skipped_images(labelled.pool.skipped, predicted.unreadable, unreadable)),
        manifest=manifest(
            request, backbone, run, head=False, sources={"pool": labelled}, predictions=predicted.fingerprint
        ),
    )


def _are(found: Crops, examples: Crops) -> NDArray[np.bool_]:
    """Tell of each box (n,) whether it is around the object of an example, which nobody needs to be shown."""
    same = found.rows[:, None] == examples.rows[None]
    are: NDArray[np.bool_] = (same & (iou(found.places, examples.places) >= SAME_OBJECT)).any(axis=1)
    return are


def _items(
    chosen: Crops, scores: NDArray[np.float64], like: Rows, classes: Sequence[str], pool: Pool
) -> tuple[DetectionSimilarItem, ...]:
    """chosen: n boxes, best first. scores: (n,). like: (n,) the example that is the most like each."""

    def named(class_: int) -> str | None:
        return None if class_ == NONE else classes[class_]

    return tuple(
        DetectionSimilarItem(
            rank=i + 1,
            name=pool.names[chosen.rows[i]],
            box=box_of_place(chosen.places[i].tolist()),
            score=rounded(scores[i]),
            like=int(like[i]),
            class_name=named(int(chosen.drawn[i])),
            predicted=named(int(chosen.predicted[i])),
            confidence=rounded(chosen.scores[i]) if chosen.drawn[i] == NONE else None,
        )
        for i in range(len(scores))
    )


def _at(examples: Sequence[BoxExample], field: str, labelled: LabelledBoxes, run: Run) -> Crops:
    """Find the images of examples; those that are not in the pool are left out. Raises InvalidRequest."""
    rows = [labelled.pool.rows_of([one.name]) for one in examples]
    sizes, _ = sizes_of(labelled.pool, np.unique(np.concatenate([np.empty(0, np.int64), *rows])), run)
    faults = []
    for i, (row, one) in enumerate(zip(rows, examples, strict=True)):
        size = sizes.get(int(row[0])) if len(row) else None
        if size is not None and (fault := fault_of(one.box, *size)) is not None:
            faults.append(Fault(f"/{field}/{i}/box", "invalid_value", fault))
    if faults:
        raise InvalidRequest(faults)
    there = [(int(row[0]), one.box) for row, one in zip(rows, examples, strict=True) if len(row)]
    places = np.array([box for _, box in there], np.float64).reshape(-1, 4)
    return Crops.at(np.array([row for row, _ in there], np.int64), places)

"""Boxes for every unlabelled image, or for those that are named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nextlabel.core.data.boxes import BoxedImage, Detected, iou
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.errors import NameNotInPool, WarningCode
from nextlabel.core.kinds.prediction import KIND, BoxesOfImage, DetectionPredictionResult, PredictionRequest
from nextlabel.core.kinds.results import DetectorSummary, MadeWhenAsked
from nextlabel.core.methods.arrays import Rows
from nextlabel.core.metrics.detection import Calibration
from nextlabel.core.neural.detection.detector import MOST_BOXES, Seen
from nextlabel.core.pipelines.detection.brought import known_rows, read_brought
from nextlabel.core.pipelines.detection.finder import MOST_SHOWN, finder_of, shown, surest
from nextlabel.core.pipelines.detection.labelled import LabelledBoxes, of_their_size, read_pool, sizes_of
from nextlabel.core.pipelines.material import Origin, manifest, skipped_images
from nextlabel.core.pipelines.prediction import check_unlabelled
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import NoEmbeddings
from nextlabel.core.pipelines.unreadable import check_share

ROUNDED = 1.0  # pixels that a box may reach beyond its image: what rounding leaves
ON_TOP = 0.5  # IoU with a drawn box from which on a predicted one is of the same object


def carry_out(request: PredictionRequest, run: Run) -> DetectionPredictionResult:
    trains = request.path_to_predictions is None
    run.plan(*KIND.planned(leave_out=("embed",) if trains else ("embed", "train")))
    run.stage("read")
    labelled = read_pool(request, run)
    rows = _rows(request, labelled, run)
    drawn, left_out = of_their_size(labelled, run)
    said = (_by_own_detector if trains else _brought)(request, labelled, drawn, rows, run)
    names, told = labelled.pool.names, sorted(said.of)

    def item(i: int) -> BoxesOfImage:
        row = told[i]
        width, height = said.sizes[row]
        boxes = shown(said.of[row], said.classes, said.calibration, request.min_score)
        return BoxesOfImage(name=names[row], width=width, height=height, boxes=boxes)

    return DetectionPredictionResult(
        items=MadeWhenAsked(len(told), item),
        detector=said.detector,
        skipped=(*left_out, *skipped_images(labelled.pool.skipped, said.unreadable)),
        manifest=manifest(
            request, said.origin, run, head=False, sources={"pool": labelled}, predictions=said.fingerprint
        ),
    )


@dataclass(frozen=True, eq=False)
class _Said:
    """What is said of images, by row of the pool, beside what was drawn, and where it is from, as the result says it.

    sizes: width and height of each. classes: () while there are none.
    """

    of: Mapping[int, Detected]
    sizes: Mapping[int, tuple[int, int]]
    classes: tuple[str, ...]
    calibration: Calibration
    origin: Origin
    unreadable: tuple[SkippedFile, ...]
    detector: DetectorSummary | None = None
    fingerprint: str | None = None


def _by_own_detector(
    request: PredictionRequest, labelled: LabelledBoxes, drawn: Mapping[int, BoxedImage], rows: Rows, run: Run
) -> _Said:
    finder = finder_of(request, labelled.pool, drawn, run)
    run.stage("predict", total=len(rows), unit="images")

    def kept(row: int, seen: Seen) -> Seen:
        return Seen.of_boxes(surest(beside(seen.detected, drawn.get(row)), request.min_score))

    beside_some = any(row in drawn and drawn[row].boxes for row in rows.tolist())
    most = MOST_BOXES if beside_some else MOST_SHOWN
    found = finder.find(labelled.pool, rows.tolist(), run, most=most, boxes_alone=True, kept=kept)
    if not request.names:  # of the few that somebody named, each that can't be read is told
        check_share(found.unreadable, len(rows) + len(drawn), labelled.pool.place, run)
    said = {row: one.detected for row, one in found.seen.items()}
    return _Said(said, found.sizes, finder.classes, finder.calibration, finder, found.unreadable, finder.summary)


def _brought(
    request: PredictionRequest, labelled: LabelledBoxes, drawn: Mapping[int, BoxedImage], rows: Rows, run: Run
) -> _Said:
    """Cut boxes that reach beyond their image at its edge, and tell. Raises NameNotInPool, PredictionsMalformed."""
    assert request.path_to_predictions is not None
    brought = read_brought(request.path_to_predictions, labelled, drawn, run)
    asked = "named" if request.names else "unlabelled"
    rows = known_rows(brought, labelled, rows, asked, run)
    run.stage("predict", total=len(rows), unit="images")
    sizes, unreadable = sizes_of(labelled.pool, rows, run)
    names = labelled.pool.names
    said = {row: brought.of(names[row]) for row in sizes}
    beyond = [names[row] for row, size in sizes.items() if _reaches_beyond(said[row], *size)]
    if beyond:
        detail = "boxes that reach beyond their image were cut at its edge; were they predicted on images of that size?"
        run.warn(WarningCode.BOXES_OF_ANOTHER_SIZE, detail, beyond)
    cut = {
        row: surest(beside(said[row].within(*size), drawn.get(row)), request.min_score) for row, size in sizes.items()
    }
    return _Said(
        cut, sizes, brought.classes, brought.calibration, NoEmbeddings(), unreadable, fingerprint=brought.fingerprint
    )


def _reaches_beyond(said: Detected, width: int, height: int) -> bool:
    ends = said.places[:, :2] + said.places[:, 2:]
    return bool((said.places[:, :2] < -ROUNDED).any() or (ends > np.array([width, height]) + ROUNDED).any())


def _rows(request: PredictionRequest, labelled: LabelledBoxes, run: Run) -> Rows:
    """Return the rows that were asked for, one at least: those of the names, or all without a label.

    Raises NameNotInPool, NothingToPredict.
    """
    pool = labelled.pool
    if not request.names:
        check_unlabelled(
            labelled.matched, len(pool), "or the images that you want boxes on, labelled ones too: `names`"
        )
        return labelled.matched.unlabelled(len(pool))
    absent = pool.absent(request.names)
    if len(absent) == len(request.names):
        raise NameNotInPool(f"the pool has none of the images of names; the first is {request.names[0]!r}")
    if absent:
        run.warn(WarningCode.NAME_WITHOUT_IMAGE, "these names are not in the pool", absent)
    return pool.rows_of(request.names)


def beside(said: Detected, drawn: BoxedImage | None) -> Detected:
    """Leave out what lies on top of a box that a person drew, whatever its class."""
    if drawn is None or not len(said) or not drawn.boxes:
        return said
    free = iou(said.places, drawn.places).max(axis=1) < ON_TOP
    return Detected(said.places[free], said.classes[free], said.scores[free])

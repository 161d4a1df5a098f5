"""The boxes of a pool, drawn and predicted, and what a backbone sees in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.boxes import BoxedImage, Detected, Floats
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.kinds.requests import BoxesPredicted
from nextlabel.core.kinds.results import DetectorSummary
from nextlabel.core.methods.arrays import Rows
from nextlabel.core.methods.geometry import sample
from nextlabel.core.metrics.detection import Calibration
from nextlabel.core.neural.backbones import Backbone
from nextlabel.core.neural.detection.crop_classifier import embed_crops
from nextlabel.core.pipelines.detection.brought import known_rows, read_brought
from nextlabel.core.pipelines.detection.finder import finder_of
from nextlabel.core.pipelines.detection.images import in_batches
from nextlabel.core.pipelines.detection.labelled import LabelledBoxes
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.unreadable import check_share, warn_unreadable

LOOKED_AT = 2_000  # images without a label
MOST_CROPS = 10_000  # two minutes of a core
SEEN = 64  # pixels of the images as a detector would see them, which nobody needs here
NONE = -1


@dataclass(frozen=True, eq=False)
class Crops:
    """n boxes. rows: (n,) of the pool. places: (n, 4). drawn, predicted: (n,) their class as it was drawn, or is
    predicted, NONE where it was or is not. scores: (n,) of predicted ones; 1 of drawn ones.
    """

    rows: Rows
    places: Floats
    drawn: Rows
    predicted: Rows
    scores: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, kept: Rows) -> Crops:
        return Crops(self.rows[kept], self.places[kept], self.drawn[kept], self.predicted[kept], self.scores[kept])

    @classmethod
    def join(cls, *parts: Crops) -> Crops:
        told = ((one.rows, one.places, one.drawn, one.predicted, one.scores) for one in parts)
        return cls(*(np.concatenate(each) for each in zip(*told, strict=True)))

    @classmethod
    def at(cls, rows: Rows, places: Floats) -> Crops:
        """Boxes of which nothing else is known."""
        nothing = np.full(len(rows), NONE, np.int64)
        return cls(rows, places, nothing, nothing, np.ones(len(rows)))


@dataclass(frozen=True, eq=False)
class Predicted:
    """The predicted boxes that are drafts, on images without a label; and what the result says of where they are from.

    classes: of drawn and predicted boxes.
    """

    classes: tuple[str, ...]
    crops: Crops
    images: int
    detector: DetectorSummary | None
    fingerprint: str | None
    unreadable: tuple[SkippedFile, ...]


def predict_crops(
    request: BoxesPredicted, labelled: LabelledBoxes, drawn: Mapping[int, BoxedImage], run: Run
) -> Predicted:
    """Ask a detector, or read what one says; of 2,000 images at most, drawn by chance."""
    pool = labelled.pool
    unlabelled = labelled.matched.unlabelled(len(pool))
    rows = np.sort(sample(unlabelled, LOOKED_AT, np.random.default_rng(request.seed)))
    if request.path_to_predictions is not None:
        brought = read_brought(request.path_to_predictions, labelled, drawn, run)
        rows = known_rows(brought, labelled, rows, "unlabelled", run)
        said = {row: brought.of(pool.names[row]) for row in rows.tolist()}
        crops = _drafts(said, brought.calibration, classless=False)
        return Predicted(brought.classes, crops, len(rows), None, brought.fingerprint, ())
    finder = finder_of(request, pool, drawn, run)
    run.stage("predict", len(rows), "images")
    found = finder.find(pool, rows.tolist(), run)
    check_share(found.unreadable, len(rows) + len(drawn), pool.place, run)
    crops = _drafts({row: one.detected for row, one in found.seen.items()}, finder.calibration, not finder.classes)
    return Predicted(finder.classes, crops, len(rows), finder.summary, None, found.unreadable)


def _drafts(said: Mapping[int, Detected], calibration: Calibration, classless: bool) -> Crops:
    parts = [Crops.at(np.empty(0, np.int64), np.empty((0, 4)))]
    for row, one in said.items():
        kept = np.flatnonzero(calibration.drafts(one))
        rows = np.full(len(kept), row, np.int64)
        nothing = np.full(len(kept), NONE, np.int64)
        parts.append(
            Crops(rows, one.places[kept], nothing, nothing if classless else one.classes[kept], one.scores[kept])
        )
    return Crops.join(*parts)


def drawn_crops(drawn: Mapping[int, BoxedImage], classes: tuple[str, ...]) -> Crops:
    """List what people drew, but for crowds."""
    index = {name: i for i, name in enumerate(classes)}
    boxes = [(row, box) for row, image in drawn.items() for box in image.boxes if not box.crowd]
    rows = np.array([row for row, _ in boxes], np.int64)
    places = np.array([box[1:5] for _, box in boxes], np.float64).reshape(-1, 4)
    known = np.array([index[box.class_name] for _, box in boxes], np.int64)
    return Crops(rows, places, known, np.full(len(rows), NONE, np.int64), np.ones(len(rows)))


def embed_boxes(
    labelled: LabelledBoxes, crops: Crops, backbone: Backbone, run: Run, *, looked_at: int
) -> tuple[Rows, NDArray[np.float32], tuple[SkippedFile, ...]]:
    """Return which boxes could be read, (k,) ascending, their embeddings (k, d), and the images that can't be read.

    looked_at: of how many images the job tells boxes, those without one among them. Raises what `warn_unreadable` and
    `check_share` do.
    """
    pool = labelled.pool
    images = np.unique(crops.rows)
    embeddings = np.empty((len(crops), backbone.dimension), np.float32)
    have = np.zeros(len(crops), np.bool_)
    unreadable: list[SkippedFile] = []
    run.stage("embed boxes", len(crops), "boxes")
    for batch in in_batches(SEEN, pool, images.tolist(), run, lambda found: np.asarray(found, object), larger=True):
        unreadable += batch.unreadable
        for row, image in zip(batch.rows.tolist(), batch.outputs, strict=True):
            run.check()
            mine = np.flatnonzero(crops.rows == row)
            embeddings[mine] = embed_crops(backbone, [image], [crops.places[mine]])
            have[mine] = True
            run.advance(int(have.sum()))
    warn_unreadable(unreadable, len(images), pool.place, run)
    check_share(unreadable, max(looked_at, len(images)), pool.place, run)
    kept = np.flatnonzero(have)
    return kept, embeddings[kept], tuple(unreadable)

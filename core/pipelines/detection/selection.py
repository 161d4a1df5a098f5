"""On which images to draw boxes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.boxes import BoxedImage, Detected
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.kinds.results import DetectorSummary
from nextlabel.core.kinds.selection import (
    BOX_S,
    IMAGE_S,
    KIND,
    DetectionSelectionItem,
    DetectionSelectionResult,
    Doubted,
    DoubtfulBox,
    ImageReason,
    SelectionRequest,
)
from nextlabel.core.methods.arrays import Matrix, Rows
from nextlabel.core.methods.auto import settle_for_boxes
from nextlabel.core.methods.base import Inputs, Method, Need, Picks
from nextlabel.core.methods.batch import Batch
from nextlabel.core.methods.detection import GIVEN_DOUBTS, ClassSum, entropy
from nextlabel.core.methods.found_boxes import FoundBoxes
from nextlabel.core.methods.geometry import sample
from nextlabel.core.metrics.detection import Calibration
from nextlabel.core.pipelines.detection.brought import known_rows, read_brought
from nextlabel.core.pipelines.detection.finder import box_of, finder_of, shown
from nextlabel.core.pipelines.detection.labelled import LabelledBoxes, of_their_size, read_pool
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.material import COPIES_SHOWN, Origin, manifest, rounded, skipped_images
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.selection import choose_and_hand_out, method_used, reason_of, set_aside
from nextlabel.core.pipelines.source import NoEmbeddings, source_of
from nextlabel.core.pipelines.unreadable import check_share

LOOKED_AT = 2_000  # candidates; half a minute of a core
COVERING = 2_000  # labelled images that count as covered
DOUBTS_SHOWN = 5
LEAST_DOUBT = 0.3  # of 1, which is a score of 0.5; it is that of a score of 0.05 or 0.95


def carry_out(request: SelectionRequest, run: Run) -> DetectionSelectionResult:
    brought = request.path_to_predictions is not None
    embeds = request.backbone is not None or request.path_to_embeddings is not None
    left_out = [*([] if embeds else ["embed"]), *(["train", "prepare"] if brought else [])]
    run.plan(*KIND.planned(leave_out=left_out))
    run.stage("read")
    labelled = read_pool(request, run)
    drawn, otherwise = of_their_size(labelled, run)
    absent = labelled.pool.absent([*request.exclude, *request.pending])
    excluded, pending = set_aside(request, labelled.pool, labelled.matched, absent, run)
    taken = np.concatenate([labelled.matched.rows, excluded, pending])
    candidates = np.setdiff1d(np.arange(len(labelled.pool)), taken)
    look = _brought if brought else _by_own_detector
    looked = look(request, labelled, drawn, pending, candidates, run)
    run.stage("choose")
    embedded, boxes = looked.embedded, looked.boxes
    method, why = settle_for_boxes(request.method, boxes=bool(looked.classes), embeddings=embedded.sees_images)
    inputs = _inputs(looked, labelled, pending)
    counts = looked.calibration.counts
    expected = counts.expected(boxes.total(counts.chances(boxes.scores)))

    def shorten(batch: Batch) -> Batch:
        return _within(batch, _seconds(request, expected[batch.picks.rows]), request.cost.get("most_s"))

    sorting = _Drafted(looked) if looked.classes else None
    batch, _, held = choose_and_hand_out(method, inputs, request, embedded, sorting, run, shorten)
    rows = batch.picks.rows
    return DetectionSelectionResult(
        data=tuple(embedded.pool.names[row] for row in rows),
        items=tuple(_item(i, batch, looked, method, expected) for i in range(len(rows))),
        method=method_used(request.method, _name(method), why),
        candidates=len(candidates) - len(held.rows),
        looked_at=len(inputs.candidates) - len(held.rows),
        expected_boxes=rounded(expected[rows].sum()),
        expected_s=rounded(_seconds(request, expected[rows]).sum()),
        handed_to=request.person,
        with_others=held.with_others,
        with_you=held.with_you,
        unsure_of=held.unsure_of,
        near_copies_left_out=len(batch.left_out),
        detector=looked.summary,
        skipped=(*otherwise, *skipped_images(labelled.pool.skipped, looked.unreadable)),
        manifest=manifest(
            request, looked.origin, run, head=False, sources={"pool": labelled}, predictions=looked.fingerprint
        ),
    )


# --- what is looked at ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Looked:
    """What is known of K images of the pool, rows of `embedded`: candidates, and those that count as covered.

    candidates: (k,) rows of them. said: (K,) what a detector says of each; nothing of those that it wasn't asked about.
    classes: () while there are none. described: (K,) what tells each image's boxes apart; None: nobody knows.
    """

    embedded: Embedded
    candidates: Rows
    said: Sequence[Detected]
    classes: tuple[str, ...]
    calibration: Calibration
    origin: Origin
    described: Sequence[Matrix] | None = None
    summary: DetectorSummary | None = None
    unreadable: tuple[SkippedFile, ...] = ()
    fingerprint: str | None = None

    @property
    def boxes(self) -> FoundBoxes:
        """Those that reach the floor."""
        return above_floor(self.said, self.calibration, self.described)


def above_floor(said: Sequence[Detected], calibration: Calibration, described: Sequence[Matrix] | None) -> FoundBoxes:
    """Return the boxes of images that reach the floor. described: what tells each image's apart."""
    floor = calibration.floor
    if described is not None:
        described = [one[there.scores >= floor] for one, there in zip(described, said, strict=True)]
    return FoundBoxes.of([one.from_score(floor) for one in said], calibration.quality, described)


@dataclass(frozen=True, eq=False)
class _Drafted:
    """Sorts images by the boxes that are predicted so surely that they are drafts."""

    by: ClassVar[str] = "detector"
    looked: Looked

    @property
    def classes(self) -> tuple[str, ...]:
        return self.looked.classes

    def sort(self, candidates: Rows) -> Callable[[int], NDArray[np.bool_]]:
        said = [self.looked.said[row] for row in candidates.tolist()]
        sure = [set(one.classes[self.looked.calibration.drafts(one)].tolist()) for one in said]
        return lambda class_: np.array([class_ in drafted for drafted in sure], np.bool_)


def _by_own_detector(
    request: SelectionRequest,
    labelled: LabelledBoxes,
    drawn: dict[int, BoxedImage],
    pending: Rows,
    candidates: Rows,
    run: Run,
) -> Looked:
    """Train a detector, and look at the candidates, or as many of them as there is time for."""
    rng = np.random.default_rng(request.seed)
    some = np.sort(sample(candidates, LOOKED_AT, rng))
    covered = np.sort(sample(np.union1d(labelled.matched.rows, pending), COVERING, rng))
    rows = np.union1d(some, covered)
    source = source_of(request, run)
    embedded = None if isinstance(source, NoEmbeddings) else source.embed(labelled, rows, "embed", run)
    if embedded is not None:
        rows = labelled.pool.rows_of(embedded.pool.names)
    finder = finder_of(request, labelled.pool, drawn, run, features_do=True)
    asked = rows if embedded is None else np.intersect1d(rows, some)
    run.stage("prepare", total=len(asked), unit="images")
    found = finder.find(labelled.pool, asked.tolist(), run, kept=lambda _, seen: seen)
    check_share(found.unreadable, len(asked) + len(drawn), labelled.pool.place, run)
    unreadable = {one.name for one in found.unreadable}
    kept = np.array([i for i, row in enumerate(rows) if labelled.pool.names[row] not in unreadable], np.int64)
    pool = labelled.pool.take(rows[kept])
    seen = [found.seen.get(row) for row in rows[kept].tolist()]
    if embedded is None:
        features = np.stack([one.features for one in seen if one is not None])
    else:
        features = embedded.embeddings[kept]
    width = next((one.described.shape[1] for one in seen if one is not None), 1)
    nothing = np.empty((0, width), np.float32)
    return Looked(
        embedded=Embedded(pool, features, labelled.match(pool), ()),
        candidates=np.flatnonzero(np.isin(rows[kept], some)),
        said=[Detected.nothing() if one is None else one.detected for one in seen],
        classes=finder.classes,
        calibration=finder.calibration,
        origin=finder,
        described=[nothing if one is None else one.described for one in seen],
        summary=finder.summary,
        unreadable=(*found.unreadable, *(embedded.unreadable if embedded is not None else ())),
    )


def _brought(
    request: SelectionRequest,
    labelled: LabelledBoxes,
    drawn: dict[int, BoxedImage],
    pending: Rows,
    candidates: Rows,
    run: Run,
) -> Looked:
    """Read what another detector says. Its scores are judged by the labelled images that it says something of.

    Raises NameNotInPool, PredictionsMalformed.
    """
    assert request.path_to_predictions is not None
    brought = read_brought(request.path_to_predictions, labelled, drawn, run)
    known = known_rows(brought, labelled, candidates, "unlabelled", run)
    source = source_of(request, run)
    rows = np.union1d(known, np.union1d(labelled.matched.rows, pending))
    embedded = source.embed(labelled, rows, "embed", run) if not isinstance(source, NoEmbeddings) else None
    pool = labelled.pool.take(rows) if embedded is None else embedded.pool
    empty: NDArray[np.float32] = np.empty((len(pool), 0), np.float32)
    return Looked(
        embedded=embedded or Embedded(pool, empty, labelled.match(pool), ()),
        candidates=pool.rows_of(labelled.pool.names[row] for row in known.tolist()),
        said=[brought.of(name) for name in pool.names],
        classes=brought.classes,
        calibration=brought.calibration,
        origin=source,
        unreadable=embedded.unreadable if embedded is not None else (),
        fingerprint=brought.fingerprint,
    )


def _inputs(looked: Looked, labelled: LabelledBoxes, pending: Rows) -> Inputs:
    embedded, boxes = looked.embedded, looked.boxes
    doubts = np.zeros((len(embedded.pool), 1), np.float64)
    doubts[looked.candidates, 0] = ClassSum.of_candidates(boxes.take(looked.candidates))
    waiting = embedded.pool.rows_of(labelled.pool.names[row] for row in pending.tolist())
    rows = embedded.matched.rows
    return Inputs(
        candidates=looked.candidates,
        embeddings=embedded.embeddings if embedded.sees_images else None,
        labelled=rows,
        targets=np.zeros(len(rows), np.int64),
        pending=np.setdiff1d(waiting, rows),
        logits=doubts,
        units=GIVEN_DOUBTS,
        boxes=boxes,
    )


# --- the batch --------------------------------------------------------------------------------------------------


def _seconds(request: SelectionRequest, expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (B,) how long a person takes for each image."""
    return request.cost.get("image_s", IMAGE_S) + request.cost.get("box_s", BOX_S) * expected


def _within(batch: Batch, seconds: NDArray[np.float64], most: float | None) -> Batch:
    """Leave out the last ones, from the one on that would take longer than `most` together."""
    if most is None:
        return batch
    n = int((np.cumsum(seconds) <= most).sum())
    rows, scores, clusters = batch.picks.rows[:n], batch.picks.scores[:n], batch.picks.clusters
    return Batch(Picks(rows, scores, None if clusters is None else clusters[:n]), batch.copies[:n], batch.left_out)


def _name(method: Method) -> str:
    """`auto` is what it chose: herding by doubt."""
    return "uherding" if method.name == "auto" else method.name


def _item(
    i: int, batch: Batch, looked: Looked, method: Method, expected: NDArray[np.float64]
) -> DetectionSelectionItem:
    row, names = int(batch.picks.rows[i]), looked.embedded.pool.names
    said = looked.said[row]
    doubtful = _in_doubt(said, looked)
    named = () if method.needs <= {Need.EMBEDDINGS} else doubtful[:2]
    unsure_of = tuple(Doubted(class_name=one.class_name, probability=one.score) for one in named)
    return DetectionSelectionItem(
        rank=i + 1,
        name=names[row],
        score=rounded(batch.picks.scores[i]),
        boxes=shown(said, looked.classes, looked.calibration, looked.calibration.floor),
        in_doubt=doubtful,
        expected_boxes=rounded(expected[row]),
        cluster=None if batch.picks.clusters is None else int(batch.picks.clusters[i]),
        copies=tuple(names[copy] for copy in batch.copies[i][:COPIES_SHOWN]),
        **reason_of(ImageReason(code=method.reason, unsure_of=unsure_of), between=", "),
    )


def _in_doubt(said: Detected, looked: Looked) -> tuple[DoubtfulBox, ...]:
    """List the boxes that the detector is unsure of, the most doubtful first."""
    doubt = entropy(said.scores) / np.log(2)
    doubt[said.scores < looked.calibration.floor] = 0
    most = [i for i in np.argsort(-doubt, kind="stable")[:DOUBTS_SHOWN].tolist() if doubt[i] >= LEAST_DOUBT]
    return tuple(
        DoubtfulBox(
            box=box_of(said, i),
            class_name=looked.classes[said.classes[i]] if looked.classes else None,
            score=rounded(said.scores[i]),
            doubt=rounded(doubt[i]),
        )
        for i in most
    )

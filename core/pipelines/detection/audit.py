"""Whether methods beat chance at choosing images to draw on: each is replayed on the boxes there are, beside `random`.

All methods begin a repeat with the same images, drawn by chance. What a person pays for is boxes: methods that take
crowded images are held against random choice at as many boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.curves.comparison import compare
from nextlabel.core.data.boxes import BoxedImage
from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import NoLabels
from nextlabel.core.kinds.audit import KIND, AuditRequest, BoxAuditArm, DetectionAuditResult
from nextlabel.core.methods.auto import settle_for_boxes
from nextlabel.core.methods.base import Inputs, Method, Rows
from nextlabel.core.methods.baseline import Random
from nextlabel.core.methods.batch import choose
from nextlabel.core.methods.detection import GIVEN_DOUBTS, ClassSum
from nextlabel.core.pipelines.audit import CANT_TELL, sizes_between
from nextlabel.core.pipelines.detection.finder import finder_of, series_of
from nextlabel.core.pipelines.detection.fits import Split, Validation, is_random, map50_of, read_validation
from nextlabel.core.pipelines.detection.labelled import check_can_score, of_their_size, read_pool, without_shared
from nextlabel.core.pipelines.detection.looking import Finder
from nextlabel.core.pipelines.detection.selection import above_floor
from nextlabel.core.pipelines.material import manifest, rounded, rounded_interval, skipped_images
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.validation import sources_of
from nextlabel.core.pipelines.verdicts import OF_BOXES, sentence_of, summary_of, verdict_of, verdict_of_all

LEAST_LABELS = 60
HELD_OUT, HELD_OUT_MOST = 0.4, 200  # of the labelled images, where there is no validation set
DRAWN, DRAWN_MOST = 0.8, 400  # where there is one; and the most images to choose among
FIRST = 20  # images that all methods begin with
BUDGET, BUDGET_MOST = 0.5, 200  # of the images to choose among
Scores = NDArray[np.float64]


def carry_out(request: AuditRequest, run: Run) -> DetectionAuditResult:
    """Unless another detector is asked for, light heads find the boxes: a replay trains some dozen of them."""
    run.plan(*KIND.planned(leave_out=("embed validation images", "replay")))
    run.stage("read")
    labelled = read_pool(request, run)
    drawn, skipped = of_their_size(labelled, run)
    validation = read_validation(request, run) if request.path_to_img_val is not None else None
    if validation is not None:
        drawn = without_shared(drawn, labelled, validation.labelled, run)
        skipped = (*skipped, *validation.sized[1])
    boxed = sum(image.has_objects for image in drawn.values())
    if boxed < LEAST_LABELS:
        raise NoLabels(f"an audit needs {LEAST_LABELS} images at least on which a box is drawn; there are {boxed}")
    if validation is not None:
        check_can_score(drawn, validation.sized[0], run)
    by = request.model_copy(update={"detector": request.detector or "light"})
    at_random = is_random(by, labelled, run, CANT_TELL)
    splits = [_split(labelled.pool, drawn, validation, [request.seed, r]) for r in range(request.repeats)]
    most = min(len(split.learnt) for split in splits)
    sizes = sizes_between(FIRST, max(FIRST + 1, min(request.budget or min(BUDGET_MOST, round(BUDGET * most)), most)))
    methods: list[Method] = [Random(), *request.methods]
    replays = _Replays(by, sizes, len(methods), splits, run)
    for r, split in enumerate(splits):
        for m, method in enumerate(methods):
            replays.carry_out(m, r, method, split)
    arms = tuple(_arm(method, m, replays, at_random) for m, method in enumerate(methods))
    verdict = verdict_of_all(arms, at_random)
    finder = replays.finder
    assert finder is not None
    return DetectionAuditResult(
        repeats=request.repeats,
        images=len(splits[0].learnt),
        validation="split" if validation is None else "held out",
        validation_images=len(splits[0].held),
        detector=finder.name if finder.summary is None else finder.summary.name,
        arms=arms,
        sentence=summary_of(arms, verdict, OF_BOXES),
        verdict=verdict,
        skipped=(*skipped, *skipped_images(labelled.pool.skipped)),
        manifest=manifest(request, finder, run, head=False, sources=sources_of(labelled, validation)),
    )


# --- replays ----------------------------------------------------------------------------------------------------


def _split(pool: Pool, drawn: Mapping[int, BoxedImage], validation: Validation | None, seed: Sequence[int]) -> Split:
    """Wherever the order of what is learnt is cut, its parts have their share of the images with a box."""
    order = mingled(np.random.default_rng(seed).permutation(list(drawn)).tolist(), drawn)
    if validation is not None:
        chosen = order[: min(DRAWN_MOST, round(DRAWN * len(order)))]
        return Split(pool, {row: drawn[row] for row in chosen}, validation.labelled.pool, validation.sized[0])
    aside = min(HELD_OUT_MOST, round(HELD_OUT * len(order)))
    chosen = order[aside : aside + DRAWN_MOST]
    return Split(pool, {row: drawn[row] for row in chosen}, pool, {row: drawn[row] for row in order[:aside]})


def mingled(order: Sequence[int], drawn: Mapping[int, BoxedImage]) -> list[int]:
    """Spread the images with a box evenly among those without one, each in their order."""
    parts = [[row for row in order if drawn[row].has_objects is boxed] for boxed in (True, False)]
    placed = [((i + 0.5) / len(part), row) for part in parts for i, row in enumerate(part)]
    return [row for _, row in sorted(placed)]


class _Replays:
    """M methods replayed R times. boxes: (M, R, S) drawn after each round, map50: what a detector reaches by them.

    finder: the last detector.
    """

    def __init__(
        self, request: AuditRequest, sizes: Sequence[int], methods: int, splits: Sequence[Split], run: Run
    ) -> None:
        self.sizes = sizes
        self.boxes: Scores = np.zeros((methods, len(splits), len(sizes)))
        self.map50: Scores = np.zeros_like(self.boxes)
        self.finder: Finder | None = None
        self._first: Finder | None = None
        self._request, self._run = request, run
        rounds = methods * len(sizes)
        self._series = series_of(
            request,
            splits[0].learnt,
            run,
            trainings=rounds * len(splits),
            looked_at=rounds * sum(split.images for split in splits),
        )

    def carry_out(self, m: int, r: int, method: Method, split: Split) -> None:
        """Replay a method on a split."""
        rng = np.random.default_rng([self._request.seed, r, m])
        known = np.array(sorted([*split.learnt][: self.sizes[0]]), np.int64)
        for s, size in enumerate(self.sizes):
            if s == 0 and m:
                self._begin_again(m, r, split)
                continue
            if s:
                known = np.union1d(known, self._choose(method, split, known, size - len(known), rng))
            labelled = {row: split.learnt[row] for row in known.tolist()}
            self.finder = finder_of(
                self._request, split.pool, labelled, self._run, series=self._series, keeps=False, features_do=True
            )
            self.map50[m, r, s] = map50_of([split.judge(self.finder, self._run)])
            self.boxes[m, r, s] = sum(len(image.boxes) for image in labelled.values())
            if s == 0:
                self._first = self.finder
            self._series.count(split.images, self._run)

    def _begin_again(self, m: int, r: int, split: Split) -> None:
        """Begin with the detector that the first method of the repeat began with: it would be the same."""
        self.finder = self._first
        self.map50[m, r, 0], self.boxes[m, r, 0] = self.map50[0, r, 0], self.boxes[0, r, 0]
        self._series.count(split.images, self._run)

    def _choose(self, method: Method, split: Split, known: Rows, add: int, rng: np.random.Generator) -> Rows:
        """Choose as `selection` would, by the detector of the last round. Returns rows of the pool."""
        assert self.finder is not None
        settled, _ = settle_for_boxes(method, boxes=bool(self.finder.classes), embeddings=True)
        if not settled.needs:
            return rng.permutation(np.setdiff1d(list(split.learnt), known))[:add]
        found = self.finder.find(split.pool, sorted(split.learnt), self._run, kept=lambda _, seen: seen)
        rows = np.array(sorted(found.seen), np.int64)
        seen = [found.seen[row] for row in rows.tolist()]
        boxes = above_floor([one.detected for one in seen], self.finder.calibration, [one.described for one in seen])
        labelled = np.flatnonzero(np.isin(rows, known))
        candidates = np.setdiff1d(np.arange(len(rows)), labelled)
        doubts = np.zeros((len(rows), 1))
        doubts[candidates, 0] = ClassSum.of_candidates(boxes.take(candidates))
        inputs = Inputs(
            candidates=candidates,
            embeddings=np.stack([one.features for one in seen]),
            labelled=labelled,
            targets=np.zeros(len(labelled), np.int64),
            logits=doubts,
            units=GIVEN_DOUBTS,
            boxes=boxes,
        )
        return rows[choose(settled, inputs, add, rng, check=self._run.check).picks.rows]


# --- in words ---------------------------------------------------------------------------------------------------


def _arm(method: Method, m: int, replays: _Replays, at_random: bool) -> BoxAuditArm:
    sizes = np.array(replays.sizes, float)
    by_images = compare(sizes, replays.map50[0], replays.map50[m], np.random.default_rng(0))
    grid, chance, scores = at_equal_boxes(replays.boxes[0], replays.map50[0], replays.boxes[m], replays.map50[m])
    found = compare(grid, chance, scores, np.random.default_rng(0))
    verdict = verdict_of(method.name, found, at_random)
    return BoxAuditArm(
        method=method.name,
        images=tuple(replays.sizes),
        boxes=tuple(round(float(one)) for one in replays.boxes[m].mean(axis=0)),
        map50=tuple(rounded(one) for one in replays.map50[m].mean(axis=0)),
        gain=rounded(found.gain),
        gain_interval=rounded_interval(found.gain_interval),
        gain_by_images=rounded(by_images.gain),
        gain_by_images_interval=rounded_interval(by_images.gain_interval),
        saved=rounded(found.saved),
        saved_interval=rounded_interval(found.saved_interval),
        verdict=verdict,
        sentence=sentence_of(
            method.name, verdict, found, round(float(grid[-1])), float(chance[:, -1].mean()), OF_BOXES
        ),
    )


def at_equal_boxes(
    boxes_of_chance: Scores, chance: Scores, boxes: Scores, scores: Scores
) -> tuple[Scores, Scores, Scores]:
    """Read both curves off at the same numbers of boxes: (S,), and of each (R, S). All are (R, S).

    They are numbers that both have drawn in all repeats, or nearly; between two rounds, a curve is a line over the
    logarithm of the boxes.
    """
    first = max(boxes_of_chance[:, 0].mean(), boxes[:, 0].mean())
    last = min(boxes_of_chance[:, -1].mean(), boxes[:, -1].mean())
    grid = np.geomspace(max(first, 1), max(last, first + 1, 2), boxes.shape[1])

    def read_off(drawn: Scores, reached: Scores) -> Scores:
        logs = np.log(np.maximum(drawn, 1))
        return np.stack([np.interp(np.log(grid), x, y) for x, y in zip(logs, reached, strict=True)])

    return grid, read_off(boxes_of_chance, chance), read_off(boxes, scores)

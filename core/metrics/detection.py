"""How good boxes are: average precision as COCO defines it, and what is wrong with the boxes that are wrong.

A prediction is right if it is of the same class as an object and overlaps it by an IoU of at least a threshold; each
object is found once, by the prediction of the highest score. Around a crowd, what is predicted counts neither way.
Intervals are of 95 %, by the basic bootstrap over images (`bootstrap_interval` in classification.py says why it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.boxes import Detected, Floats, Rows, intersection, iou
from nextlabel.core.metrics.box_counts import BoxCounts
from nextlabel.core.metrics.classification import INTERVAL

THRESHOLDS: Floats = np.linspace(0.5, 0.95, 10)  # of IoU
RECALLS: Floats = np.linspace(0.0, 1.0, 101)
MOST_DETECTIONS = 100  # of one class on one image, those of the highest scores
DRAWS = 100  # of images with replacement, for intervals
NEAR = 0.1  # IoU from which on a wrong box is of an object nearby; below, of the background
FOUND = 0.5  # IoU of a box that is right
ONE_OBJECT = 0.6  # IoU from which on two predictions are of one object, of whatever class
Interval = tuple[float, float]
Kind = Literal["class", "place", "both", "double", "background", "missed"]
Flags = NDArray[np.bool_]


class Truth(NamedTuple):
    """The objects on one image: places (g, 4), classes (g,) and whether each is a crowd (g,)."""

    places: Floats
    classes: Rows
    crowd: Flags


@dataclass(frozen=True)
class ClassAP:
    """One class. None where it has no object here, or where nothing of it is predicted (`threshold`).

    average_precision: mean over the thresholds of IoU, `ap50` at 0.5 alone. recall: the mean over them of the most that
    is found. threshold: the score from which on F1 at IoU 0.5 is best; precision, recall_there and f1 at it.
    """

    name: str
    objects: int
    predicted: int
    average_precision: float | None
    average_precision_interval: Interval | None
    ap50: float | None
    ap50_interval: Interval | None
    recall: float | None
    threshold: float | None
    precision: float
    recall_there: float
    f1: float


@dataclass(frozen=True)
class Miss:
    """What is wrong at one place. kind: class, place, both, double, background, missed.

    truth: the index of the object among those of its image; None where there is none. detection: that of the prediction
    among those of its image; None: the object was missed.
    """

    image: int
    kind: Kind
    truth: int | None
    detection: int | None
    iou: float


@dataclass(frozen=True)
class BoxScores:
    """Means are over classes that have an object here; None without one. confusion: (C + 1, C + 1), truth by
    prediction at the thresholds; the last of each is the background."""

    mean_average_precision: float | None
    mean_average_precision_interval: Interval | None
    map50: float | None
    map50_interval: Interval | None
    average_recall: float | None
    f1: float | None
    f1_interval: Interval | None
    per_class: tuple[ClassAP, ...]
    confusion: NDArray[np.int64]
    misses: tuple[Miss, ...]


def score(
    truth: Sequence[Truth],
    detected: Sequence[Detected],
    classes: Sequence[str],
    rng: np.random.Generator | None = None,
) -> BoxScores:
    """Score what was detected on N images; both are in the space of these classes. rng: draws intervals; None: none."""
    tables = _tables(truth, detected, len(classes))
    weights = rng.multinomial(len(truth), np.full(len(truth), 1 / len(truth)), DRAWS) if rng and len(truth) else None
    curves = [_Curve.of(table) for table in tables]
    draws = [curve.redrawn(weights) if weights is not None else _NO_DRAWS for curve in curves]
    there = [c for c, table in enumerate(tables) if table.objects]
    per_class = tuple(
        _class(name, table, curve, drawn)
        for name, table, curve, drawn in zip(classes, tables, curves, draws, strict=True)
    )
    thresholds = np.array([np.inf if one.threshold is None else one.threshold for one in per_class])
    matches = _Matches(truth, detected, thresholds, len(classes))
    precision = np.stack([curves[c].precision for c in there], axis=2) if there else np.empty((0, 0, 0))  # (T, R, K)
    recall = np.stack([curves[c].recall for c in there], axis=1) if there else np.empty((0, 0))
    ap, ap50, f1 = (
        (float(np.mean(precision)), float(np.mean(precision[0])), float(np.mean([per_class[c].f1 for c in there])))
        if there
        else (None, None, None)
    )
    return BoxScores(
        mean_average_precision=ap,
        mean_average_precision_interval=_interval(ap, [draws[c].ap for c in there]),
        map50=ap50,
        map50_interval=_interval(ap50, [draws[c].ap50 for c in there]),
        average_recall=float(np.mean(recall)) if there else None,
        f1=f1,
        f1_interval=_interval(f1, [draws[c].f1 for c in there]),
        per_class=per_class,
        confusion=matches.confusion,
        misses=tuple(matches.misses),
    )


FEW = 5  # objects of a class: too few for a threshold of its own
UNKNOWN, UNKNOWN_FLOOR = 0.3, 0.1  # scores, where nothing tells better ones


@dataclass(frozen=True, eq=False)
class Calibration:
    """What scores of boxes mean, by images whose boxes are known and which the detector was not trained on.

    thresholds: (C,) the score from which on a box of a class is taken for right. quality: (C,) how well it is found.
    floor: the score below which boxes say nothing. counts: how many objects there are, by the boxes from the floor on.
    """

    thresholds: Floats
    quality: Floats
    floor: float
    counts: BoxCounts = field(default_factory=BoxCounts)

    @classmethod
    def unknown(cls, n_classes: int) -> Calibration:
        return cls(np.full(n_classes, UNKNOWN), np.zeros(n_classes), UNKNOWN_FLOOR)

    @classmethod
    def of(cls, truth: Sequence[Truth], said: Sequence[Detected], n_classes: int) -> Calibration:
        """A class with few objects has the threshold of all classes together."""
        names = [str(c) for c in range(n_classes)]
        of_class = score(truth, said, names).per_class
        one_class = [one._replace(classes=np.zeros_like(one.classes)) for one in truth]
        found = [Detected(one.places, np.zeros_like(one.classes), one.scores) for one in said]
        together = score(one_class, found, ["0"]).per_class[0].threshold
        usual = UNKNOWN if together is None else together
        own = [usual if one.threshold is None or one.objects < FEW else one.threshold for one in of_class]
        lowest = lowest_sure(truth, said)
        floor = min([*own, UNKNOWN_FLOOR if lowest is None else lowest])
        seen = [one.from_score(floor) for one in found]
        counts = BoxCounts.of(
            [one.scores for one in seen],
            [_of_objects(*both) for both in zip(seen, truth, strict=True)],
            np.array([np.count_nonzero(~one.crowd) for one in truth], float),
        )
        return cls(np.array(own), quality(truth, said, n_classes), floor, counts)

    def drafts(self, said: Detected) -> Flags:
        """Return (n,) which are so sure that they may be taken for right; of those of one object, the surest."""
        drafted = np.zeros(len(said), np.bool_)
        if not len(said):
            return drafted
        sure = np.flatnonzero(said.scores >= self.thresholds[said.classes])
        overlaps = iou(said.places[sure], said.places[sure])
        for i in np.argsort(-said.scores[sure], kind="stable").tolist():
            drafted[sure[i]] = not drafted[sure[overlaps[i] >= ONE_OBJECT]].any()
        return drafted

    def said(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        arrays = {"thresholds": self.thresholds.tolist(), "quality": self.quality.tolist()}
        return {**arrays, "floor": self.floor, "counts": asdict(self.counts)}

    @classmethod
    def heard(cls, said: dict[str, Any]) -> Calibration:
        """Read what `said` gives, and what detectors say that were kept before there were counts: scores as they are,
        times what objects there were for each.
        """
        thresholds, quality = np.array(said["thresholds"], float), np.array(said["quality"], float)
        before = {"each": said.get("boxes_per_score", 1.0), "more": said.get("boxes_missed", 0.0)}
        return cls(thresholds, quality, float(said["floor"]), BoxCounts(**said.get("counts", before)))


def quality(truth: Sequence[Truth], detected: Sequence[Detected], n_classes: int) -> Floats:
    """Return (C,) how well the objects of each class are found, from 0 to 1; 0 for a class without an object.

    An object is found as well as s^0.6 IoU^0.4 of the prediction of its class for which that is most, of an IoU above
    0.3: Yang, Huang and Crowley, Plug and Play Active Learning for Object Detection (CVPR 2024).
    """
    total, objects = np.zeros(n_classes), np.zeros(n_classes)
    for one, said in zip(truth, detected, strict=True):
        overlaps = _overlaps(said.places, one.places, one.crowd)
        fits = (said.classes[:, None] == one.classes[None, :]) & (overlaps > 0.3)
        found = np.where(fits, said.scores[:, None] ** 0.6 * overlaps**0.4, 0).max(axis=0, initial=0)
        single = ~one.crowd
        np.add.at(total, one.classes[single], found[single])
        np.add.at(objects, one.classes[single], 1)
    mean: Floats = total / np.maximum(objects, 1)
    return mean


def usual_scores(truth: Sequence[Truth], detected: Sequence[Detected], n_classes: int) -> Floats:
    """Return (C,) the mean score of the predictions that find objects of each class; infinity where none is found."""
    total, found = np.zeros(n_classes), np.zeros(n_classes)
    for one, said in zip(truth, detected, strict=True):
        fits = (said.classes[:, None] == one.classes[None, :]) & (
            _overlaps(said.places, one.places, one.crowd) >= FOUND
        )
        best = np.where(fits, said.scores[:, None], 0).max(axis=0, initial=0)
        right = (best > 0) & ~one.crowd
        np.add.at(total, one.classes[right], best[right])
        np.add.at(found, one.classes[right], 1)
    usual: Floats = np.where(found > 0, total / np.maximum(found, 1), np.inf)
    return usual


def named(truth: Sequence[Truth], detected: Sequence[Detected]) -> tuple[Rows, Rows]:
    """Return (objects,) each: the class of objects, crowds aside, and that of the surest prediction at them, or -1."""
    classes, said_to_be = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for one, said in zip(truth, detected, strict=True):
        there = _overlaps(said.places, one.places, one.crowd)[:, ~one.crowd] >= FOUND
        classes.append(one.classes[~one.crowd])
        best = np.full(there.shape[1], -1, np.int64)
        if len(said):
            surest = np.where(there, said.scores[:, None], -1).argmax(axis=0)
            best = np.where(there.any(axis=0), said.classes[surest], -1)
        said_to_be.append(best)
    return np.concatenate(classes), np.concatenate(said_to_be)


def lowest_sure(truth: Sequence[Truth], detected: Sequence[Detected]) -> float | None:
    """Return the score down to which one has to look to find 95 % of the objects that are found; None: none is."""
    scores: list[float] = []
    for one, said in zip(truth, detected, strict=True):
        overlaps = _overlaps(said.places, one.places, one.crowd)
        fits = (said.classes[:, None] == one.classes[None, :]) & (overlaps >= FOUND)
        best = np.where(fits, said.scores[:, None], 0).max(axis=0, initial=0)[~one.crowd]
        scores += best[best > 0].tolist()
    return float(np.quantile(scores, 0.05)) if scores else None


def _class(name: str, table: _Table, curve: _Curve, drawn: _Drawn) -> ClassAP:
    ap, ap50 = (float(np.mean(curve.precision)), float(np.mean(curve.precision[0]))) if table.objects else (None, None)
    return ClassAP(
        name=name,
        objects=table.objects,
        predicted=len(table.scores),
        average_precision=ap,
        average_precision_interval=_interval(ap, [drawn.ap]),
        ap50=ap50,
        ap50_interval=_interval(ap50, [drawn.ap50]),
        recall=float(np.mean(curve.recall)) if table.objects else None,
        threshold=curve.threshold,
        precision=curve.best[0],
        recall_there=curve.best[1],
        f1=curve.best[2],
    )


# --- one class --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Table:
    """The predictions of one class, the highest score first: (n,) scores and images, (T, n) right and ignored.

    objects: how many there are, without crowds; objects_on: (N,) on each image.
    """

    scores: Floats
    image: Rows
    right: Flags
    ignored: Flags
    objects_on: Rows

    @property
    def objects(self) -> int:
        return int(self.objects_on.sum())


def _tables(truth: Sequence[Truth], detected: Sequence[Detected], n_classes: int) -> list[_Table]:
    """Match what was detected with the objects of its class and image, and list it by class."""
    n = len(truth)
    objects = _Flat.of([one.places for one in truth], [one.classes for one in truth])
    crowd = np.concatenate([np.empty(0, np.bool_), *(one.crowd for one in truth)])
    said = _Flat.of([one.places for one in detected], [one.classes for one in detected])
    scores = np.concatenate([np.empty(0), *(one.scores for one in detected)])
    right, ignored = (np.zeros((len(THRESHOLDS), len(scores)), np.bool_) for _ in range(2))
    objects_in = _groups(objects.group(n), np.zeros(len(crowd)))
    kept = [np.empty(0, np.int64)]
    for group, rows in _groups(said.group(n), scores).items():
        best = rows[:MOST_DETECTIONS]
        kept.append(best)
        if (mine := objects_in.get(group)) is not None:
            found, passed = _match(said.places[best], objects.places[mine], crowd[mine])
            right[:, best], ignored[:, best] = found, passed
    taken = np.concatenate(kept)
    tables = []
    for c in range(n_classes):
        of_class = np.sort(
            taken[said.classes[taken] == c], kind="mergesort"
        )  # by image, as COCO's own program has them
        of_class = of_class[np.lexsort((-scores[of_class], said.image[of_class]))]
        rows = of_class[np.argsort(-scores[of_class], kind="mergesort")]
        on = np.bincount(objects.image[(objects.classes == c) & ~crowd], minlength=n)
        tables.append(_Table(scores[rows], said.image[rows], right[:, rows], ignored[:, rows], on))
    return tables


@dataclass(frozen=True, eq=False)
class _Flat:
    """The boxes of all images: (m, 4) places, (m,) classes and images."""

    places: Floats
    classes: Rows
    image: Rows

    @classmethod
    def of(cls, places: Sequence[Floats], classes: Sequence[Rows]) -> _Flat:
        counts = np.array([len(one) for one in classes], np.int64)
        return cls(
            np.concatenate([np.empty((0, 4)), *places]),
            np.concatenate([np.empty(0, np.int64), *classes]),
            np.repeat(np.arange(len(counts)), counts),
        )

    def group(self, n: int) -> Rows:
        """Return (m,) a number for each class and image."""
        return self.classes * n + self.image


def _groups(group: Rows, scores: Floats) -> dict[int, Rows]:
    """Gather rows by group, the highest score first; equal ones in their order."""
    order = np.lexsort((-scores, group))
    found, starts = np.unique(group[order], return_index=True)
    return dict(zip(found.tolist(), np.split(order, starts[1:]), strict=True)) if len(order) else {}


def _match(places: Floats, objects: Floats, crowd: Flags) -> tuple[Flags, Flags]:
    """Return (T, n): which predictions, the highest score first, are right, and which meet a crowd and don't count."""
    right = np.zeros((len(THRESHOLDS), len(places)), np.bool_)
    ignored = np.zeros_like(right)
    overlaps = _overlaps(places, objects, crowd)
    if not overlaps.size or overlaps.max() < THRESHOLDS[0]:
        return right, ignored
    order = np.argsort(crowd, kind="mergesort")  # crowds last
    overlaps, crowd = overlaps[:, order], crowd[order]
    single = int((~crowd).sum())
    least = np.minimum(THRESHOLDS, 1 - 1e-10)
    free = np.ones((len(THRESHOLDS), single), np.bool_)
    levels = np.arange(len(THRESHOLDS))
    for d in np.flatnonzero(overlaps.max(axis=1) >= THRESHOLDS[0]).tolist():
        row = np.where(free, overlaps[d, :single], -1.0)
        found = np.zeros(len(THRESHOLDS), np.bool_)
        if single:
            best = single - 1 - row[:, ::-1].argmax(axis=1)  # of equal ones, the last: as COCO's own program has it
            found = row[levels, best] >= least
            free[levels[found], best[found]] = False
        right[:, d] = found
        if single < len(crowd):
            ignored[:, d] = ~found & (overlaps[d, single:].max() >= least)
    return right, ignored


def _of_objects(said: Detected, truth: Truth) -> Flags:
    """Return (n,) which boxes of one image are of an object, of whatever class; each object is of the surest alone."""
    order = np.argsort(-said.scores, kind="stable")
    right = np.zeros(len(said), np.bool_)
    right[order] = _match(said.places[order], truth.places, truth.crowd)[0][0]
    return right


def _overlaps(places: Floats, objects: Floats, crowd: Flags) -> Floats:
    """Return (n, g) IoU; with a crowd, the share of the prediction that lies in it."""
    inner = intersection(places, objects)
    mine = (places[:, 2] * places[:, 3])[:, None]
    whole = np.where(crowd[None, :], mine, mine + (objects[:, 2] * objects[:, 3])[None, :] - inner)
    found: Floats = inner / whole
    return found


@dataclass(frozen=True, eq=False)
class _Drawn:
    """(DRAWS,) of each: NaN where a draw has no object of the class."""

    ap: Floats
    ap50: Floats
    f1: Floats


_NO_DRAWS = _Drawn(*(np.full(DRAWS, np.nan) for _ in range(3)))


@dataclass(frozen=True, eq=False)
class _Curve:
    """precision: (T, R) at each of RECALLS. recall: (T,) the most. best: precision, recall, F1 at the threshold."""

    table: _Table
    precision: Floats
    recall: Floats
    threshold: float | None
    best: tuple[float, float, float]

    @classmethod
    def of(cls, table: _Table) -> _Curve:
        n_thresholds = len(THRESHOLDS)
        precision, recall = np.zeros((n_thresholds, len(RECALLS))), np.zeros(n_thresholds)
        if not (table.objects and len(table.scores)):
            return cls(table, precision, recall, None, (0.0, 0.0, 0.0))
        hits = np.cumsum(table.right & ~table.ignored, axis=1).astype(np.float64)
        wrong = np.cumsum(~table.right & ~table.ignored, axis=1).astype(np.float64)
        for t in range(n_thresholds):
            found = hits[t] / table.objects
            precision[t] = _at_recalls(found, hits[t] / (wrong[t] + hits[t] + np.spacing(1)))
            recall[t] = found[-1]
        return cls(table, precision, recall, *_best_f1(table, hits[0], wrong[0]))

    def redrawn(self, weights: Rows) -> _Drawn:
        """Score again with images drawn as often as `weights` (DRAWS, N) says."""
        table = self.table
        if not table.objects:
            return _NO_DRAWS
        objects = (weights @ table.objects_on).astype(np.float64)
        aps, f1 = np.zeros((DRAWS, len(THRESHOLDS))), np.zeros(DRAWS)
        rows = [np.flatnonzero(right) for right in table.right]  # precision is asked for at those that are right alone
        passed = [ignored if ignored.any() else None for ignored in table.ignored]
        for draw in np.flatnonzero(objects).tolist():
            weight = weights[draw, table.image].astype(np.float64)
            total = np.cumsum(weight)
            for t, (right, ignored) in enumerate(zip(rows, passed, strict=True)):
                if not len(right):
                    continue
                hits = np.cumsum(weight[right])
                there = total[right] if ignored is None else np.cumsum(weight * ~ignored)[right]
                aps[draw, t] = _at_recalls(hits / objects[draw], hits / np.maximum(there, np.spacing(1))).mean()
                if t == 0:
                    f1[draw] = (2 * hits / (there + objects[draw])).max()
        aps[objects == 0], f1[objects == 0] = np.nan, np.nan
        return _Drawn(aps.mean(axis=1), aps[:, 0], f1)


def _at_recalls(recall: Floats, precision: Floats) -> Floats:
    """Return (R,) the best precision there is from each recall on; 0 where it is never reached."""
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, RECALLS, side="left")
    reached = places < len(envelope)
    found = np.zeros(len(RECALLS))
    found[reached] = envelope[places[reached]]
    return found


def _best_f1(table: _Table, hits: Floats, wrong: Floats) -> tuple[float | None, tuple[float, float, float]]:
    """Return the score from which on F1 is best, the highest of several; and precision, recall and F1 there."""
    f1 = 2 * hits / (hits + wrong + table.objects)
    last = np.append(table.scores[1:] != table.scores[:-1], True)  # equal scores are taken or left together
    best = int(np.where(last, f1, -1).argmax())
    if f1[best] <= 0:
        return None, (0.0, 0.0, 0.0)
    precision = hits[best] / (hits[best] + wrong[best])
    return float(table.scores[best]), (float(precision), float(hits[best] / table.objects), float(f1[best]))


def _interval(mean: float | None, draws: Sequence[Floats]) -> Interval | None:
    """Return the interval of the mean over classes, of which a draw has those that occur in it."""
    if mean is None:
        return None
    stacked = np.stack(draws)
    there = np.isfinite(stacked)
    counts = there.sum(axis=0)
    means = np.where(there, stacked, 0).sum(axis=0)[counts > 0] / counts[counts > 0]
    if not len(means):
        return None
    low, high = np.quantile(means, INTERVAL)
    return max(0.0, 2 * mean - float(high)), min(1.0, 2 * mean - float(low))


# --- what is wrong ----------------------------------------------------------------------------------------------


class _Matches:
    """Pairs predictions at their thresholds with objects, first within a class, then across; tells what is left."""

    def __init__(
        self, truth: Sequence[Truth], detected: Sequence[Detected], thresholds: Floats, n_classes: int
    ) -> None:
        self.confusion = np.zeros((n_classes + 1, n_classes + 1), np.int64)
        self.misses: list[Miss] = []
        self._background = n_classes
        for i, (one, said) in enumerate(zip(truth, detected, strict=True)):
            kept = np.flatnonzero(said.scores >= thresholds[said.classes]) if len(said) else np.empty(0, np.int64)
            self._image(i, one, said, kept[np.argsort(-said.scores[kept], kind="mergesort")])

    def _image(self, i: int, one: Truth, said: Detected, kept: Rows) -> None:
        overlaps = _overlaps(said.places[kept], one.places, one.crowd)
        alike = said.classes[kept][:, None] == one.classes[None, :]
        single = ~one.crowd
        free, left = single.copy(), np.ones(len(kept), np.bool_)
        hit = self._pair(overlaps, alike & single, FOUND, free, left)
        swapped = self._pair(overlaps, ~alike & single, FOUND, free, left)
        in_crowd = ((overlaps >= FOUND) & alike & ~single).any(axis=1)
        for d, g in [*hit, *swapped]:
            self.confusion[one.classes[g], said.classes[kept[d]]] += 1
        self.misses += [Miss(i, "class", g, int(kept[d]), float(overlaps[d, g])) for d, g in swapped]
        explained = np.zeros(len(single), np.bool_)
        for d in np.flatnonzero(left & ~in_crowd).tolist():
            self.confusion[self._background, said.classes[kept[d]]] += 1
            kind, nearest = self._kind(overlaps[d], alike[d], single)
            if kind in ("place", "both"):
                explained[nearest] = True
            at = float(overlaps[d, nearest]) if nearest is not None else 0.0
            self.misses.append(Miss(i, kind, nearest, int(kept[d]), at))
        for g in np.flatnonzero(free).tolist():
            self.confusion[one.classes[g], self._background] += 1
            if not explained[g]:
                self.misses.append(Miss(i, "missed", g, None, 0.0))

    def _pair(self, overlaps: Floats, allowed: Flags, least: float, free: Flags, left: Flags) -> list[tuple[int, int]]:
        """Give each prediction that is left, the highest score first, the free object that it overlaps most."""
        pairs = []
        for d in np.flatnonzero(left).tolist() if overlaps.size else []:
            row = np.where(allowed[d] & free, overlaps[d], -1.0)
            g = int(row.argmax())
            if row[g] >= least:
                free[g], left[d] = False, False
                pairs.append((d, g))
        return pairs

    def _kind(self, overlaps: Floats, alike: Flags, single: Flags) -> tuple[Kind, int | None]:
        """Say what is wrong with a prediction that is right nowhere, and which object it is nearest to."""
        same = np.where(alike & single, overlaps, -1.0)
        other = np.where(~alike & single, overlaps, -1.0)
        if same.size and same.max() >= FOUND:
            return "double", int(same.argmax())
        if other.size and other.max() >= FOUND:
            return "class", int(other.argmax())
        if same.size and same.max() >= NEAR:
            return "place", int(same.argmax())
        if other.size and other.max() >= NEAR:
            return "both", int(other.argmax())
        return "background", None

"""Which boxes that people drew, or didn't, look wrong beside a detector's: after ObjectLab (Tkachenko, Thyagarajan and
Mueller, 2023, arXiv 2309.00832), with one more kind, boxes that no prediction supports.

The detector must not have seen the labels it judges: trained on them, it repeats them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from nextlabel.core.data.boxes import SAME_OBJECT, Detected, Floats, Rows, iou
from nextlabel.core.metrics.detection import Truth

Suspicion = Literal["overlooked", "swapped", "badly_placed", "spurious"]
APART = 0.3  # IoU below which it is about another
WELL = 0.7  # IoU from which on a box is well placed
SPURIOUS = 0.5  # the most that a box without any prediction is suspected: detectors overlook things, too
PEOPLE_ERR = 0.05  # of the classes that people give, about so many are wrong
LEAST_ERRORS = 2  # so many may be wrong of a class, however few boxes it has
AS_OF_ALL = 10  # so many boxes' worth, a class's confusions are taken for those of all classes


@dataclass(frozen=True)
class Suspect:
    """One box that looks wrong. score: from 0 to 1, the greater the more suspicious.

    truth: the index of the drawn box among those of its image; None: it was overlooked. detection: that of the
    prediction that speaks against it; None: none speaks for it.
    """

    image: int
    kind: Suspicion
    truth: int | None
    detection: int | None
    score: float


@dataclass(frozen=True, eq=False)
class Sure:
    """The scores (C,) from which on a class's predictions count; infinity: they say nothing.

    alone: where nothing is drawn. otherwise: of another class than what is drawn there. beside: of the same class.
    """

    alone: Floats
    otherwise: Floats
    beside: Floats

    @classmethod
    def of(cls, best: Floats, usual: Floats) -> Sure:
        """Take them from where F1 with these labels is best, and from the mean score of what finds drawn objects.

        best counts faults of the labels for faults of the predictions, and so may lie above all that tells of one:
        where an object is drawn, half of the usual score will do. Where none is, nothing else speaks for one.
        """
        there = np.isfinite(best)
        return cls(
            np.where(there, np.maximum(best, usual), np.inf), np.where(there, np.minimum(best, usual / 2), np.inf), best
        )


def suspects(truth: Sequence[Truth], detected: Sequence[Detected], sure: Sure) -> list[Suspect]:
    """List what looks wrong, most suspicious first."""
    found: list[Suspect] = []
    for i, (one, said) in enumerate(zip(truth, detected, strict=True)):
        found += _of_image(i, one, said, sure)
    return sorted(_against_confusions(found, truth, detected), key=lambda suspect: -suspect.score)


def _against_confusions(
    found: Sequence[Suspect], truth: Sequence[Truth], detected: Sequence[Detected]
) -> Iterator[Suspect]:
    """Suspect a swapped box the less, the more often the detector takes others of its class for the same other one.

    A detector that can't tell ten from nine contradicts half of the labels, and all of these are right. So a score is
    taken times the share of people's errors, PEOPLE_ERR, in these and the detector's own. Its own are what is
    contradicted beyond what people may have erred about, of the class and, for few boxes tell little, of all classes.
    """
    drawn = Counter(c for one in truth for c in one.classes[~one.crowd].tolist())
    pairs = {
        one: (int(truth[one.image].classes[one.truth]), int(detected[one.image].classes[one.detection]))
        for one in found
        if one.kind == "swapped" and one.truth is not None and one.detection is not None
    }
    confused, contradicted = Counter(pairs.values()), Counter(own for own, _ in pairs.values())
    of_all = max(0.0, len(pairs) / max(1, drawn.total()) - PEOPLE_ERR)
    for one in found:
        if (pair := pairs.get(one)) is None:
            yield one
            continue
        n, of_class = drawn[pair[0]], contradicted[pair[0]]
        beyond_people = max(0.0, of_class - max(LEAST_ERRORS, PEOPLE_ERR * n))
        its_own = (beyond_people * confused[pair] / of_class + AS_OF_ALL * of_all) / (n + AS_OF_ALL)
        yield replace(one, score=one.score * PEOPLE_ERR / (PEOPLE_ERR + its_own))


def _of_image(i: int, one: Truth, said: Detected, sure: Sure) -> list[Suspect]:
    overlaps = iou(said.places, one.places)
    free = overlaps.max(axis=1, initial=0.0) < APART
    alone = np.flatnonzero((said.scores >= sure.alone[said.classes]) & free)
    found = [Suspect(i, "overlooked", None, d, float(said.scores[d])) for d in _once_a_place(said, alone)]
    for g in np.flatnonzero(~one.crowd).tolist():
        suspect = _of_box(i, g, one, said, overlaps[:, g], sure)
        if suspect is not None:
            found.append(suspect)
    return found


def _once_a_place(said: Detected, rows: Rows) -> list[int]:
    """Of predictions about one place, whatever their class, keep the surest."""
    kept: list[int] = []
    for d in rows[np.argsort(-said.scores[rows], kind="stable")].tolist():
        if not kept or iou(said.places[[d]], said.places[kept]).max() < SAME_OBJECT:
            kept.append(d)
    return kept


def _of_box(i: int, g: int, one: Truth, said: Detected, overlap: Floats, sure: Sure) -> Suspect | None:
    alike = said.classes == one.classes[g]
    best_alike = float(overlap[alike].max(initial=0.0))
    for_it = float(said.scores[alike & (overlap >= SAME_OBJECT)].max(initial=0.0))
    against = np.flatnonzero(~alike & (said.scores >= sure.otherwise[said.classes]) & (overlap >= SAME_OBJECT))
    if len(against):
        d = int(against[np.lexsort((-overlap[against], -said.scores[against]))[0]])
        if said.scores[d] > for_it:
            return Suspect(i, "swapped", g, d, float(said.scores[d] * (1 - for_it)))
    beside = np.flatnonzero(alike & (said.scores >= sure.beside[said.classes]) & (overlap >= APART))
    if len(beside) and best_alike < WELL:
        d = int(beside[overlap[beside].argmax()])
        return Suspect(i, "badly_placed", g, d, float(said.scores[d] * (1 - overlap[d])))
    if np.isfinite(sure.beside[one.classes[g]]) and overlap.max(initial=0.0) < APART:
        return Suspect(i, "spurious", g, None, float(SPURIOUS * (1 - overlap.max(initial=0.0))))
    return None

"""Which boxes that people drew, or didn't, look wrong beside a detector's: after ObjectLab (Tkachenko, Thyagarajan and
Mueller, 2023, arXiv 2309.00832), with one more kind, boxes that no prediction supports.

The detector must not have seen the labels it judges: trained on them, it repeats them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nextlabel.core.data.boxes import Detected, Floats, Rows, iou
from nextlabel.core.metrics.detection import Flags, Truth

Suspicion = Literal["overlooked", "swapped", "badly_placed", "spurious"]
SAME = 0.5  # IoU from which on a prediction is about the object
APART = 0.3  # IoU below which it is about another
WELL = 0.7  # IoU from which on a box is well placed
SPURIOUS = 0.5  # the most that a box without any prediction is suspected: detectors overlook things, too


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


def suspects(
    truth: Sequence[Truth], detected: Sequence[Detected], sure: Floats, surer: Floats | None = None
) -> list[Suspect]:
    """List what looks wrong, most suspicious first. sure: (C,) the score from which on a class's predictions count.

    A class whose predictions can't be told right from wrong has infinity there, and says nothing. surer: the same for
    what may have been overlooked, which nothing drawn speaks for; None: it counts as the others.
    """
    found: list[Suspect] = []
    for i, (one, said) in enumerate(zip(truth, detected, strict=True)):
        found += _of_image(i, one, said, sure, sure if surer is None else np.maximum(sure, surer))
    return sorted(found, key=lambda suspect: -suspect.score)


def _of_image(i: int, one: Truth, said: Detected, sure: Floats, surer: Floats) -> list[Suspect]:
    overlaps = iou(said.places, one.places)
    high = said.scores >= sure[said.classes]
    alone = np.flatnonzero((said.scores >= surer[said.classes]) & (overlaps.max(axis=1, initial=0.0) < APART))
    found = [Suspect(i, "overlooked", None, d, float(said.scores[d])) for d in _once_a_place(said, alone)]
    for g in np.flatnonzero(~one.crowd).tolist():
        suspect = _of_box(i, g, one, said, overlaps[:, g], high, np.isfinite(sure[one.classes[g]]))
        if suspect is not None:
            found.append(suspect)
    return found


def _once_a_place(said: Detected, rows: Rows) -> list[int]:
    """Of predictions about one place, whatever their class, keep the surest."""
    kept: list[int] = []
    for d in rows[np.argsort(-said.scores[rows], kind="stable")].tolist():
        if not kept or iou(said.places[[d]], said.places[kept]).max() < SAME:
            kept.append(d)
    return kept


def _of_box(i: int, g: int, one: Truth, said: Detected, overlap: Floats, high: Flags, can_tell: bool) -> Suspect | None:
    alike = said.classes == one.classes[g]
    best_alike = float(overlap[alike].max(initial=0.0))
    for_it = float(said.scores[alike & (overlap >= SAME)].max(initial=0.0))
    against = np.flatnonzero(~alike & high & (overlap >= SAME))
    if len(against):
        d = int(against[np.lexsort((-overlap[against], -said.scores[against]))[0]])
        if said.scores[d] > for_it:
            return Suspect(i, "swapped", g, d, float(said.scores[d] * (1 - for_it)))
    beside = np.flatnonzero(alike & high & (overlap >= APART))
    if len(beside) and best_alike < WELL:
        d = int(beside[overlap[beside].argmax()])
        return Suspect(i, "badly_placed", g, d, float(said.scores[d] * (1 - overlap[d])))
    if can_tell and overlap.max(initial=0.0) < APART:
        return Suspect(i, "spurious", g, None, float(SPURIOUS * (1 - overlap.max(initial=0.0))))
    return None

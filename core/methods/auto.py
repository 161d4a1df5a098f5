"""Which method to use: `auto`'s rule, and what stands in for a method that the labels can't feed yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from nextlabel.core.methods.base import Inputs, Method, Need, Picks
from nextlabel.core.methods.baseline import Random
from nextlabel.core.methods.by_names import AutoByNames
from nextlabel.core.methods.coverage import FacilityLocation, MaxHerding
from nextlabel.core.methods.detection import ClassSum
from nextlabel.core.methods.hybrid import UHerding
from nextlabel.core.methods.uncertainty import Margin


class Auto(Method):
    """Chooses one of five methods, by what there is to go by.

    `maxherding` while fewer than two classes are labelled, helped by the classes' names where a backbone knows texts;
    `uherding`, which is herding weighted by uncertainty, from then on; `facility_location` as long as one class is
    nearly all that is labelled, and there are others to be found, of which a head can't be unsure; `margin` where there
    are predictions and no embeddings, since herding needs to see where images lie.
    """

    name: Literal["auto"] = "auto"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})
    summary: ClassVar[str] = "The method that fits what is labelled so far; the result says which, and why."
    use: ClassVar[str] = "By default, at any number of labels, on any pool."
    source: ClassVar[str] = "ours, by evidence: docs/methods.md"
    reason: ClassVar[str] = "chosen by auto"

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        method, _ = settle(self, len(inputs.labelled), len(np.unique(inputs.targets, axis=0)))
        return method.select(inputs, add, rng)


class AutoOfBoxes(Method):
    """What `auto` picks once there are boxes: herding weighted by the images' doubts, and a tenth by coverage alone, in
    case what the detector is sure of is wrong."""

    name: Literal["auto"] = "auto"
    needs: ClassVar[frozenset[Need]] = UHerding.needs
    reason: ClassVar[str] = UHerding.reason

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        aside = add // COVERAGE_SHARE
        doubtful = UHerding().select(inputs, add - aside, rng)
        left = np.setdiff1d(inputs.candidates, doubtful.rows, assume_unique=True)
        others = replace(inputs, candidates=left, pending=np.union1d(inputs.pending, doubtful.rows))
        covering = MaxHerding().select(others, aside, rng)
        scores = np.concatenate([doubtful.scores, covering.scores])
        return Picks(np.concatenate([doubtful.rows, covering.rows]), scores)


COVERAGE_SHARE = 10
NEARLY_ALL = 0.8  # of the labels
LOOKED_FOR = 5  # labels for each class that is declared, until one that was not found may not be there


def settle_for_boxes(asked: Method, *, boxes: bool, embeddings: bool) -> tuple[Method, str]:
    """Return the method to run on images for boxes in place of the one asked for, and a clause that says why.

    boxes: whether a detector, trained here or elsewhere, tells of any. embeddings: whether there are some.
    """
    if not boxes and not embeddings and asked.needs:
        return Random(), "the predictions have no box, and there are no embeddings: by chance"
    if isinstance(asked, Auto):
        if not boxes:
            return MaxHerding(), "no box is drawn yet: images that stand for the whole pool"
        if not embeddings:
            return ClassSum(), "there are predictions, and no embeddings: images whose boxes are doubtful"
        return AutoOfBoxes(), "images that stand for what the detector is unsure of, and a tenth for the whole pool"
    if asked.needs <= {Need.EMBEDDINGS} or boxes:
        return asked, "as asked"
    return MaxHerding(), f"no box is drawn yet, and {asked.name} looks at boxes"


def settle(
    asked: Method,
    labels: int,
    classes: int,
    *,
    labelled_classes: int | None = None,
    embeddings: bool = True,
    known: str | None = None,
    names: bool = False,
    to_find: int = 0,
) -> tuple[Method, str]:
    """Return the method to run in place of the one asked for, and a clause that says why it is that one.

    labels: how many images are labelled; classes: how many classes they, or the predictions, have.
    labelled_classes: how many the labels have; None: all of them.
    embeddings: whether there are any; without them there must be predictions.
    known: what is labelled, in words, where that is not so many classes.
    names: whether the names of the classes say what images may be, as long as labels teach nothing.
    to_find: how many classes there are to be found, as `classes_to_find` counts them.
    """
    if isinstance(asked, Auto):
        known = known or _what_is_known(labels, classes)
        return _regime(known, classes, embeddings=embeddings, names=names, to_find=to_find)
    labelled_classes = classes if labelled_classes is None else labelled_classes
    if classes >= asked.classes_needed() and labelled_classes >= asked.classes_needed(labelled=True):
        return asked, "as asked"
    lacks = "needs two classes" if asked.classes_needed() == 2 else "learns from labelled images"
    return MaxHerding(), f"{known or _what_is_known(labels, min(classes, labelled_classes))}, and {asked.name} {lacks}"


def classes_to_find(images_per_class: Mapping[str, int], declared: Collection[str]) -> int:
    """Return how many classes were declared of which no image is labelled; 0 unless one class has nearly all labels,
    for only then are the others rarer than what doubts lead to, and 0 where so many are labelled that what wasn't found
    may not be there.

    images_per_class: how many are labelled, each of one class.
    """
    labels = sum(images_per_class.values())
    if not labels or max(images_per_class.values()) < NEARLY_ALL * labels or labels >= LOOKED_FOR * len(declared):
        return 0
    return sum(not images_per_class.get(name) for name in declared)


def _regime(known: str, classes: int, *, embeddings: bool, names: bool, to_find: int) -> tuple[Method, str]:
    if not embeddings:
        return Margin(), "there are predictions, and no embeddings: images that the predictions are unsure of"
    if classes < 2 and names:
        what = f"{known}, and the classes have names"
        return AutoByNames(), f"{what}: images that stand for the whole pool, and for each class that its name tells"
    if to_find:
        mostly = ", nearly all of one" if classes > 1 else ""
        lack = "declared class has" if to_find == 1 else "declared classes have"
        what = f"{known}{mostly}, and {to_find} {lack} no label to learn from"
        return FacilityLocation(), f"{what}: images that stand for the whole pool, and first for what lies apart"
    if classes < 2:
        return MaxHerding(), f"{known}: images that stand for the whole pool"
    return UHerding(), f"{known}: images that stand for what the head is unsure of"


def _what_is_known(labels: int, classes: int) -> str:
    if classes > 1:
        return f"{labels} labels of {classes} classes"
    return "nothing is labelled yet" if classes == 0 else "only one class is labelled"

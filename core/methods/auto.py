"""Which method to use: `auto`'s rule, and what stands in for a method that the labels can't feed yet."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from nextlabel.core.counting import counted
from nextlabel.core.methods.base import Inputs, Method, Need, Picks, Rows
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
    nearly all that is labelled, and there are likely others that no label has, of which a head can't be unsure;
    `margin` where there are predictions and no embeddings, since herding needs to see where images lie.
    """

    name: Literal["auto"] = "auto"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})
    summary: ClassVar[str] = "The method that fits what is labelled so far; the result says which, and why."
    use: ClassVar[str] = "By default, at any number of labels, on any pool."
    source: ClassVar[str] = "ours, by evidence: docs/methods.md"
    reason: ClassVar[str] = "chosen by auto"

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        classes = len(np.unique(inputs.targets, axis=0))
        unseen = inputs.targets.ndim == 1 and unseen_likely(inputs.targets)
        method, _ = settle(self, len(inputs.labelled), classes, unseen=unseen)
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
UNSEEN = 0.02  # of the labels, in classes that were seen once: as many of the pool may be of others


def settle_for_boxes(asked: Method, *, boxes: bool, embeddings: bool) -> tuple[Method, str]:
    """Return the method to run on images for boxes in place of the one asked for, and a clause that says why.

    boxes: whether a detector, trained here or elsewhere, tells of any. embeddings: whether there are some.
    """
    if not boxes and not embeddings and asked.needs:
        return Random(), "the predictions have no box, and there are no embeddings: by chance"
    if isinstance(asked, Auto):
        if not boxes:
            return MaxHerding(), "there is no box to learn from yet: images that stand for the whole pool"
        if not embeddings:
            return ClassSum(), "there are predictions, and no embeddings: images whose boxes are doubtful"
        return AutoOfBoxes(), "images that stand for what the detector is unsure of, and a tenth for the whole pool"
    if asked.needs <= {Need.EMBEDDINGS} or boxes:
        return asked, "as asked"
    return MaxHerding(), f"there is no box to learn from yet, and {asked.name} looks at boxes"


def settle(
    asked: Method,
    labels: int,
    classes: int,
    *,
    labelled_classes: int | None = None,
    embeddings: bool = True,
    known: str | None = None,
    names: bool = False,
    unseen: bool = False,
) -> tuple[Method, str]:
    """Return the method to run in place of the one asked for, and a clause that says why it is that one.

    labels: how many images are labelled; classes: how many classes they, or the predictions, have.
    labelled_classes: how many the labels have; None: all of them.
    embeddings: whether there are any; without them there must be predictions.
    known: what is labelled, in words, where that is not so many classes.
    names: whether the names of the classes say what images may be, as long as labels teach nothing.
    unseen: whether there are likely classes that no label has, as `unseen_likely` tells.
    """
    if isinstance(asked, Auto):
        known = known or _what_is_known(labels, classes)
        return _regime(known, classes, embeddings=embeddings, names=names, unseen=unseen)
    labelled_classes = classes if labelled_classes is None else labelled_classes
    if classes >= asked.classes_needed() and labelled_classes >= asked.classes_needed(labelled=True):
        return asked, "as asked"
    lacks = "needs two classes" if asked.classes_needed() == 2 else "learns from labelled images"
    return MaxHerding(), f"{known or _what_is_known(labels, min(classes, labelled_classes))}, and {asked.name} {lacks}"


def unseen_likely(targets: Rows) -> bool:
    """Tell whether there are likely classes that no label has, beside one that nearly all have: others are as rare as
    that only then, and doubts don't lead there.

    What the classes that weren't seen make up of the pool is about what those that were seen once make up of the
    labels, after Good, "The population frequencies of species and the estimation of population parameters", Biometrika
    1953. That is of labels drawn by chance; of chosen ones it is a rule of thumb, measured in docs/methods.md.

    targets: (L,) the labelled images' classes.
    """
    images_per_class = np.unique(targets, return_counts=True)[1]
    if len(images_per_class) < 2 or images_per_class.max() < NEARLY_ALL * len(targets):
        return False
    return bool(np.count_nonzero(images_per_class == 1) >= UNSEEN * len(targets))


def _regime(known: str, classes: int, *, embeddings: bool, names: bool, unseen: bool) -> tuple[Method, str]:
    if not embeddings:
        return Margin(), "there are predictions, and no embeddings: images that the predictions are unsure of"
    if classes < 2 and names:
        what = f"{known}, and the classes have names"
        return AutoByNames(), f"{what}: images that stand for the whole pool, and for each class that its name tells"
    if classes < 2:
        return MaxHerding(), f"{known}: images that stand for the whole pool"
    if unseen:
        what = f"{known}, nearly all of one and some classes seen once, so that others are likely unseen"
        return FacilityLocation(), f"{what}: images that stand for the whole pool, and first for what lies apart"
    return UHerding(), f"{known}: images that stand for what the head is unsure of"


def _what_is_known(labels: int, classes: int) -> str:
    if classes > 1:
        return f"{counted(labels, 'label')} of {counted(classes, 'class', 'classes')}"
    return "nothing is labelled yet" if classes == 0 else "only one class is labelled"

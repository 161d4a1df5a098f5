"""Which method to use: `auto`'s rule, and what stands in for a method that the labels can't feed yet."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from nextlabel.core.methods.base import Inputs, Method, Need, Picks, Rows
from nextlabel.core.methods.baseline import Random
from nextlabel.core.methods.by_names import AutoByNames
from nextlabel.core.methods.coverage import FacilityLocation, MaxHerding
from nextlabel.core.methods.detection import ClassSum
from nextlabel.core.methods.hybrid import UHerding
from nextlabel.core.methods.reasons import ImageCode, Known, MethodCode, MethodReason
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
    reason: ClassVar[ImageCode] = UHerding.reason

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


def settle_for_boxes(asked: Method, *, boxes: bool, embeddings: bool) -> tuple[Method, MethodReason]:
    """Return the method to run on images for boxes in place of the one asked for, and why it is that one.

    boxes: whether a detector, trained here or elsewhere, tells of any. embeddings: whether there are some.
    """
    if not boxes and not embeddings and asked.needs:
        return Random(), MethodReason(code="no_box_no_embeddings")
    if isinstance(asked, Auto):
        if not boxes:
            return MaxHerding(), MethodReason(code="no_box_yet")
        if not embeddings:
            return ClassSum(), MethodReason(code="doubtful_boxes")
        return AutoOfBoxes(), MethodReason(code="unsure_boxes")
    if asked.needs <= {Need.EMBEDDINGS} or boxes:
        return asked, MethodReason(code="asked")
    return MaxHerding(), MethodReason(code="needs_boxes")


def settle(
    asked: Method,
    labels: int,
    classes: int,
    *,
    labelled_classes: int | None = None,
    embeddings: bool = True,
    known: Known | None = None,
    names: bool = False,
    unseen: bool = False,
) -> tuple[Method, MethodReason]:
    """Return the method to run in place of the one asked for, and why it is that one.

    labels: how many images are labelled; classes: how many classes they, or the predictions, have.
    labelled_classes: how many the labels have; None: all of them.
    embeddings: whether there are any; without them there must be predictions.
    known: what is labelled, where the number of classes doesn't tell it.
    names: whether the names of the classes say what images may be, as long as labels teach nothing.
    unseen: whether there are likely classes that no label has, as `unseen_likely` tells.
    """
    if isinstance(asked, Auto):
        method, code = _regime(classes, embeddings=embeddings, names=names, unseen=unseen)
        return method, _reason(code, known, labels, classes)
    labelled_classes = classes if labelled_classes is None else labelled_classes
    if classes >= asked.classes_needed() and labelled_classes >= asked.classes_needed(labelled=True):
        return asked, MethodReason(code="asked")
    lacks: MethodCode = "needs_two_classes" if asked.classes_needed() == 2 else "needs_labels"
    return MaxHerding(), _reason(lacks, known, labels, min(classes, labelled_classes))


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


def _regime(classes: int, *, embeddings: bool, names: bool, unseen: bool) -> tuple[Method, MethodCode]:
    if not embeddings:
        return Margin(), "no_embeddings"
    if classes < 2 and names:
        return AutoByNames(), "names"
    if classes < 2:
        return MaxHerding(), "whole_pool"
    return (FacilityLocation(), "unseen") if unseen else (UHerding(), "unsure")


def _reason(code: MethodCode, known: Known | None, labels: int, classes: int) -> MethodReason:
    if known is None:
        known = "several_classes" if classes > 1 else "one_class" if classes else "nothing"
    return MethodReason(code=code, known=known, labels=labels, classes=classes)

"""Which method to use: `auto`'s rule, and what stands in for a method that the labels can't feed yet."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from nextlabel.core.methods.base import Inputs, Method, Need, Picks
from nextlabel.core.methods.coverage import MaxHerding
from nextlabel.core.methods.hybrid import UHerding


class Auto(Method):
    """Herding from zero labels; herding weighted by uncertainty as soon as a head can be unsure."""

    name: Literal["auto"] = "auto"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})
    summary: ClassVar[str] = "The method that fits what is labelled so far; the result says which, and why."
    use: ClassVar[str] = "By default, at any number of labels, on any pool."
    source: ClassVar[str] = "ours, by evidence: docs/methods.md"
    reason: ClassVar[str] = "chosen by auto"

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        method, _ = settle(self, len(inputs.labelled), len(np.unique(inputs.targets)))
        return method.select(inputs, add, rng)


def settle(asked: Method, labels: int, classes: int) -> tuple[Method, str]:
    """The method to run with that many labels of so many classes, and why it is that one."""
    if isinstance(asked, Auto):
        return _regime(labels, classes)
    if classes >= asked.least_classes:
        return asked, "as asked"
    lacks = "needs two classes" if asked.least_classes == 2 else "learns from labelled images"
    return MaxHerding(), f"{_what_is_known(classes)}, and {asked.name} {lacks}"


def _regime(labels: int, classes: int) -> tuple[Method, str]:
    if classes < 2:
        return MaxHerding(), f"{_what_is_known(classes)}: images that stand for the whole pool"
    return UHerding(), f"{labels} labels of {classes} classes: images that stand for what the head is unsure of"


def _what_is_known(classes: int) -> str:
    return "nothing is labelled yet" if classes == 0 else "only one class is labelled"

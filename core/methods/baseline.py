"""The control: no method is worth its cost unless it beats this one."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from nextlabel.core.methods.base import Inputs, Method, Picks
from nextlabel.core.methods.reasons import ImageCode


class Random(Method):
    """Picks every candidate with the same probability; its score is the number that it drew, in [0, 1)."""

    name: Literal["random"] = "random"
    summary: ClassVar[str] = "Chance."
    use: ClassVar[str] = "For validation sets, and as the control that every other method has to beat."
    source: ClassVar[str] = "baseline"
    reason: ClassVar[ImageCode] = "chance"

    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        drawn = rng.random(len(inputs.candidates))  # (K,)
        best = np.argsort(-drawn, kind="stable")[:add]
        return Picks(inputs.candidates[best], drawn[best])

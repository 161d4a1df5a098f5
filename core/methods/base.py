"""What a query strategy is: arrays in, rows out.

Row i is the same image in every array. A higher score means more wanted. Chance comes in as `rng`.
A method is its own schema: a frozen pydantic class whose fields are its options.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Rows = NDArray[np.int64]
Matrix = NDArray[np.float32]


class Need(StrEnum):
    """What a method can't work without; the pipeline supplies it or falls back."""

    LOGITS = "logits"  # a head trained on at least two classes
    EMBEDDINGS = "embeddings"


@dataclass(frozen=True)
class Inputs:
    """What a method may look at. Only what its `needs` name is sure to be there.

    candidates: (K,) distinct rows of the pool that may be picked, ascending.
    logits: (N, C) of the head, float, finite; only the candidates' rows are read.
    embeddings: (N, d) float32, finite.
    labelled: (L,) rows that have a label; targets: (L,) their classes, 0..C-1.
    """

    candidates: Rows
    logits: Matrix | None = None
    embeddings: Matrix | None = None
    labelled: Rows | None = None
    targets: Rows | None = None


@dataclass(frozen=True)
class Picks:
    """rows: (B,) best first, distinct; scores: (B,) float64, finite, higher means more wanted."""

    rows: Rows
    scores: NDArray[np.float64]


class Method(BaseModel, ABC):
    """A query strategy. Subclasses name themselves by `name: Literal[...]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    needs: ClassVar[frozenset[Need]] = frozenset()
    summary: ClassVar[str]
    source: ClassVar[str]

    def select(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        """Exactly min(add, K) rows of the candidates, best first.

        Raises ValueError when `add` is negative or something the method needs was not given.
        """
        if add < 0:
            raise ValueError(f"add must be 0 or more, not {add}")
        missing = sorted(need for need in self.needs if getattr(inputs, need) is None)
        if missing:
            raise ValueError(f"{self.name} needs {', '.join(missing)}")
        return self._pick(inputs, min(add, len(inputs.candidates)), rng)

    @abstractmethod
    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        """As `select`, with 0 <= add <= K and every need met."""

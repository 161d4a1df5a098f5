"""What a query strategy is: arrays in, rows out.

Row i is the same image in every array. A higher score means more wanted. Chance comes in as `rng`.
A method is its own schema: a frozen pydantic class whose fields are its options.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Rows = NDArray[np.int64]
Matrix = NDArray[np.float32]
NO_ROWS: Rows = np.empty(0, np.int64)
NO_ROWS.flags.writeable = False


class Need(StrEnum):
    """What a method can't work without; the pipeline supplies it or falls back. Each is a field of Inputs."""

    EMBEDDINGS = "embeddings"
    LOGITS = "logits"  # a head trained on at least two classes
    VOTES = "votes"  # a head trained with dropout, asked several times
    RECONSTRUCTION_ERRORS = "reconstruction_errors"  # a VAE trained on the labelled images
    COMPONENTS = "components"  # a siamese network trained on at least two classes, and a mixture in its plane


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a method may look at. Only what its `needs` name is sure to be there.

    candidates: (K,) distinct rows of the pool that may be picked, ascending.
    embeddings: (N, d) float32, finite.
    labelled: (L,) rows that have a label, ascending; targets: (L,) their classes, 0..C-1.
    references: (R,) rows that picks should stand for, where a method looks for such; None: the candidates.
    pending: (P,) rows handed out and not labelled yet: they count as covered. None of them is a candidate.
    logits: (N, C) of the head, float, finite.
    votes: (1 + M, N) int, the class given by the head trained with dropout: without dropout, then M times with it.
    reconstruction_errors: (N,) float, 0 or more.
    components: (N,) int, the component of a mixture fitted to the labelled images that each belongs to.
    """

    candidates: Rows
    embeddings: Matrix | None = None
    labelled: Rows = field(default_factory=lambda: NO_ROWS)
    targets: Rows = field(default_factory=lambda: NO_ROWS)
    references: Rows | None = None
    pending: Rows = field(default_factory=lambda: NO_ROWS)
    logits: Matrix | None = None
    votes: Rows | None = None
    reconstruction_errors: Matrix | None = None
    components: Rows | None = None

    @property
    def covered(self) -> Rows:
        """(L + P,) rows that need no label any more, ascending."""
        return np.union1d(self.labelled, self.pending)


@dataclass(frozen=True, eq=False)
class Picks:
    """rows: (B,) best first, distinct; scores: (B,) float64, finite: what each was picked for.

    clusters: (B,) the cluster each was taken from, where the method has clusters.
    """

    rows: Rows
    scores: NDArray[np.float64]
    clusters: Rows | None = None


class Method(BaseModel, ABC):
    """A query strategy. Subclasses name themselves by `name: Literal[...]`.

    summary: what it picks. use: when to use it. source: its paper. reason: what is said of an image it picked.
    least_classes: how many must be labelled for it to work. fixed_clusters: its clusters are the pool's, so that a
    number is the same cluster in every batch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    needs: ClassVar[frozenset[Need]] = frozenset()
    summary: ClassVar[str]
    use: ClassVar[str]
    source: ClassVar[str]
    reason: ClassVar[str]
    least_classes: ClassVar[int] = 0
    fixed_clusters: ClassVar[bool] = False

    def select(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        """Exactly min(add, K) rows of the candidates, best first.

        Raises ValueError when `add` is negative or something the method needs was not given.
        """
        if add < 0:
            raise ValueError(f"add must be 0 or more, not {add}")
        missing = sorted(need for need in self.needs if getattr(inputs, need) is None)
        if missing:
            raise ValueError(f"{self.name} needs {', '.join(missing)}")
        most = min(add, len(inputs.candidates))
        return self._pick(inputs, most, rng) if most else Picks(NO_ROWS, np.empty(0))

    @abstractmethod
    def _pick(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        """As `select`, with 1 <= add <= K and every need met."""

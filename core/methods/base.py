"""What a query strategy is: arrays in, rows out.

Row i is the same image in every array. A higher score means more wanted. Chance comes in as `rng`.
A method is its own schema: a frozen pydantic class whose fields are its options.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from nextlabel.core.faults import NoBooleansAsNumbers
from nextlabel.core.methods.arrays import NO_ROWS, Matrix, Rows
from nextlabel.core.methods.found_boxes import FoundBoxes
from nextlabel.core.methods.geometry import Geometry
from nextlabel.core.methods.reasons import ImageCode
from nextlabel.core.methods.units import ONE_AN_IMAGE, Units

__all__ = ["NO_ROWS", "Inputs", "Matrix", "Method", "Need", "Picks", "Preparation", "Rows"]


class Need(StrEnum):
    """What a method can't work without. Each is the name of a field of Inputs, and the pipeline supplies it
    (`SUPPLIERS` in core/pipelines/supplies.py) once `least_classes` classes are labelled."""

    EMBEDDINGS = "embeddings"
    LOGITS = "logits"  # of a head trained on the labelled images
    VOTES = "votes"  # of a head trained with dropout, asked several times
    RECONSTRUCTION_ERRORS = "reconstruction_errors"  # of a VAE trained on the labelled images
    COMPONENTS = "components"  # of a mixture, in the plane of a siamese network trained on the labelled images
    BOXES = "boxes"  # that a detector finds
    DESCRIBED_BOXES = "described_boxes"  # by what the detector tells their classes by

    @property
    def least_classes(self) -> int:
        """Return how many classes there must be before it can be supplied."""
        return {Need.EMBEDDINGS: 0, Need.RECONSTRUCTION_ERRORS: 1, Need.BOXES: 1, Need.DESCRIBED_BOXES: 1}.get(self, 2)

    @property
    def takes_labels(self) -> bool:
        """Whether those classes must be labelled: predictions that were brought along don't supply it."""
        return self not in {Need.EMBEDDINGS, Need.LOGITS, Need.BOXES}


@dataclass(frozen=True)
class Preparation:
    """How a method wants what it needs to be prepared. What a supplier has no use for, it ignores.

    epochs: of the network that is trained for it; None leaves the number to the trainer.
    passes: how often a head is asked with dropout.
    """

    epochs: int | None = None
    passes: int = 3


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a method may look at. Only what its `needs` name is sure to be there.

    candidates: (K,) distinct rows of the pool that may be picked, ascending.
    embeddings: (N, d) float32, finite.
    labelled: (L,) rows that have a label, ascending; targets: (L,) their classes, 0..C-1.
    references: (R,) rows that picks should stand for, where a method looks for such; None: the candidates.
    pending: (P,) rows handed out and not labelled yet: they count as covered. None of them is a candidate.
    logits: what the head says of each of N images: (N, C) finite floats, or whatever the task's head gives. No method
        looks into it; all ask `units`.
    units: how that falls into units a head can be unsure of, and what their doubts come to for an image.
    votes: (1 + M, N) int, the class given by the head trained with dropout: without dropout, then M times with it.
    reconstruction_errors: (N,) float, 0 or more.
    components: (N,) int, the component of a mixture fitted to the labelled images that each belongs to.
    boxes: what a detector finds on the N images.
    geometry: of the embeddings, of no image at all where there are none. It is made here, and copies that
        `dataclasses.replace` makes share it: what it has computed once, no later round computes again.
    """

    candidates: Rows
    embeddings: Matrix | None = None
    labelled: Rows = field(default_factory=lambda: NO_ROWS)
    targets: Rows = field(default_factory=lambda: NO_ROWS)
    references: Rows | None = None
    pending: Rows = field(default_factory=lambda: NO_ROWS)
    logits: NDArray[Any] | None = None
    units: Units = ONE_AN_IMAGE
    votes: Rows | None = None
    reconstruction_errors: Matrix | None = None
    components: Rows | None = None
    boxes: FoundBoxes | None = None
    geometry: Geometry = field(default_factory=lambda: Geometry(NO_EMBEDDINGS), repr=False)

    def __post_init__(self) -> None:
        embeddings = NO_EMBEDDINGS if self.embeddings is None else self.embeddings
        if self.geometry.embeddings is not embeddings:
            object.__setattr__(self, "geometry", Geometry(embeddings))

    @property
    def described_boxes(self) -> Matrix | None:
        """Return what tells the boxes apart, where that is known."""
        return None if self.boxes is None else self.boxes.described

    @property
    def covered(self) -> Rows:
        """Return the (L + P,) rows that need no label any more, ascending."""
        return np.union1d(self.labelled, self.pending)


NO_EMBEDDINGS: Matrix = np.empty((0, 0), np.float32)
NO_EMBEDDINGS.flags.writeable = False


@dataclass(frozen=True, eq=False)
class Picks:
    """What a method picked.

    rows: (B,) best first, distinct.
    scores: (B,) float64, finite: what each was picked for.
    clusters: (B,) the cluster each was taken from; None where the method has no clusters.
    """

    rows: Rows
    scores: NDArray[np.float64]
    clusters: Rows | None = None


class Method(NoBooleansAsNumbers, ABC):
    """A query strategy. Subclasses name themselves by `name: Literal[...]`.

    needs: what the pipeline has to supply.
    summary: what it picks. use: when to use it. source: its paper. reason: what is said of an image it picked.
    least_classes: how many classes must be labelled for it to work, where that is more than its needs ask for.
    fixed_clusters: its clusters are the pool's, so that a number is the same cluster in every batch.
    drawn: where a pool is too large to be held in memory, the share of the images it is given that are drawn evenly;
        the others are those that the head is least sure of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    needs: ClassVar[frozenset[Need]] = frozenset()
    summary: ClassVar[str]
    use: ClassVar[str]
    source: ClassVar[str]
    reason: ClassVar[ImageCode]
    least_classes: ClassVar[int] = 0
    fixed_clusters: ClassVar[bool] = False
    drawn: ClassVar[float] = 1.0

    @classmethod
    def classes_needed(cls, *, labelled: bool = False) -> int:
        """Return how many classes there must be before the method can work; `labelled`: how many of them labelled,
        whatever predictions there are.
        """
        needs = [need.least_classes for need in cls.needs if need.takes_labels or not labelled]
        return max(needs if labelled else [cls.least_classes, *needs], default=0)

    @classmethod
    def tasks(cls) -> tuple[str, ...]:
        """Return the tasks it makes sense for. Several classes an image, not where a network is trained for it that
        tells one from another; boxes, where it looks at them, or at where images lie alone."""
        if Need.BOXES in cls.needs:
            return ("detection",)
        one_class = not cls.needs.isdisjoint({Need.VOTES, Need.COMPONENTS})
        of_boxes = cls.needs <= {Need.EMBEDDINGS}
        return ("classification", *(() if one_class else ("multilabel",)), *(("detection",) if of_boxes else ()))

    @property
    def preparation(self) -> Preparation:
        """How what it needs is prepared: a method whose options have a say in it overrides this."""
        return Preparation()

    def select(self, inputs: Inputs, add: int, rng: np.random.Generator) -> Picks:
        """Pick exactly min(add, K) rows of the candidates, best first.

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
        """Pick as `select` says. The caller has seen to it that 1 <= add <= K and that every need is met."""

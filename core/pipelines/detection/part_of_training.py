"""How far training is, of one detector, or of several that one stage trains."""

from __future__ import annotations

from dataclasses import dataclass

from nextlabel.core.pipelines.run import Run

STAGE = "train"


@dataclass(eq=False)
class Series:
    """Several detectors that one answer compares, all trained in the stage `train`.

    small: whether objects are. passes: images that pass for each of them. total: images that the stage counts in all,
    those looked at between two trainings among them; done: so far.
    """

    small: bool
    passes: int
    total: int
    done: int = 0

    def count(self, looked_at: int, run: Run) -> None:
        """Count a detector that was trained, and the images that it looked at since."""
        self.done += self.passes + looked_at
        run.advance(self.done)


@dataclass(frozen=True, eq=False)
class PartOfTraining:
    """What one detector counts for in the stage `train`, in images that pass.

    before: that passed in the stage before. images: that this one counts for. total: of all detectors; None: there is
    this one alone, whose stage begins when its training does, which one that was kept has no need of.
    """

    run: Run
    before: int
    images: int
    total: int | None

    def __post_init__(self) -> None:
        if self.total is not None and not self.before:
            self.run.stage(STAGE, self.total, "images")

    def begin(self) -> None:
        if self.total is None:
            self.run.stage(STAGE, self.images, "images")

    def tick(self, done: int, total: int) -> None:
        self.run.advance(self.before + done * self.images // max(total, 1))

    def end(self) -> None:
        if self.run.progress is not None and self.run.progress.stage == STAGE:
            self.tick(1, 1)

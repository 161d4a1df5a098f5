"""What more labels would bring, and whether to stop labelling, in one sentence, never surer than the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nextlabel.core.curves.forecast import Fits, Outlook, outlook
from nextlabel.core.kinds.learning_curve import Coverage, Stability, StopAdvice
from nextlabel.core.pipelines.material import rounded

FEW_LABELS = 60  # below, the shape of a curve is a guess
SURE = 0.8  # of the fitted curves
FLAT = 0.03  # of the score: curves that gain no more can't be off by more
STABLE = 0.95  # mean of Cohen's kappa over the last rounds
COVERED = 0.5  # of the pool
CHOSEN_LABELS = (
    "Not sure: what more labels would add can't be told. The labelled images are not a random sample of the pool, so "
    "scores on them are not the pool's. Label some 200 images that the method `random` chooses, and ask again with "
    "them as the validation set."
)


@dataclass(frozen=True)
class Words:
    """things: what is counted. score: what they add to. unscored: what is said where that can't be told."""

    things: str
    score: str
    unscored: str


OF_CLASSES = Words("labels", "the macro F1", CHOSEN_LABELS)
OF_BOXES = Words(
    "labelled images",
    "mAP@50",
    "Not sure: what more labelled images would add can't be told. Those there are are not a random sample of the pool, "
    "so scores on parts of them are not the pool's. Draw on some 200 images that the method `random` chooses, and ask "
    "again of these alone.",
)


@dataclass(frozen=True, eq=False)
class Ahead:
    """What lies ahead of so many labels, by the curves fitted to their score. noise: its standard deviation.

    needed: labels without which nothing can be told of a curve that still rises.
    scored: whether the labels can score what was trained on them; else nothing is told of any curve.
    """

    fits: list[Fits]
    labels: int
    noise: float
    needed: int = 0
    scored: bool = True

    def scores(self, extra: Sequence[int]) -> Iterator[tuple[float | None, float, float]]:
        """Yield the score with each number of extra labels, and the ends of its interval; None: it can't be told."""
        ahead = self._outlook(extra)
        for i in range(len(extra)):
            if self._can_tell(ahead, i):
                yield rounded(ahead.score[i]), rounded(ahead.low[i]), rounded(ahead.high[i])
            else:
                yield None, 0.0, 1.0

    def advice(
        self, worth: float, stability: Stability | None = None, coverage: Coverage | None = None, *, words: Words
    ) -> StopAdvice:
        """Say what `advise` does of 100 labels more."""
        if not self.scored:
            return advise(self.labels, None, worth, stability, coverage, words=words)
        hundred = self._outlook([100])
        needed = 0 if self._can_tell(hundred, 0) else self.needed
        return advise(self.labels, hundred, worth, stability, coverage, needed=needed, words=words)

    def _outlook(self, extra: Sequence[int]) -> Outlook:
        return outlook(self.fits, self.labels, np.array([self.labels + more for more in extra], float), self.noise)

    def _can_tell(self, ahead: Outlook, i: int) -> bool:
        return self.scored and (self.labels >= self.needed or bool(ahead.gain_high[i] <= FLAT))


def advise(
    labels: int,
    outlook: Outlook | None,
    worth: float,
    stability: Stability | None,
    coverage: Coverage | None,
    *,
    needed: int = 0,
    words: Words = OF_CLASSES,
) -> StopAdvice:
    """outlook: its first number of labels is 100 more than now; None: the labels can't be scored. worth: how much of
    the score for them. needed: labels without which nothing can be told of this curve."""
    if too_few := _too_few(labels, needed, words):
        return StopAdvice(verdict="go_on", sentence=too_few)
    if outlook is None:
        return StopAdvice(verdict="unsure", sentence=words.unscored)
    gain, low, high = (float(one[0]) for one in (outlook.gain, outlook.gain_low, outlook.gain_high))
    told = f"100 more {words.things} are expected to add {gain:.3f} ({low:.3f} to {high:.3f}) to {words.score}"
    worthwhile = float(outlook.share_above(worth)[0])
    if worthwhile >= SURE:
        return StopAdvice(verdict="go_on", sentence=f"Go on: {told}, more than the {worth:g} that makes it worthwhile.")
    if worthwhile > 1 - SURE:
        sentence = f"Not sure: {told}, and {worth:g} would make it worthwhile. Label another batch, and ask again."
        return StopAdvice(verdict="unsure", sentence=sentence)
    doubts = _doubts(stability, coverage)
    if doubts:
        sentence = f"Not sure: {told}, less than the {worth:g} that makes it worthwhile, but {' and '.join(doubts)}."
        return StopAdvice(verdict="unsure", sentence=sentence)
    sentence = f"Stop here: {told}, less than the {worth:g} that makes it worthwhile{_assurance(stability, coverage)}."
    return StopAdvice(verdict="stop", sentence=sentence)


def _too_few(labels: int, needed: int, words: Words) -> str | None:
    if labels < FEW_LABELS:
        few = f"{labels} {words.things} are too few to tell how much more would bring"
        return f"Go on: {few}; ask again at {FEW_LABELS}."
    if labels < needed:
        return (
            f"Go on: more labels add to the macro F1, and how much can't be told: from {labels} that a method chose, "
            f"forecasts are too rosy as long as the curve rises. Ask again at {needed:,}."
        )
    return None


def _doubts(stability: Stability | None, coverage: Coverage | None) -> list[str]:
    doubts = []
    if stability and _kappa(stability) < STABLE:
        doubts.append(f"the last labels still changed predictions (kappa {_kappa(stability):.2f})")
    if coverage and coverage.share < COVERED:
        doubts.append(f"only {coverage.share:.0%} of the pool looks like something labelled")
    return doubts


def _assurance(stability: Stability | None, coverage: Coverage | None) -> str:
    if stability is None or coverage is None:
        return ""
    return (
        f"; the last labels hardly changed predictions (kappa {_kappa(stability):.2f}), and {coverage.share:.0%} "
        "of the pool looks like something labelled"
    )


def _kappa(stability: Stability) -> float:
    return sum(stability.kappas) / len(stability.kappas)

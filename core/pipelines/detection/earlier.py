"""The detector that training may go on from: one that is kept, and knows some of the same images and boxes.

What it learnt from has to be learnt from today, unchanged, and what it was stopped by stays held out: so it knows
nothing that a detector would not, which begins with the published weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nextlabel.core.data.boxes import BoxedImage
from nextlabel.core.data.pool import Pool
from nextlabel.core.neural.detection.kept import VERSION, KeptDetectors
from nextlabel.core.neural.detection.network import Yolox
from nextlabel.core.neural.detection.training import Began, Known
from nextlabel.core.pipelines.detection.training_set import MOST_LEARNT_FROM

LEAST_KNOWN = (2, 3)  # of today's labelled images, two thirds: of fewer it was not measured what it is worth
MOST_TRAININGS = 3  # that go on from one another: then one begins with the published weights again
FEWER = 2  # times as few images pass


@dataclass(frozen=True)
class Lessons:
    """What a detector was trained by. settings: digest of how. classes: their names. learnt, held: digests of images as
    they are, with what was drawn on them, those of the detectors that it went on from, too. trainings: as of `Began`;
    0: it began with the published weights.
    """

    settings: str
    classes: tuple[str, ...]
    learnt: tuple[str, ...]
    held: tuple[str, ...]
    trainings: int

    def said(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def heard(cls, said: Mapping[str, Any]) -> Lessons | None:
        """Read what `said` gives; of anything else, nothing."""
        try:
            lists = {name: tuple(map(str, said[name])) for name in ("classes", "learnt", "held")}
            return cls(settings=str(said["settings"]), trainings=int(said["trainings"]), **lists)
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True, eq=False)
class Earlier:
    """A network to go on from. began: where it is from. lessons: its own."""

    network: Yolox
    began: Began
    lessons: Lessons

    def knows(self, digests: Sequence[str], classes: Sequence[str]) -> Known:
        """Say what it knows of today's examples, by their digests, and of today's classes."""
        learnt, held = set(self.lessons.learnt), set(self.lessons.held)
        known = {name: i for i, name in enumerate(self.lessons.classes)}
        return Known(
            {i: known[name] for i, name in enumerate(classes) if name in known},
            frozenset(i for i, digest in enumerate(digests) if digest in learnt),
            frozenset(i for i, digest in enumerate(digests) if digest in held),
        )


def find_earlier(kept: KeptDetectors, settings: str, digests: Mapping[int, str]) -> Earlier | None:
    """Return the kept detector that knows the most of today's labelled images, and no other, of several the one used
    last; None: there is none, or so many trainings have led to it that one has to begin anew.

    settings: as of `Lessons`. digests: by row of the pool, of all that was drawn.
    """
    today = set(digests.values())
    part, whole = LEAST_KNOWN
    least = part * min(len(today), MOST_LEARNT_FROM)
    fit: list[tuple[int, str, Lessons]] = []
    for key, said in kept.lessons().items():
        lessons = Lessons.heard(said)
        if lessons is None or lessons.settings != settings:
            continue
        known = {*lessons.learnt, *lessons.held}
        if known <= today and whole * len(known) >= least:
            fit.append((len(known), key, lessons))
    for images, key, lessons in sorted(fit, key=lambda one: -one[0]):
        if lessons.trainings >= MOST_TRAININGS:
            return None
        if (trained := kept.get(key, len(lessons.classes))) is not None:
            return Earlier(trained.network, Began(key, images, lessons.trainings + 1), lessons)
    return None


def digests_of(pool: Pool, drawn: Mapping[int, BoxedImage]) -> dict[int, str]:
    """Return by row of the pool what tells an image as it is, with what was drawn on it, from all others."""
    return {row: _digest((pool.names[row], int(pool.stamps[row]), image)) for row, image in drawn.items()}


def settings_of(how: Sequence[object]) -> str:
    """Return the digest of how a detector is trained."""
    return _digest((VERSION, *how))


def _digest(of: object) -> str:
    return hashlib.sha256(repr(of).encode(errors="surrogatepass")).hexdigest()[:24]

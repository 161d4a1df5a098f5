"""What finds boxes on images of a pool, whatever it was trained from, and what it found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.boxes import Detections
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.kinds.results import DetectorSummary
from nextlabel.core.metrics.detection import Calibration
from nextlabel.core.neural.detection.detector import MOST_BOXES, Seen
from nextlabel.core.neural.detection.letterbox import Small
from nextlabel.core.neural.detection.training import Judged
from nextlabel.core.pipelines.detection.images import in_batches
from nextlabel.core.pipelines.material import rounded
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.unreadable import warn_unreadable


@dataclass(frozen=True, eq=False)
class Finder(ABC):
    """Finds boxes on images. classes: () before anybody drew a box; then boxes are of whatever looks like an object.

    weights, preprocessing, engine: as the manifest says them.
    """

    classes: tuple[str, ...]
    side: int
    calibration: Calibration
    summary: DetectorSummary | None
    weights: str
    engine: str
    name: str

    @property
    def preprocessing(self) -> str:
        return f"letterbox={self.side}"

    @abstractmethod
    def look(
        self, pool: Pool, rows: Sequence[int], run: Run, most: int = MOST_BOXES, *, boxes_alone: bool = False
    ) -> Iterator[SeenBatch]:
        """Look at those rows of the pool, some at a time, in any order.

        most: how many boxes of an image are wanted, the surest; there may be more. boxes_alone: nobody needs what is
        described.
        """

    def find(
        self,
        pool: Pool,
        rows: Sequence[int],
        run: Run,
        *,
        most: int = MOST_BOXES,
        boxes_alone: bool = False,
        kept: Callable[[int, Seen], Seen] = lambda _, seen: seen.undescribed(),
    ) -> Found:
        """Find what is on those rows of the pool; the stage that the run is in counts them.

        most, boxes_alone: as of `look`. kept: what is kept of an image, by its row; by itself all but what tells boxes
        apart, 77 kB an image of many. These may be a part of the images that the job looks at: whoever asks holds what
        can't be read against all of them (`check_share`). Raises what `warn_unreadable` does.
        """
        seen: dict[int, Seen] = {}
        sizes: dict[int, tuple[int, int]] = {}
        unreadable: list[SkippedFile] = []
        begun = run.done
        for batch in self.look(pool, rows, run, most, boxes_alone=boxes_alone):
            for row, one, width, height in batch.seen:
                seen[row] = kept(row, one)
                sizes[row] = width, height
            unreadable += batch.unreadable
            run.advance(begun + len(seen) + len(unreadable))
        warn_unreadable(unreadable, len(rows), pool.place, run)
        return Found({row: seen[row] for row in rows if row in seen}, sizes, tuple(unreadable))

    def told(self, pool: Pool, found: Found) -> Detections:
        """Return what was found as predictions are."""
        return Detections(self.classes, {as_seen(pool.names[row]): one.detected for row, one in found.seen.items()})


class SeenBatch(NamedTuple):
    """seen: for each image its row, what is seen, its width and height. unreadable: the others."""

    seen: Sequence[tuple[int, Seen, int, int]]
    unreadable: Sequence[SkippedFile]


def seen_by(
    detector: Callable[[Sequence[Small]], NDArray[np.object_]],
    side: int,
    pool: Pool,
    rows: Sequence[int],
    run: Run,
    *,
    larger: bool = False,
) -> Iterator[SeenBatch]:
    """Yield what a detector sees on those rows of the pool, with their sizes.

    detector: of b images b objects Seen. side, larger: how images are read.
    """

    def forward(images: Sequence[Small]) -> NDArray[np.object_]:
        found = np.empty(len(images), object)
        found[:] = [(seen, image.width, image.height) for seen, image in zip(detector(images), images, strict=True)]
        return found

    for batch in in_batches(side, pool, rows, run, forward, larger=larger):
        seen = [(row, *one) for row, one in zip(batch.rows.tolist(), batch.outputs, strict=True)]
        yield SeenBatch(seen, batch.unreadable)


@dataclass(frozen=True, eq=False)
class Found:
    """What was found on images, by row of the pool. sizes: width and height of each, upright."""

    seen: Mapping[int, Seen]
    sizes: Mapping[int, tuple[int, int]]
    unreadable: tuple[SkippedFile, ...]


def summary_of(trained: Judged, name: str, classes: Sequence[str], side: int, **more: Any) -> DetectorSummary:
    """Say how a network was trained, and what came of it. more: fields that not every detector has."""
    return DetectorSummary(
        name=name,
        classes=tuple(classes),
        images=trained.images,
        boxes=trained.boxes,
        held_out=trained.held_out,
        passes=trained.passes,
        image_size=side,
        map50=rounded(trained.map50),
        thresholds={name: rounded(one) for name, one in zip(classes, trained.calibration.thresholds, strict=True)},
        **more,
    )

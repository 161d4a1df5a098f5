"""The larger detector of a worker with a GPU: trained on what people drew, or kept since it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from nextlabel.core.data.boxes import BoxedImage, Detected
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.pool import Pool
from nextlabel.core.kinds.requests import Detecting
from nextlabel.core.metrics.detection import Calibration
from nextlabel.core.neural.detection.detector import MOST_BOXES, Seen
from nextlabel.core.neural.detection.kept import KeptDetectors
from nextlabel.core.neural.detection.large import (
    CONFIG,
    WEIGHTS,
    LargeDetector,
    Network,
    TrainedLarge,
    fine_tune_large,
    large_weights,
    read_large,
)
from nextlabel.core.neural.detection.network import MULTIPLE_OF
from nextlabel.core.neural.hub import digest_of_file
from nextlabel.core.pipelines.detection.looking import Finder, SeenBatch, seen_by, summary_of
from nextlabel.core.pipelines.detection.part_of_training import PartOfTraining
from nextlabel.core.pipelines.detection.training_set import divided, keep, key_of, read_examples
from nextlabel.core.pipelines.run import Run

SIDE = 640  # pixels, unless the request says so: that of the published weights


@dataclass(frozen=True, eq=False)
class LargeFinder(Finder):
    """Runs a large detector on a device, which is its engine."""

    network: Network

    @property
    def preprocessing(self) -> str:
        return f"squeezed={self.side}"

    def look(
        self, pool: Pool, rows: Sequence[int], run: Run, most: int = MOST_BOXES, *, boxes_alone: bool = False
    ) -> Iterator[SeenBatch]:
        return seen_by(LargeDetector(self.network, self.side, self.engine), self.side, pool, rows, run)


@dataclass(frozen=True, eq=False)
class _FeaturingLarge(LargeFinder):
    """Finds nothing, and tells where images lie."""

    def look(
        self, pool: Pool, rows: Sequence[int], run: Run, most: int = MOST_BOXES, *, boxes_alone: bool = False
    ) -> Iterator[SeenBatch]:
        def without_boxes(one: Seen) -> Seen:
            return Seen(Detected.nothing(), np.empty((0, 1), np.float32), one.features)

        for batch in super().look(pool, rows, run):
            seen = [(row, without_boxes(one), width, height) for row, one, width, height in batch.seen]
            yield SeenBatch(seen, batch.unreadable)


def featuring_large_finder(request: Detecting, run: Run) -> Finder:
    """Return what finds nothing yet. Raises WeightsUnavailable, WeightsMismatch."""
    device = run.backbones.device
    folder = large_weights(run.settings, device)
    weights = digest_of_file(folder / WEIGHTS)
    network = read_large(folder, 1, request.seed)
    return _FeaturingLarge(
        classes=(),
        side=_side(request),
        calibration=Calibration.unknown(1),
        summary=None,
        weights=weights,
        engine=device,
        name=folder.name,
        network=network,
    )


def large_finder(
    request: Detecting, pool: Pool, drawn: Mapping[int, BoxedImage], run: Run, part: PartOfTraining, *, keeps: bool
) -> Finder:
    """Train a large detector on what was drawn, a box at least. keeps: whether it is kept for other jobs.

    Raises WeightsUnavailable, WeightsMismatch, NoLabels.
    """
    device = run.backbones.device
    folder = large_weights(run.settings, device)
    side = _side(request)
    classes = sorted_classes(box.class_name for image in drawn.values() for box in image.boxes)
    weights = digest_of_file(folder / WEIGHTS)
    built_by = (digest_of_file(folder / CONFIG), version("transformers"))
    key = key_of(request, pool, drawn, (folder.name, weights, *built_by, side, part.images, device))
    kept = KeptDetectors(run.settings.detectors_dir)
    trained = _kept(kept, key, folder, len(classes), request.seed)
    if trained is None:
        part.begin()
        examples = read_examples(pool, drawn, classes, side, request.seed, run)
        learnt, held = divided(examples, request.seed)
        trained = fine_tune_large(
            read_large(folder, len(classes), request.seed),
            [examples[row] for row in learnt],
            [examples[row] for row in held],
            len(classes),
            side,
            device,
            passes=part.images,
            seed=request.seed,
            tick=part.tick,
        )
        if keeps:
            tensors, said = trained.tensors(), trained.said()
            keep(lambda: kept.write(key, tensors, said), run)
    part.end()
    summary = summary_of(trained, folder.name, classes, side)
    return LargeFinder(
        classes=classes,
        side=side,
        calibration=trained.calibration,
        summary=summary,
        weights=weights,
        engine=device,
        name=folder.name,
        network=trained.network,
    )


def _side(request: Detecting) -> int:
    return -(-(request.image_size or SIDE) // MULTIPLE_OF) * MULTIPLE_OF


def _kept(kept: KeptDetectors, key: str, folder: Path, n_classes: int, seed: int) -> TrainedLarge | None:
    if (known := kept.read(key)) is None:
        return None
    tensors, said = known
    network = read_large(folder, n_classes, seed)
    try:
        network.load_state_dict(tensors)
        return TrainedLarge.heard(network, said)
    except (KeyError, ValueError, TypeError, RuntimeError):
        return None

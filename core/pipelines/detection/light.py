"""Light heads on what a frozen network sees of images: boxes after seconds of training, not a minute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.boxes import BoxedImage, Detected
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.pool import Pool
from nextlabel.core.embeddings.catalogue import SHORT_NAMES, BackboneSpec
from nextlabel.core.errors import NoLabels, WarningCode
from nextlabel.core.kinds.requests import Detecting
from nextlabel.core.kinds.results import DetectorSummary
from nextlabel.core.metrics.detection import Calibration
from nextlabel.core.neural.backbones import BackboneLoader
from nextlabel.core.neural.detection.detector import MOST_BOXES, Seen, of_length_1
from nextlabel.core.neural.detection.frozen import Frozen, Maps, Mixing, Seer
from nextlabel.core.neural.detection.kept_maps import KeptMaps, without_pixels
from nextlabel.core.neural.detection.letterbox import Small
from nextlabel.core.neural.detection.light import Lesson, Mapped, TrainedLight, train_light
from nextlabel.core.neural.detection.network import Yolox
from nextlabel.core.neural.detection.runner import engine_of
from nextlabel.core.neural.detection.training import split
from nextlabel.core.neural.detection.weights import CLASSES, FILE, NAME, find_weights, is_here, read_weights
from nextlabel.core.neural.hub import digest_of_file
from nextlabel.core.neural.training import Tick, drawn_from
from nextlabel.core.pipelines.detection.images import in_batches
from nextlabel.core.pipelines.detection.labelled import truth_of
from nextlabel.core.pipelines.detection.looking import Finder, SeenBatch
from nextlabel.core.pipelines.detection.part_of_training import PartOfTraining
from nextlabel.core.pipelines.detection.training_set import learnt_rows
from nextlabel.core.pipelines.material import rounded
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.unreadable import refuse_gone, warn_not_learnt_from

MOST_LEARNT_FROM = 500  # images, drawn by chance; what is learnt of them takes up to 0.8 MB each
MIXED_BY = 60  # images by which it is told along which axes the maps of a backbone vary
BACKBONES = ("mobilenet", "b0", "resnet50")  # the first that lies here sees images, too


@dataclass(frozen=True, eq=False)
class LightFinder(Finder):
    """Runs a light head on kept maps. trained: None before anybody drew a box, when it finds nothing."""

    seer: Seer
    trained: TrainedLight | None

    def look(
        self, pool: Pool, rows: Sequence[int], run: Run, most: int = MOST_BOXES, *, boxes_alone: bool = False
    ) -> Iterator[SeenBatch]:
        for batch in mapped(self.seer, pool, rows, run):
            seen = [(row, self._seen(image, maps), image.width, image.height) for row, image, maps in batch.images]
            yield SeenBatch(seen, batch.unreadable)

    def _seen(self, image: Small, maps: Maps) -> Seen:
        if self.trained is not None:
            return self.trained.see(image, maps)
        return Seen(Detected.nothing(), np.empty((0, 1), np.float32), of_length_1(maps.features.astype(np.float32)))


def featuring_finder(request: Detecting, run: Run, side: int) -> Finder:
    """Return what finds nothing yet, and tells where images lie. Raises what `seer_of` does."""
    return _finder((), seer_of(request, run, side), None, None)


def light_finder(
    request: Detecting, pool: Pool, drawn: Mapping[int, BoxedImage], run: Run, side: int, part: PartOfTraining
) -> Finder:
    """Train a light head on what was drawn, a box at least. Raises NoLabels, and what `seer_of` does."""
    seer = seer_of(request, run, side)
    if request.weights != "random" and not is_here(run.settings):
        _warn_without_detector(seer, run)
    classes = sorted_classes(box.class_name for image in drawn.values() for box in image.boxes)
    part.begin()
    lessons = read_lessons(seer, pool, drawn, classes, request.seed, run)
    trained = lessons.train(part.images, request.seed, part.tick)
    part.end()
    return _finder(classes, seer, trained, _summary(lessons, trained, seer, classes, part.images))


def _warn_without_detector(seer: Seer, run: Run) -> None:
    if not run.warned_of(WarningCode.LIGHT_DETECTOR):
        detail = f"{FILE} is not in NEXTLABEL_WEIGHTS_DIR: a light head on {seer.name} finds boxes, less well"
        run.warn(WarningCode.LIGHT_DETECTOR, detail)


def _finder(
    classes: tuple[str, ...], seer: Seer, trained: TrainedLight | None, summary: DetectorSummary | None
) -> Finder:
    calibration = Calibration.unknown(1) if trained is None else trained.calibration
    return LightFinder(
        classes=classes,
        side=seer.side,
        calibration=calibration,
        summary=summary,
        weights=seer.weights,
        engine=seer.engine,
        name=seer.name,
        seer=seer,
        trained=trained,
    )


def _summary(
    lessons: Lessons, trained: TrainedLight, seer: Seer, classes: Sequence[str], passes: int
) -> DetectorSummary:
    return DetectorSummary(
        name=f"light head on {seer.name}",
        classes=tuple(classes),
        images=len(lessons.learnt),
        boxes=lessons.boxes,
        held_out=len(lessons.held),
        passes=passes,
        image_size=seer.side,
        map50=rounded(trained.map50),
        thresholds={name: rounded(one) for name, one in zip(classes, trained.calibration.thresholds, strict=True)},
    )


# --- what it learns ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Lessons:
    """What labelled images teach: those that are learnt from, and those that are held out. boxes: on the former."""

    learnt: Sequence[Lesson]
    held: Sequence[Mapped]
    boxes: int
    n_classes: int
    mixing: Mixing

    def train(self, passes: int, seed: int, tick: Tick) -> TrainedLight:
        return train_light(
            self.learnt, self.held, self.n_classes, mixing=self.mixing, passes=passes, seed=seed, tick=tick
        )


def read_lessons(
    seer: Seer, pool: Pool, drawn: Mapping[int, BoxedImage], classes: Sequence[str], seed: int, run: Run
) -> Lessons:
    """Look at the images that people drew on; of very many, at those that chance takes. Raises NoLabels."""
    rows = learnt_rows(drawn, MOST_LEARNT_FROM, seed)
    learning, aside = ([rows[i] for i in part] for part in split([drawn[row].has_objects for row in rows], seed))
    index = {name: i for i, name in enumerate(classes)}
    mixing = _mixing(seer, pool, learning, aside, run)
    learnt: dict[int, Lesson] = {}
    held: dict[int, Mapped] = {}
    unreadable: list[SkippedFile] = []

    def learn(row: int, one: Mapped) -> None:
        learnt[row] = Lesson.of(one, np.random.default_rng([seed, row]), mixing)

    for batch in mapped(seer, pool, rows, run):
        for row, image, maps in batch.images:
            one = Mapped(image, truth_of(drawn[row], index), maps)
            if row in aside:
                held[row] = one
            else:
                learn(row, one)
        unreadable += batch.unreadable
        run.check()
    warn_not_learnt_from(unreadable, pool.place, run)
    if not any(drawn[row].has_objects for row in learnt):  # of those that can be read
        while held:
            learn(*held.popitem())
    boxes = sum(len(drawn[row].boxes) for row in learnt)
    if not boxes:
        raise NoLabels("none of the images that a box was drawn on can be read, so there is nothing to learn")
    in_order = [learnt[row] for row in sorted(learnt)], [held[row] for row in sorted(held)]
    return Lessons(*in_order, boxes, len(classes), mixing)


def _mixing(seer: Seer, pool: Pool, learning: Sequence[int], aside: Sequence[int], run: Run) -> Mixing:
    for rows in (learning, aside):
        seen = {row: maps for batch in mapped(seer, pool, rows[:MIXED_BY], run) for row, _, maps in batch.images}
        if seen:
            return Mixing.of([seen[row] for row in sorted(seen)])
    refuse_gone(pool.place, run)
    raise NoLabels("none of the first images that a box was drawn on can be read, so there is nothing to learn")


# --- what is seen -----------------------------------------------------------------------------------------------


class MappedBatch(NamedTuple):
    """images: for each its row, its sizes and its maps. unreadable: the others."""

    images: Sequence[tuple[int, Small, Maps]]
    unreadable: Sequence[SkippedFile]


def mapped(seer: Seer, pool: Pool, rows: Sequence[int], run: Run) -> Iterator[MappedBatch]:
    """Return what the network sees of those rows, some at a time: those kept first, then those it has yet to look at.

    Raises what reading images does.
    """
    kept = KeptMaps(run.settings.maps_dir, seer.key)
    absent = []
    for row in rows:
        if (known := kept.get(pool, row)) is None:
            absent.append(row)
        else:
            yield MappedBatch([(row, *known)], ())
    if not absent:
        return

    def forward(images: Sequence[Small]) -> NDArray[np.object_]:
        found = np.empty(len(images), object)
        found[:] = [*zip(images, seer.see(images), strict=True)]
        return found

    keeps = True
    try:
        for batch in in_batches(seer.side, pool, absent, run, forward):
            images = []
            for row, (image, maps), as_listed in zip(batch.rows.tolist(), batch.outputs, batch.as_listed, strict=True):
                keeps = keeps and (not as_listed or _keep(kept, pool, row, image, maps, run))
                height, width = image.pixels.shape[:2]
                images.append((row, without_pixels(height, width, image.width, image.height), maps))
            yield MappedBatch(images, batch.unreadable)
    finally:
        kept.trim()


def _keep(kept: KeptMaps, pool: Pool, row: int, image: Small, maps: Maps, run: Run) -> bool:
    """Say whether it was kept; where it can't be, nothing more is."""
    try:
        kept.keep(pool, row, image, maps)
    except OSError as error:
        detail = f"what was seen of images could not be kept for next time: {error.strerror or error}"
        run.warn(WarningCode.CACHE_NOT_WRITTEN, detail)
        return False
    return True


def backbone_here(run: Run) -> BackboneSpec | None:
    """Return the backbone that sees images beside the detector, or without it; None where none lies here: nothing is
    fetched.
    """
    return next((SHORT_NAMES[name] for name in BACKBONES if run.backbones.is_here(SHORT_NAMES[name])), None)


def seer_of(request: Detecting, run: Run, side: int) -> Seer:
    """Return what sees images: YOLOX-nano and a backbone, as far as their weights lie here.

    Raises WeightsUnavailable, WeightsMismatch.
    """
    engine = run.settings.cpu_engine
    if request.weights == "random":
        return _untrained(request.seed, side, engine)
    spec = backbone_here(run)
    if not is_here(run.settings) and spec is not None:
        return _pretrained(None, 0, run.backbones, spec, side, engine)
    path = find_weights(run.settings)
    return _pretrained(path, path.stat().st_mtime_ns, run.backbones, spec, side, engine)


@lru_cache(maxsize=1)
def _untrained(seed: int, side: int, engine: str) -> Seer:
    with drawn_from(seed):
        return Seer(Frozen(Yolox(CLASSES), None), NAME, f"random-{seed}", side, engine_of(engine))


@lru_cache(maxsize=1)  # read and compiled once for the jobs of a process that ask for the same
def _pretrained(
    path: Path | None, _changed: int, loader: BackboneLoader, spec: BackboneSpec | None, side: int, engine: str
) -> Seer:
    """_changed: when the file was."""
    backbone, detector, names, weights = None, None, [], []
    if path is not None:
        detector = read_weights(path)
        names.append(NAME)
        weights.append(digest_of_file(path))
    if spec is not None:
        backbone, digest = loader.pretrained(spec)
        names.append(spec.name)
        weights.append(digest)
    return Seer(Frozen(detector, backbone), " and ".join(names), " ".join(weights), side, engine_of(engine))

"""The detector of a job: trained on what people drew, or kept since it was; and what it finds on images of the pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import TypeAdapter

from nextlabel.core.data.boxes import BoxedImage, Detected
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import WarningCode
from nextlabel.core.kinds.requests import (
    AUGMENTED_PASSES,
    LARGE_PASSES,
    LIGHT_PASSES,
    PASSES,
    Detecting,
    DetectorName,
    Drafting,
)
from nextlabel.core.kinds.results import DetectorSummary, PredictedBox, WarmFrom
from nextlabel.core.metrics.detection import Calibration
from nextlabel.core.neural.backbones import Backbone
from nextlabel.core.neural.detection.crop_classifier import CropClassifier
from nextlabel.core.neural.detection.detector import MOST_BOXES, PROPOSED, Detector
from nextlabel.core.neural.detection.kept import KeptDetectors
from nextlabel.core.neural.detection.large import can_be_had
from nextlabel.core.neural.detection.network import Yolox
from nextlabel.core.neural.detection.training import Trained, fine_tune
from nextlabel.core.neural.detection.weights import CLASSES, NAME, find_weights, is_here, read_weights
from nextlabel.core.neural.hub import digest_of_file
from nextlabel.core.neural.training import drawn_from
from nextlabel.core.pipelines.detection.earlier import (
    FEWER,
    Earlier,
    Lessons,
    digests_of,
    find_earlier,
    settings_of,
)
from nextlabel.core.pipelines.detection.large import featuring_large_finder, large_finder
from nextlabel.core.pipelines.detection.light import backbone_here, featuring_finder, light_finder
from nextlabel.core.pipelines.detection.looking import Finder, SeenBatch, seen_by, summary_of
from nextlabel.core.pipelines.detection.naming import naming_backbone, with_namer
from nextlabel.core.pipelines.detection.part_of_training import PartOfTraining, Series
from nextlabel.core.pipelines.detection.training_set import (
    LARGER_SIDE,
    SIDE,
    are_small,
    divided,
    keep,
    key_of,
    read_examples,
)
from nextlabel.core.pipelines.material import DIGITS, all_rounded
from nextlabel.core.pipelines.run import Run

BOXES = TypeAdapter(tuple[PredictedBox, ...])  # one call for all boxes of an image, not one for each
PLACE_DIGITS = 2  # of a pixel
LEAST_PROPOSED = 0.05
MOST_SHOWN = 100  # boxes of an image


@dataclass(frozen=True, eq=False)
class WholeFinder(Finder):
    """Runs a network that was trained whole, or, without classes, the one that training starts from."""

    network: Yolox
    namer: CropClassifier | None = None

    @property
    def preprocessing(self) -> str:
        named = "" if self.namer is None else f",crops={self.namer.backbone.name}-{self.namer.backbone.weights}"
        return f"letterbox={self.side}{named}"

    def look(
        self, pool: Pool, rows: Sequence[int], run: Run, most: int = MOST_BOXES, *, boxes_alone: bool = False
    ) -> Iterator[SeenBatch]:
        detector = Detector(
            self.network,
            engine=self.engine,
            images=len(rows),
            class_free=not self.classes,
            namer=self.namer,
            most=most,
            boxes_alone=boxes_alone,
        )
        return seen_by(detector, self.side, pool, rows, run, larger=self.namer is not None)


def surest(said: Detected, least: float) -> Detected:
    """Take the boxes of one image that reach a score, the surest first, 100 at most."""
    kept = np.flatnonzero(said.scores >= least)
    return said.at(kept[np.argsort(-said.scores[kept], kind="stable")][:MOST_SHOWN])


def shown(said: Detected, classes: Sequence[str], calibration: Calibration, least: float) -> tuple[PredictedBox, ...]:
    """Return the boxes of one image that reach a score, the surest first, 100 at most. classes: (), or all of them."""
    told = surest(said, least)
    places, scores = all_rounded(told.places, PLACE_DIGITS).tolist(), all_rounded(told.scores, DIGITS).tolist()
    names = [classes[of] if classes else None for of in told.classes.tolist()]
    fields = zip(places, names, scores, calibration.drafts(told).tolist(), strict=True)
    return BOXES.validate_python(
        [{"box": place, "class": name, "score": score, "draft": draft} for place, name, score, draft in fields]
    )


def box_of(said: Detected, i: int) -> tuple[float, float, float, float]:
    """Return x, y, width and height as results have them: to a hundredth of a pixel."""
    return box_of_place(said.places[i].tolist())


def box_of_place(place: Sequence[float]) -> tuple[float, float, float, float]:
    """Return x, y, width and height as results have them: to a hundredth of a pixel."""
    x, y, width, height = place
    return round(x, PLACE_DIGITS), round(y, PLACE_DIGITS), round(width, PLACE_DIGITS), round(height, PLACE_DIGITS)


def proposing_finder(request: Detecting, run: Run, *, features_do: bool = False) -> Finder:
    """Return what finds whatever looks like an object. Raises WeightsUnavailable, WeightsMismatch.

    features_do: where the small detector isn't here, what a backbone or else a large detector sees of images does, and
    nothing is proposed.
    """
    side = request.image_size or SIDE
    if features_do and request.weights != "random" and not is_here(run.settings):
        if backbone_here(run) is not None:
            return featuring_finder(request, run, side)
        if detector_for(request, run) == "large":
            return featuring_large_finder(request, run)
    proposals = Calibration(np.array([PROPOSED]), np.zeros(1), LEAST_PROPOSED)
    start, weights = _start(request, run)
    _tell_untrained(request, run)
    return WholeFinder(
        classes=(),
        side=side,
        calibration=proposals,
        summary=None,
        weights=weights,
        engine=run.settings.cpu_engine,
        name=NAME,
        network=start(),
    )


def detector_for(request: Detecting, run: Run) -> DetectorName:
    """Say which detector serves: the one that was asked for, or a large one where there are a GPU and its weights, or
    the small network that is trained whole, or, where its weights don't lie here, a light head on what does.
    """
    if request.detector is not None:
        return request.detector
    if request.weights is None and can_be_had(run.settings, run.backbones.device):
        return "large"
    whole = request.weights == "random" or is_here(run.settings) or backbone_here(run) is None
    return "whole" if whole else "light"


def passes_of(request: Detecting, run: Run, *, small: bool) -> int:
    """Return how many images pass while a detector is trained. small: whether objects are."""
    whole = AUGMENTED_PASSES if small else PASSES
    usual = {"whole": whole, "light": LIGHT_PASSES, "large": LARGE_PASSES}
    return request.passes or usual[detector_for(request, run)]


def series_of(
    request: Detecting, drawn: Mapping[int, BoxedImage], run: Run, *, trainings: int, looked_at: int = 0
) -> Series:
    """Plan to train several detectors, on as much as that or parts of it. looked_at: images, between trainings."""
    small = are_small(drawn)
    passes = passes_of(request, run, small=small)
    return Series(small, passes, trainings * passes + looked_at)


def finder_of(
    request: Detecting,
    pool: Pool,
    drawn: Mapping[int, BoxedImage],
    run: Run,
    *,
    series: Series | None = None,
    keeps: bool = True,
    features_do: bool = False,
) -> Finder:
    """Train a detector on what was drawn on rows of the pool, in the stage `train`; without a box, none is trained.

    That stage begins when training does, and not at all where none is needed.

    series: those that it is one of. keeps: whether it is kept for other jobs. features_do: as of `proposing_finder`.
    Raises WeightsUnavailable, WeightsMismatch, NoLabels.
    """
    if series is not None:
        small, part = series.small, PartOfTraining(run, series.done, series.passes, series.total)
    else:
        small = are_small(drawn)
        part = PartOfTraining(run, 0, passes_of(request, run, small=small), None)
    if not any(image.has_objects for image in drawn.values()):
        return proposing_finder(request, run, features_do=features_do)
    detector = detector_for(request, run)
    if detector == "large":
        return large_finder(request, pool, drawn, run, part, keeps=keeps)
    if detector == "light":
        return light_finder(request, pool, drawn, run, request.image_size or SIDE, part)
    return _whole_finder(request, pool, drawn, run, part, keeps, small)


def _whole_finder(
    request: Detecting,
    pool: Pool,
    drawn: Mapping[int, BoxedImage],
    run: Run,
    part: PartOfTraining,
    keeps: bool,
    small: bool,
) -> Finder:
    side = request.image_size or (LARGER_SIDE if small else SIDE)
    start, weights = _start(request, run)
    classes = sorted_classes(box.class_name for image in drawn.values() for box in image.boxes)
    backbone = naming_backbone(request, run)
    named_by = "" if backbone is None else f" {backbone.name} {backbone.weights} {backbone.preprocessing}"
    how = (weights + named_by, side, part.images, small)
    training = _Training(request, pool, drawn, classes, side, small, backbone, how, part, run)
    trained = training.kept_or_trained(start, keeps=keeps)
    if trained.began is None:
        _tell_untrained(request, run)
    namer = None if trained.namer is None or backbone is None else CropClassifier(trained.namer, backbone)
    summary = _summary(trained, classes, side, namer, augmented=small)
    return WholeFinder(
        classes=classes,
        side=side,
        calibration=trained.calibration,
        summary=summary,
        weights=weights,
        engine=run.settings.cpu_engine,
        name=NAME,
        network=trained.network,
        namer=namer,
    )


@dataclass(frozen=True, eq=False)
class _Training:
    """How the small network is trained whole for a request. how: all that tells one way from another."""

    request: Detecting
    pool: Pool
    drawn: Mapping[int, BoxedImage]
    classes: tuple[str, ...]
    side: int
    small: bool
    backbone: Backbone | None
    how: tuple[object, ...]
    part: PartOfTraining
    run: Run

    @property
    def warm_passes(self) -> int:
        """How many images pass where training goes on from a kept detector."""
        return self.request.passes or self.part.images // FEWER

    def kept_or_trained(self, start: Callable[[], Yolox], *, keeps: bool) -> Trained:
        """Return what was trained for these labels before, or train it.

        One that went on from another has a key of its own: nobody is given it who didn't ask for such a one.
        """
        hows = (self.how, (*self.how, "warm", self.warm_passes))
        key, warm_key = (key_of(self.request, self.pool, self.drawn, how) for how in hows)
        kept = KeptDetectors(self.run.settings.detectors_dir)
        warm = isinstance(self.request, Drafting) and self.request.warm
        for known_key in (warm_key, key) if warm else (key,):
            if (known := kept.get(known_key, len(self.classes))) is not None:
                self.part.end()
                return known
        digests, settings = digests_of(self.pool, self.drawn), settings_of((*self.how, self.request.seed))
        earlier = find_earlier(kept, settings, digests) if warm else None
        part = self.part if earlier is None else replace(self.part, images=self.warm_passes)
        part.begin()
        trained, learnt, held = self._train(start, earlier, digests, part)
        part.end()
        if keeps:
            trainings = 0 if earlier is None else earlier.began.trainings
            lessons = Lessons(settings, self.classes, learnt, held, trainings).said()
            keep(lambda: kept.keep(key if earlier is None else warm_key, trained, lessons), self.run)
        return trained

    def _train(
        self,
        start: Callable[[], Yolox],
        earlier: Earlier | None,
        digests: Mapping[int, str],
        part: PartOfTraining,
    ) -> tuple[Trained, tuple[str, ...], tuple[str, ...]]:
        """Return it, and by their digests all images that it ever learnt from, and those that were held out."""
        seed, backbone = self.request.seed, self.backbone
        examples = read_examples(self.pool, self.drawn, self.classes, self.side, seed, self.run)
        known = None if earlier is None else earlier.knows([digests[row] for row in examples], self.classes)
        learnt, held = divided(examples, seed, known)
        trained = fine_tune(
            start() if earlier is None else earlier.network,
            [examples[row] for row in learnt],
            [examples[row] for row in held],
            len(self.classes),
            passes=part.images,
            seed=seed,
            augments=self.small,
            known=None if known is None else known.classes,
            tick=part.tick,
        )
        if backbone is not None:
            trained = with_namer(trained, examples, learnt, held, backbone, self.side, self.pool, seed, self.run)
        of_learnt, of_held = (tuple(digests[row] for row in rows) for rows in (learnt, held))
        if earlier is None:
            return trained, of_learnt, of_held
        before = earlier.lessons  # of images that weren't read today, too: they may be another day
        trained = replace(trained, began=earlier.began)
        return trained, tuple(sorted({*before.learnt, *of_learnt})), tuple(sorted({*before.held, *of_held}))


def _start(request: Detecting, run: Run) -> tuple[Callable[[], Yolox], str]:
    """Return what makes the network that training starts from, and what the manifest says of its weights."""
    if request.weights != "random":
        path = find_weights(run.settings)
        return lambda: read_weights(path), digest_of_file(path)

    def start() -> Yolox:
        with drawn_from(request.seed):
            return Yolox(CLASSES)

    return start, f"random-{request.seed}"


def _tell_untrained(request: Detecting, run: Run) -> None:
    """Warn, once, where the detector starts with weights that chance drew."""
    if request.weights == "random" and not run.warned_of(WarningCode.RANDOM_WEIGHTS):
        run.warn(WarningCode.RANDOM_WEIGHTS, "the detector starts untrained, as asked: its answers are for comparison")


def _summary(
    trained: Trained, classes: Sequence[str], side: int, namer: CropClassifier | None, *, augmented: bool
) -> DetectorSummary:
    began = trained.began
    warm_from = None if began is None else WarmFrom(detector=began.key, images=began.images, trainings=began.trainings)
    named_by = None if namer is None else namer.backbone.name
    return summary_of(trained, NAME, classes, side, named_by=named_by, augmented=augmented, warm_from=warm_from)

"""How good boxes are that were predicted elsewhere: what `f1` tells of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nextlabel.core.data.boxes import BoxedImage, Detected
from nextlabel.core.data.detections import fingerprint, read_detections
from nextlabel.core.data.images import read_shape
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.spelling import as_seen, hint
from nextlabel.core.errors import ClassesNeverMeet, NameNotInPool, NothingToValidate, UnreadableImage, WarningCode
from nextlabel.core.kinds.f1 import KIND, BoxMiss, BoxScores, Confusion, DetectionF1Result, F1Request
from nextlabel.core.kinds.results import Skipped
from nextlabel.core.metrics.detection import ClassAP, Interval, Kind, Miss, Truth, score
from nextlabel.core.pipelines.material import manifest, read_of_task, rounded
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import NoEmbeddings
from nextlabel.core.tasks.base import Labels
from nextlabel.core.tasks.detection import MatchedBoxes
from nextlabel.core.tasks.registry import DETECTION

MISSES_TOLD = 10_000
EVERY = 200  # images between two looks at whether the job must stop
MISSES: tuple[Kind, ...] = ("class", "place", "both", "double", "background", "missed")


def carry_out(request: F1Request, run: Run) -> DetectionF1Result:
    """Read both sides, hold the boxes of each image against each other, and tell how good they are."""
    run.plan(*KIND.planned(leave_out=("embed training images", "embed validation images", "train")))
    run.stage("read")
    labelled = _read(request, run)
    assert request.path_to_predictions is not None  # the request was refused otherwise
    found = read_detections(request.path_to_predictions, run.settings.data_roots)
    images, skipped = _of_their_size(labelled, run)
    names = [labelled.pool.names[row] for row in images]
    said = _said_of(names, found.by_name, run)
    classes = sorted_classes([*found.classes, *labelled.matched.classes])
    unknown = _check_classes(found.classes, labelled.matched.classes, run)
    run.stage("score")
    index = {name: i for i, name in enumerate(classes)}
    moved = np.array([index[name] for name in found.classes], np.int64)
    detected = [Detected(one.places, moved[one.classes], one.scores) if len(one) else one for one in said]
    truth = [_truth(image, index) for image in images.values()]
    scores = score(truth, detected, classes, np.random.default_rng(request.seed))
    kinds = Counter(miss.kind for miss in scores.misses)
    return DetectionF1Result(
        mean_average_precision=_rounded(scores.mean_average_precision),
        mean_average_precision_interval=_both(scores.mean_average_precision_interval),
        map50=_rounded(scores.map50),
        map50_interval=_both(scores.map50_interval),
        average_recall=_rounded(scores.average_recall),
        f1=_rounded(scores.f1),
        f1_interval=_both(scores.f1_interval),
        validation_images=len(names),
        validation_boxes=sum(len(image.boxes) for image in images.values()),
        per_class=tuple(map(_shown, scores.per_class)),
        confusion=Confusion(classes=classes, matrix=tuple(tuple(row) for row in scores.confusion.tolist())),
        misses_by_kind={kind: kinds[kind] for kind in MISSES},
        misses=_misses(scores.misses, names, list(images.values()), detected, classes),
        classes_without_predictions=unknown,
        classes_without_validation_images=tuple(one.name for one in scores.per_class if not one.objects),
        skipped=skipped,
        manifest=manifest(
            request, NoEmbeddings(), run, head=False, sources={"validation": labelled}, predictions=fingerprint(found)
        ),
    )


@dataclass(frozen=True, eq=False)
class _Labelled:
    """The images on which somebody drew, and what they drew."""

    pool: Pool
    labels: Labels
    matched: MatchedBoxes


def _read(request: F1Request, run: Run) -> _Labelled:
    """Raises NothingToValidate."""
    pool, labels, matched, _ = read_of_task(
        request.path_to_img_val,
        request.path_to_labels_val,
        run,
        "validation",
        labelled_only=True,
        content=request.content,
        task=DETECTION,
    )
    assert isinstance(matched, MatchedBoxes)
    if not len(matched.rows):
        raise NothingToValidate("no image of the validation folder has a validation label")
    return _Labelled(pool, labels, matched)


def _of_their_size(labelled: _Labelled, run: Run) -> tuple[dict[int, BoxedImage], tuple[Skipped, ...]]:
    """Return what was drawn by row, without images whose boxes were drawn on another size: they say nothing of these.

    Raises NothingToValidate where none is left.
    """
    kept: dict[int, BoxedImage] = {}
    skipped: list[Skipped] = []
    otherwise: list[str] = []
    rows = labelled.matched.rows.tolist()
    for at, (row, image) in enumerate(zip(rows, labelled.matched.targets, strict=True)):
        if at % EVERY == 0:
            run.check()
        name = labelled.pool.names[row]
        try:
            with labelled.pool.open(row) as stream:
                width, height, _ = read_shape(stream, max_pixels=run.settings.max_image_pixels)
        except (UnreadableImage, OSError) as error:
            skipped.append(Skipped(name=name, reason=getattr(error, "detail", None) or str(error)))
            continue
        if (width, height) == (image.width, image.height):
            kept[row] = image
        else:
            otherwise.append(name)
            reason = f"its boxes were drawn on {image.width} x {image.height}, and it is {width} x {height}"
            skipped.append(Skipped(name=name, reason=reason))
    if otherwise:
        detail = f"boxes were drawn on images of another size: these were left out; the first, as {skipped[0].reason}"
        run.warn(WarningCode.BOXES_OF_ANOTHER_SIZE, detail, otherwise)
    if not kept:
        raise NothingToValidate(f"no labelled image is left to score by; {skipped[0].name}: {skipped[0].reason}")
    return kept, tuple(skipped)


def _said_of(names: Sequence[str], by_name: Mapping[str, Detected], run: Run) -> list[Detected]:
    """Return what was predicted of each image; nothing of one that the file doesn't name, which is told.

    Raises NameNotInPool when it names none of them.
    """
    absent = [name for name in names if as_seen(name) not in by_name]
    if len(absent) == len(names):
        first = next(iter(by_name))
        raise NameNotInPool(f"no labelled image has a prediction in the file; it names {first!r}")
    if absent:
        detail = "these images have no prediction in the file: they count as if nothing had been found on them"
        run.warn(WarningCode.WITHOUT_PREDICTION, detail, absent)
    return [by_name.get(as_seen(name), Detected.nothing()) for name in names]


def _check_classes(predicted: Sequence[str], drawn: Sequence[str], run: Run) -> tuple[str, ...]:
    """Return the classes that were drawn and are never predicted, and warn of them. Raises ClassesNeverMeet."""
    unknown = tuple(name for name in drawn if name not in predicted)
    if not unknown:
        return ()
    meant = hint(unknown, predicted)
    if len(unknown) == len(drawn) and predicted:
        raise ClassesNeverMeet(f"no class of the labels ({', '.join(drawn[:5])}) is predicted{meant}")
    detail = f"nothing of these classes of the labels is predicted, so all of their boxes are missed{meant}"
    run.warn(WarningCode.CLASS_WITHOUT_PREDICTION, detail, unknown)
    return unknown


def _truth(image: BoxedImage, index: Mapping[str, int]) -> Truth:
    classes = np.array([index[box.class_name] for box in image.boxes], np.int64)
    return Truth(image.places, classes, image.crowds)


def _misses(
    misses: Sequence[Miss],
    names: Sequence[str],
    images: Sequence[BoxedImage],
    detected: Sequence[Detected],
    classes: Sequence[str],
) -> tuple[BoxMiss, ...]:
    """List them, the surest first; what was missed has no score, and comes last."""
    told = []
    for miss in misses:
        said, one = detected[miss.image], miss.detection
        drawn = None if miss.truth is None else images[miss.image].boxes[miss.truth]
        told.append(
            BoxMiss(
                name=names[miss.image],
                miss=miss.kind,
                class_name=None if drawn is None else drawn.class_name,
                predicted=None if one is None else classes[said.classes[one]],
                box=None if drawn is None else drawn[1:5],
                predicted_box=None if one is None else tuple(map(rounded, said.places[one])),
                score=None if one is None else rounded(said.scores[one]),
                iou=rounded(miss.iou),
            )
        )
    told.sort(key=lambda miss: -1.0 if miss.score is None else miss.score, reverse=True)
    return tuple(told[:MISSES_TOLD])


def _shown(one: ClassAP) -> BoxScores:
    return BoxScores(
        class_name=one.name,
        average_precision=_rounded(one.average_precision),
        average_precision_interval=_both(one.average_precision_interval),
        ap50=_rounded(one.ap50),
        ap50_interval=_both(one.ap50_interval),
        average_recall=_rounded(one.recall),
        objects=one.objects,
        predicted=one.predicted,
        threshold=_rounded(one.threshold),
        precision=rounded(one.precision),
        recall=rounded(one.recall_there),
        f1=rounded(one.f1),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else rounded(value)


def _both(interval: Interval | None) -> Interval | None:
    return None if interval is None else (rounded(interval[0]), rounded(interval[1]))

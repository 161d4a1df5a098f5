"""Images with boxes on them, and what was predicted of them: what the kinds share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nextlabel.core.data.boxes import SCALING, BoxedImage, Detected, Detections
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.data.image_sizes import of_another_size, read_sizes
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.spelling import as_seen, hint
from nextlabel.core.errors import (
    ClassesNeverMeet,
    NameNotInPool,
    NoLabels,
    NothingToValidate,
    WarningCode,
)
from nextlabel.core.kinds.requests import JobRequest, OnePool
from nextlabel.core.kinds.results import Skipped
from nextlabel.core.methods.arrays import Rows
from nextlabel.core.metrics.detection import Truth
from nextlabel.core.pipelines.material import read_of_task, skipped_images
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.unreadable import refuse_gone
from nextlabel.core.pipelines.validation import check_classes_meet, never_trained
from nextlabel.core.tasks.base import Conflicts, Labels
from nextlabel.core.tasks.detection import MatchedBoxes
from nextlabel.core.tasks.registry import DETECTION

EVERY = 200  # images between two looks at whether the job must stop


@dataclass(frozen=True, eq=False)
class LabelledBoxes:
    """The images on which somebody drew, and what they drew."""

    pool: Pool
    labels: Labels
    matched: MatchedBoxes
    conflicts: Conflicts

    def match(self, pool: Pool) -> MatchedBoxes:
        """Match the labels with a part of the pool."""
        return DETECTION.match(self.labels, pool)


def read_boxes(request: JobRequest, path_to_img: str, path_to_labels: str, run: Run, role: str = "") -> LabelledBoxes:
    """Read what `read_labelled` does, of boxes and of labelled images alone.

    Raises NothingToValidate, or NoLabels for the role `training`, where no image of the folder has a label.
    """
    found = _read(request, path_to_img, path_to_labels, run, role, labelled_only=True)
    if not len(found.matched.rows):
        detail = f"no image of the {role}{' ' if role else ''}folder has a label"
        raise NoLabels(detail) if role == "training" else NothingToValidate(detail)
    return found


def read_pool(request: OnePool, run: Run) -> LabelledBoxes:
    """Read the labels, of which there may be none, and list the pool, as `read_labelled` does."""
    return _read(request, request.path_to_img, request.path_to_labels, run, labelled_only=False)


def _read(
    request: JobRequest,
    path_to_img: str,
    path_to_labels: str | None,
    run: Run,
    role: str = "",
    *,
    labelled_only: bool,
) -> LabelledBoxes:
    read = read_of_task(DETECTION, request, path_to_img, path_to_labels, run, role, labelled_only=labelled_only)
    pool, labels, matched, conflicts, _ = read
    assert isinstance(matched, MatchedBoxes)
    return LabelledBoxes(pool, labels, matched, conflicts)


Sized = tuple[dict[int, BoxedImage], tuple[Skipped, ...]]


def of_their_size(labelled: LabelledBoxes, run: Run) -> Sized:
    """Return what was drawn by row, without images whose boxes were drawn on another size: these are told."""
    sizes, unreadable = sizes_of(labelled.pool, labelled.matched.rows, run)
    drawn = dict(zip(labelled.matched.rows.tolist(), labelled.matched.targets, strict=True))
    misfits = dict.fromkeys(of_another_size(drawn, sizes))
    otherwise = [_left_out(labelled.pool.names[row], drawn[row], sizes[row]) for row in misfits]
    if otherwise:
        detail = (
            "boxes were drawn on images of another size: these were left out; the first, as "
            f"{otherwise[0].reason}; {SCALING}"
        )
        run.warn(WarningCode.BOXES_OF_ANOTHER_SIZE, detail, [one.name for one in otherwise])
    kept = {row: image for row, image in drawn.items() if row in sizes and row not in misfits}
    return kept, (*skipped_images(unreadable), *otherwise)


def _left_out(name: str, drawn: BoxedImage, size: tuple[int, int]) -> Skipped:
    reason = f"its boxes were drawn on {drawn.width} x {drawn.height}, and it is {size[0]} x {size[1]}"
    return Skipped(name=name, reason=reason)


def without_unread(sized: Sized, unread: Sequence[Skipped], labelled: LabelledBoxes) -> Sized:
    """Leave out images that can't be read to their end: what was not found on them tells nothing."""
    by_row, before = sized
    names = {one.name for one in unread}
    return {row: one for row, one in by_row.items() if labelled.pool.names[row] not in names}, (*before, *unread)


def sizes_of(pool: Pool, rows: Rows, run: Run) -> tuple[dict[int, tuple[int, int]], tuple[SkippedFile, ...]]:
    """Read width and height, upright, of the images of those rows; those that can't be read are told apart.

    Raises what `refuse_gone` does.
    """

    def look(done: int) -> None:
        if done % EVERY == 0:
            run.check()

    most, patience_s = run.settings.max_image_pixels, run.settings.bucket_patience_s
    sizes, unreadable = read_sizes(pool, rows.tolist(), max_pixels=most, patience_s=patience_s, look=look)
    if unreadable:
        refuse_gone(pool.place, run)
    return sizes, unreadable


def without_shared(
    drawn: dict[int, BoxedImage], training: LabelledBoxes, validation: LabelledBoxes, run: Run
) -> dict[int, BoxedImage]:
    """Leave out images of one folder that are labelled for both sides."""
    if training.pool.place.key != validation.pool.place.key:
        return drawn
    judged = {validation.pool.names[row] for row in validation.matched.rows.tolist()}
    shared = [row for row in drawn if training.pool.names[row] in judged]
    if shared:
        names = [training.pool.names[row] for row in shared]
        run.warn(WarningCode.IN_BOTH_SETS, "labelled for training and for validation; left out of the training", names)
    return {row: image for row, image in drawn.items() if row not in shared}


def check_any_left(sized: Sized) -> None:
    """Raise NothingToValidate where all labelled images were left out."""
    by_row, skipped = sized
    if not by_row:
        raise NothingToValidate(f"no labelled image is left to score by; {skipped[0].name}: {skipped[0].reason}")


def check_can_score(learnt: Mapping[int, BoxedImage], judged: Mapping[int, BoxedImage], run: Run) -> None:
    """Refuse images to score by that say nothing of what is learnt; warn of their classes that nothing is learnt of.

    Raises NothingToValidate, ClassesNeverMeet.
    """
    if not classes_on(judged):
        what = "so there is nothing to find, and mAP@50 can't be told"
        raise NothingToValidate(f"on none of the labelled validation images ({len(judged)}) is a box, {what}")
    warn_never_trained(learnt, judged, run)


def check_can_learn(drawn: Mapping[int, BoxedImage]) -> None:
    """Raise NoLabels where there is no object on any of the training images."""
    if not any(image.has_objects for image in drawn.values()):
        raise NoLabels("on none of the labelled training images is a box, so there is no object to learn")


def warn_never_trained(learnt: Mapping[int, BoxedImage], judged: Mapping[int, BoxedImage], run: Run) -> list[str]:
    """Warn of classes on images to score by that nothing is learnt of, and return them.

    Raises ClassesNeverMeet: these are all.
    """
    trained, classes = classes_on(learnt), classes_on(judged)
    check_classes_meet(trained, classes)
    if unknown := never_trained(trained, classes):
        detail = "on no training image is a box of these classes of the validation images, so each of them counts 0"
        run.warn(WarningCode.CLASS_NEVER_TRAINED, f"{detail}{hint(unknown, trained)}", unknown)
    return unknown


def classes_on(drawn: Mapping[int, BoxedImage]) -> tuple[str, ...]:
    """Return the classes of the objects on images; a crowd is none."""
    return sorted_classes(box.class_name for image in drawn.values() for box in image.boxes if not box.crowd)


def said_of(names: Sequence[str], by_name: Mapping[str, Detected], run: Run) -> list[Detected]:
    """Return what was predicted of each image; nothing of one of which nothing is known, which is told.

    Raises NameNotInPool when nothing is known of any of them.
    """
    absent = [name for name in names if as_seen(name) not in by_name]
    if len(absent) == len(names):
        first = next(iter(by_name))
        what = "bring along what a detector finds on the labelled images"
        raise NameNotInPool(f"no labelled image has a prediction in the file; it names {first!r}: {what}")
    if absent:
        detail = "these images have no prediction: they count as if nothing had been found on them"
        run.warn(WarningCode.WITHOUT_PREDICTION, detail, absent)
    return [by_name.get(as_seen(name), Detected.nothing()) for name in names]


@dataclass(frozen=True, eq=False)
class Compared:
    """V labelled images, and what was predicted of them: both in the space of the same classes.

    never_predicted: classes that were drawn and of which nothing is predicted.
    """

    names: tuple[str, ...]
    images: tuple[BoxedImage, ...]
    truth: tuple[Truth, ...]
    detected: tuple[Detected, ...]
    classes: tuple[str, ...]
    never_predicted: tuple[str, ...]
    skipped: tuple[Skipped, ...]

    @property
    def boxes(self) -> int:
        return sum(len(image.boxes) for image in self.images)


def compare(labelled: LabelledBoxes, sized: Sized, found: Detections, run: Run, told: Collection[str] = ()) -> Compared:
    """Bring what was predicted together with what was drawn. sized: as `of_their_size` returns it.

    told: classes of which it was told already that nothing can be predicted.
    Raises NothingToValidate, NameNotInPool, ClassesNeverMeet.
    """
    check_any_left(sized)
    by_row, skipped = sized
    names = tuple(labelled.pool.names[row] for row in by_row)
    classes = sorted_classes([*found.classes, *labelled.matched.classes])
    index = {name: i for i, name in enumerate(classes)}
    said = said_of(names, found.in_space_of(classes).by_name, run)
    return Compared(
        names=names,
        images=tuple(by_row.values()),
        truth=tuple(truth_of(image, index) for image in by_row.values()),
        detected=tuple(said),
        classes=classes,
        never_predicted=_never_predicted(found.classes, labelled.matched.classes, run, told),
        skipped=skipped,
    )


def _never_predicted(
    predicted: Sequence[str], drawn: Sequence[str], run: Run, told: Collection[str]
) -> tuple[str, ...]:
    """Return the classes that were drawn and are never predicted; warn of those untold. Raises ClassesNeverMeet."""
    unknown = tuple(name for name in drawn if name not in predicted)
    if not unknown:
        return ()
    meant = hint(unknown, predicted)
    if len(unknown) == len(drawn) and predicted:
        raise ClassesNeverMeet(f"no class of the labels ({', '.join(drawn[:5])}) is predicted{meant}")
    if untold := [name for name in unknown if name not in told]:
        detail = f"nothing of these classes of the labels is predicted, so all of their boxes are missed{meant}"
        run.warn(WarningCode.CLASS_WITHOUT_PREDICTION, detail, untold)
    return unknown


def truth_of(image: BoxedImage, index: Mapping[str, int]) -> Truth:
    """Put what was drawn on an image into a space of classes."""
    classes = np.array([index[box.class_name] for box in image.boxes], np.int64)
    return Truth(image.places, classes, image.crowds)

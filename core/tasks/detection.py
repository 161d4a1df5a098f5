"""The task `detection`: boxes with a class each. A file of boxes has a line of JSON for each image.

A file is a person's; what it says of an image is all that they drew on it, maybe nothing. An image without a line was
not looked at. Two lines about one image, whoever wrote them, contradict each other about each box that only one of them
has: a box of the other is the same if it has the same class and covers much the same place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.box_files import box_entries
from nextlabel.core.data.boxes import SHARES, BoxedImage, Said, contested, format_line, iou
from nextlabel.core.data.labels import MAX_LISTED, labels_files, sorted_classes
from nextlabel.core.data.labels_folder import SUFFIXES_OF_BOXES
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import LabelsConflict, LabelsMalformed, NoLabels
from nextlabel.core.tasks.base import Conflicts, Labels, Matched, Task, refuse_none

TWICE = 0.9  # IoU of two boxes of a class above which they are one that was drawn twice
TINY = 3  # pixels


@dataclass(frozen=True)
class BoxLabels(Labels):
    """What was drawn on each labelled name.

    unfinished: names that somebody is still drawing on, and nobody has finished: they are not labelled yet.
    contested: what was drawn on each of the names that people contradict each other about.
    """

    images: Mapping[str, BoxedImage]
    disputed: frozenset[str] = frozenset()
    unfinished: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()
    contested: Mapping[str, Sequence[BoxedImage]] = field(default_factory=dict)

    @property
    def names(self) -> Collection[str]:
        return self.images.keys()

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return sorted_classes(box.class_name for image in self.images.values() for box in image.boxes)

    @property
    def boxes(self) -> int:
        return sum(len(image.boxes) for image in self.images.values())

    def lines(self) -> Iterator[str]:
        return (format_line(name, image) for name, image in self.images.items())

    def among(self, fits: Callable[[str], bool], apart: frozenset[str] = frozenset()) -> Self:
        kept = {name: said for name, said in self.images.items() if fits(name)}
        return replace(
            self,
            images=kept,
            disputed=frozenset(filter(fits, self.disputed)),
            unfinished=frozenset(filter(fits, self.unfinished)),
            apart=apart,
            contested={name: drawn for name, drawn in self.contested.items() if fits(name)},
        )


@dataclass(frozen=True, eq=False)
class MatchedBoxes(Matched):
    """`targets`: (L,) of BoxedImage."""

    def onto(self, classes: Sequence[str]) -> NDArray[np.object_]:
        """Return (L,) of arrays: the index of each box's class."""
        index = {name: i for i, name in enumerate(classes)}
        found = [np.array([index.get(box.class_name, -1) for box in image.boxes], np.int64) for image in self.targets]
        return _objects(found)

    def take(self, kept: NDArray[np.bool_]) -> MatchedBoxes:
        targets = self.targets[kept]
        return replace(self, rows=self.rows[kept], classes=_classes_of(targets), targets=targets)

    def images_per_class(self) -> dict[str, int]:
        each = [{box.class_name for box in image.boxes} for image in self.targets]
        return {name: sum(name in said for said in each) for name in self.classes}

    def class_by_row(self) -> dict[int, str]:
        return {int(row): image.in_words() for row, image in zip(self.rows, self.targets, strict=True)}


class Detection(Task):
    name: ClassVar[str] = "detection"
    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES_OF_BOXES

    def no_labels(self) -> BoxLabels:
        return BoxLabels({})

    def read(self, path: Path, roots: Sequence[Path] = ()) -> BoxLabels:
        labels, conflicts = self.read_with_conflicts(path, roots)
        self.refuse_conflicts(conflicts)
        return labels

    def refuse_conflicts(self, conflicts: Conflicts) -> None:
        """Raise LabelsConflict, which says where each of the first stands; nothing where there are none."""
        if conflicts:
            raise LabelsConflict(_describe(conflicts))

    def read_with_conflicts(self, path: Path, roots: Sequence[Path] = ()) -> tuple[BoxLabels, Conflicts]:
        """Read the boxes of each name as the first of its finished lines has them, where all of these agree."""
        faults: list[str] = []
        said: dict[str, list[Said]] = defaultdict(list)
        unfinished: set[str] = set()
        with labels_files(path, roots, suffixes=self.suffixes) as files:
            for file, number, name, image in box_entries(files, faults):
                if image.unfinished:
                    unfinished.add(as_seen(name))
                else:
                    said[as_seen(name)].append(Said(f"{file.name}:{number}", image))
        if faults:
            raise LabelsMalformed(_describe_faults(faults))
        conflicts = {name: places for name, all_ in sorted(said.items()) if (places := contested(all_))}
        images = {name: all_[0].image for name, all_ in said.items() if name not in conflicts}
        drawn = {name: [one.image for one in said[name]] for name in conflicts}
        return BoxLabels(images, frozenset(conflicts), frozenset(unfinished - said.keys()), contested=drawn), conflicts

    def match(self, labels: Labels, pool: Pool) -> MatchedBoxes:
        assert isinstance(labels, BoxLabels)
        rows_by_name = pool.find(labels.images.keys())
        present = {rows_by_name[name]: image for name, image in labels.images.items() if name in rows_by_name}
        rows = sorted(present)
        targets = _objects([present[row] for row in rows])
        return MatchedBoxes(
            rows=np.array(rows, np.int64),
            classes=_classes_of(targets),
            targets=targets,
            absent=tuple(sorted(name for name in labels.images if name not in rows_by_name)),
            disputed=pool.rows_of(labels.disputed),
            apart=pool.rows_of(labels.apart),
        )

    def check_labels(self, labels: Labels) -> None:
        assert isinstance(labels, BoxLabels)
        refuse_none(labels)
        if not labels.boxes:
            raise NoLabels(f"on none of the labelled images ({len(labels)}) is a box, so there is no object to learn")
        drawn = [box for image in labels.images.values() for box in image.boxes]
        if all(x + w <= 1 and y + h <= 1 and min(w, h) < 1 for x, y, w, h in (box[1:5] for box in drawn)):
            raise LabelsMalformed(f"its boxes lie within one pixel, {SHARES}")


# --- what is worth a look ---------------------------------------------------------------------------------------


def oddities(image: BoxedImage) -> Iterator[str]:
    """Say of boxes on one image which are worth another look: drawn twice, or too small for most eyes."""
    for i, j in np.argwhere(np.triu(iou(image.places, image.places), 1) > TWICE).tolist():
        if image.boxes[i].class_name == image.boxes[j].class_name:
            yield f"{image.boxes[i].in_words()} and {image.boxes[j].in_words()} seem to be drawn twice"
    for box in image.boxes:
        if min(box.width, box.height) < TINY:
            yield f"{box.in_words()} is less than {TINY} pixels wide or high"


def _describe(conflicts: Conflicts) -> str:
    lines = [
        f"{shown(name)}: {'; '.join(f'{shown(what)} in {place}' for what, place in said.items())}"
        for name, said in list(conflicts.items())[:MAX_LISTED]
    ]
    more = [f"and {len(conflicts) - MAX_LISTED} more"] if len(conflicts) > MAX_LISTED else []
    return "\n".join(["People contradict each other about these boxes. Please settle them:", *lines, *more])


def _describe_faults(faults: Sequence[str]) -> str:
    more = ["and more"] if len(faults) > MAX_LISTED else []
    head = (
        'Boxes are lines of JSON, {"name": "a.jpg", "width": 640, "height": 480, '
        '"boxes": [{"class": "cat", "box": [x, y, width, height]}]}. Please mend:'
    )
    return "\n".join([head, *faults[:MAX_LISTED], *more, "Boxes of another tool: `nextlabel import --help`."])


def _classes_of(targets: NDArray[np.object_]) -> tuple[str, ...]:
    return sorted_classes(box.class_name for image in targets for box in image.boxes)


def _objects(values: Sequence[object]) -> NDArray[np.object_]:
    """Return (n,) of objects that numpy would else make a table of."""
    array = np.empty(len(values), object)
    for i, value in enumerate(values):
        array[i] = value
    return array

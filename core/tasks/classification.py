"""The task `classification`: each image has one class. A labels file has a line for each, `file name<TAB>class`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.folder import File
from nextlabel.core.data.label_text import format_line, parse_line
from nextlabel.core.data.labels import MAX_LISTED, describe_faults, entries_of, labels_files, sorted_classes
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import LabelsConflict, LabelsMalformed, NoLabels, SingleClass
from nextlabel.core.methods.auto import unseen_likely
from nextlabel.core.methods.units import ONE_AN_IMAGE, Units
from nextlabel.core.metrics.classification import ClassificationScores, class_counts, cohens_kappa, score
from nextlabel.core.tasks.base import (
    ClassTask,
    Conflicts,
    Labels,
    Matched,
    Prediction,
    besides,
    most_probable,
    refuse_none,
)

LEAST = 1e-9  # a probability of 0 has no logarithm


@dataclass(frozen=True)
class ClassLabels(Labels):
    """One class for each labelled name.

    spelt: names that the files spell otherwise than composed, and how.
    """

    classes_by_name: Mapping[str, str]
    disputed: frozenset[str] = frozenset()
    spelt: Mapping[str, str] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()

    @property
    def names(self) -> Collection[str]:
        return self.classes_by_name.keys()

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return sorted_classes(self.classes_by_name.values())

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Return (name as the files spell it, class) in the order of the files."""
        return ((self.spelt.get(name, name), class_) for name, class_ in self.classes_by_name.items())

    def lines(self) -> Iterator[str]:
        return (f"{name}\t{class_}" for name, class_ in self.classes_by_name.items())

    def among(self, fits: Callable[[str], bool], apart: frozenset[str] = frozenset()) -> Self:
        kept = {name: said for name, said in self.classes_by_name.items() if fits(name)}
        disputed = frozenset(filter(fits, self.disputed))
        return replace(self, classes_by_name=kept, disputed=disputed, apart=apart)


@dataclass(frozen=True, eq=False)
class MatchedClasses(Matched):
    """`targets`: (L,) int64, each labelled row's index into `classes`."""

    def onto(self, classes: Sequence[str]) -> NDArray[np.int64]:
        index = {name: i for i, name in enumerate(classes)}
        targets: NDArray[np.int64] = np.array([index.get(name, -1) for name in self.classes], np.int64)[self.targets]
        return targets

    def take(self, kept: NDArray[np.bool_]) -> MatchedClasses:
        present, targets = np.unique(self.targets[kept], return_inverse=True)
        return replace(self, rows=self.rows[kept], classes=tuple(self.classes[i] for i in present), targets=targets)

    def images_per_class(self) -> dict[str, int]:
        counts = np.bincount(self.targets, minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, counts, strict=True)}

    def class_by_row(self) -> dict[int, str]:
        return {int(row): self.classes[target] for row, target in zip(self.rows, self.targets, strict=True)}


def read_labels(path: Path, roots: Sequence[Path] = ()) -> ClassLabels:
    """Read the labels in a file, or in all files of a folder (not of its sub-folders; hidden files are left out).

    An empty file or folder is no labels. A link in the folder is followed if it stays in the folder or the roots.

    Raises:
        LabelsMalformed: lists the first 20 faulty lines.
        LabelsConflict: lists the first 20 names that stand there with two classes.
        PathNotFound, PathNotReadable, PathWrongKind, PathNotAllowed
    """
    with labels_files(path, roots) as files:
        return read_files(files)


def read_files(files: Sequence[File]) -> ClassLabels:
    """Read the labels in files that are open. Raises LabelsMalformed, LabelsConflict, PathNotReadable."""
    labels = _read(files)
    if labels.disputed:
        first = _places(files, sorted(labels.disputed)[:MAX_LISTED])
        raise LabelsConflict(_describe_conflicts(first, len(labels.disputed)))
    return labels


def read_labels_and_conflicts(path: Path, roots: Sequence[Path] = ()) -> tuple[ClassLabels, Conflicts]:
    """Read labels as `read_labels` does, but for names that stand there with two classes: these are `disputed`.

    The conflicts are: name -> each of its classes -> file:line.
    """
    with labels_files(path, roots) as files:
        labels = _read(files)
        return labels, _places(files, labels.disputed)


def match(labels: ClassLabels, pool: Pool) -> MatchedClasses:
    """Find the rows of the labelled names, however these are spelt."""
    rows_by_name = pool.find(labels.classes_by_name.keys())
    present = {name: class_ for name, class_ in labels.classes_by_name.items() if name in rows_by_name}
    class_by_row = {rows_by_name[name]: class_ for name, class_ in present.items()}
    rows = sorted(class_by_row)
    classes = sorted_classes(present.values())
    index = {class_: i for i, class_ in enumerate(classes)}
    return MatchedClasses(
        rows=np.array(rows, dtype=np.int64),
        classes=classes,
        targets=np.array([index[class_by_row[row]] for row in rows], dtype=np.int64),
        # in the files' order first: millions that a set has shuffled take so long to sort that a lease runs out
        absent=tuple(sorted(name for name in labels.classes_by_name if name not in present)),
        disputed=pool.rows_of(labels.disputed),
        apart=pool.rows_of(labels.apart),
    )


def _read(files: Sequence[File]) -> ClassLabels:
    """Raises LabelsMalformed."""
    faults: list[str] = []
    disputed: set[str] = set()
    spelt: dict[str, str] = {}
    classes_by_name: dict[str, str] = {}
    for _, _, name, class_ in entries_of(files, faults, parse_line):
        if not name.isascii() and (seen := as_seen(name)) != name:
            spelt.setdefault(seen, name)
            name = seen  # noqa: PLW2901 - of a million names nearly all are composed
        if classes_by_name.setdefault(name, class_) != class_:
            disputed.add(name)
    if faults:
        raise LabelsMalformed(describe_faults(faults))
    for name in disputed:
        del classes_by_name[name]
    return ClassLabels(classes_by_name, frozenset(disputed), spelt)


def _describe_conflicts(first: Conflicts, count: int) -> str:
    lines = [
        f"{shown(name)}: {', '.join(f'{shown(class_)} in {place}' for class_, place in by_class.items())}"
        for name, by_class in first.items()
    ]
    more = [f"and {count - MAX_LISTED} more"] if count > MAX_LISTED else []
    several = 'Please keep one of them; where images have several classes, ask with "task": "multilabel"'
    return "\n".join([f"The same image has two classes. {several}:", *lines, *more])


def _places(files: Sequence[File], names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Find each name, sorted, and for each of its classes the first file:line where it stands."""
    places: dict[str, dict[str, str]] = {name: {} for name in sorted(names)}
    if places:
        for file, number, written, class_ in entries_of(files, [], parse_line):
            if (name := as_seen(written)) in places:
                places[name].setdefault(class_, f"{file.name}:{number}")
    return places


class Classification(ClassTask):
    name: ClassVar[str] = "classification"
    trainer: ClassVar[str] = "softmax"
    units: ClassVar[Units] = ONE_AN_IMAGE

    # labels

    def no_labels(self) -> ClassLabels:
        return ClassLabels({})

    def read(self, path: Path, roots: Sequence[Path] = ()) -> ClassLabels:
        return read_labels(path, roots)

    def read_with_conflicts(self, path: Path, roots: Sequence[Path] = ()) -> tuple[ClassLabels, Conflicts]:
        return read_labels_and_conflicts(path, roots)

    def refuse_conflicts(self, conflicts: Conflicts) -> None:
        """Raise LabelsConflict, which says where each of the first stands; nothing where there are none."""
        if conflicts:
            raise LabelsConflict(_describe_conflicts(dict(islice(conflicts.items(), MAX_LISTED)), len(conflicts)))

    def match(self, labels: Labels, pool: Pool) -> MatchedClasses:
        assert isinstance(labels, ClassLabels)
        return match(labels, pool)

    def parse(self, line: str) -> tuple[str, str] | None:
        return parse_line(line)

    def lines(self, name: str, classes: Sequence[str]) -> Iterator[str]:
        (class_,) = classes
        yield format_line(name, class_)

    def gather(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Return the last."""
        return (classes[-1],)

    def agree(self, classes: Sequence[str]) -> tuple[str, ...]:
        distinct = tuple(dict.fromkeys(classes))
        if len(distinct) > 1:
            said = ", ".join(map(shown, distinct[:5]))
            raise ValueError(f"it has several classes ({said}), and nextlabel knows one an image; keep one of them")
        return distinct

    # training

    def check_labels(self, labels: Labels) -> None:
        refuse_none(labels)
        if len(labels.classes) == 1:
            only = "all labels in it say" if len(labels) > 1 else "the one label in it says"
            raise SingleClass(f"{only} {labels.classes[0]!r}; a head needs two classes at least")

    def check_matched(self, matched: Matched, what: str) -> None:
        rest = besides(matched)
        if not matched.classes:
            raise NoLabels(f"{what} needs labels: no image of the pool has one{rest}")
        if len(matched.classes) == 1:
            n = len(matched.rows)
            only = f"all {n} labels say" if n > 1 else "the one label says"
            raise SingleClass(f"{what} needs two classes at least: {only} {matched.classes[0]!r}{rest}")

    def alternatives(self, targets: NDArray[Any]) -> int:
        """Return the number of classes."""
        return len(np.unique(targets))

    def unseen_likely(self, targets: NDArray[Any]) -> bool:
        return unseen_likely(targets)

    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64]:
        """Return the classes."""
        return targets

    def learnable(self, targets: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
        classes, narrowed = np.unique(targets, return_inverse=True)
        return classes, narrowed

    # what a model says

    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the softmax over rows."""
        wide = logits.astype(np.float64)
        weights: NDArray[np.float64] = np.exp(wide - wide.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        return weights

    def logits(self, probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
        return np.log(np.maximum(probabilities, LEAST)).astype(np.float32)

    def unknown(self, n_classes: int) -> float:
        return 1 / n_classes

    def decide(
        self,
        logits: NDArray[np.floating],
        classes: NDArray[np.int64],
        n_classes: int,
        thresholds: NDArray[np.float64] | None = None,
    ) -> NDArray[np.int64]:
        """Return (N,) the most probable class of each image; the first of several equally probable ones."""
        best: NDArray[np.int64] = classes[logits.argmax(axis=1)]
        return best

    def shows(self, decided: NDArray[Any], class_index: int) -> NDArray[np.bool_]:
        shown_: NDArray[np.bool_] = decided == class_index
        return shown_

    def answer(
        self, probabilities: NDArray[np.float64], classes: Sequence[str], thresholds: NDArray[np.float64] | None = None
    ) -> Prediction:
        top = most_probable(probabilities, classes)
        class_, probability = top[0]
        return Prediction((class_,), probability, top)

    # scores

    def score(
        self,
        trained: Matched,
        validation: Matched,
        probabilities: NDArray[np.float64],
        rng: np.random.Generator,
        thresholds: NDArray[np.float64] | None = None,
    ) -> ClassificationScores:
        classes = sorted_classes([*trained.classes, *validation.classes])
        index = {name: i for i, name in enumerate(classes)}
        spread = np.zeros((len(probabilities), len(classes)))
        spread[:, [index[name] for name in trained.classes]] = probabilities
        return score(validation.onto(classes), spread, classes, trained=trained.classes, rng=rng)

    def counts(self, truth: NDArray[Any], decided: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
        return class_counts(truth, decided, n_classes)

    def agreement(self, one: NDArray[Any], other: NDArray[Any], n_classes: int) -> float:
        """Cohen's kappa."""
        return cohens_kappa(one, other, n_classes)

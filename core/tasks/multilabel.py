"""The task `multilabel`: each image has any number of classes. A labels file has a line a class, `file name<TAB>class`.

`file name<TAB>` with nothing behind it says that somebody has looked, and that none applies. A file is a person's, and
says all that they say of an image: where two people name the same image, they contradict each other about each class
that only one of them gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.folder import File
from nextlabel.core.data.label_text import NONE, NONE_IN_WORDS, format_line, in_words, parse_line
from nextlabel.core.data.labels import MAX_LISTED, describe_faults, entries_of, labels_files, sorted_classes
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import LabelsConflict, LabelsMalformed, NoLabels, OneClassEach, SingleClass
from nextlabel.core.methods.reasons import Known
from nextlabel.core.methods.units import ONE_A_CLASS, Units
from nextlabel.core.metrics.multilabel import MultilabelScores, agreement, label_counts, score
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

ONE_EACH = 100  # labelled images of which every one has one class: the labels are of the task `classification`
LEAST = 1e-9  # a probability of 0 has no logit
EVEN = 0.5  # the threshold of a class that has none of its own

Flags = NDArray[np.bool_]
Sets = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class ClassSets(Labels):
    """The classes of each labelled name, sorted by letter; none where somebody looked and none applies."""

    classes_by_name: Sets
    disputed: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()

    @property
    def names(self) -> Collection[str]:
        return self.classes_by_name.keys()

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return sorted_classes(class_ for classes in self.classes_by_name.values() for class_ in classes)

    def lines(self) -> Iterator[str]:
        return (f"{name}\t{class_}" for name, classes in self.classes_by_name.items() for class_ in classes or (NONE,))

    def among(self, fits: Callable[[str], bool], apart: frozenset[str] = frozenset()) -> Self:
        kept = {name: said for name, said in self.classes_by_name.items() if fits(name)}
        disputed = frozenset(filter(fits, self.disputed))
        return replace(self, classes_by_name=kept, disputed=disputed, apart=apart)


@dataclass(frozen=True, eq=False)
class MatchedSets(Matched):
    """`targets`: (L, C) bool, whether the labelled row has the class."""

    def onto(self, classes: Sequence[str]) -> Flags:
        """Return the targets in another space of classes. What is said of a class that it has not is left out."""
        index = {name: i for i, name in enumerate(classes)}
        there = [i for i, name in enumerate(self.classes) if name in index]
        targets = np.zeros((len(self.rows), len(classes)), np.bool_)
        targets[:, [index[self.classes[i]] for i in there]] = self.targets[:, there]
        return targets

    def take(self, kept: NDArray[np.bool_]) -> MatchedSets:
        targets = self.targets[kept]
        present = np.flatnonzero(targets.any(axis=0))
        classes = tuple(self.classes[i] for i in present)
        return replace(self, rows=self.rows[kept], classes=classes, targets=targets[:, present])

    def images_per_class(self) -> dict[str, int]:
        return {name: int(count) for name, count in zip(self.classes, self.targets.sum(axis=0), strict=True)}

    def class_by_row(self) -> dict[int, str]:
        return {int(row): in_words(self._named(flags)) for row, flags in zip(self.rows, self.targets, strict=True)}

    def classes_by_row(self) -> dict[int, tuple[str, ...]]:
        """Each labelled row and its classes."""
        return {int(row): self._named(flags) for row, flags in zip(self.rows, self.targets, strict=True)}

    def _named(self, flags: Flags) -> tuple[str, ...]:
        return tuple(self.classes[i] for i in np.flatnonzero(flags))


class Multilabel(ClassTask):
    name: ClassVar[str] = "multilabel"
    trainer: ClassVar[str] = "sigmoid"
    units: ClassVar[Units] = ONE_A_CLASS

    # labels

    def no_labels(self) -> ClassSets:
        return ClassSets({})

    def read(self, path: Path, roots: Sequence[Path] = ()) -> ClassSets:
        labels, conflicts = self.read_with_conflicts(path, roots)
        if conflicts:
            raise LabelsConflict(_describe(conflicts))
        return labels

    def read_with_conflicts(self, path: Path, roots: Sequence[Path] = ()) -> tuple[ClassSets, Conflicts]:
        with labels_files(path, roots) as files:
            said = _read(files)
            contested = {name: _contested(by_file) for name, by_file in said.items() if _contested(by_file)}
            conflicts = _places(files, said, contested)
        sets = {
            name: tuple(sorted(next(iter(by_file.values())) - {NONE}))
            for name, by_file in said.items()
            if name not in contested
        }
        if len(sets) >= ONE_EACH and all(len(classes) == 1 for classes in sets.values()):
            raise OneClassEach(
                f"each of the {len(sets)} labelled images has one class and no other: these are labels for "
                '"task": "classification". If they are not, label an image that has several, or none, of the classes.'
            )
        return ClassSets(sets, frozenset(contested)), conflicts

    def match(self, labels: Labels, pool: Pool) -> MatchedSets:
        assert isinstance(labels, ClassSets)
        rows_by_name = pool.find(labels.classes_by_name.keys())
        present = {name: classes for name, classes in labels.classes_by_name.items() if name in rows_by_name}
        sets_by_row = {rows_by_name[name]: classes for name, classes in present.items()}
        rows = sorted(sets_by_row)
        classes = sorted_classes(class_ for said in present.values() for class_ in said)
        index = {class_: i for i, class_ in enumerate(classes)}
        targets = np.zeros((len(rows), len(classes)), np.bool_)
        for i, row in enumerate(rows):
            targets[i, [index[class_] for class_ in sets_by_row[row]]] = True
        return MatchedSets(
            rows=np.array(rows, dtype=np.int64),
            classes=classes,
            targets=targets,
            # in the files' order first: millions that a set has shuffled take so long to sort that a lease runs out
            absent=tuple(sorted(name for name in labels.classes_by_name if name not in present)),
            disputed=pool.rows_of(labels.disputed),
            apart=pool.rows_of(labels.apart),
        )

    def parse(self, line: str) -> tuple[str, str] | None:
        return parse_line(line, may_be_empty=True)

    def lines(self, name: str, classes: Sequence[str]) -> Iterator[str]:
        return (format_line(name, class_, may_be_empty=True) for class_ in sorted(set(classes)) or (NONE,))

    def gather(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Return all of them, sorted; none where none applies."""
        return tuple(sorted(set(self.agree(classes)) - {NONE}))

    def agree(self, classes: Sequence[str]) -> tuple[str, ...]:
        distinct = tuple(dict.fromkeys(classes))
        if NONE in distinct and len(distinct) > 1:
            raise ValueError("it says that none of the classes applies, and one that does")
        return distinct

    # training

    def check_labels(self, labels: Labels) -> None:
        assert isinstance(labels, ClassSets)
        refuse_none(labels)
        said = set(labels.classes_by_name.values())
        if len(said) == 1:
            raise SingleClass(f"a head needs {_contrast(len(labels), in_words(*said))}")

    def check_matched(self, matched: Matched, what: str) -> None:
        if not len(matched.rows):
            raise NoLabels(f"{what} needs labels: no image of the pool has one{besides(matched)}")
        if not self.can_train(matched):
            raise SingleClass(f"{what} needs {_contrast(len(matched.rows), in_words(matched.classes))}")

    def alternatives(self, targets: NDArray[Any]) -> int:
        """Return the number of classes; of one class, which images have and others don't, two."""
        if (targets != targets[:1]).any():
            return max(2, int(targets.any(axis=0).sum()))
        return min(1, len(targets))

    def known(self, matched: Matched) -> Known | None:
        if len(matched.rows) and self.alternatives(matched.targets) < 2:
            return "all_the_same"
        return "one_class_or_not" if len(matched.classes) == 1 else None

    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64]:
        """Return each image's rarest class; a number of their own for images that have none."""
        counts = np.where(targets, targets.sum(axis=0), len(targets) + 1)
        none = np.full((len(targets), 1), len(targets))
        rarest: NDArray[np.int64] = np.concatenate([counts, none], axis=1).argmin(axis=1)
        return rarest

    def learnable(self, targets: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
        classes = np.flatnonzero(targets.any(axis=0))
        return classes, targets[:, classes]

    # what a model says

    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the sigmoid of each logit."""
        halves: NDArray[np.float64] = np.tanh(logits.astype(np.float64) / 2)
        return (1 + halves) / 2

    def logits(self, probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
        inner = np.clip(probabilities, LEAST, 1 - LEAST)
        return np.log(inner / (1 - inner)).astype(np.float32)

    def unknown(self, n_classes: int) -> float:
        return EVEN

    def decide(
        self,
        logits: NDArray[np.floating],
        classes: NDArray[np.int64],
        n_classes: int,
        thresholds: NDArray[np.float64] | None = None,
    ) -> Flags:
        """Return (N, n_classes) whether the probability of the class reaches its threshold."""
        decided = np.zeros((len(logits), n_classes), np.bool_)
        decided[:, classes] = self.probabilities(logits) >= (EVEN if thresholds is None else thresholds)
        return decided

    def shows(self, decided: NDArray[Any], class_index: int) -> NDArray[np.bool_]:
        shown_: NDArray[np.bool_] = decided[:, class_index]
        return shown_

    def answer(
        self, probabilities: NDArray[np.float64], classes: Sequence[str], thresholds: NDArray[np.float64] | None = None
    ) -> Prediction:
        """`confidence`: in the class that is least sure: of all, the lowest probability of what was decided."""
        given = probabilities >= (EVEN if thresholds is None else thresholds)
        predicted = tuple(classes[i] for i in np.flatnonzero(given).tolist())
        confidence = float(np.where(given, probabilities, 1 - probabilities).min(initial=1))
        return Prediction(predicted, confidence, most_probable(probabilities, classes))

    # scores

    def score(
        self,
        trained: Matched,
        validation: Matched,
        probabilities: NDArray[np.float64],
        rng: np.random.Generator,
        thresholds: NDArray[np.float64] | None = None,
    ) -> MultilabelScores:
        classes = sorted_classes([*trained.classes, *validation.classes])
        index = {name: i for i, name in enumerate(classes)}
        known = [index[name] for name in trained.classes]
        spread, needed = np.zeros((len(probabilities), len(classes))), np.ones(len(classes))
        spread[:, known] = probabilities
        needed[known] = EVEN if thresholds is None else thresholds
        return score(validation.onto(classes), spread, needed, classes, trained=trained.classes, rng=rng)

    def counts(self, truth: NDArray[Any], decided: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
        return label_counts(truth, decided)

    def agreement(self, one: NDArray[Any], other: NDArray[Any], n_classes: int) -> float:
        """Cohen's kappa over images and classes."""
        return agreement(one, other)


# --- files ------------------------------------------------------------------------------------------------------

_parse = partial(parse_line, may_be_empty=True)


def _contrast(labels: int, said: str) -> str:
    """Say what is needed where all labels, so many, say the same."""
    only = f"all {labels} labels say" if labels > 1 else "the one label says"
    return (
        f"a class that some images have and others have not: {only} {said}. "
        "An image that none of the classes applies to is a line of its name, a tab and nothing."
    )


def _read(files: Sequence[File]) -> dict[str, dict[str, set[str]]]:
    """-> name -> each file that names it -> the classes it gives. Raises LabelsMalformed."""
    faults: list[str] = []
    said: dict[str, dict[str, set[str]]] = {}
    for file, _, name, class_ in entries_of(files, faults, _parse):
        said.setdefault(as_seen(name), {}).setdefault(file.name, set()).add(class_)
    if faults:
        raise LabelsMalformed(describe_faults(faults))
    return said


def _contested(by_file: Mapping[str, set[str]]) -> set[str]:
    """Return the classes of one image that not all files give it; all where one file has some, and says none too."""
    said, agreed = set().union(*by_file.values()), set.intersection(*by_file.values())
    return said if NONE in agreed and len(said) > 1 else said - agreed


def _places(
    files: Sequence[File], said: Mapping[str, Mapping[str, set[str]]], contested: Mapping[str, set[str]]
) -> dict[str, dict[str, str]]:
    """Find for each name, sorted, each contested class, where it stands first, and which files don't have it."""
    places: dict[str, dict[str, str]] = {name: {} for name in sorted(contested)}
    if not places:
        return places
    for file, number, written, class_ in entries_of(files, [], _parse):
        name = as_seen(written)
        if class_ in contested.get(name, ()):
            without = [other for other, classes in said[name].items() if class_ not in classes]
            place = f"{file.name}:{number}" + (f", and not in {', '.join(without)}" if without else "")
            places[name].setdefault(class_ or NONE_IN_WORDS, place)
    return places


def _describe(conflicts: Conflicts) -> str:
    lines = [
        f"{shown(name)}: {'; '.join(f'{shown(class_)} in {place}' for class_, place in by_class.items())}"
        for name, by_class in list(conflicts.items())[:MAX_LISTED]
    ]
    more = [f"and {len(conflicts) - MAX_LISTED} more"] if len(conflicts) > MAX_LISTED else []
    return "\n".join(["Labels contradict each other about these classes. Please settle them:", *lines, *more])

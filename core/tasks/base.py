"""What a label is, and all that follows from it: how labels are read, matched with a pool, learnt, predicted, scored.

One file a task; nothing else asks what form a label has. No torch here: a task names its trainer, whose code stands in
core/neural/trainers.py. docs/decisions/a-task-has-a-home.md says how to add a task.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.labels_folder import SUFFIXES_OF_LABELS
from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import NoLabels
from nextlabel.core.methods.reasons import Known
from nextlabel.core.methods.units import Units
from nextlabel.core.metrics.classification import ClassificationScores
from nextlabel.core.metrics.multilabel import MultilabelScores

#: A name about which the labels contradict each other -> each thing that they say -> file:line, where it stands first.
Conflicts = Mapping[str, Mapping[str, str]]


class Labels(ABC):
    """What people have said about images. Names are relative POSIX paths, composed (`as_seen`) as classes are.

    disputed: names about which the labels contradict each other, and so say nothing.
    apart: names that are kept apart to validate by, of which these labels say nothing, either.
    """

    disputed: frozenset[str]
    apart: frozenset[str]

    @property
    @abstractmethod
    def names(self) -> Collection[str]:
        """The labelled names: those that somebody has looked at, whatever was found there."""

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """The distinct classes: by number when all of them are whole numbers, else by letter."""

    @abstractmethod
    def lines(self) -> Iterator[str]:
        """The labels as lines of a file, in any order, without line ends."""

    @abstractmethod
    def among(self, fits: Callable[[str], bool], apart: frozenset[str] = frozenset()) -> Self:
        """Keep what is said of the names that fit, and keep the names `apart` from then on."""

    def __len__(self) -> int:
        return len(self.names)

    def fingerprint(self) -> str:
        """Hex SHA-256; the same for the same labels, whatever files and order they came in."""
        lines = [*sorted(f"{line}\n" for line in self.lines()), *sorted(f"{name}\n" for name in self.disputed)]
        lines += sorted(f"apart\t{name}\n" for name in self.apart)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Matched(ABC):
    """Labels matched with a pool: L labelled rows, C classes.

    rows: (L,) ascending.
    classes: each occurs on a row.
    targets: the first axis counts labelled rows; only the task and its trainer know what stands there.
    absent: labelled names that the pool has not, sorted.
    disputed: (D,) ascending, rows that people label in several ways: neither labelled nor unlabelled until that is
        settled.
    apart: (A,) ascending, rows that are kept apart to validate by: neither labelled nor unlabelled.
    """

    rows: NDArray[np.int64]
    classes: tuple[str, ...]
    targets: NDArray[Any]
    absent: tuple[str, ...]
    disputed: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    apart: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def aside(self) -> NDArray[np.int64]:
        """Ascending, the rows that are disputed or kept apart: nobody is asked about them, nothing learns from them."""
        return np.union1d(self.disputed, self.apart)

    def unlabelled(self, images: int) -> NDArray[np.int64]:
        """Return the rows, ascending, of a pool of so many images that people can be asked about: with no label, nor
        aside."""
        said = np.union1d(self.rows, self.aside)
        return np.setdiff1d(np.arange(images, dtype=np.int64), said, assume_unique=True)

    @abstractmethod
    def onto(self, classes: Sequence[str]) -> NDArray[Any]:
        """Return the targets in another space of classes. What is said of a class that it has not becomes -1."""

    @abstractmethod
    def take(self, kept: NDArray[np.bool_]) -> Matched:
        """Keep some of the rows, by a mask (L,), and the classes that occur on them."""

    @abstractmethod
    def images_per_class(self) -> dict[str, int]:
        """Count the labelled images of each class, in the order of classes."""

    @abstractmethod
    def class_by_row(self) -> dict[int, str]:
        """Each labelled row and what is said of it, in words: its class, or classes."""


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image, as results show it.

    predicted: the classes that the image is given, as `Task.lines` takes them.
    confidence: the probability that they are right.
    top: the most probable classes, best first.
    """

    predicted: tuple[str, ...]
    confidence: float
    top: tuple[tuple[str, float], ...]


class Task(ABC):
    """What a label is. Has no state; `TASKS` in core/tasks/registry.py holds one of each.

    name: as requests and capabilities have it.
    suffixes: what the names of people's files end in, in a folder of labels.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def no_labels(self) -> Labels: ...

    @abstractmethod
    def read(self, path: Path, roots: Sequence[Path] = ()) -> Labels:
        """Read the labels in a file, or in all files of a folder. An empty file or folder is no labels.

        Raises:
            LabelsMalformed, LabelsConflict, PathNotFound, PathNotReadable, PathWrongKind, PathNotAllowed
        """

    @abstractmethod
    def read_with_conflicts(self, path: Path, roots: Sequence[Path] = ()) -> tuple[Labels, Conflicts]:
        """Read labels as `read` does, but for names that they contradict each other about: these are `disputed`.

        This is how jobs read labels: one contradiction must not stop all work.
        """

    @abstractmethod
    def match(self, labels: Labels, pool: Pool) -> Matched:
        """Find the rows of the labelled names."""

    @abstractmethod
    def check_labels(self, labels: Labels) -> None:
        """Refuse labels that nothing can be learnt from, whatever the pool has: those of the pool are judged later.

        Raises NoLabels or SingleClass.
        """


class ClassTask(Task):
    """A task whose labels are classes of whole images: a head trained on embeddings tells them.

    trainer: what trains it, a name in core/neural/trainers.py.
    units: what methods may be unsure of, and what that comes to for an image.

    logits: what a head says of N images; probabilities and decided: what the methods so called make of them. In all of
    them the first axis counts images.
    """

    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES_OF_LABELS
    trainer: ClassVar[str]
    units: ClassVar[Units]

    # --- labels -------------------------------------------------------------------------------------------------

    @abstractmethod
    def parse(self, line: str) -> tuple[str, str] | None:
        """Read (name as it is spelt, class) from a line; None from a blank one. Raises ValueError: what is wrong."""

    @abstractmethod
    def lines(self, name: str, classes: Sequence[str]) -> Iterator[str]:
        """Write an image's classes as lines that `read` reads. Raises LabelsMalformed: no line can hold them."""

    @abstractmethod
    def gather(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Return what a person says of an image who gives it these classes, one after another.

        Raises ValueError, which says why, when they can't all be meant.
        """

    @abstractmethod
    def agree(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Return the classes of one image of which somebody, or several people, said these.

        Raises ValueError, which says why, when they can't all be right.
        """

    # --- training -----------------------------------------------------------------------------------------------

    def can_train(self, matched: Matched) -> bool:
        """Whether a head can be trained on these labels."""
        return self.alternatives(matched.targets) >= 2

    @abstractmethod
    def alternatives(self, targets: NDArray[Any]) -> int:
        """Return between how many answers these teach a head to tell; below two, there is nothing to learn."""

    def unseen_likely(self, targets: NDArray[Any]) -> bool:
        """Tell whether there are likely classes that no label has, beside one that nearly all have."""
        return False

    def known(self, matched: Matched) -> Known | None:
        """Say what is labelled, where the number of `alternatives` doesn't tell it."""
        return None

    @abstractmethod
    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64]:
        """Return (L,) a number for each labelled image; images of one number are spread evenly over folds."""

    @abstractmethod
    def check_matched(self, matched: Matched, what: str) -> None:
        """Refuse what `can_train` says no to. `what` needs to be trained. Raises NoLabels or SingleClass."""

    @abstractmethod
    def learnable(self, targets: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return the classes (c,) that a part of the labels can teach, and its targets in the space of those alone."""

    # --- what a model says --------------------------------------------------------------------------------------

    @abstractmethod
    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probability of each class: (N, C)."""

    @abstractmethod
    def logits(self, probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return logits whose probabilities these are."""

    @abstractmethod
    def unknown(self, n_classes: int) -> float:
        """Return the probability of each class of an image of which nothing is known."""

    @abstractmethod
    def decide(
        self,
        logits: NDArray[np.floating],
        classes: NDArray[np.int64],
        n_classes: int,
        thresholds: NDArray[np.float64] | None = None,
    ) -> NDArray[Any]:
        """Return what is predicted of each image, as targets are, in a space of `n_classes`.

        classes: (c,) which of them the logits are of. thresholds: (c,) `Head.thresholds`.
        """

    @abstractmethod
    def shows(self, decided: NDArray[Any], class_index: int) -> NDArray[np.bool_]:
        """Return (N,) whether each image was taken for one of that class."""

    @abstractmethod
    def answer(
        self, probabilities: NDArray[np.float64], classes: Sequence[str], thresholds: NDArray[np.float64] | None = None
    ) -> Prediction:
        """Say what a row of probabilities (C,) means. thresholds: (C,) `Head.thresholds`."""

    # --- scores -------------------------------------------------------------------------------------------------

    @abstractmethod
    def score(
        self,
        trained: Matched,
        validation: Matched,
        probabilities: NDArray[np.float64],
        rng: np.random.Generator,
        thresholds: NDArray[np.float64] | None = None,
    ) -> ClassificationScores | MultilabelScores:
        """Score the probabilities (V, C of `trained`) of the validation rows, in the space of both sets' classes."""

    @abstractmethod
    def counts(self, truth: NDArray[Any], decided: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
        """Return (3, C) hits, true and predicted ones of each class: all that F1 needs, and they add up."""

    @abstractmethod
    def agreement(self, one: NDArray[Any], other: NDArray[Any], n_classes: int) -> float:
        """Return how far two heads agree on the same images, beyond chance; 1 where they agree on each."""


TOP = 3  # classes in an answer


def most_probable(probabilities: NDArray[np.float64], classes: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return the most probable classes of one image, best first; ties go by the order of classes."""
    best = np.argsort(-probabilities, kind="stable")[:TOP]
    return tuple((classes[i], float(probabilities[i])) for i in best)


def write_lines(task: ClassTask, said: Iterable[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """Write each (name, its classes) as lines of a labels file."""
    for name, classes in said:
        yield from task.lines(name, classes)


def refuse_none(labels: Labels) -> None:
    """Raise NoLabels where nothing is labelled."""
    if not len(labels) and labels.disputed:
        raise NoLabels(f"people contradict each other about all images labelled in it ({len(labels.disputed)})")
    if not len(labels):
        raise NoLabels("there is no label in it, and a head needs labels to learn from")


def besides(matched: Matched) -> str:
    """Say in the middle of a sentence which labels there are besides those of the pool's rows."""
    absent, disputed = len(matched.absent), len(matched.disputed)
    names = "label names" if absent == 1 else "labels name"
    rest = f"; {absent} {names} no readable image of it, as {matched.absent[0]!r}" if absent else ""
    if disputed:
        rest += f"; people contradict each other about {disputed} of its images"
    return f"{rest}; kept apart to validate by: {len(matched.apart)} of its images" if len(matched.apart) else rest

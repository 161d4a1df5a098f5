"""The entries of a file for another tool: images in rank order, each with its class and a score to sort by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.errors import Inexpressible
from nextlabel.core.kinds.prediction import MultilabelPredictionResult, PredictionResult
from nextlabel.core.kinds.registry import JobResult
from nextlabel.core.kinds.selection import MultilabelSelectionResult, SelectionResult
from nextlabel.core.tasks.base import Labels
from nextlabel.core.tasks.classification import ClassLabels
from nextlabel.core.tasks.multilabel import ClassSets


@dataclass(frozen=True)
class Entry:
    """One image.

    class_name: None where it has no class yet, or may have several.
    several: its classes, where it may have several; () where none of them applies, None where it has no answer yet.
    given: a person gave the class; else a head proposes it.
    score: the image to label first has the least; `chosen_score` and `left_score` say how it is made.
    """

    name: str
    class_name: str | None = None
    score: float | None = None
    given: bool = False
    several: tuple[str, ...] | None = None

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Its one class, or the several: () where none of them applies, None where it has no answer yet."""
        return self.several if self.class_name is None else (self.class_name,)


def chosen_score(rank: int, count: int) -> float:
    """Score an image in a batch of `count` by its rank, 1 the most wanted: between 0 and 0.5."""
    return rank / (2 * (count + 1))


def left_score(confidence: float) -> float:
    """Score an image that is in no batch: from 0.5 to 1, and the less, the less sure its class is."""
    return 0.5 + confidence / 2


GIVEN_SCORE = 1.0  # of an image that has its label already: last


def entries_of(result: JobResult) -> tuple[Entry, ...]:
    """List a batch in rank order, or predictions, the least sure first.

    Raises:
        Inexpressible: the result is of another kind.
    """
    if isinstance(result, SelectionResult):
        count = len(result.items)
        return tuple(Entry(item.name, item.predicted, chosen_score(item.rank, count)) for item in result.items)
    if isinstance(result, PredictionResult):
        items = sorted(result.items, key=lambda item: item.confidence)
        return tuple(Entry(item.name, item.predicted, left_score(item.confidence)) for item in items)
    if isinstance(result, MultilabelSelectionResult):
        count = len(result.items)
        return tuple(
            Entry(item.name, score=chosen_score(item.rank, count), several=item.predicted) for item in result.items
        )
    if isinstance(result, MultilabelPredictionResult):
        least_sure = sorted(result.items, key=lambda item: item.confidence)
        return tuple(Entry(item.name, score=left_score(item.confidence), several=item.predicted) for item in least_sure)
    detail = f"the result of a job of kind {result.kind} lists no images to label; export a selection or a prediction"
    raise Inexpressible(detail)


def classes_known_to(result: JobResult) -> tuple[str, ...]:
    """List the classes that the head of a result was trained on: a batch rarely has all of them."""
    head = result.head if isinstance(result, _OF_IMAGES) else None
    return head.classes if head is not None else ()


_OF_IMAGES = SelectionResult | PredictionResult | MultilabelSelectionResult | MultilabelPredictionResult


def entries_of_labels(labels: Labels) -> tuple[Entry, ...]:
    """List labels in the order of the labels file."""
    if isinstance(labels, ClassSets):
        return tuple(Entry(name, given=True, several=said) for name, said in labels.classes_by_name.items())
    assert isinstance(labels, ClassLabels)
    return tuple(Entry(name, class_name, given=True) for name, class_name in labels.pairs())


def entry_of_label(labels: Labels, name: str) -> Entry:
    """Return what the labels say of one image, by its name as labels have it (`as_seen`)."""
    if isinstance(labels, ClassSets):
        return Entry(name, given=True, several=labels.classes_by_name[name])
    assert isinstance(labels, ClassLabels)
    return Entry(name, labels.classes_by_name[name], given=True)


def classes_of(entries: Iterable[Entry]) -> tuple[str, ...]:
    """List the distinct classes, sorted."""
    return sorted_classes(class_name for entry in entries for class_name in entry.classes or ())


def without_class(entries: Iterable[Entry]) -> tuple[str, ...]:
    """List the images that none of the classes applies to. Few formats can say that, and tell it from no answer."""
    return tuple(entry.name for entry in entries if entry.classes == ())

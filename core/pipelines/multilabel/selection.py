"""How a selection tells of images that may have several classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.kinds.results import ClassProbability
from nextlabel.core.kinds.selection import (
    Doubted,
    ImageReason,
    MultilabelSelectionItem,
    MultilabelSelectionResult,
    SelectionRequest,
)
from nextlabel.core.methods.base import Method, Need
from nextlabel.core.methods.batch import Batch
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.material import COPIES_SHOWN, RARE, rounded, top_of
from nextlabel.core.pipelines.predictions import Predictions
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.selection import choose_batch, reason_of
from nextlabel.core.tasks.base import ClassTask

DOUBTS_SHOWN = 3
IN_DOUBT = 0.1  # a probability this far from 0 and from 1


def carry_out(request: SelectionRequest, run: Run) -> MultilabelSelectionResult:
    chosen = choose_batch(request, run)
    items = tuple(_items(chosen.batch, chosen.embedded, chosen.predictions, chosen.method, chosen.task))
    again = (MultilabelSelectionItem(**told) for told in chosen.second_opinions_after(items))
    return MultilabelSelectionResult(items=(*items, *again), **chosen.told)


def _items(
    batch: Batch, embedded: Embedded, predictions: Predictions | None, method: Method, task: ClassTask
) -> Iterator[MultilabelSelectionItem]:
    picks, names = batch.picks, embedded.pool.names
    probabilities = None if predictions is None else task.probabilities(predictions.said_of(picks.rows))
    for i, row in enumerate(picks.rows):
        item = MultilabelSelectionItem(
            rank=i + 1,
            name=names[row],
            score=rounded(picks.scores[i]),
            cluster=None if picks.clusters is None else int(picks.clusters[i]),
            copies=tuple(names[copy] for copy in batch.copies[i][:COPIES_SHOWN]),
            **reason_of(ImageReason(code=method.reason)),
        )
        if predictions is None or probabilities is None:
            yield item
            continue
        answer = task.answer(probabilities[i], predictions.classes, predictions.thresholds)
        doubts = _in_doubt(probabilities[i], predictions.classes)
        told = {
            "predicted": answer.predicted,
            "confidence": rounded(answer.confidence),
            "top": top_of(answer),
            "in_doubt": doubts,
            **reason_of(_because(method, answer.predicted, doubts, predictions)),
        }
        yield item.model_copy(update=told)


def _in_doubt(probabilities: NDArray[np.float64], classes: Sequence[str]) -> tuple[ClassProbability, ...]:
    """List the classes that the head is unsure of, the most doubtful first."""
    doubt = np.minimum(probabilities, 1 - probabilities)
    most = [i for i in np.argsort(-doubt, kind="stable")[:DOUBTS_SHOWN].tolist() if doubt[i] >= IN_DOUBT]
    return tuple(ClassProbability(class_name=classes[i], probability=rounded(probabilities[i])) for i in most)


def _because(
    method: Method, predicted: Sequence[str], doubts: Sequence[ClassProbability], predictions: Predictions
) -> ImageReason:
    counts = predictions.head.images_per_class if predictions.head else {}
    mean = sum(counts.values()) / max(1, len(counts))
    by_doubt = doubts if Need.LOGITS in method.needs else ()
    return ImageReason(
        code=method.reason,
        unsure_of=tuple(Doubted(class_name=one.class_name, probability=one.probability) for one in by_doubt),
        rare_class=any(
            RARE * counts.get(name, mean) < mean for name in (*predicted, *(one.class_name for one in doubts))
        ),
    )

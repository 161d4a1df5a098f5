"""Which images to label next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.counting import counted
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.spelling import hint
from nextlabel.core.errors import WarningCode
from nextlabel.core.kinds.prediction import CLASS_NAMES
from nextlabel.core.kinds.results import Manifest
from nextlabel.core.kinds.selection import (
    KIND,
    Doubted,
    ImageReason,
    MapPoint,
    MethodUsed,
    SelectionItem,
    SelectionRequest,
    SelectionResult,
)
from nextlabel.core.methods.auto import Auto, settle
from nextlabel.core.methods.base import NO_ROWS, Inputs, Method, Need, Picks, Rows
from nextlabel.core.methods.batch import Batch, choose
from nextlabel.core.methods.reasons import MethodReason
from nextlabel.core.neural.training import ROWS_AT_ONCE
from nextlabel.core.pipelines.class_names import ClassNames, class_names
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.hand_outs import Held, hand_out
from nextlabel.core.pipelines.material import (
    COPIES_SHOWN,
    RARE,
    Labelled,
    class_of,
    manifest,
    rounded,
    skipped_images,
    top_of,
)
from nextlabel.core.pipelines.narrowing import embed_within_memory
from nextlabel.core.pipelines.predictions import Predictions, predictions_of, read_external
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.second_opinions import SecondOpinions
from nextlabel.core.pipelines.source import Source, source_of
from nextlabel.core.pipelines.supplies import TRAINED_FOR, Supplies, supply
from nextlabel.core.pipelines.within import embed_pool, read_pool
from nextlabel.core.tasks.base import ClassTask, Matched, Prediction
from nextlabel.core.tasks.registry import task_of

OTHERS_ON_MAP = 5_000
UNUSED = (
    "class quotas need a head, and it needs labels of two classes",
    "class quotas go by predicted boxes, and no class is known before somebody draws one",
)
NO_BATCH = Batch(Picks(NO_ROWS, np.empty(0)), (), NO_ROWS)


def carry_out(request: SelectionRequest, run: Run) -> SelectionResult:
    chosen = choose_batch(request, run)
    batch, embedded, predictions = chosen.batch, chosen.embedded, chosen.predictions
    items = tuple(_items(batch, embedded, predictions, chosen.method, chosen.task))
    again = (
        SelectionItem(**told, predicted=None, confidence=None, top=()) for told in chosen.second_opinions_after(items)
    )
    return SelectionResult(
        items=(*items, *again),
        map=_map(chosen.supplies, embedded, batch.picks.rows),
        **chosen.told,
    )


@dataclass(frozen=True, eq=False)
class Choice:
    """A batch, and what it was chosen by. told: what every result says, whatever a label is.

    again: names of images that this person is to label besides, as others have: nothing is said of what they are.
    """

    batch: Batch
    embedded: Embedded
    predictions: Predictions | None
    method: Method
    supplies: Supplies
    task: ClassTask
    again: Sequence[str]
    told: dict[str, Any]

    def second_opinions_after(self, items: Sequence[Any]) -> Iterator[dict[str, Any]]:
        """Say of the images to be labelled again what their items say; they come after the others."""
        said = reason_of(ImageReason(code="second_opinion"))
        for rank, name in enumerate(self.again, len(items) + 1):
            yield {"rank": rank, "name": name, "score": 0.0, "cluster": None, **said, "second_opinion": True}


def choose_batch(request: SelectionRequest, run: Run) -> Choice:
    """Read, embed, train on the labels if they hold two classes, supply what the method needs, and let it pick."""
    prepares = bool(request.method.needs & TRAINED_FOR)
    brought = request.path_to_predictions is not None
    run.plan(*KIND.planned(leave_out=[*(["train"] if brought else []), *([] if prepares else ["prepare"])]))
    run.stage("read")
    labelled = read_pool(request, run, named=[*request.exclude, *request.pending])
    goes_by_classes = isinstance(request.method, Auto) and not brought
    names = class_names(request, labelled, run, needed=False) if goes_by_classes else None
    external = read_external(request.path_to_predictions, labelled.pool, run)
    source = source_of(request, run)
    if request.within_s is None:
        embedded = embed_within_memory(request, labelled, source, run)
    else:
        embedded = embed_pool(request, labelled, source, run, soon=request.pending)
    if not brought and labelled.task.can_train(embedded.matched):
        run.stage("train")
    predictions = predictions_of(request, embedded, run, external, whole_pool=labelled.whole_pool)
    labelled_classes = labelled.task.alternatives(embedded.matched.targets)
    classes = labelled_classes if predictions is None else max(labelled_classes, len(predictions.classes))
    if names is not None:
        predictions = _by_names(names, embedded)
    labels = len(embedded.matched.rows)
    method, why = settle(
        request.method,
        labels,
        classes,
        labelled_classes=labelled_classes,
        embeddings=embedded.sees_images,
        known=labelled.task.known(embedded.matched),
        names=names is not None,
        unseen=not brought and labelled.task.unseen_likely(embedded.matched.targets),
    )
    if prepares:
        run.stage("prepare", unit="epochs")
    supplies = supply(method, embedded, predictions, request.seed, run)
    run.stage("choose")
    inputs = _inputs(request, embedded, predictions, supplies, run)
    sorting = None if predictions is None else _Decided(predictions, labelled.task)
    batch, again, held = choose_and_hand_out(method, inputs, request, embedded, sorting, run)
    told: dict[str, Any] = {
        "data": (*(embedded.pool.names[row] for row in batch.picks.rows), *again),
        "method": method_used(request.method, method.name, why),
        "candidates": len(inputs.candidates) - len(held.rows) + embedded.left_out,
        "handed_to": request.person,
        "with_others": held.with_others,
        "with_you": held.with_you,
        "unsure_of": held.unsure_of,
        "near_copies_left_out": len(batch.left_out),
        "head": predictions.head if predictions else None,
        "reached": embedded.reached,
        "skipped": skipped_images(labelled.pool.skipped, embedded.unreadable),
        "manifest": _manifest(request, source, run, predictions, labelled),
    }
    return Choice(batch, embedded, predictions, method, supplies, labelled.task, again, told)


def _manifest(
    request: SelectionRequest,
    source: Source,
    run: Run,
    predictions: Predictions | None,
    labelled: Labelled,
) -> Manifest:
    head = predictions is not None and predictions.head is not None and predictions.head.name != CLASS_NAMES
    return manifest(
        request,
        source,
        run,
        head=head,
        sources={"pool": labelled},
        predictions=predictions.fingerprint if predictions else None,
    )


def _by_names(names: ClassNames, embedded: Embedded) -> Predictions:
    """Say what the names make of the images."""
    every_row = np.ones(len(embedded.pool), np.bool_)
    targets = embedded.matched.onto(names.classes)
    return Predictions(names.logits(embedded.embeddings), names.classes, targets, every_row, names.summary)


def _inputs(
    request: SelectionRequest, embedded: Embedded, predictions: Predictions | None, supplies: Supplies, run: Run
) -> Inputs:
    """The candidates are the unlabelled images that are neither excluded nor handed out, nor without a prediction where
    those were brought along."""
    absent = embedded.absent([*request.exclude, *request.pending])
    excluded, pending = set_aside(request, embedded.pool, embedded.matched, absent, run)
    unlabelled, aside = embedded.unlabelled(), np.union1d(excluded, pending)
    candidates = np.setdiff1d(unlabelled, aside, assume_unique=True) if len(aside) else unlabelled
    return Inputs(
        candidates=candidates if predictions is None else candidates[predictions.known[candidates]],
        embeddings=supplies.embeddings,
        labelled=embedded.matched.rows,
        targets=embedded.matched.targets if predictions is None else predictions.targets,
        pending=np.setdiff1d(pending, embedded.matched.rows, assume_unique=True),
        logits=supplies.logits,
        units=task_of(request.task).units,
        votes=supplies.votes,
        reconstruction_errors=supplies.reconstruction_errors,
        components=supplies.components,
    )


def set_aside(
    request: SelectionRequest, pool: Pool, matched: Matched, absent: Sequence[str], run: Run
) -> tuple[Rows, Rows]:
    """Return the rows that are excluded, and those pending: with those that nobody is asked about."""
    excluded, pending = (pool.rows_of(names) for names in (request.exclude, request.pending))
    if absent:
        run.warn(WarningCode.NAME_WITHOUT_IMAGE, "these names to exclude, or pending, are not in the pool", absent)
    return excluded, np.union1d(pending, matched.aside)


# --- the batch --------------------------------------------------------------------------------------------------


class Sorting(Protocol):
    """What is predicted on each image, by which quotas go. by: what predicts it, in a word."""

    by: ClassVar[str]

    @property
    def classes(self) -> Sequence[str]: ...

    def sort(self, candidates: Rows) -> Callable[[int], NDArray[np.bool_]]:
        """Return what says of a class which of the candidates show it: (K,)."""


@dataclass(frozen=True, eq=False)
class _Decided:
    """By the classes that a head gives images."""

    by: ClassVar[str] = "head"
    predictions: Predictions
    task: ClassTask

    @property
    def classes(self) -> Sequence[str]:
        return self.predictions.classes

    def sort(self, candidates: Rows) -> Callable[[int], NDArray[np.bool_]]:
        every_class, thresholds = np.arange(len(self.classes)), self.predictions.thresholds
        slices = np.array_split(candidates, range(ROWS_AT_ONCE, len(candidates), ROWS_AT_ONCE))
        decided = np.concatenate(
            [
                self.task.decide(self.predictions.said_of(rows), every_class, len(self.classes), thresholds)
                for rows in slices
            ]
        )
        return lambda class_: self.task.shows(decided, class_)


def choose_and_hand_out(
    method: Method,
    inputs: Inputs,
    request: SelectionRequest,
    embedded: Embedded,
    sorting: Sorting | None,
    run: Run,
    shorten: Callable[[Batch], Batch] = lambda batch: batch,
) -> tuple[Batch, list[str], Held]:
    """Choose among what nobody has, and hand it out: again without those that somebody else was given meanwhile.

    sorting: None where no class is predicted yet. shorten: leaves out the last of a batch, before it is anybody's.

    Returns the batch, the images to be labelled again, and what others have.
    """
    names, warnings = embedded.pool.names, run.warnings
    second = SecondOpinions.of(request, embedded.pool, inputs.candidates, run)
    while True:
        run.warnings = warnings
        held = Held.of(request, embedded.pool, inputs.candidates, run)
        again = second.open_to(request, held.people)
        new = request.model_copy(update={"add": request.add - len(again)})
        batch = NO_BATCH
        if new.add:
            batch = shorten(_choose(method, held.left_out_of(inputs), new, sorting, run))
        all_names = [*(names[row] for row in batch.picks.rows), *again]
        if hand_out(request, {name: second.most_holders(name, request, held.people) for name in all_names}, run):
            break
        run.check()
    _warn_of_few(new, len(inputs.candidates), held, batch, run)
    return batch, again, held


def _choose(method: Method, inputs: Inputs, request: SelectionRequest, sorting: Sorting | None, run: Run) -> Batch:
    """One batch for each class with a quota, then one for all other classes; each knows of those before it."""
    rng = np.random.default_rng(request.seed)
    skip_copies = request.near_copies == "skip" and inputs.embeddings is not None
    if request.near_copies == "skip" and not skip_copies:
        run.warn(
            WarningCode.NEAR_COPIES_UNKNOWN,
            "without embeddings no near-copy is known; name a backbone to leave them out",
        )
    parts: list[Batch] = []
    for candidates, add in _portions(inputs.candidates, request, sorting, run):
        taken = np.concatenate([NO_ROWS, *(part.picks.rows for part in parts)])
        left = replace(
            inputs,
            candidates=np.setdiff1d(candidates, taken, assume_unique=True),
            pending=np.union1d(inputs.pending, taken),
        )
        parts.append(choose(method, left, add, rng, skip_copies=skip_copies, check=run.check))
    return Batch.join(parts, renumber=not method.fixed_clusters)


def _portions(
    candidates: Rows, request: SelectionRequest, sorting: Sorting | None, run: Run
) -> Iterator[tuple[Rows, int]]:
    """(candidates, how many of them) by class quota; the last portion is that of all other classes."""
    if not request.class_quotas or sorting is None:
        if request.class_quotas:
            run.warn(WarningCode.CLASS_QUOTAS_UNUSED, UNUSED[request.task == "detection"])
        yield candidates, request.add
        return
    classes, shows = sorting.classes, sorting.sort(candidates)
    free = np.ones(len(candidates), bool)
    for name, quota in request.class_quotas.items():
        mine = shows(classes.index(name)) if name in classes else np.zeros(len(candidates), bool)
        free &= ~mine
        if np.count_nonzero(mine) < quota:
            run.warn(
                WarningCode.CLASS_QUOTA_UNMET,
                f"{counted(quota, 'image was', 'images were')} asked for of {name!r}; the {sorting.by} sees "
                f"{mine.sum()} left" + (hint([name], classes) if name not in classes else ""),
            )
        yield candidates[mine], quota
    yield candidates[free], request.add - sum(request.class_quotas.values())


def _warn_of_few(request: SelectionRequest, candidates: int, held: Held, batch: Batch, run: Run) -> None:
    add, chosen = request.add, len(batch.picks.rows)
    left = candidates - len(held.rows)
    if left < add:
        aside = ", neither excluded nor handed out" if request.exclude or request.pending else ""
        detail = (
            f"{counted(add, 'image was', 'images were')} asked for and "
            f"{counted(left, 'unlabelled one is', 'unlabelled ones are')} left{aside}"
        )
        if held.with_others:
            detail += f"; {held.with_others} are with others until they are labelled or given back, or their time is up"
        if held.with_you:
            detail += f"; {held.with_you} are with {request.person} already, of earlier batches"
        if held.unsure_of:
            detail += f"; {request.person} is unsure of {held.unsure_of}"
        run.warn(WarningCode.FEWER_THAN_ASKED, detail)
    if chosen < min(add, left):
        too_long = "would take longer than most_s allows, or " if "most_s" in request.cost else ""
        run.warn(
            WarningCode.FEWER_THAN_ASKED,
            f"{chosen} of {counted(add, 'image')}: the others that are left {too_long}are near-copies of chosen, "
            'labelled or pending ones, or not of the classes asked for; near_copies: "allow" takes copies too',
        )


# --- in words ---------------------------------------------------------------------------------------------------


def _items(
    batch: Batch, embedded: Embedded, predictions: Predictions | None, method: Method, task: ClassTask
) -> Iterator[SelectionItem]:
    picks, names = batch.picks, embedded.pool.names
    answers = _answers(task, predictions.said_of(picks.rows), predictions) if predictions else None
    doubts = _answers(task, predictions.logits[picks.rows], predictions) if predictions else None
    for i, row in enumerate(picks.rows):
        answer = answers[i] if answers else None
        yield SelectionItem(
            rank=i + 1,
            name=names[row],
            score=rounded(picks.scores[i]),
            predicted=class_of(answer) if answer else None,
            confidence=rounded(answer.confidence) if answer else None,
            top=top_of(answer) if answer else (),
            cluster=None if picks.clusters is None else int(picks.clusters[i]),
            copies=tuple(names[copy] for copy in batch.copies[i][:COPIES_SHOWN]),
            **reason_of(_because(method, predictions, doubts[i] if doubts else None)),
        )


def _answers(task: ClassTask, logits: NDArray[np.float32], predictions: Predictions) -> list[Prediction]:
    return [task.answer(one, predictions.classes) for one in task.probabilities(logits)]


def _because(method: Method, predictions: Predictions | None, doubted: Prediction | None) -> ImageReason:
    """Why one image was picked. doubted: what was unsure of it."""
    if predictions is None or doubted is None:
        return ImageReason(code=method.reason)
    by_doubt = Need.LOGITS in method.needs
    trained = predictions.head is not None and predictions.head.name != CLASS_NAMES
    counts = predictions.head.images_per_class if predictions.head and trained else {}
    seen = class_of(doubted)
    return ImageReason(
        code=method.reason,
        unsure_of=tuple(Doubted(class_name=name, probability=p) for name, p in doubted.top[:2]) if by_doubt else (),
        by_neighbours=by_doubt and predictions.whole is not None,  # what the whole head says may be another class
        rare_class=seen in counts and RARE * counts[seen] < sum(counts.values()) / len(counts),
    )


def reason_of(because: ImageReason, between: str = " / ") -> dict[str, Any]:
    """Return what an item says of why it was picked: in English, and for other languages."""
    unsure_of = tuple(one.model_copy(update={"probability": rounded(one.probability)}) for one in because.unsure_of)
    return {"reason": because.in_words(between), "because": because.model_copy(update={"unsure_of": unsure_of})}


def method_used(asked: Method, name: str, because: MethodReason) -> MethodUsed:
    """Say which method was run for the one asked for, and why."""
    return MethodUsed(asked=asked.name, name=name, why=because.in_words(asked.name), because=because)


def _map(supplies: Supplies, embedded: Embedded, chosen: Rows) -> tuple[MapPoint, ...] | None:
    """Every labelled and chosen image, and an even sample of the others."""
    if supplies.coordinates is None or supplies.components is None:
        return None
    matched, n = embedded.matched, len(embedded.pool)
    others = np.arange(0, n, max(1, -(-n // OTHERS_ON_MAP)))
    classes = matched.class_by_row()
    picked = set(chosen.tolist())
    return tuple(
        MapPoint(
            name=embedded.pool.names[row],
            x=rounded(supplies.coordinates[row, 0]),
            y=rounded(supplies.coordinates[row, 1]),
            cluster=int(supplies.components[row]),
            class_name=classes.get(row),
            chosen=row in picked,
        )
        for row in np.unique(np.concatenate([matched.rows, chosen, others])).tolist()
    )

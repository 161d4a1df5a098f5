"""Which images to label next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from nextlabel.core.errors import WarningCode
from nextlabel.core.kinds.results import Manifest
from nextlabel.core.kinds.selection import MapPoint, MethodUsed, SelectionItem, SelectionRequest, SelectionResult
from nextlabel.core.methods.auto import Auto, settle
from nextlabel.core.methods.base import NO_ROWS, Inputs, Method, Need, Rows
from nextlabel.core.methods.batch import Batch, choose
from nextlabel.core.methods.uncertainty import Margin
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.guess import Guess, guess_of
from nextlabel.core.pipelines.material import (
    Labelled,
    manifest,
    probabilities,
    read_labelled,
    rounded,
    skipped_images,
    top_classes,
)
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import Source, source_of
from nextlabel.core.pipelines.supplies import NEED_PREPARATION, Supplies, prepare

COPIES_SHOWN = 100
OTHERS_ON_MAP = 5_000


def select(request: SelectionRequest, run: Run) -> SelectionResult:
    """Read, embed, train on the labels if they hold two classes, supply what the method needs, and let it pick."""
    prepares = bool(request.method.needs & NEED_PREPARATION)
    run.plan("read", "embed", "train", *(["prepare"] if prepares else []), "choose")
    run.stage("read")
    labelled = read_labelled(request.path_to_img, request.path_to_labels, run, content=request.content)
    source = source_of(request, run)
    every_row = np.arange(len(labelled.pool), dtype=np.int64)
    embedded = source.embed(labelled, every_row, "embed", run)
    run.stage("train")
    guess = guess_of(request, embedded, run)
    method, why = _settle(request, embedded, guess)
    supplies = prepare(method, request, embedded, run) if prepares else Supplies()
    run.stage("choose")
    inputs = _inputs(request, embedded, guess, supplies, run)
    batch = _choose(method, inputs, request, guess, run)
    return SelectionResult(
        data=tuple(embedded.pool.names[row] for row in batch.picks.rows),
        items=tuple(_items(batch, embedded, guess, method)),
        method=MethodUsed(asked=request.method.name, name=method.name, why=why),
        candidates=len(inputs.candidates),
        near_copies_left_out=len(batch.left_out),
        map=_map(supplies, embedded, batch.picks.rows),
        head=guess.head if guess else None,
        skipped=skipped_images(labelled.pool.skipped, embedded.unreadable),
        manifest=_manifest(request, source, run, guess, labelled),
    )


def _settle(request: SelectionRequest, embedded: Embedded, guess: Guess | None) -> tuple[Method, str]:
    if request.path_to_predictions is not None and isinstance(request.method, Auto) and not _sees(embedded):
        return Margin(), "there are predictions, and no embeddings: images that the predictions are unsure of"
    classes = embedded.matched.classes if guess is None else guess.classes
    return settle(request.method, len(embedded.matched.rows), len(classes))


def _sees(embedded: Embedded) -> bool:
    return bool(embedded.embeddings.shape[1])


def _manifest(request: SelectionRequest, source: Source, run: Run, guess: Guess | None, labelled: Labelled) -> Manifest:
    head = guess is not None and guess.head is not None
    predictions = guess.fingerprint if guess else None
    return manifest(request, source, run, head=head, sources={"pool": labelled}, predictions=predictions)


def _inputs(request: SelectionRequest, embedded: Embedded, guess: Guess | None, supplies: Supplies, run: Run) -> Inputs:
    """The candidates are the unlabelled images that are neither excluded nor handed out, nor without a prediction where
    those were brought along."""
    excluded, pending = (_rows(names, embedded) for names in (request.exclude, request.pending))
    absent = sorted({*request.exclude, *request.pending} - embedded.pool.rows_by_name.keys())
    if absent:
        run.warn(WarningCode.NAME_WITHOUT_IMAGE, "these names to exclude, or pending, are not in the pool", absent)
    unlabelled = embedded.unlabelled()
    set_aside = np.union1d(excluded, pending)
    candidates = np.setdiff1d(unlabelled, set_aside, assume_unique=True) if len(set_aside) else unlabelled
    return Inputs(
        candidates=candidates if guess is None else candidates[guess.known[candidates]],
        embeddings=embedded.embeddings if _sees(embedded) else None,
        labelled=embedded.matched.rows,
        targets=embedded.matched.targets if guess is None else guess.targets,
        pending=np.setdiff1d(pending, embedded.matched.rows, assume_unique=True),
        logits=guess.logits if guess else None,
        votes=supplies.votes,
        reconstruction_errors=supplies.reconstruction_errors,
        components=supplies.components,
    )


def _rows(names: Iterable[str], embedded: Embedded) -> Rows:
    rows_by_name = embedded.pool.rows_by_name
    return np.array(sorted({rows_by_name[name] for name in names if name in rows_by_name}), np.int64)


# --- the batch --------------------------------------------------------------------------------------------------


def _choose(method: Method, inputs: Inputs, request: SelectionRequest, guess: Guess | None, run: Run) -> Batch:
    """One batch for each class with a quota, then one for all other classes; each knows of those before it."""
    rng = np.random.default_rng(request.seed)
    skip_copies = request.near_copies == "skip" and inputs.embeddings is not None
    if request.near_copies == "skip" and not skip_copies:
        run.warn(
            WarningCode.NEAR_COPIES_UNKNOWN,
            "without embeddings no near-copy is known; name a backbone to leave them out",
        )
    parts: list[Batch] = []
    for candidates, add in _portions(inputs.candidates, request, guess, run):
        taken = np.concatenate([NO_ROWS, *(part.picks.rows for part in parts)])
        left = replace(
            inputs,
            candidates=np.setdiff1d(candidates, taken, assume_unique=True),
            pending=np.union1d(inputs.pending, taken),
        )
        parts.append(choose(method, left, add, rng, skip_copies=skip_copies, check=run.check))
    batch = Batch.join(parts, renumber=not method.fixed_clusters)
    _warn_of_few(request.add, len(inputs.candidates), batch, run)
    return batch


def _portions(candidates: Rows, request: SelectionRequest, guess: Guess | None, run: Run) -> Iterator[tuple[Rows, int]]:
    """(candidates, how many of them) by class quota; the last portion is that of all other classes."""
    if not request.class_quotas or guess is None:
        if request.class_quotas:
            run.warn(WarningCode.CLASS_QUOTAS_UNUSED, "class quotas need a head, and it needs labels of two classes")
        yield candidates, request.add
        return
    classes = guess.classes
    predicted = guess.logits[candidates].argmax(axis=1)
    free = np.ones(len(candidates), bool)
    for name, quota in request.class_quotas.items():
        mine = predicted == classes.index(name) if name in classes else np.zeros(len(candidates), bool)
        free &= ~mine
        if np.count_nonzero(mine) < quota:
            run.warn(
                WarningCode.CLASS_QUOTA_UNMET,
                f"{quota} images of {name!r} were asked for; the head sees {mine.sum()} left",
            )
        yield candidates[mine], quota
    yield candidates[free], request.add - sum(request.class_quotas.values())


def _warn_of_few(add: int, left: int, batch: Batch, run: Run) -> None:
    chosen = len(batch.picks.rows)
    if left < add:
        run.warn(WarningCode.FEWER_THAN_ASKED, f"{add} images were asked for and {left} unlabelled ones are left")
    if chosen < min(add, left):
        run.warn(
            WarningCode.FEWER_THAN_ASKED,
            f"{chosen} of {add} images: the others that are left are near-copies of chosen, labelled or pending ones, "
            'or not of the classes asked for; near_copies: "allow" takes copies too',
        )


# --- in words ---------------------------------------------------------------------------------------------------


def _items(batch: Batch, embedded: Embedded, guess: Guess | None, method: Method) -> Iterator[SelectionItem]:
    picks, names = batch.picks, embedded.pool.names
    guessed = probabilities(guess.logits[picks.rows]) if guess else None
    for i, row in enumerate(picks.rows):
        top = top_classes(guessed[i], guess.classes) if guess is not None and guessed is not None else ()
        item = SelectionItem(
            rank=i + 1,
            name=names[row],
            score=rounded(picks.scores[i]),
            predicted=top[0].class_name if top else None,
            confidence=top[0].probability if top else None,
            top=top,
            cluster=None if picks.clusters is None else int(picks.clusters[i]),
            reason=method.reason,
            copies=tuple(names[copy] for copy in batch.copies[i][:COPIES_SHOWN]),
        )
        yield item.model_copy(update={"reason": _reason(item, method, guess)})


def _reason(item: SelectionItem, method: Method, guess: Guess | None) -> str:
    """Why one image was picked, in words a person understands."""
    if guess is None:
        return method.reason
    words = method.reason
    if Need.LOGITS in method.needs:
        words += ": " + " / ".join(f"{one.class_name} {one.probability:.2f}" for one in item.top[:2])
    counts = guess.head.images_per_class if guess.head else {}
    if item.predicted in counts and RARE * counts[item.predicted] < sum(counts.values()) / len(counts):
        words += "; rare class"
    return words


RARE = 3  # times fewer labels than the mean class has


def _map(supplies: Supplies, embedded: Embedded, chosen: Rows) -> tuple[MapPoint, ...] | None:
    """Every labelled and chosen image, and an even sample of the others."""
    if supplies.coordinates is None or supplies.components is None:
        return None
    matched, n = embedded.matched, len(embedded.pool)
    others = np.arange(0, n, max(1, -(-n // OTHERS_ON_MAP)))
    class_of = dict(zip(matched.rows.tolist(), (matched.classes[t] for t in matched.targets), strict=True))
    picked = set(chosen.tolist())
    return tuple(
        MapPoint(
            name=embedded.pool.names[row],
            x=rounded(supplies.coordinates[row, 0]),
            y=rounded(supplies.coordinates[row, 1]),
            cluster=int(supplies.components[row]),
            class_name=class_of.get(row),
            chosen=row in picked,
        )
        for row in np.unique(np.concatenate([matched.rows, chosen, others])).tolist()
    )

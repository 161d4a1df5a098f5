"""Which images to label next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.jobs.requests import SelectionRequest
from core.jobs.results import HeadSummary, MethodUsed, SelectionItem, SelectionResult
from core.methods.base import Inputs, Method, Need, Picks
from core.methods.baseline import Random
from core.pipelines.material import (
    Embedded,
    embed_rows,
    load_backbone,
    manifest,
    probabilities,
    read_labelled,
    rounded,
    skipped_images,
    top_classes,
    train,
)
from core.pipelines.run import Run


def select(request: SelectionRequest, run: Run) -> SelectionResult:
    """Read, embed, train on the labels if they hold two classes, and let the method pick."""
    run.plan("read", "embed", "train", "choose")
    run.stage("read")
    labelled = read_labelled(request.path_to_img, request.path_to_labels, run)
    backbone = load_backbone(request, run)
    every_row = np.arange(len(labelled.pool), dtype=np.int64)
    embedded = embed_rows(labelled, every_row, backbone, "embed", run)
    run.stage("train")
    guess = _guess(request, embedded, run)
    run.stage("choose")
    method, used = _method(request.method, embedded)
    candidates = embedded.unlabelled()
    picks = _pick(method, request, embedded, candidates, guess)
    _warn_of_few(request.add, len(candidates), run)
    return SelectionResult(
        data=tuple(embedded.pool.names[row] for row in picks.rows),
        items=tuple(_items(picks, embedded, guess, _reason(used))),
        method=used,
        candidates=len(candidates),
        head=guess.head if guess else None,
        skipped=skipped_images(labelled.pool.skipped, embedded.unreadable),
        manifest=manifest(request, backbone, run, head=guess is not None, sources={"pool": labelled}),
    )


@dataclass(frozen=True, eq=False)
class Guess:
    """What the head thinks of each row: logits (K, C)."""

    logits: NDArray[np.float32]
    head: HeadSummary


def _guess(request: SelectionRequest, embedded: Embedded, run: Run) -> Guess | None:
    matched = embedded.matched
    if len(matched.classes) < 2:
        return None
    head, summary = train(request, embedded.embeddings[matched.rows], matched.targets, matched.classes, run)
    return Guess(head.logits(embedded.embeddings), summary)


def _method(asked: Method, embedded: Embedded) -> tuple[Method, MethodUsed]:
    """The method asked for, or chance where the labels can't feed it yet."""
    n_classes = len(embedded.matched.classes)
    if Need.LOGITS not in asked.needs or n_classes >= 2:
        return asked, MethodUsed(asked=asked.name, name=asked.name, why="as asked")
    known = "nothing is labelled yet" if n_classes == 0 else "only one class is labelled"
    return Random(), MethodUsed(asked=asked.name, name="random", why=f"{known}, so no head can be unsure of anything")


def _pick(
    method: Method, request: SelectionRequest, embedded: Embedded, candidates: NDArray[np.int64], guess: Guess | None
) -> Picks:
    inputs = Inputs(
        candidates=candidates,
        logits=guess.logits if guess else None,
        embeddings=embedded.embeddings,
        labelled=embedded.matched.rows,
        targets=embedded.matched.targets,
    )
    return method.select(inputs, request.add, np.random.default_rng(request.seed))


def _items(
    picks: Picks, embedded: Embedded, guess: Guess | None, reason: Callable[[SelectionItem], str]
) -> list[SelectionItem]:
    guessed = probabilities(guess.logits[picks.rows]) if guess else None
    items = []
    for i, row in enumerate(picks.rows):
        top = top_classes(guessed[i], embedded.matched.classes) if guessed is not None else ()
        item = SelectionItem(
            rank=i + 1,
            name=embedded.pool.names[row],
            score=rounded(picks.scores[i]),
            predicted=top[0].class_name if top else None,
            confidence=top[0].probability if top else None,
            top=top,
            cluster=None,
            reason="",
        )
        items.append(item.model_copy(update={"reason": reason(item)}))
    return items


def _reason(used: MethodUsed) -> Callable[[SelectionItem], str]:
    """Why one image was picked, in words a person understands."""
    if used.name != "random":
        return _uncertain
    chance = "drawn by chance" if used.asked == "random" else f"drawn by chance: {used.why}"
    return lambda _: chance


def _uncertain(item: SelectionItem) -> str:
    return "uncertain: " + " / ".join(f"{one.class_name} {one.probability:.2f}" for one in item.top[:2])


def _warn_of_few(add: int, left: int, run: Run) -> None:
    if left < add:
        run.warn("fewer_than_asked", f"{add} images were asked for and {left} unlabelled ones are left")

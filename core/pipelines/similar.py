"""More like these, and not like those: rare classes found from a few examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.counting import counted
from nextlabel.core.errors import NameNotInPool, WarningCode
from nextlabel.core.kinds.similar import KIND, OF_BOXES, SimilarItem, SimilarRequest, SimilarResult
from nextlabel.core.methods.base import Rows
from nextlabel.core.methods.geometry import Geometry, nearest, sample, slices
from nextlabel.core.neural.heads.linear import train_linear
from nextlabel.core.neural.training import Examples
from nextlabel.core.pipelines.embedding import Embedded
from nextlabel.core.pipelines.material import manifest, rounded, skipped_images
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import source_of
from nextlabel.core.pipelines.texts import directions_for
from nextlabel.core.pipelines.within import embed_pool, read_pool
from nextlabel.core.tasks.registry import CLASSIFICATION

OTHERS = 50  # images drawn by chance that stand beside the counterexamples: most of a pool is something else
STRENGTH = 0.003  # of the head: a few examples bear no weaker regularisation (docs/labels.md)


def carry_out(request: SimilarRequest, run: Run) -> SimilarResult:
    found = find_similar(request, run)
    classes = found.embedded.matched.class_by_row()
    told = zip(found.items, found.rows.tolist(), strict=True)
    items = tuple(SimilarItem(class_name=classes.get(row), **item) for item, row in told)
    return SimilarResult(items=items, **found.told)


@dataclass(frozen=True, eq=False)
class Closest:
    """The n closest images, best first.

    rows: (n,) of the pool. items: what every result says of each, and told: of all, whatever a label is.
    """

    rows: Rows
    items: tuple[dict[str, Any], ...]
    embedded: Embedded
    told: dict[str, Any]


def find_similar(request: SimilarRequest, run: Run) -> Closest:
    """Raises NameNotInPool when the pool has none of the examples."""
    run.plan(*KIND.planned(leave_out=OF_BOXES))
    run.stage("read")
    examples = [*request.like, *request.unlike]
    labelled = read_pool(request, run, named=[*examples, *request.exclude])
    texts = directions_for(request, request.like_text, "/like_text", run) if request.like_text else None
    if texts is None:
        _need_an_example(request, len(labelled.pool.rows_of(request.like)))
    source = source_of(request, run)
    embedded = embed_pool(request, labelled, source, run, needed=examples)
    run.stage("rank")
    like, unlike = embedded.pool.rows_of(request.like), embedded.pool.rows_of(request.unlike)
    if absent := embedded.absent([*examples, *request.exclude]):
        run.warn(WarningCode.NAME_WITHOUT_IMAGE, "these names are not in the pool, or can't be read", absent)
    if texts is None:
        _need_an_example(request, len(like))
    candidates = _candidates(request, embedded, np.concatenate([like, unlike]))
    if len(candidates) < request.add:
        kind = "unlabelled " if request.among == "unlabelled" else ""
        left = counted(len(candidates), f"{kind}one is", f"{kind}ones are")
        asked = counted(request.add, "image was", "images were")
        detail = f"{asked} asked for and {left} left, neither examples nor excluded"
        run.warn(WarningCode.FEWER_THAN_ASKED, detail)
    names, geometry = embedded.pool.names, Geometry(embedded.embeddings)
    if texts is None:
        scores = scores_of(candidates, like, unlike, geometry, request.seed)
        best = np.argsort(-scores, kind="stable")[: request.add]
        closest = nearest(geometry.units(candidates[best]), geometry.units(like))[0]
        examples = [names[row] for row in like]
    else:
        cosines = texts.cosines(embedded.embeddings, candidates)
        scores = cosines.mean(axis=1)
        best = np.argsort(-scores, kind="stable")[: request.add]
        closest = cosines[best].argmax(axis=1)
        examples = list(request.like_text)
    rows = candidates[best]
    items = tuple(
        {"rank": rank, "name": names[row], "score": rounded(score), "like": examples[place]}
        for rank, (row, score, place) in enumerate(zip(rows, scores[best], closest, strict=True), 1)
    )
    told: dict[str, Any] = {
        "data": tuple(names[row] for row in rows),
        "candidates": len(candidates),
        "reached": embedded.reached,
        "skipped": skipped_images(labelled.pool.skipped, embedded.unreadable),
        "manifest": manifest(request, source, run, head=False, sources={"pool": labelled}),
    }
    return Closest(rows, items, embedded, told)


def _need_an_example(request: SimilarRequest, there: int) -> None:
    if not there:
        raise NameNotInPool(f"the pool has none of the images to find more like; the first is {request.like[0]!r}")


def _candidates(request: SimilarRequest, embedded: Embedded, examples: Rows) -> Rows:
    every_row = np.arange(len(embedded.pool), dtype=np.int64)
    rows = every_row if request.among == "all" else embedded.unlabelled()
    return np.setdiff1d(rows, np.union1d(examples, embedded.pool.rows_of(request.exclude)), assume_unique=True)


def scores_of(candidates: Rows, like: Rows, unlike: Rows, geometry: Geometry, seed: int) -> NDArray[np.float64]:
    """(K,) higher is more alike.

    Without counterexamples the mean cosine: it beats the nearest example's, and a head. With counterexamples, which are
    as a rule what came up before and was wrong, a head beats what takes their cosines off.
    """
    if not len(unlike):
        centre = geometry.units(like).mean(axis=0)
        cosines = [geometry.units(candidates[part]) @ centre for part in slices(len(candidates))]
        return np.concatenate([np.empty(0), *cosines])
    others = sample(np.setdiff1d(candidates, unlike), OTHERS, np.random.default_rng(seed))
    rows = np.concatenate([like, unlike, others])
    targets = (np.arange(len(rows)) < len(like)).astype(np.int64)
    head = train_linear(Examples(geometry.embeddings[rows], targets, 2), seed=seed, strength=STRENGTH)
    return CLASSIFICATION.probabilities(head.logits(geometry.embeddings[candidates]))[:, 1]

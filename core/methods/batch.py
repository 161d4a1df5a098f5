"""Keeps near-copies out of a batch, whatever the method: it holds at most one of a group, and none of what is covered.

Two images are near-copies when they lie much closer to each other than images of a small random sample of the pool lie
to the nearest of the others: free of the backbone's scale, and a pool in which everything comes five times is judged
like the same pool without its copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.methods.arrays import NO_ROWS, Rows
from nextlabel.core.methods.base import Inputs, Method, Picks
from nextlabel.core.methods.geometry import Geometry, nearest, sample, slice_size, slices, squared_distances

COPY_SHARE = 0.4  # of the usual distance to the nearest; docs/methods.md has what it finds
SAMPLE_LEAST, SAMPLE_MOST, SAMPLE_SHARE = 20, 500, 20  # a twentieth of the pool: then few have a copy in the sample
USUAL = 0.75  # quantile of the distances to the nearest: of those few, the distance to their copy is none to go by
EQUAL = 2e-3  # what float32 makes of no distance at all, and a little more
PATIENCE = 3  # rounds of asking again, before every candidate is compared with what is covered


@dataclass(frozen=True, eq=False)
class Batch:
    """What a method picked once near-copies are out.

    picks: best first.
    copies: for each pick, the candidates that are its near-copies, ascending.
    left_out: candidates that are known to be near-copies of a pick or of what is covered, ascending. There may be more.
    """

    picks: Picks
    copies: tuple[Rows, ...]
    left_out: Rows

    @classmethod
    def join(cls, parts: Sequence[Batch], *, renumber: bool) -> Batch:
        """Join one part or more, one after the other.

        renumber: whether each part counts its clusters from 0 for itself, so that they must be told apart.
        """
        clusters = [part.picks.clusters for part in parts if part.picks.clusters is not None]
        if renumber:
            ends = np.cumsum([0, *(numbers.max(initial=-1) + 1 for numbers in clusters)])
            clusters = [numbers + end for numbers, end in zip(clusters, ends, strict=False)]
        picks = Picks(
            np.concatenate([part.picks.rows for part in parts]),
            np.concatenate([part.picks.scores for part in parts]),
            np.concatenate(clusters) if len(clusters) == len(parts) else None,
        )
        return cls(
            picks,
            tuple(chain.from_iterable(part.copies for part in parts)),
            np.unique(np.concatenate([part.left_out for part in parts])),
        )


def choose(
    method: Method,
    inputs: Inputs,
    add: int,
    rng: np.random.Generator,
    *,
    skip_copies: bool = True,
    check: Callable[[], None] = lambda: None,
) -> Batch:
    """Pick as `method.select` does, but without near-copies: fewer than min(add, K) where nothing else is left.

    skip_copies: where it is True, the inputs must hold embeddings.
    check: called now and then; it may raise to stop.

    Raises what `method.select` does, and ValueError when near-copies are to be skipped and there are no embeddings.
    """
    if not skip_copies:
        picks = method.select(inputs, add, rng)
        return Batch(picks, (NO_ROWS,) * len(picks.rows), NO_ROWS)
    if inputs.embeddings is None:
        raise ValueError("near-copies can't be told without embeddings")
    geometry = inputs.geometry
    limit = copy_distance(geometry) ** 2
    parts: list[Batch] = []
    left, missing = inputs, add
    for number in count():
        check()
        if number == PATIENCE:
            left = _without_rows(left, [_close_to_covered(geometry, left, limit)])
        part, left = _round(method, left, missing, rng, geometry, limit)
        parts.append(part)
        missing -= len(part.picks.rows)
        if not missing or not len(left.candidates):
            break
    batch = Batch.join(parts, renumber=not method.fixed_clusters)
    gone = inputs.candidates[~np.isin(inputs.candidates, left.candidates)]
    return replace(batch, left_out=np.setdiff1d(gone, batch.picks.rows))


def copy_distance(geometry: Geometry) -> float:
    """Return the distance up to which two images are near-copies. In a pool too small to tell, only equal ones are."""
    n = len(geometry.embeddings)
    if n < SAMPLE_LEAST:
        return EQUAL
    rows = sample(np.arange(n), min(SAMPLE_MOST, max(SAMPLE_LEAST, n // SAMPLE_SHARE)), np.random.default_rng(0))
    units = geometry.units(rows)
    squared = squared_distances(units, units)
    np.fill_diagonal(squared, np.inf)
    return max(EQUAL, COPY_SHARE * float(np.sqrt(np.quantile(squared.min(axis=1), USUAL))))


def _round(
    method: Method, inputs: Inputs, add: int, rng: np.random.Generator, geometry: Geometry, limit: float
) -> tuple[Batch, Inputs]:
    """Ask the method once. Return what of its picks is kept, and what is left to choose from, those being covered."""
    picks = method.select(inputs, add, rng)
    kept = _apart(geometry, picks.rows, inputs.covered, limit)
    copies = _copies(geometry, picks.rows[kept], inputs.candidates, limit)
    clusters = None if picks.clusters is None else picks.clusters[kept]
    batch = Batch(Picks(picks.rows[kept], picks.scores[kept], clusters), copies, NO_ROWS)
    left = _without_rows(inputs, [picks.rows, *copies])
    return batch, replace(left, pending=np.union1d(left.pending, batch.picks.rows))


def _without_rows(inputs: Inputs, rows: Sequence[Rows]) -> Inputs:
    gone = np.isin(inputs.candidates, np.concatenate([NO_ROWS, *rows]))
    return replace(inputs, candidates=inputs.candidates[~gone])


def _apart(geometry: Geometry, rows: Rows, covered: Rows, limit: float) -> NDArray[np.bool_]:
    """Return whether each row is a near-copy neither of what is covered nor of a row kept before it: (B,)."""
    units = geometry.units(rows)
    kept = np.ones(len(rows), bool)
    if len(covered) and len(rows):
        kept = nearest(units, geometry.units(covered))[1] > limit
    for i in range(1, len(rows)):
        if kept[i] and kept[:i].any():
            kept[i] = squared_distances(units[i : i + 1], units[:i][kept[:i]]).min() > limit
    return kept


def _copies(geometry: Geometry, rows: Rows, candidates: Rows, limit: float) -> tuple[Rows, ...]:
    """Find the candidates within the limit of each row, itself left out. A candidate may be a copy of several."""
    units = geometry.units(rows)
    pairs = [np.empty((2, 0), np.int64)]
    for part in slices(len(candidates), slice_size(len(rows))):
        near = candidates[part][geometry.may_be_within(limit, candidates[part], units)]
        i, j = np.nonzero(squared_distances(units, geometry.units(near)) <= limit)
        pairs.append(np.stack([i, near[j]]))
    place, copy = np.concatenate(pairs, axis=1)
    others = copy != rows[place]
    place, copy = place[others], copy[others]
    order = np.lexsort((copy, place))
    ends = np.searchsorted(place[order], np.arange(1, len(rows)))
    return tuple(np.split(copy[order], ends)) if len(rows) else ()


def _close_to_covered(geometry: Geometry, inputs: Inputs, limit: float) -> Rows:
    """Find the candidates that are near-copies of what is covered."""
    covered, close = geometry.units(inputs.covered), [NO_ROWS]
    for part in slices(len(inputs.candidates)):
        rows = inputs.candidates[part]
        close.append(rows[nearest(geometry.units(rows), covered)[1] <= limit])
    return np.concatenate(close)

"""Small pools for methods: `inputs_of` fills in what a test does not care about."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from nextlabel.core.data.boxes import Detected
from nextlabel.core.methods.base import Inputs
from nextlabel.core.methods.found_boxes import FoundBoxes


def inputs_of(embeddings: Any, labelled: Any = (), targets: Any = (), **more: Any) -> Inputs:
    """All rows that are not labelled and not pending are candidates, unless they are given."""
    embeddings = np.array(embeddings, np.float32)
    labelled = np.array(labelled, np.int64)
    more["pending"] = np.array(more.get("pending", ()), np.int64)
    taken = np.union1d(labelled, more["pending"])
    more.setdefault("candidates", np.setdiff1d(np.arange(len(embeddings)), taken))
    return Inputs(embeddings=embeddings, labelled=labelled, targets=np.array(targets, np.int64), **more)


@st.composite
def pools(draw: st.DrawFn) -> Inputs:
    """Pools of up to 14 with everything a method may need: equal images, constant pools, saturated logits, one class
    or none labelled, any part of the rest as candidates or handed out."""
    n, classes, dimension = draw(st.integers(1, 14)), draw(st.integers(2, 4)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    distinct = min(n, draw(st.sampled_from([1, 2, 14])))
    original = rng.integers(distinct, size=n)
    embeddings = (rng.normal(size=(n, dimension)) * draw(st.sampled_from([1e-3, 1.0, 1e3])) + 5)[original]
    logits = (rng.normal(size=(n, classes)) * draw(st.sampled_from([0.0, 1.0, 100.0, 1e6])))[original]
    state = rng.choice(["labelled", "pending", "candidate", "excluded"], p=draw(st.sampled_from(MIXES)), size=n)
    labelled = np.flatnonzero(state == "labelled")
    return Inputs(
        candidates=np.flatnonzero(state == "candidate"),
        embeddings=embeddings.astype(np.float32),
        labelled=labelled,
        targets=rng.integers(draw(st.integers(1, classes)), size=len(labelled)),
        pending=np.flatnonzero(state == "pending"),
        logits=logits.astype(np.float32),
        votes=rng.integers(classes, size=(4, n)),
        reconstruction_errors=rng.random(n).astype(np.float32),
        components=rng.integers(classes, size=n),
        boxes=boxes_of(n, classes, rng),
    )


def boxes_of(n: int, classes: int, rng: np.random.Generator) -> FoundBoxes:
    """Up to three boxes an image, some of which the detector is quite sure of."""
    counts = rng.integers(0, 4, size=n)
    said = [
        Detected(np.ones((k, 4)), rng.integers(classes, size=k), rng.choice([0.0, 0.3, 1.0], size=k)) for k in counts
    ]
    drawn = [rng.normal(size=(k, 3)).astype(np.float32) for k in counts]
    described = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in drawn]
    return FoundBoxes.of(said, rng.random(classes), described)


MIXES = [(0.3, 0.1, 0.5, 0.1), (0.0, 0.0, 1.0, 0.0), (0.8, 0.1, 0.1, 0.0), (0.0, 0.5, 0.5, 0.0)]

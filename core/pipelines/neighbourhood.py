"""A draw of the pool for heads that ask neighbours, in kinds that look at none of its unlabelled images otherwise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.draw import Draw
from nextlabel.core.errors import TooManyUnreadable, WarningCode
from nextlabel.core.kinds.requests import JobRequest
from nextlabel.core.neural.heads.neighbours import DRAW, NEIGHBOURHOOD
from nextlabel.core.neural.heads.registry import HEADS, train_head
from nextlabel.core.neural.trainers import TRAINERS
from nextlabel.core.pipelines.material import Labelled, read_labelled
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.source import Source
from nextlabel.core.tasks.registry import task_of


def asks_neighbours(request: JobRequest) -> bool:
    """Tell whether the request's head lets the nearest images of the pool have a say."""
    softmax = TRAINERS[task_of(request.task).trainer].train is train_head
    return softmax and HEADS[request.head].asks_neighbours


def read_neighbourhood(path_to_img: str, request: JobRequest, run: Run) -> Labelled:
    """List those images of the pool that a head asks: the same that a selection's or a prediction's asks."""
    with run.untold():  # nobody asked about these images
        return read_labelled(request, path_to_img, None, run, draw=Draw(DRAW, NEIGHBOURHOOD))


def embed_neighbourhood(drawn: Labelled, source: Source, run: Run) -> NDArray[np.float32] | None:
    """Embed them, (R, d). Where too many can't be read, return None and warn of it: the head then answers alone."""
    every_row = np.arange(len(drawn.pool), dtype=np.int64)
    with run.untold():
        try:
            return source.embed(drawn, every_row, "embed neighbours", run).embeddings
        except TooManyUnreadable as error:
            why = error.detail
    run.warn(
        WarningCode.NEIGHBOURS_UNREADABLE,
        f"the pool has no say in what the head says of an image, which is then `linear_alone`'s: of those drawn, {why}",
    )
    return None

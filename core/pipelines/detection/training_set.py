"""What a detector is trained on, and by what it is known again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from nextlabel.core.data.boxes import BoxedImage
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import NoLabels, WarningCode
from nextlabel.core.kinds.requests import Detecting
from nextlabel.core.neural.detection.kept import VERSION
from nextlabel.core.neural.detection.training import Example, Known, split
from nextlabel.core.pipelines.detection.images import in_batches
from nextlabel.core.pipelines.detection.labelled import truth_of
from nextlabel.core.pipelines.run import Run
from nextlabel.core.pipelines.unreadable import warn_not_learnt_from

SIDE, LARGER_SIDE = 320, 416  # pixels of an image's longer side; where objects are small
SMALL = 32.0  # pixels of an object's side on an image of SIDE: four positions of the finest level of the network
LEAST_OF_CLASS = 5  # boxes that tell how large its objects are
MOST_LEARNT_FROM = 1_000  # images, drawn by chance; as many are in memory, 0.3 MB each at 320 pixels


def are_small(drawn: Mapping[int, BoxedImage]) -> bool:
    """Say whether the objects of a class are small: half of the boxes drawn around them at least, of five or more."""
    sides: dict[str, list[float]] = {}
    for image in drawn.values():
        scale = SIDE / max(image.width, image.height)
        for box in image.boxes:
            if not box.crowd:
                sides.setdefault(box.class_name, []).append(scale * math.sqrt(box.width * box.height))
    return any(
        len(of_class) >= LEAST_OF_CLASS and float(np.mean(np.array(of_class) < SMALL)) >= 0.5
        for of_class in sides.values()
    )


def read_examples(
    pool: Pool, drawn: Mapping[int, BoxedImage], classes: Sequence[str], side: int, seed: int, run: Run
) -> dict[int, Example]:
    """Read the images that people drew on, by row; of very many, those that chance takes."""
    rows = learnt_rows(drawn, MOST_LEARNT_FROM, seed)
    index = {name: i for i, name in enumerate(classes)}
    examples: dict[int, Example] = {}
    unreadable: list[SkippedFile] = []
    for batch in in_batches(side, pool, rows, run, lambda images: np.asarray(images, object)):
        for row, image in zip(batch.rows.tolist(), batch.outputs, strict=True):
            examples[row] = Example(image, truth_of(drawn[row], index))
        unreadable += batch.unreadable
    warn_not_learnt_from(unreadable, pool.place, run)
    if not any(one.is_boxed for one in examples.values()):
        raise NoLabels("none of the images that a box was drawn on can be read, so there is nothing to learn")
    return examples


def divided(examples: Mapping[int, Example], seed: int, known: Known | None = None) -> tuple[list[int], list[int]]:
    """Return the rows of the examples that are learnt from, and of those that are held out. known: as of `split`."""
    rows = list(examples)
    learnt, held = split([one.is_boxed for one in examples.values()], seed, known)
    return [rows[i] for i in learnt], [rows[i] for i in held]


def learnt_rows(drawn: Mapping[int, BoxedImage], most: int, seed: int) -> list[int]:
    """Return the rows to learn from, in order: all, or those that chance takes; with a box, where there is one."""
    rows = sorted(drawn)
    if len(rows) > most:
        order = np.random.default_rng(seed).permutation(rows).tolist()
        if not any(drawn[row].has_objects for row in order[:most]):
            order.sort(key=lambda row: not drawn[row].has_objects)
        rows = sorted(order[:most])
    return rows


def key_of(request: Detecting, pool: Pool, drawn: Mapping[int, BoxedImage], how: Sequence[object]) -> str:
    """Tell everything that a detector is trained by: the images as they are, what was drawn, and how."""
    rows = np.array(sorted(drawn), np.int64)
    digest = hashlib.sha256(pool.take(rows).state().encode())
    digest.update(repr([drawn[row] for row in rows.tolist()]).encode())
    digest.update(repr((VERSION, *how, request.seed)).encode())
    return digest.hexdigest()[:32]


def keep(write: Callable[[], None], run: Run) -> None:
    """Keep a detector by `write`; where that can't be, tell."""
    try:
        write()
    except OSError as error:
        detail = f"the detector could not be kept for next time: {error.strerror or error}"
        run.warn(WarningCode.CACHE_NOT_WRITTEN, detail)

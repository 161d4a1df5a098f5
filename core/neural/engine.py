"""Images on disk -> embeddings, in three steps that overlap: decode (threads) | forward (device) | collect (caller).

An unreadable image is reported with its name and cause, never dropped silently and never fatal here.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.images import UnreadableImage, decode
from core.data.pool import Pool, Skipped
from core.errors import OutOfMemory
from core.neural.backbones import Backbone, Pixels
from core.settings import Settings

MAX_DECODE_THREADS = 16
BATCHES_AHEAD = 2  # decoded batches that may wait for the forward pass


@dataclass(frozen=True)
class Batch:
    """rows: (b,) of the pool that could be read; embeddings: (b, d); seen: images tried, b + len(unreadable)."""

    rows: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    unreadable: tuple[Skipped, ...]

    @property
    def seen(self) -> int:
        return len(self.rows) + len(self.unreadable)


def embed(
    backbone: Backbone,
    pool: Pool,
    rows: Sequence[int],
    settings: Settings,
    *,
    check: Callable[[], None],
    halved: Callable[[int], None],
) -> Iterator[Batch]:
    """Embeds the pool's rows in order, a batch at a time.

    `check` is called before each batch and may raise to stop; `halved(size)` is told when memory forced a smaller
    batch. Raises OutOfMemory when a single image is too much.
    """
    ahead = settings.batch_size * BATCHES_AHEAD
    with ThreadPoolExecutor(decode_threads(settings), thread_name_prefix="decode") as threads:
        prepared = _in_order(threads, lambda row: _prepare(backbone, pool, row, settings), rows, ahead)
        try:
            size = settings.batch_size
            while group := list(islice(prepared, size)):
                check()
                batch, size = _forward(backbone, group, size, halved)
                yield batch
        finally:
            prepared.close()


def decode_threads(settings: Settings) -> int:
    return settings.decode_threads or min(len(os.sched_getaffinity(0)), MAX_DECODE_THREADS)


Prepared = tuple[int, Pixels | Skipped]


def _prepare(backbone: Backbone, pool: Pool, row: int, settings: Settings) -> Prepared:
    try:
        return row, backbone.prepare(decode(pool.path(row), max_pixels=settings.max_image_pixels))
    except UnreadableImage as error:
        return row, Skipped(pool.names[row], error.detail)


def _forward(backbone: Backbone, group: list[Prepared], size: int, halved: Callable[[int], None]) -> tuple[Batch, int]:
    rows = [row for row, pixels in group if not isinstance(pixels, Skipped)]
    images = [pixels for _, pixels in group if not isinstance(pixels, Skipped)]
    unreadable = tuple(pixels for _, pixels in group if isinstance(pixels, Skipped))
    parts = []
    while images:
        try:
            parts.append(backbone.forward(np.stack(images[:size])))
            images = images[size:]
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            if size == 1:
                raise OutOfMemory("one image alone does not fit into the GPU's memory") from error
            size //= 2
            halved(size)
    embeddings = np.concatenate(parts) if parts else np.empty((0, backbone.dimension), np.float32)
    return Batch(np.array(rows, np.int64), embeddings, unreadable), size


def _in_order(
    threads: ThreadPoolExecutor, work: Callable[[int], Prepared], rows: Sequence[int], ahead: int
) -> Generator[Prepared, None, None]:
    """`threads.map` with a bounded number of results waiting; closing it drops what has not begun."""
    waiting: deque[Future[Prepared]] = deque()
    source = iter(rows)
    try:
        waiting.extend(threads.submit(work, row) for row in islice(source, ahead))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(threads.submit(work, row) for row in islice(source, 1))
    finally:
        for future in waiting:
            future.cancel()

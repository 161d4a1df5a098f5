"""Images on disk -> embeddings, in three steps that overlap: decode (threads) | forward (device) | collect (caller).

An unreadable image is reported with its name and cause, never dropped silently and never fatal here.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.images import decode
from core.data.pool import Pool, Skipped
from core.errors import OutOfMemory, UnreadableImage
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
) -> Generator[Batch, None, None]:
    """Embeds the pool's rows in order, a batch at a time.

    `check` is called before each batch and may raise to stop; `halved(size)` is told when memory forced a smaller
    batch. Closing it ends its threads. Raises OutOfMemory when a single image is too much.
    """
    ahead = settings.batch_size * BATCHES_AHEAD
    forward = _Forward(backbone, settings.batch_size, halved)
    with ThreadPoolExecutor(decode_threads(settings), thread_name_prefix="decode") as threads:
        prepared = _in_order(threads, lambda row: _prepare(backbone, pool, row, settings), rows, ahead)
        try:
            while group := list(islice(prepared, forward.size)):
                check()
                yield _collect(group, forward, pool)
        finally:
            prepared.close()


def decode_threads(settings: Settings) -> int:
    return settings.decode_threads or min(available_cores(), MAX_DECODE_THREADS)


def available_cores() -> int:
    """Those this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


Prepared = tuple[int, Pixels | Skipped]


def _prepare(backbone: Backbone, pool: Pool, row: int, settings: Settings) -> Prepared:
    try:
        return row, backbone.prepare(decode(pool.path(row), max_pixels=settings.max_image_pixels))
    except UnreadableImage as error:
        return row, Skipped(pool.names[row], error.detail)


class _Forward:
    """The forward pass, with a batch size that halves when the device's memory is short."""

    def __init__(self, backbone: Backbone, size: int, halved: Callable[[int], None]) -> None:
        self.size = size
        self._backbone, self._halved = backbone, halved

    def __call__(self, images: list[Pixels]) -> NDArray[np.float32]:
        parts = [np.empty((0, self._backbone.dimension), np.float32)]
        while images:
            batch = images[: self.size]
            try:
                parts.append(self._backbone.forward(np.stack(batch)))
                images = images[len(batch) :]
            except torch.OutOfMemoryError as error:
                self._halve(len(batch), error)
        return np.concatenate(parts)

    def _halve(self, tried: int, error: Exception) -> None:
        torch.cuda.empty_cache()
        if tried == 1:
            raise OutOfMemory("one image alone does not fit into the GPU's memory") from error
        self.size = tried // 2
        self._halved(self.size)


def _collect(group: list[Prepared], forward: _Forward, pool: Pool) -> Batch:
    readable = [(row, pixels) for row, pixels in group if not isinstance(pixels, Skipped)]
    unreadable = [pixels for _, pixels in group if isinstance(pixels, Skipped)]
    embeddings = forward([pixels for _, pixels in readable])
    rows = np.array([row for row, _ in readable], np.int64)
    sound = np.isfinite(embeddings).all(axis=1)
    unreadable += [Skipped(pool.names[row], "the backbone gives no finite embedding for it") for row in rows[~sound]]
    return Batch(rows[sound], embeddings[sound], tuple(unreadable))


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

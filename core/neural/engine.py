"""Images of a pool -> what a network makes of them, in three steps that overlap: read (threads) | gather (a thread) |
forward (the caller's thread).

An unreadable image is reported with its name and cause. It is never dropped silently, and never fatal here.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from threading import Lock, Semaphore
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from nextlabel.core.data.decoder import Decoder
from nextlabel.core.data.files import SkippedFile
from nextlabel.core.data.places import Ahead
from nextlabel.core.data.pool import Pool
from nextlabel.core.errors import OutOfMemory, UnreadableImage
from nextlabel.core.neural.backbones import Backbone, Reader
from nextlabel.core.neural.uploads import Gathered, ReadImage
from nextlabel.core.settings import Settings

# More get in each other's way: decoding an image lets go of the interpreter, and waits for it again, some dozen times.
# Measured on 16 cores, images/s: 840 with 1 thread, 2,040 with 4, 2,840 with 8, 1,740 with 16.
MAX_DECODE_THREADS = 8
# Files that a GPU decodes are read in 30 microseconds, and threads that read hold up the one that launches kernels.
# Measured on an H100 with 16 cores, images/s: 6,900 with 1, 6,800 with 2, 4,900 with 4, 4,600 with 8.
FEW_THREADS = 2
SLOW_S = 0.001  # for an image: its storage is far, or it is one that the GPU can't decode
PARTS_THAT_TELL = 16
LOOK_EVERY_S = 1.0
BATCHES_AHEAD = 1  # of images read that wait, besides the one that is gathered and the one that is forwarded


Item = TypeVar("Item")
Done = TypeVar("Done")
Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True)
class Watch:
    """What is called while images are read and forwarded.

    check: before each batch, and now and then while one is waited for; it may raise to stop.
    halved: with the new batch size when memory forced a smaller one.
    waits: with a sentence whenever storage is waited for.
    """

    check: Callable[[], None] = lambda: None
    halved: Callable[[int], None] = lambda _: None
    waits: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class EmbeddedBatch:
    """What came of some images of a pool.

    rows: (b,) those that could be read; embeddings: (b, d), finite; unreadable: the others.
    as_listed: (b,) whether the image was, once it was read, still the file that the pool listed.
    remarks: (b,) what is to be said of each (core/data/images.py).
    """

    rows: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    as_listed: NDArray[np.bool_]
    remarks: NDArray[np.uint8]
    unreadable: tuple[SkippedFile, ...]

    @property
    def seen(self) -> int:
        """Return how many images were tried."""
        return len(self.rows) + len(self.unreadable)


def embed(
    backbone: Backbone, pool: Pool, rows: Sequence[int], settings: Settings, watch: Watch
) -> Generator[EmbeddedBatch, None, None]:
    """Embed the pool's rows in order, a batch at a time, as `run` does. An embedding that is not finite is reported as
    that of an unreadable image.
    """
    nothing = np.empty((0, backbone.dimension), np.float32)
    with closing(run(backbone, backbone.forward, nothing, pool, rows, settings, watch)) as batches:
        for batch in batches:
            finite = np.asarray(np.isfinite(batch.outputs).all(axis=1))
            lost = [
                SkippedFile(pool.names[row], "the backbone gives no finite embedding for it")
                for row in batch.rows[~finite]
            ]
            kept = batch.rows[finite], batch.outputs[finite], batch.as_listed[finite], batch.remarks[finite]
            yield EmbeddedBatch(*kept, (*batch.unreadable, *lost))


@dataclass(frozen=True)
class ForwardedBatch(Generic[Value]):
    """What came of some images of a pool: as EmbeddedBatch, with outputs (b, ...) of any kind."""

    rows: NDArray[np.int64]
    outputs: NDArray[Value]
    as_listed: NDArray[np.bool_]
    remarks: NDArray[np.uint8]
    unreadable: tuple[SkippedFile, ...]


def run(
    reader: Reader,
    forward: Callable[[Any], NDArray[Value]],
    nothing: NDArray[Value],
    pool: Pool,
    rows: Sequence[int],
    settings: Settings,
    watch: Watch,
) -> Generator[ForwardedBatch[Value], None, None]:
    """Read the pool's rows in order, and run `forward` on a batch of them at a time.

    forward: takes `Gathered.batch` of b images, and returns an array (b, ...).
    nothing: what `forward` would return for no image: an array (0, ...) of the same type. It is not called for none.

    Closing the generator ends its threads. Raises OutOfMemory when a single image is too much, and BucketUnavailable.
    """
    size, threads = settings.batch_size or reader.images_at_once, decode_threads(settings)
    decoder = Decoder.of(settings)
    sized = _Forward(forward, nothing, size, watch.halved)
    readers = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    pace = _Pace(threads, FEW_THREADS if reader.decodes_on_device and not settings.decode_threads else threads)
    gatherer = ThreadPoolExecutor(1, thread_name_prefix="gather")
    at_a_time = max(1, size // (4 * threads))  # handing a thread its work costs as much as reading a small file
    parts = [rows[i : i + at_a_time] for i in range(0, len(rows), at_a_time)]
    ahead = max(threads, size * BATCHES_AHEAD // at_a_time)
    files = pool.ahead(rows, settings.bucket_patience_s)
    read = chain.from_iterable(
        _in_order(readers, lambda part: pace(lambda row: _read(reader, pool, files, row, decoder), part), parts, ahead)
    )

    def next_group() -> _Group | None:
        group = list(islice(read, sized.size))
        return _gather(reader, group, pool) if group else None

    try:
        coming = gatherer.submit(next_group)
        while (group := _awaited(coming, pace, files, watch)) is not None:
            coming = gatherer.submit(next_group)
            watch.check()
            yield _collect(group, sized)
    finally:
        files.close()
        decoder.close()
        readers.shutdown(wait=False, cancel_futures=True)  # the gatherer may wait for one of them, and hears of it
        gatherer.shutdown()
        readers.shutdown()


def decode_threads(settings: Settings) -> int:
    return settings.decode_threads or min(available_cores(), MAX_DECODE_THREADS)


def available_cores() -> int:
    """Count the cores that this process may use, where the system tells; else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _awaited(coming: Future[Done], pace: _Pace, files: Ahead, watch: Watch) -> Done:
    """Wait for a batch. Whenever images of it were read meanwhile, or storage is waited for, `check`: it takes long."""
    done = pace.done
    while not wait([coming], timeout=LOOK_EVERY_S).done:
        if (waits_for := files.waits_for) is not None:
            watch.waits(waits_for)
        if pace.done > done or waits_for is not None:
            done = pace.done
            watch.check()
    return coming.result()


class _Pace:
    """Lets `few` threads work at a time; all, once most of the last parts took long for an image.

    done: how many items were worked on, nearly: threads that count at once may count as one.
    """

    def __init__(self, threads: int, few: int) -> None:
        self._turns = Semaphore(min(few, threads))
        self._held_back = max(0, threads - few)
        self._last: deque[float] = deque(maxlen=PARTS_THAT_TELL)
        self._noting = Lock()
        self.done = 0

    def __call__(self, work: Callable[[Item], Done], part: Sequence[Item]) -> list[Done]:
        with self._turns:
            began = time.perf_counter()
            done = [self._counted(work, item) for item in part]
            self._note((time.perf_counter() - began) / len(part))
        return done

    def _counted(self, work: Callable[[Item], Done], item: Item) -> Done:
        done = work(item)
        self.done += 1
        return done

    def _note(self, seconds: float) -> None:
        with self._noting:
            self._last.append(seconds)
            tells = self._held_back and len(self._last) == PARTS_THAT_TELL
            if tells and statistics.median(self._last) > SLOW_S:
                self._turns.release(self._held_back)
                self._held_back = 0


Read = tuple[int, ReadImage | SkippedFile, bool]  # row; the image, or why not; whether it was as listed


def _read(reader: Reader, pool: Pool, files: Ahead, row: int, decoder: Decoder) -> Read:
    try:
        with files.open(pool.names[row]) as file:
            image = reader.read(file, decoder)
            try:
                as_listed = pool.is_as_listed(row, file)
            except OSError as error:  # the share was dropped between its bytes and its stamp
                return row, SkippedFile(pool.names[row], f"the file can't be read: {error.strerror or error}"), False
            return row, image, as_listed
    except UnreadableImage as error:
        return row, SkippedFile(pool.names[row], error.detail), False


@dataclass(frozen=True)
class _Group:
    """Images that were read and gathered: rows (b,) of the pool, in the batch's order, and those that can't be read."""

    rows: NDArray[np.int64]
    as_listed: NDArray[np.bool_]
    remarks: NDArray[np.uint8]
    gathered: Gathered
    unreadable: list[SkippedFile]


def _gather(reader: Reader, group: list[Read], pool: Pool) -> _Group:
    readable = [(row, image, same) for row, image, same in group if not isinstance(image, SkippedFile)]
    rows = np.array([row for row, _, _ in readable], np.int64)
    as_listed = np.array([same for _, _, same in readable], np.bool_)
    remarks = np.array([image.remarks for _, image, _ in readable], np.uint8)
    try:
        gathered = reader.gather([image.prepared for _, image, _ in readable]) if readable else Gathered((), {})
    except torch.OutOfMemoryError as error:
        raise OutOfMemory("the GPU's memory does not hold the images of a batch beside what else is on it") from error
    for i, found in gathered.remarks.items():
        remarks[i] |= found
    unreadable = [image for _, image, _ in group if isinstance(image, SkippedFile)]
    unreadable += [SkippedFile(pool.names[rows[i]], why) for i, why in gathered.faults.items()]
    return _Group(rows, as_listed, remarks, gathered, unreadable)


class _Forward(Generic[Value]):
    """Runs the forward pass, and halves the batch size when the device's memory is short."""

    def __init__(
        self,
        forward: Callable[[Any], NDArray[Value]],
        nothing: NDArray[Value],
        size: int,
        halved: Callable[[int], None],
    ) -> None:
        self.size = size
        self._forward, self._nothing, self._halved = forward, nothing, halved

    def __call__(self, batch: Any) -> NDArray[Value]:
        parts = [self._nothing]
        while len(batch):
            part = batch[: self.size]
            try:
                parts.append(self._forward(part))
                batch = batch[len(part) :]
            except torch.OutOfMemoryError as error:
                self._halve(len(part), error)
        return np.concatenate(parts)

    def _halve(self, tried: int, error: Exception) -> None:
        torch.cuda.empty_cache()
        if tried == 1:
            raise OutOfMemory("one image alone does not fit into the GPU's memory") from error
        self.size = tried // 2
        self._halved(self.size)


def _collect(group: _Group, forward: _Forward[Value]) -> ForwardedBatch[Value]:
    """Run the forward pass, and leave out what the reader found to be unreadable only when it gathered."""
    outputs = forward(group.gathered.batch)
    read = np.ones(len(outputs), np.bool_)
    read[list(group.gathered.faults)] = False
    unreadable = tuple(group.unreadable)
    return ForwardedBatch(group.rows[read], outputs[read], group.as_listed[read], group.remarks[read], unreadable)


def _in_order(
    threads: ThreadPoolExecutor, work: Callable[[Item], Done], items: Iterable[Item], ahead: int
) -> Generator[Done, None, None]:
    """Do what `threads.map` does, with at most `ahead` results waiting."""
    source = iter(items)
    waiting = deque(threads.submit(work, item) for item in islice(source, ahead))
    while waiting:
        done = waiting.popleft().result()
        waiting.extend(threads.submit(work, item) for item in islice(source, 1))
        yield done

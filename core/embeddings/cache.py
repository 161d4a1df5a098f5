"""Embeddings that were computed once, kept on disk in immutable segment files.

Each `EmbeddingCache.add` writes one new file, under a temporary name that becomes final only when every byte is on the
disk. Names are unique and nothing is changed in place, so any number of processes and machines may write at once,
without locks. Newer files win over older ones; a crowd of small files is merged into one.

A segment file, little-endian, each block aligned to 64 bytes:

    preamble     64 bytes: magic with the layout's version (8), header's length (8), header's BLAKE2b (16), zeros
    header       JSON: key (the fields of CacheKey), dimension d, rows n, index (BLAKE2b of the next block)
    index        n keys of 16 bytes, BLAKE2b of (stamp, name, decoder); n CRC-32 of the embeddings, 4 bytes each
    embeddings   n x d float32, in the order they were added, so that reading a pool reads the disk in order

What is checked, and when: on opening a file, its header, its exact length and its index; on reading an embedding, its
CRC-32. A file or row that fails is a miss: it is embedded again, and the new row wins.

Rows are fetched by plain reads, not through mapped memory: when a mapped file is cut short, or removed by another
machine on a network share, the next access kills the process; a read merely fails. It also holds no file open.
"""

from __future__ import annotations

import errno
import json
import os
import re
import struct
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import blake2b
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.files import JPEG_SUFFIXES
from nextlabel.core.disk import NO_SPACE, whole_file
from nextlabel.core.errors import CacheUnwritable, StorageFull

Keys = NDArray[np.uint64]  # (n, 2): the two halves of a 128-bit hash
Rows = NDArray[np.int64]
Embeddings = NDArray[np.float32]  # (n, d)

_MAGIC = b"NLEMBED\x02"  # in the first layout keys were of size, mtime and name, which don't tell a replaced file
_DECODER = b"\0decoder 4"  # counts changes to the pixels of what is no JPEG; theirs have stayed the same
_PREAMBLE = struct.Struct("<8sQ16s32x")
_ALIGNMENT = 64
_HEADER_MAX_BYTES = 1 << 20
_SEGMENT_NAME = re.compile(r"\d{19}-[0-9a-f]{32}\.segment")  # nanoseconds, then a random part
_MANY_SEGMENTS = 64  # more than this, and some are merged
_MERGED_AT_ONCE = 32
_MERGED_MAX_BYTES = 256 << 20  # merging holds the embeddings in memory, and larger files aren't worth rewriting
_BLOCK_BYTES = 8 << 20
_HASHED_AT_ONCE = 1 << 18
_GAP_BYTES = 256 << 10  # takes about as long to read as to seek over
_SWEPT_BYTES = 64 << 20
_STALE_AFTER_S = 24 * 3600


@dataclass(frozen=True)
class CacheKey:
    """What embeddings depend on besides the images. `weights` is a digest; `pool` the folder that names begin at."""

    backbone: str
    weights: str
    preprocessing: str
    pool: str

    @property
    def folder(self) -> str:
        """Return a folder name: the backbone, readable, and a hash of all fields and of the layout's version."""
        readable = re.sub(r"[^A-Za-z0-9_.-]", "_", self.backbone)[:64].lstrip(".")
        fields = json.dumps(asdict(self), sort_keys=True).encode()
        return f"{readable}-{blake2b(_MAGIC + fields, digest_size=16).hexdigest()}"


class EmbeddingCache:
    """Keeps the embeddings of one pool by one backbone, in a folder of its own below `root`."""

    def __init__(self, root: Path, key: CacheKey, dimension: int) -> None:
        """Touch nothing on disk: `add` makes the folder. `dimension` is d, the length of an embedding."""
        if dimension < 1:
            raise ValueError(f"an embedding has at least one dimension, not {dimension}")
        self.folder = root / key.folder
        self.key = key
        self.dimension = dimension
        self._opened: dict[str, _Segment] = {}  # segments never change, so each is opened once

    def find(self, names: Sequence[str], stamps: NDArray[np.int64]) -> Found:
        """Find which of N images are here as they are now: same name and same stamp (core/data/stamps.py).

        Reads the indexes (20 bytes a row), no embeddings. A missing or unreadable folder finds nothing.
        """
        return self._look_up(_keys(names, stamps))

    def add(self, names: Sequence[str], stamps: NDArray[np.int64], embeddings: Embeddings) -> None:
        """Keep `embeddings` (n, d), float32 and finite, of n distinct images; on disk when this returns.

        Raises StorageFull or CacheUnwritable, having left nothing behind; ValueError for arrays that don't fit.
        """
        keys = _keys(names, stamps)
        rows = self._checked(embeddings, len(keys))
        if not len(keys):
            return
        with _storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            _remove_stale_temporaries(self.folder)
            self._write(self._next_stamp(), keys, rows)
        with suppress(StorageFull, CacheUnwritable):  # what was added is safe; merging can wait
            self._merge_when_many()

    def _look_up(self, keys: Keys) -> Found:
        index = _Index(self._segments())
        return Found(self, keys, index, index.rows_of(keys))

    def _segments(self) -> list[_Segment]:
        """Open the sound segments, newest first."""
        opened = {}
        for name in sorted(_segment_names(self.folder), reverse=True):
            segment = self._opened.get(name) or _open_segment(self.folder / name, self.key, self.dimension)
            if segment is not None:
                opened[name] = segment
        self._opened = opened
        return list(opened.values())

    def _next_stamp(self) -> int:
        """Return the time, made later than every segment: clocks differ between machines, and tick coarsely on one."""
        return max([time.time_ns(), *(segment.stamp + 1 for segment in self._segments())])

    def _write(self, stamp: int, keys: Keys, embeddings: Embeddings) -> None:
        with whole_file(self.folder / f"{stamp:019d}-{uuid.uuid4().hex}.segment") as file:
            for block in _serialised(self.key, keys, embeddings):
                file.write(block)
                file.write(bytes(-file.tell() % _ALIGNMENT))

    def _merge_when_many(self) -> None:
        segments = self._segments()
        if len(segments) <= _MANY_SEGMENTS:
            return
        # adjacent in age, so that "newest wins" stays true
        runs = [segments[at : at + _MERGED_AT_ONCE] for at in range(len(segments) - _MERGED_AT_ONCE + 1)]
        neighbours = min(runs, key=lambda run: sum(segment.n_bytes for segment in run))
        if sum(segment.n_bytes for segment in neighbours) <= _MERGED_MAX_BYTES:
            with _storage_errors(self.folder):
                self._merge(neighbours)

    def _merge(self, segments: list[_Segment]) -> None:
        """Write neighbours in age as one segment of that age, and only then delete them. What can't be read whole
        stays.
        """
        index = _Index(segments)
        rows = index.newest_rows()
        embeddings = np.empty((len(rows), self.dimension), np.float32)
        intact = index.read_into(embeddings, rows)
        if intact.any():
            self._write(segments[0].stamp, index.keys[rows[intact]], embeddings[intact])
        damaged = set(index.owner_of(rows[~intact]).tolist())
        for at, segment in enumerate(segments):
            if at not in damaged:
                segment.path.unlink(missing_ok=True)

    def _checked(self, embeddings: Embeddings, n: int) -> Embeddings:
        if embeddings.shape != (n, self.dimension):
            raise ValueError(f"embeddings have shape {embeddings.shape}, not {(n, self.dimension)}")
        rows = np.ascontiguousarray(embeddings, dtype="<f4")
        if n and not np.isfinite([rows.min(), rows.max()]).all():
            raise ValueError("embeddings must be finite")
        return rows


@dataclass(frozen=True, eq=False)
class Found:
    """The answer of `EmbeddingCache.find` for N images."""

    _cache: EmbeddingCache
    _keys: Keys
    _index: _Index
    _rows: Rows  # (N,) into the index; -1: not there

    @property
    def hit(self) -> NDArray[np.bool_]:
        """Whether the index has each image: (N,). The others are to be embedded."""
        return self._rows >= 0

    def read(self, images: Rows | None = None) -> tuple[NDArray[np.bool_], Embeddings]:
        """Read embeddings of n `images`, positions in 0..N-1, by default all. Return read (n,), whether each could be
        read, and their embeddings (read.sum(), d) in order.

        `read` is the truth and `hit` the forecast: an embedding that proves damaged or gone isn't read. Embed it again.
        """
        images = np.arange(len(self._rows), dtype=np.int64) if images is None else images
        embeddings = np.empty((len(images), self._cache.dimension), np.float32)
        read = self.read_into(embeddings, images)
        return read, embeddings if read.all() else embeddings[read]

    def sweep(self, images: Rows) -> Iterator[tuple[Rows, Embeddings]]:
        """Read the embeddings of those images once, in the order in which they lie on disk, some megabytes at a time.

        Yield some of the images (b,), and their embeddings (b, d). Those that can't be read are left out.
        """
        stored = images[np.argsort(self._rows[images], kind="stable")]
        at_once = max(1, _SWEPT_BYTES // (self._cache.dimension * 4))
        for start in range(0, len(stored), at_once):
            part = stored[start : start + at_once]
            read, embeddings = self.read(part)
            yield part[read], embeddings

    def read_into(self, embeddings: Embeddings, images: Rows) -> NDArray[np.bool_]:
        """Read as `read` does, but put image `images[i]` into row i of (n, d). Rows that can't be read hold nonsense
        then.
        """
        read = self._index.read_into(embeddings, self._rows[images])
        if not read[self.hit[images]].all():
            moved = self._cache._look_up(self._keys[images])  # another process may have merged segments since `find`
            read = moved._index.read_into(embeddings, moved._rows)
        return read


@dataclass(frozen=True, eq=False)
class _Segment:
    """A file whose header, length and index were sound when it was opened."""

    path: Path
    keys: Keys  # (n, 2)
    checksums: NDArray[np.uint32]  # (n,)
    embeddings_at: int
    dimension: int

    @property
    def stamp(self) -> int:
        return int(self.path.name.partition("-")[0])

    @property
    def n_bytes(self) -> int:
        return len(self.keys) * self.dimension * 4

    def read_into(self, embeddings: Embeddings, places: Rows, rows: Rows) -> NDArray[np.bool_]:
        """Read n ascending `rows`, row i into `embeddings[places[i]]`. Return whether each is intact: (n,).

        They are read in few large pieces; only a long stretch that nobody wants is skipped.
        """
        block, gap = (max(1, n_bytes // (self.dimension * 4)) for n_bytes in (_BLOCK_BYTES, _GAP_BYTES))
        cuts = (np.flatnonzero((np.diff(rows // block) > 0) | (np.diff(rows) > gap)) + 1).tolist()
        intact = np.zeros(len(rows), bool)
        with self.path.open("rb", buffering=0) as file:
            for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True):
                with suppress(OSError):  # of this block; the others may be sound
                    found = self._read_block(file, embeddings, places[start:stop], rows[start:stop])
                    intact[start:stop] = _checksums(found) == self.checksums[rows[start:stop]]
        return intact

    def _read_block(self, file: FileIO, embeddings: Embeddings, places: Rows, rows: Rows) -> Embeddings:
        if _is_run(rows) and _is_run(places):  # as a pool is read that was embedded from first to last: no copy
            found: Embeddings = embeddings[places[0] : places[-1] + 1]
            self._read_span(file, int(rows[0]), found)
            return found
        span = np.empty((int(rows[-1] - rows[0]) + 1, self.dimension), np.float32)
        self._read_span(file, int(rows[0]), span)
        found = span[rows - rows[0]]
        embeddings[places] = found
        return found

    def _read_span(self, file: FileIO, start: int, embeddings: Embeddings) -> None:
        file.seek(self.embeddings_at + start * self.dimension * 4)
        left = embeddings.data.cast("B")
        while left:
            if not (count := file.readinto(left)):
                raise OSError(errno.EIO, "the file ends early")
            left = left[count:]
        if sys.byteorder == "big":
            embeddings.byteswap(inplace=True)


def _is_run(rows: Rows) -> bool:
    """Whether the rows are distinct, ascending, and without a gap."""
    return int(rows[-1] - rows[0]) + 1 == len(rows) and bool((np.diff(rows) == 1).all())


class _Index:
    """The keys of several segments, newest first, as one list of R rows that can be searched."""

    def __init__(self, segments: list[_Segment]) -> None:
        self.segments = segments
        self.keys: Keys = np.concatenate([np.empty((0, 2), "<u8"), *(segment.keys for segment in segments)])
        self.starts = np.cumsum([0, *(len(segment.keys) for segment in segments)])
        self.order = np.argsort(self.keys[:, 0], kind="stable")  # stable: of equal keys the newest comes first
        self.halves = self.keys[self.order, 0]

    def rows_of(self, keys: Keys) -> Rows:
        """Return the newest row of each key: (n,), -1 where there is none.

        The search goes by the first half of the hash, the answer by both: of two images alike in 64 bits, once in
        10^7 pools of a million, the older is never found. It is not mistaken for the other.
        """
        if not len(self.keys):
            return np.full(len(keys), -1)
        at = np.minimum(np.searchsorted(self.halves, keys[:, 0]), len(self.halves) - 1)
        rows = self.order[at]
        return np.where((self.keys[rows] == keys).all(axis=1), rows, -1)

    def newest_rows(self) -> Rows:
        """Return the rows that can be found, ascending."""
        return np.sort(self.order[np.diff(self.halves, prepend=~self.halves[:1]) != 0])

    def owner_of(self, rows: Rows) -> Rows:
        """Return the position in `segments` of each row's segment."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def read_into(self, embeddings: Embeddings, rows: Rows) -> NDArray[np.bool_]:
        """Read n rows, -1 for none, into (n, d). Return whether each is there and intact: (n,); the others hold
        nonsense.
        """
        intact = np.zeros(len(rows), bool)
        order = np.argsort(rows, kind="stable")
        ends = np.searchsorted(rows[order], self.starts)
        for segment, first, start, stop in zip(self.segments, self.starts, ends, ends[1:], strict=False):
            places = order[start:stop]
            if places.size:
                with suppress(OSError):  # gone, or the share is: not intact
                    intact[places] = segment.read_into(embeddings, places, rows[places] - first)
        return intact


def _keys(names: Sequence[str], stamps: NDArray[np.int64]) -> Keys:
    """Return 128-bit hashes: (n, 2). The stamp comes first, at a fixed length, so no two images run together."""
    keys = np.empty((len(names), 2), "<u8")
    for start in range(0, len(names), _HASHED_AT_ONCE):  # the digests of ten million would take a gigabyte besides
        part = slice(start, start + _HASHED_AT_ONCE)
        numbers = stamps[part].astype("<i8").tobytes()
        digests = [
            blake2b(
                numbers[at : at + 8]
                + name.encode("utf-8", "surrogatepass")
                + (b"" if name.lower().endswith(JPEG_SUFFIXES) else _DECODER),
                digest_size=16,
            ).digest()
            for at, name in zip(range(0, len(numbers), 8), names[part], strict=True)
        ]
        keys[part] = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)
    return keys


def _checksums(embeddings: Embeddings) -> NDArray[np.uint32]:
    rows = embeddings.data.cast("B")
    size = embeddings.shape[1] * 4
    return np.fromiter((crc32(rows[at : at + size]) for at in range(0, len(rows), size)), "<u4", len(embeddings))


def _serialised(key: CacheKey, keys: Keys, embeddings: Embeddings) -> Iterator[bytes | memoryview]:
    """Return the blocks of a segment file, before they are aligned."""
    index = keys.tobytes() + _checksums(embeddings).tobytes()
    rows, dimension = embeddings.shape
    fields = {"key": asdict(key), "dimension": dimension, "rows": rows, "index": _digest(index).hex()}
    header = json.dumps(fields).encode()
    yield _PREAMBLE.pack(_MAGIC, len(header), _digest(header))
    yield header
    yield index
    yield embeddings.data


def _open_segment(path: Path, key: CacheKey, dimension: int) -> _Segment | None:
    """Open a segment. Return None for whatever is not a whole one of this key and dimension."""
    try:
        with path.open("rb") as file:
            return _parse(file, path, key, dimension)
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None


def _parse(file: BinaryIO, path: Path, key: CacheKey, dimension: int) -> _Segment:
    header_length, header = _parse_header(file)
    rows = header["rows"]
    index_at = _aligned(_PREAMBLE.size + header_length)
    embeddings_at = _aligned(index_at + 20 * rows)
    length = _aligned(embeddings_at + rows * dimension * 4)
    if (header["key"], header["dimension"]) != (asdict(key), dimension) or os.fstat(file.fileno()).st_size != length:
        raise ValueError("another key's segment, or cut short")
    index = _read_at(file, index_at, 20 * rows)
    if _digest(index).hex() != header["index"]:
        raise ValueError("damaged index")
    keys = np.frombuffer(index, "<u8", 2 * rows).reshape(-1, 2)
    checksums = np.frombuffer(index, "<u4", offset=16 * rows)
    return _Segment(path, keys, checksums, embeddings_at, dimension)


def _parse_header(file: BinaryIO) -> tuple[int, dict[str, Any]]:
    """Return the header's length in bytes, and its fields."""
    magic, length, digest = _PREAMBLE.unpack(_read_at(file, 0, _PREAMBLE.size))
    if magic != _MAGIC or length > _HEADER_MAX_BYTES:
        raise ValueError("not a segment")
    header = _read_at(file, _PREAMBLE.size, length)
    if _digest(header) != digest:
        raise ValueError("damaged header")
    return length, json.loads(header)


def _read_at(file: BinaryIO, start: int, n_bytes: int) -> bytes:
    """Read exactly `n_bytes`. Raises OSError when the file ends early."""
    file.seek(start)
    data = file.read(n_bytes)
    if len(data) != n_bytes:
        raise OSError(errno.EIO, "the file ends early")
    return data


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _aligned(n_bytes: int) -> int:
    return n_bytes + -n_bytes % _ALIGNMENT


def _segment_names(folder: Path) -> list[str]:
    """List the names of segments that are plain files: opening a pipe would block."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if _SEGMENT_NAME.fullmatch(entry.name) and entry.is_file()]
    except OSError:
        return []


def _remove_stale_temporaries(folder: Path) -> None:
    """Delete the temporary files of writers that died. A live one has touched its file within the day."""
    for path in folder.glob("*.tmp"):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - _STALE_AFTER_S:
                path.unlink()


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise StorageFull(f"No room for embeddings in {folder} ({error.strerror}); free some space.") from error
        raise CacheUnwritable(f"Can't keep embeddings in {folder}: {error.strerror or error}.") from error

"""Read embeddings and predictions that were made elsewhere, in place of a backbone's and a head's.

Rows are found by image name, never by position, so neither file has to follow the order of the pool or be complete.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.counting import counted
from nextlabel.core.data.encodings import other_than_utf_8
from nextlabel.core.data.label_text import clean_name
from nextlabel.core.data.roots import open_existing, shown
from nextlabel.core.data.spelling import as_seen, shows
from nextlabel.core.errors import EmbeddingsMalformed, PathNotReadable, PredictionsMalformed

SUM_TOLERANCE = 0.02  # probabilities are often written with two digits
NUMBERS_AT_ONCE = 4_000_000
MOST_NUMBERS_A_ROW = 1_000_000
LARGEST = 1e15  # squares of larger ones, and of smaller than its reciprocal, are beyond float32
# What is looked at before a job is accepted, of a file that may be anything and of any size.
ROWS_AT_THE_DOOR = 1_000
BYTES_AT_THE_DOOR = 8_000_000
LINE_BYTES = 4_000_000

Malformed: TypeAlias = EmbeddingsMalformed | PredictionsMalformed


@dataclass(frozen=True, eq=False)
class ExternalEmbeddings:
    """names: K distinct image names, composed (`as_seen`); matrix: (K, d) float32, finite."""

    names: tuple[str, ...]
    matrix: NDArray[np.float32]

    def fingerprint(self) -> str:
        """Hex SHA-256 of names and numbers."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        digest.update(np.ascontiguousarray(self.matrix).data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class ExternalPredictions:
    """names: K distinct image names; classes: C >= 2; probabilities: (K, C) float64, each row sums to 1.

    Names and classes are composed (`as_seen`).
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]

    def fingerprint(self) -> str:
        """Hex SHA-256 of names, classes and numbers."""
        digest = hashlib.sha256("\n".join((*self.names, "", *self.classes)).encode())
        digest.update(self.probabilities.data)
        return digest.hexdigest()


def check_embeddings(path: str, roots: Sequence[Path]) -> None:
    """Check the headers and first rows of both files. Raises as `read_embeddings` does."""
    file, array, names = _open(path, roots, at_the_door=True)
    _finite(file, array[: min(len(names), max(1, NUMBERS_AT_ONCE // array.shape[1]))], names)


def read_embeddings(path: str, roots: Sequence[Path]) -> ExternalEmbeddings:
    """Read a `.npy` file of (K, d) numbers, and the names of its rows in the `.txt` beside it.

    Raises:
        EmbeddingsMalformed: says which of the two files is wrong, where, and how to mend it.
        PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind
    """
    file, array, names = _open(path, roots, at_the_door=False)
    matrix = np.empty(array.shape, np.float32)
    at_once = max(1, NUMBERS_AT_ONCE // array.shape[1])
    for start in range(0, len(array), at_once):
        rows = slice(start, start + at_once)
        matrix[rows] = _finite(file, array[rows], names, start)
    return ExternalEmbeddings(names, matrix)


def check_predictions(path: str, roots: Sequence[Path], rows: int = ROWS_AT_THE_DOOR) -> None:
    """Check the file's header and first rows. Raises as `read_predictions` does."""
    _read_predictions(path, roots, rows)


def read_predictions(path: str, roots: Sequence[Path]) -> ExternalPredictions:
    """Read a csv or tab-separated file in UTF-8, whose columns are `name` and one for each class.

    Raises:
        PredictionsMalformed: names the line, what is wrong with it, and what belongs there.
        PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind
    """
    return _read_predictions(path, roots, None)


# --- embeddings -------------------------------------------------------------------------------------------------


def _open(path: str, roots: Sequence[Path], *, at_the_door: bool) -> tuple[Path, NDArray[Any], tuple[str, ...]]:
    """Return the file, its array (K, d) mapped into memory, and the K names; at the door some of these may do."""
    file, stream = open_existing(path, roots)
    with stream:
        if file.suffix != ".npy":
            raise EmbeddingsMalformed(f"{shown(file)} is no .npy file. Write it with numpy.save.")
        if stream.read(2) == b"PK":
            raise EmbeddingsMalformed(f"{shown(file)} is an archive, of numpy.savez maybe. Write it with numpy.save.")
        stream.seek(0)
        array = _load(file, stream)
    if array.ndim != 2 or array.dtype.kind not in "fiu" or 0 in array.shape or array.shape[1] > MOST_NUMBERS_A_ROW:
        content = f"{array.dtype} of shape {array.shape}"
        raise EmbeddingsMalformed(f"{shown(file)} must hold numbers of shape (images, d), not {content[:200]}.")
    beside, stream = open_existing(file.with_suffix(".txt"), roots)
    with stream:
        text = _Lines(beside, stream, EmbeddingsMalformed, BYTES_AT_THE_DOOR if at_the_door else None)
        lines = iter(text)
        names = _names(beside, islice(lines, min(len(array) + 1, ROWS_AT_THE_DOOR) if at_the_door else len(array) + 1))
        is_whole = next(lines, None) is None and not text.was_cut
    if len(names) > len(array) or (is_whole and len(names) < len(array)):
        has = counted(len(names), "name") if is_whole else f"more than {counted(len(names) - 1, 'name')}"
        rows = counted(len(array), "row")
        raise EmbeddingsMalformed(f"{shown(beside)} has {has}, and {shown(file)} {rows}: one a row.")
    return file, array, names


def _load(file: Path, stream: BufferedReader) -> Any:
    try:
        # numpy maps what it opened by a path, and this one stands for what is open already
        return np.load(f"/dev/fd/{stream.fileno()}", mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy's reader raises whatever the damage of a header leads it to
        words = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise EmbeddingsMalformed(
            f"{shown(file)} can't be read as numbers ({words}). Write it with numpy.save."
        ) from None


def _finite(file: Path, array: NDArray[Any], names: Sequence[str], start: int = 0) -> NDArray[np.float32]:
    """Return rows of the file (n, d), the first of which is row `start`, as float32."""
    with np.errstate(over="ignore"):
        rows = array.astype(np.float32)
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        row = start + int(np.argmin(finite))
        raise EmbeddingsMalformed(
            f"{shown(file)}: row {row}, of {names[row]!r}, has a value that is not finite, or not in 32 bits."
        )
    largest = np.abs(rows).max(axis=1)
    if (largest > LARGEST).any():
        row = start + int(np.argmax(largest > LARGEST))
        raise EmbeddingsMalformed(
            f"{shown(file)}: row {row}, of {names[row]!r}, has a value beyond {LARGEST:.0e}. Divide all of them."
        )
    little = np.flatnonzero(largest < 1 / LARGEST)
    little = little[array[little].any(axis=1)]  # a row of zeros is one
    if len(little):
        row = start + int(little[0])
        raise EmbeddingsMalformed(
            f"{shown(file)}: row {row}, of {names[row]!r}, has no value beyond {1 / LARGEST:.0e}, too little to be "
            "told apart by. Multiply all of them, or write zeros."
        )
    return rows


def _names(file: Path, lines: Iterable[str]) -> tuple[str, ...]:
    names = {"": 0}
    for number, line in enumerate(lines, 1):
        name = as_seen(clean_name(line))
        if name in names:
            fault = f"{name[:200]!r} stands there twice" if name else "the name is empty"
            raise EmbeddingsMalformed(f"{file.name}:{number}: {fault}. Each row has a name of its own.")
        names[name] = number
    return tuple(names)[1:]


# --- predictions ------------------------------------------------------------------------------------------------


def _read_predictions(path: str, roots: Sequence[Path], most: int | None) -> ExternalPredictions:
    file, stream = open_existing(path, roots)
    with stream:
        lines = iter(_Lines(file, stream, PredictionsMalformed, None if most is None else BYTES_AT_THE_DOOR))
        header = next(lines, "")
        reader = csv.reader(chain([header], lines), delimiter="\t" if "\t" in header else ",", strict=True)
        try:
            classes = _classes(file, next(reader))
            names, rows = _rows(file, reader, len(classes), most)
        except csv.Error as error:
            raise PredictionsMalformed(f"{file.name}:{reader.line_num}: {error}.") from None
    return ExternalPredictions(names, classes, rows / rows.sum(axis=1, keepdims=True))


def _classes(file: Path, header: Sequence[str]) -> tuple[str, ...]:
    name, *classes = (as_seen(column.strip()) for column in header) if header else ("",)
    if name != "name" or len(classes) < 2 or not all(map(shows, classes)) or len(set(classes)) < len(classes):
        raise PredictionsMalformed(
            f"{file.name}:1: the header must be `name` and then two classes or more, each with a name of its own; "
            f"it is: {shown(', '.join(header))}"
        )
    return tuple(classes)


def _rows(file: Path, reader: Any, n_classes: int, most: int | None) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    seen: set[str] = set()
    names: list[str] = []
    rows: list[NDArray[np.float64]] = []
    filled = ((reader.line_num, row) for row in reader if row)
    for line, (name, *numbers) in islice(filled, most):
        name = as_seen(clean_name(name))  # noqa: PLW2901 - as labels have it
        row = _probabilities(numbers, n_classes)
        fault = "the name is empty" if not name else f"{name!r} stands there twice" if name in seen else None
        if fault or isinstance(row, str):
            raise PredictionsMalformed(f"{file.name}:{line}: {fault or row}.")
        seen.add(name)
        names.append(name)
        rows.append(row)
    if not names:
        raise PredictionsMalformed(f"{shown(file)} has a header and no prediction.")
    return tuple(names), np.stack(rows)


def _probabilities(texts: Sequence[str], n_classes: int) -> NDArray[np.float64] | str:
    """Read the probabilities of a row, (C,) float64; or say in words what is wrong with them."""
    if len(texts) != n_classes:
        return f"{counted(len(texts), 'number')}, and the header has {counted(n_classes, 'class', 'classes')}"
    try:
        row = np.array([float(text) for text in texts])
    except ValueError as error:
        return str(error)
    if not np.isfinite(row).all() or row.min() < 0:
        return "a probability is below 0 or not finite"
    if abs(row.sum() - 1) > SUM_TOLERANCE:
        return f"the probabilities sum to {row.sum():.4g}; they must to 1 (logits need a softmax)"
    return row


# --- text -------------------------------------------------------------------------------------------------------


class _Lines:
    """Lines of a file in UTF-8, without their ends, read when they are asked for: `most_bytes` and a line at most."""

    def __init__(self, file: Path, stream: BufferedReader, malformed: type[Malformed], most_bytes: int | None) -> None:
        self.was_cut = False  #: there is more in the file than may be read
        self._file, self._stream, self._malformed, self._most_bytes = file, stream, malformed, most_bytes
        self._at = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._read():
            text = self._text(line.removeprefix(codecs.BOM_UTF8) if self._at == 0 else line)
            self._at += len(line)
            yield from re.sub("\r\n?", "\n", text).removesuffix("\n").split("\n")  # some end with \r alone

    def _read(self) -> bytes:
        self.was_cut = self._most_bytes is not None and self._at >= self._most_bytes
        try:
            line = b"" if self.was_cut else self._stream.readline(LINE_BYTES + 1)
        except OSError as error:
            raise PathNotReadable(f"{shown(self._file)} can't be read by the service: {error.strerror}.") from None
        if self._at == 0 and (other := other_than_utf_8(line)):
            raise self._malformed(f"{shown(self._file)}: {other}.")
        if b"\0" in line:
            raise self._malformed(f"{shown(self._file)}: byte {self._at + line.index(0)} is 0. It is no text file.")
        if len(line) > LINE_BYTES:
            raise self._malformed(f"{shown(self._file)} has a line of more than {LINE_BYTES:,} bytes.")
        return line

    def _text(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            at = self._at + error.start
            raise self._malformed(f"{shown(self._file)}: byte {at} is not UTF-8. Save the file as UTF-8.") from None

"""Read embeddings and predictions that were made elsewhere, in place of a backbone's and a head's.

Rows are found by image name, never by position, so neither file has to follow the order of the pool or be complete.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.label_text import clean_name
from nextlabel.core.data.roots import open_existing, shown
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import EmbeddingsMalformed, PathNotReadable, PredictionsMalformed

SUM_TOLERANCE = 0.02  # probabilities are often written with two digits
ROWS_AT_ONCE = 65_536


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
    """Check all that can be known without reading every number. Raises as `read_embeddings` does."""
    _open(path, roots)


def read_embeddings(path: str, roots: Sequence[Path]) -> ExternalEmbeddings:
    """Read a `.npy` file of (K, d) numbers, and the names of its rows in the `.txt` beside it.

    Raises:
        EmbeddingsMalformed: says which of the two files is wrong, where, and how to mend it.
        PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind
    """
    file, array, names = _open(path, roots)
    matrix = np.empty(array.shape, np.float32)
    for start in range(0, len(array), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        matrix[rows] = array[rows]
        finite = np.isfinite(matrix[rows]).all(axis=1)
        if not finite.all():
            row = start + int(np.argmin(finite))
            raise EmbeddingsMalformed(f"{shown(file)}: row {row}, of {names[row]!r}, has a value that is not finite.")
    return ExternalEmbeddings(names, matrix)


def check_predictions(path: str, roots: Sequence[Path], rows: int = 1_000) -> None:
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


def _open(path: str, roots: Sequence[Path]) -> tuple[Path, NDArray[Any], tuple[str, ...]]:
    """Return the file, its array (K, d) mapped into memory, and the K names."""
    file, stream = open_existing(path, roots)
    try:
        with stream:
            if file.suffix != ".npy":
                raise EmbeddingsMalformed(f"{shown(file)} is no .npy file. Write it with numpy.save.")
            # numpy maps what it opened by a path, and this one stands for what is open already
            array = np.load(f"/dev/fd/{stream.fileno()}", mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise EmbeddingsMalformed(
            f"{shown(file)} can't be read as numbers ({error}). Write it with numpy.save."
        ) from None
    if array.ndim != 2 or array.dtype.kind not in "fiu" or 0 in array.shape:
        content = f"{array.dtype} of shape {array.shape}"
        raise EmbeddingsMalformed(f"{shown(file)} must hold numbers of shape (images, d), not {content}.")
    names = _names(*open_existing(file.with_suffix(".txt"), roots))
    if len(names) != len(array):
        beside = shown(file.with_suffix(".txt"))
        raise EmbeddingsMalformed(f"{beside} has {len(names)} names, and {shown(file)} {len(array)} rows: one a row.")
    return file, array, names


def _names(file: Path, stream: BufferedReader) -> tuple[str, ...]:
    names = tuple(as_seen(clean_name(line)) for line in _text(file, stream, EmbeddingsMalformed).split("\n"))
    names = names[:-1] if names[-1] == "" else names
    line = _first_repeated_or_empty(names)
    if line is not None:
        fault = f"{names[line]!r} stands there twice" if names[line] else "the name is empty"
        raise EmbeddingsMalformed(f"{file.name}:{line + 1}: {fault}. Each row has a name of its own.")
    return names


def _first_repeated_or_empty(names: Sequence[str]) -> int | None:
    seen: set[str] = {""}
    for line, name in enumerate(names):
        if name in seen:
            return line
        seen.add(name)
    return None


# --- predictions ------------------------------------------------------------------------------------------------


def _read_predictions(path: str, roots: Sequence[Path], most: int | None) -> ExternalPredictions:
    file, stream = open_existing(path, roots)
    lines = _text(file, stream, PredictionsMalformed).split("\n")
    reader = csv.reader(iter(lines), delimiter="\t" if "\t" in lines[0] else ",", strict=True)
    try:
        classes = _classes(file, next(reader))
        names, rows = _rows(file, reader, len(classes), most)
    except csv.Error as error:
        raise PredictionsMalformed(f"{file.name}:{reader.line_num}: {error}.") from None
    return ExternalPredictions(names, classes, rows / rows.sum(axis=1, keepdims=True))


def _classes(file: Path, header: Sequence[str]) -> tuple[str, ...]:
    name, *classes = (as_seen(column.strip()) for column in header) if header else ("",)
    if name != "name" or len(classes) < 2 or "" in classes or len(set(classes)) < len(classes):
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
        return f"{len(texts)} numbers, and the header has {n_classes} classes"
    try:
        row = np.array([float(text) for text in texts])
    except ValueError as error:
        return str(error)
    if not np.isfinite(row).all() or row.min() < 0:
        return "a probability is below 0 or not finite"
    if abs(row.sum() - 1) > SUM_TOLERANCE:
        return f"the probabilities sum to {row.sum():.4g}; they must to 1 (logits need a softmax)"
    return row


def _text(file: Path, stream: BufferedReader, malformed: type[EmbeddingsMalformed] | type[PredictionsMalformed]) -> str:
    try:
        with stream:
            return re.sub("\r\n?", "\n", stream.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise malformed(f"{shown(file)}: byte {error.start} is not UTF-8. Save the file as UTF-8.") from None
    except OSError as error:
        raise PathNotReadable(f"{shown(file)} can't be read by the service: {error.strerror}.") from None

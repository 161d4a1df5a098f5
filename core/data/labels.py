"""What people have said about the images: text files of `file name<TAB>class`."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nextlabel.core.data.folder_lock import unchanged
from nextlabel.core.data.pool import Pool
from nextlabel.core.data.roots import confine, existing_file_or_folder, shown
from nextlabel.core.errors import LabelsConflict, LabelsMalformed, PathNotReadable

MAX_LISTED = 20
MAX_BYTES = 1 << 30  # of one file; ten million labels have half of it


@dataclass(frozen=True)
class Labels:
    """One class for each labelled name. Names are relative POSIX paths, as a pool has them."""

    classes_by_name: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.classes_by_name)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The distinct classes: by number when all of them are whole numbers, else by letter."""
        return sorted_classes(self.classes_by_name.values())

    def fingerprint(self) -> str:
        """Hex SHA-256; the same for the same labels, whatever files and order they came in."""
        lines = sorted(f"{name}\t{class_}\n" for name, class_ in self.classes_by_name.items())
        return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Matched:
    """Labels laid on a pool: L labelled rows, C classes."""

    rows: NDArray[np.int64]  # (L,), ascending
    classes: tuple[str, ...]  # C; each occurs on a row
    targets: NDArray[np.int64]  # (L,), index into `classes`
    absent: tuple[str, ...]  # labelled names that the pool has not, sorted

    def class_by_row(self) -> dict[int, str]:
        return {int(row): self.classes[target] for row, target in zip(self.rows, self.targets, strict=True)}


def read_labels(path: Path, roots: Sequence[Path] = ()) -> Labels:
    """The labels in a file, or in all files of a folder (not of its sub-folders; hidden files are left out).

    An empty file or folder is no labels. A link in the folder is followed if it stays in the folder or the roots.

    Raises:
        LabelsMalformed: lists the first 20 faulty lines.
        LabelsConflict: lists the first 20 names that stand there with two classes.
        PathNotFound, PathNotReadable, PathWrongKind, PathNotAllowed
    """
    with unchanged(path):
        files = files_of(path.absolute(), roots)
        classes_by_name, conflicting = _read(files)
        if conflicting:
            raise LabelsConflict(_describe_conflicts(files, conflicting))
    return Labels(classes_by_name)


def read_labels_and_conflicts(path: Path, roots: Sequence[Path] = ()) -> tuple[Labels, dict[str, dict[str, str]]]:
    """As `read_labels`, without the names that stand there with two classes: those -> each class -> file:line."""
    with unchanged(path):
        files = files_of(path.absolute(), roots)
        classes_by_name, conflicting = _read(files)
        places = _places(files, conflicting)
    for name in conflicting:
        del classes_by_name[name]
    return Labels(classes_by_name), places


def _read(files: Sequence[Path]) -> tuple[dict[str, str], set[str]]:
    """-> (the first class of each name, names with another one besides). Raises LabelsMalformed."""
    faults: list[str] = []
    conflicting: set[str] = set()
    classes_by_name: dict[str, str] = {}
    for _, _, name, class_ in entries_of(files, faults):
        if classes_by_name.setdefault(name, class_) != class_:
            conflicting.add(name)
    if faults:
        raise LabelsMalformed(describe_faults(faults))
    return classes_by_name, conflicting


def write_labels(path: Path, pairs: Iterable[tuple[str, str]]) -> None:
    """Write (name, class) pairs as `read_labels` reads them. The file appears whole or not at all.

    Raises:
        LabelsMalformed: a name or class is empty, or holds a character that a labels file can't.
    """
    text = "".join(f"{writable(clean_name(name))}\t{writable(class_.strip())}\n" for name, class_ in pairs)
    if text.startswith("\ufeff"):  # else the first name's own mark would be read as the file's
        text = "\ufeff" + text
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")  # hidden, so no reader of the folder takes it for labels
    try:
        with temporary.open("xb") as stream:
            stream.write(text.encode())
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def match(labels: Labels, pool: Pool) -> Matched:
    """Find the rows of the labelled names."""
    rows_by_name = pool.rows_by_name
    present = {name: class_ for name, class_ in labels.classes_by_name.items() if name in rows_by_name}
    class_by_row = {rows_by_name[name]: class_ for name, class_ in present.items()}
    rows = sorted(class_by_row)
    classes = sorted_classes(present.values())
    index = {class_: i for i, class_ in enumerate(classes)}
    return Matched(
        rows=np.array(rows, dtype=np.int64),
        classes=classes,
        targets=np.array([index[class_by_row[row]] for row in rows], dtype=np.int64),
        absent=tuple(sorted(labels.classes_by_name.keys() - present.keys())),
    )


def sorted_classes(classes: Iterable[str]) -> tuple[str, ...]:
    """Distinct classes: by number when all of them are whole numbers, else by letter."""
    distinct = set(classes)
    if all(re.fullmatch("[+-]?[0-9]{1,18}", class_) for class_ in distinct):
        return tuple(sorted(distinct, key=lambda class_: (int(class_), class_)))
    return tuple(sorted(distinct))


# --- lines ------------------------------------------------------------------------------------------------------


def entries_of(files: Sequence[Path], faults: list[str]) -> Iterator[tuple[Path, int, str, str]]:
    """Each (file, line number, name, class). What is wrong goes to `faults`, until there are too many."""
    for file in files:
        for number, line in enumerate(text_of(file, faults).split("\n"), start=1):
            name, _, class_ = line.partition("\t")
            name = clean_name(name)
            if name and "\t" not in class_ and (class_ := class_.strip()) and not name.isspace():
                yield file, number, name, class_
            elif line and not line.isspace():
                faults.append(f"{file.name}:{number}: {_fault(line)}")
            if len(faults) > MAX_LISTED:
                return


def clean_name(name: str) -> str:
    while name.startswith("./"):
        name = name[2:]
    return name


def _fault(line: str) -> str:
    columns = line.split("\t")
    begin = shown(line[:80])
    if len(columns) > 2:
        return f"{len(columns)} columns, where two belong: {begin}"
    if len(columns) == 2:
        return f"the {'class' if clean_name(columns[0]).strip() else 'file name'} is empty: {begin}"
    for separator, words in ((",", "a comma stands"), (";", "a semicolon stands"), (" ", "spaces stand")):
        if separator in line.strip():
            return f"{words} where a tab belongs: {begin}"
    return f"one column; the class is missing: {begin}"


def writable(text: str) -> str:
    if not text or text.isspace():
        raise LabelsMalformed("A file name or class is empty; a labels file can't hold that.")
    if re.search("[\t\n\r\0\ud800-\udfff]", text):
        raise LabelsMalformed(f"{shown(text)} holds a tab, a line break, a NUL or broken Unicode. Rename it.")
    return text


def describe_faults(faults: Sequence[str]) -> str:
    more = ["and more"] if len(faults) > MAX_LISTED else []
    head = "Labels are lines of file name, one tab, class, in UTF-8. Please mend:"
    return "\n".join([head, *faults[:MAX_LISTED], *more])


def _describe_conflicts(files: Sequence[Path], conflicting: Collection[str]) -> str:
    places = _places(files, sorted(conflicting)[:MAX_LISTED])
    lines = [
        f"{shown(name)}: {', '.join(f'{shown(class_)} in {place}' for class_, place in by_class.items())}"
        for name, by_class in places.items()
    ]
    more = [f"and {len(conflicting) - MAX_LISTED} more"] if len(conflicting) > MAX_LISTED else []
    return "\n".join(["The same image has two classes. Please keep one of them:", *lines, *more])


def _places(files: Sequence[Path], names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Each name, sorted -> each of its classes -> the first file:line where it stands."""
    places: dict[str, dict[str, str]] = {name: {} for name in sorted(names)}
    if places:
        for file, number, name, class_ in entries_of(files, []):
            if name in places:
                places[name].setdefault(class_, f"{file.name}:{number}")
    return places


# --- files ------------------------------------------------------------------------------------------------------


def files_of(path: Path, roots: Sequence[Path]) -> list[Path]:
    real = existing_file_or_folder(path, [path])
    if real.is_file():
        return [real]
    try:
        return [file for entry in sorted(real.iterdir()) if (file := _labels_file(entry, [real, *roots]))]
    except OSError as error:
        raise _not_readable(real, error) from None


def _labels_file(entry: Path, roots: Sequence[Path]) -> Path | None:
    if entry.name.startswith("."):
        return None
    file = confine(entry, roots) if entry.is_symlink() else entry
    return file if file.is_file() else None


def text_of(file: Path, faults: list[str]) -> str:
    """The file's text; when it has none, a fault and ""."""
    data = read_bytes(file)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _note(faults, file, data, 0, "the file is UTF-16; save it as UTF-8")
    if (nul := data.find(b"\0")) >= 0:
        return _note(faults, file, data, nul, "a NUL byte: this is not a text file (an image?)")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"byte 0x{data[error.start]:02X} is not UTF-8; save the file as UTF-8"
        return _note(faults, file, data, error.start, what)


def _note(faults: list[str], file: Path, data: bytes, at: int, what: str) -> str:
    line = data.count(b"\n", 0, at) + 1
    faults.append(f"{file.name}:{line}: {what}")
    return ""


def read_bytes(file: Path) -> bytes:
    """All of the file; only its head when that is no text already, for it may be a large image."""
    try:
        with file.open("rb") as stream:
            head = stream.read(65_536)
            if b"\0" in head:
                return head
            rest = stream.read(MAX_BYTES)
            if len(rest) == MAX_BYTES:
                raise LabelsMalformed(f"{shown(file)} is larger than {MAX_BYTES >> 30} GB: that is no labels file.")
            return head + rest
    except OSError as error:
        raise _not_readable(file, error) from None


def _not_readable(path: Path, error: OSError) -> PathNotReadable:
    return PathNotReadable(f"{shown(path)} can't be read by the service: {error.strerror}. Give it permission.")

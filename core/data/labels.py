"""Files of labels: how they are found, opened, read line by line and written. What a line means, a task knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from nextlabel.core.data.files import has_suffix
from nextlabel.core.data.label_text import decode, format_line, join_lines
from nextlabel.core.data.people import sort_out
from nextlabel.core.data.roots import confine, readable, shown
from nextlabel.core.disk import write_whole
from nextlabel.core.errors import LabelsMalformed, PathNotReadable

MAX_LISTED = 20
MAX_BYTES = 1 << 30  # of one file; ten million labels have half of it
V = TypeVar("V")


def entries_of(
    files: Sequence[Path], faults: list[str], parse: Callable[[str], tuple[str, V] | None]
) -> Iterator[tuple[Path, int, str, V]]:
    """Yield (file, line number, name, what is said of it). What is wrong goes to `faults`, until there are too many.

    parse: a line -> the name and what is said of it; None: the line is blank. Its ValueError says what is wrong.
    """
    for file in files:
        for number, line in enumerate(text_of(file, faults).split("\n"), start=1):
            try:
                entry = parse(line)
            except ValueError as fault:
                faults.append(f"{file.name}:{number}: {fault}")
                entry = None
            if entry is not None:
                yield file, number, *entry
            if len(faults) > MAX_LISTED:
                return


def describe_faults(faults: Sequence[str]) -> str:
    more = ["and more"] if len(faults) > MAX_LISTED else []
    head = "Labels are lines of file name, one tab, class, in UTF-8. Please mend:"
    return "\n".join([head, *faults[:MAX_LISTED], *more])


def sorted_classes(classes: Iterable[str]) -> tuple[str, ...]:
    """Sort distinct classes: by number when all of them are whole numbers, else by letter."""
    distinct = set(classes)
    if all(re.fullmatch("[+-]?[0-9]{1,18}", class_) for class_ in distinct):
        return tuple(sorted(distinct, key=lambda class_: (int(class_), class_)))
    return tuple(sorted(distinct))


def write_labels(path: Path, pairs: Iterable[tuple[str, str]]) -> None:
    """Write (name, class) pairs as `read_labels` reads them. The file appears whole or not at all.

    Raises:
        LabelsMalformed: a name or class is empty, or holds a character that a labels file can't.
    """
    text = join_lines(format_line(name, class_) for name, class_ in pairs)
    write_whole(path, text.encode())


# --- files ------------------------------------------------------------------------------------------------------


def files_of(path: Path, roots: Sequence[Path]) -> list[Path]:
    """List the labels files of a checked path: itself, or people's in it. Links may lead anywhere in it or the roots.

    Of a folder of images, named by mistake, these are listed: whoever reads them says that they are no labels.
    """
    real = readable(path)
    if real.is_file():
        return [real]
    entries = _entries(real)
    people, left_out = sort_out(entries)
    names = people or [name for name in left_out if has_suffix(name)]
    files = (confine(entries[name], [real, *roots]) if entries[name].is_symlink() else entries[name] for name in names)
    return [file for file in files if file.is_file()]


def left_out_of(path: Path) -> list[str]:
    """List the files in a checked folder of labels that are nobody's labels, hidden ones left out. A file has none."""
    real = readable(path)
    if real.is_file():
        return []
    entries = _entries(real)
    _, left_out = sort_out(entries)
    return [name for name in left_out if entries[name].is_file()]


def _entries(folder: Path) -> dict[str, Path]:
    try:
        return {entry.name: entry for entry in folder.iterdir()}
    except OSError as error:
        raise _not_readable(folder, error) from None


def text_of(file: Path, faults: list[str]) -> str:
    """Return the file's text; when it has none, add a fault and return ""."""
    return decode(read_bytes(file), faults, file.name)


def read_bytes(file: Path) -> bytes:
    """Read all of the file; only its head when that is no text already, for it may be a large image."""
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

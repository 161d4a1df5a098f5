"""Files of labels: how they are found, opened, read line by line and written. What a line means, a task knows."""

from __future__ import annotations

import errno
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from nextlabel.core.data.files import has_suffix
from nextlabel.core.data.folder import File, Folder, opened_file, opened_folder
from nextlabel.core.data.folder_lock import unchanged
from nextlabel.core.data.label_text import decode, format_line, join_lines
from nextlabel.core.data.labels_folder import (
    ALL_SETTLED,
    SUFFIXES_OF_LABELS,
    may_hold_labels,
    sort_out,
    why_nobodys,
)
from nextlabel.core.data.roots import existing_file_or_folder, readable, shown
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.disk import Target, write_whole
from nextlabel.core.errors import LabelsMalformed, NextlabelError, PathNotFound, PathNotReadable, PathWrongKind

MAX_LISTED = 20
MOST_TOLD = 3  # files in the middle of a sentence
NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}  # says that there is no such file, not that it can't be looked at
MAX_BYTES = 1 << 30  # of one file; ten million labels have half of it
SPLIT_AT_ONCE = 1 << 20  # characters
V = TypeVar("V")


def entries_of(
    files: Sequence[File], faults: list[str], parse: Callable[[str], tuple[str, V] | None]
) -> Iterator[tuple[File, int, str, V]]:
    """Yield (file, line number, name, what is said of it). What is wrong goes to `faults`, until there are too many.

    Of an image that was settled, what the file of that says is all that is said: people's own lines are passed over.

    parse: a line -> the name and what is said of it; None: the line is blank. Its ValueError says what is wrong.
    """
    settled: set[str] = set()
    for file in sorted(files, key=lambda one: one.name not in ALL_SETTLED):
        holds = file.name in ALL_SETTLED
        for number, line in enumerate(_lines_of(text_of(file, faults)), start=1):
            try:
                entry = parse(line)
            except ValueError as fault:
                faults.append(f"{file.name}:{number}: {fault}")
                entry = None
            if entry is not None and holds:
                settled.add(as_seen(entry[0]))
            if entry is not None and (not settled or holds or as_seen(entry[0]) not in settled):
                yield file, number, *entry
            if len(faults) > MAX_LISTED:
                return


def _lines_of(text: str) -> Iterator[str]:
    """Yield what `text.split("\\n")` lists; the lines of a large file are not all in memory at once."""
    begin = 0
    while (end := text.find("\n", begin + SPLIT_AT_ONCE)) >= 0:
        yield from text[begin:end].split("\n")
        begin = end + 1
    yield from text[begin:].split("\n")


def describe_faults(faults: Sequence[str]) -> str:
    more = ["and more"] if len(faults) > MAX_LISTED else []
    head = "Labels are lines of file name, one tab, class, in UTF-8. Please mend:"
    is_table = any("where a tab belongs" in fault for fault in faults)
    remedy = ["A table becomes a labels file by `nextlabel import csv`."] if is_table else []
    return "\n".join([head, *faults[:MAX_LISTED], *more, *remedy])


def sorted_classes(classes: Iterable[str]) -> tuple[str, ...]:
    """Sort distinct classes: by number when all of them are whole numbers, else by letter."""
    distinct = set(classes)
    if all(re.fullmatch("[+-]?[0-9]{1,18}", class_) for class_ in distinct):
        return tuple(sorted(distinct, key=lambda class_: (int(class_), class_)))
    return tuple(sorted(distinct))


def write_labels(path: Target, pairs: Iterable[tuple[str, str]], *, may_be_empty: bool = False) -> None:
    """Write (name, class) pairs as `read_labels` reads them. The file appears whole or not at all.

    may_be_empty: whether a class may be "", which says that none applies.

    It keeps the permissions of the file that it replaces; a new one is the group's that may write its folder.

    Raises:
        LabelsMalformed: a name or class is empty, or holds a character that a labels file can't.
    """
    text = join_lines(format_line(name, class_, may_be_empty=may_be_empty) for name, class_ in pairs)
    write_whole(path, text.encode(), shared=True)


# --- files ------------------------------------------------------------------------------------------------------


@contextmanager
def labels_files(
    path: Path,
    roots: Sequence[Path] = (),
    *,
    may_change: bool = False,
    suffixes: Sequence[str] = SUFFIXES_OF_LABELS,
) -> Iterator[list[File]]:
    """Open what holds labels: the file itself, or people's in the folder, which nobody changes during the block.

    Unless they may change, which takes no lock. suffixes: what people's files end in.

    Without roots, whoever runs this names the path for themselves, and links in the folder may lead anywhere in it.

    Raises:
        FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind
    """
    real = existing_file_or_folder(path, roots) if roots else readable(path.absolute())
    with ExitStack() as stack:
        if real.is_dir():
            roots = roots or [real]
            folder = stack.enter_context(opened_folder(real, roots))
            if not may_change:
                stack.enter_context(unchanged(folder))
            yield files_in(folder, roots, stack, suffixes)
        else:
            yield [stack.enter_context(opened_file(real, roots or [real.parent]))]


def files_in(
    folder: Folder, roots: Sequence[Path], stack: ExitStack, suffixes: Sequence[str] = SUFFIXES_OF_LABELS
) -> list[File]:
    """List people's files in a folder of labels.

    Links may lead anywhere in the roots; the stack closes what they lead to. Of a folder of images, named by mistake,
    these are listed: whoever reads them says that they are no labels.

    Raises PathNotAllowed, PathNotReadable.
    """
    people, left_out = _sorted_out(folder, suffixes)
    names = people or [name for name in left_out if has_suffix(name)]
    files = (_there(folder.file(name), roots, stack) for name in names)
    return [file for file in files if file is not None]


def _there(file: File, roots: Sequence[Path], stack: ExitStack) -> File | None:
    """Return the file, or what it links to; None: a link to nothing, or it is gone this moment.

    Raises PathNotAllowed, and PathNotReadable: the disk doesn't say whether it is there, so labels may be missing.
    """
    try:
        found = followed(file, roots, stack)
        return found if stat.S_ISREG(found.status().st_mode) else None
    except (PathNotFound, PathWrongKind):  # the folder that the file would be in isn't there, or is none
        return None
    except OSError as error:
        if error.errno in NOWHERE:
            return None
        raise _not_readable(file.path, error) from None


def left_out_of(path: Path, roots: Sequence[Path] = (), suffixes: Sequence[str] = SUFFIXES_OF_LABELS) -> list[str]:
    """List what is in a folder of labels and nobody's, without hidden files. Beside a labels file there is nothing.

    What is called as people's files are and can't be opened as a file is in the list, for a person's labels may be
    missing by that: a link to a disk that is not there. So is a folder in which such files lie, with a slash.

    Raises as `labels_files` does.
    """
    real = existing_file_or_folder(path, roots) if roots else readable(path.absolute())
    if not real.is_dir():
        return []
    with opened_folder(real, roots or [real]) as folder, ExitStack() as stack:
        people, others = _sorted_out(folder, suffixes)
        no_files = [name for name in people if not _is_file(folder.file(name), roots or [real], stack)]
        files = [name for name in others if folder.file(name).is_regular()]
        folders = [
            name for name in others if folder.file(name).is_folder_with(partial(may_hold_labels, suffixes=suffixes))
        ]
        return sorted([*files, *no_files, *(f"{name}/" for name in folders)])


def told_unread(path: Path, roots: Sequence[Path] = (), suffixes: Sequence[str] = SUFFIXES_OF_LABELS) -> str:
    """Say at the end of a sentence which files in the folder are nobody's labels: most likely they were meant to be.

    Raises as `labels_files` does.
    """
    files = left_out_of(path, roots, suffixes)
    more = ", ..." if len(files) > MOST_TOLD else ""
    listed = ", ".join(map(shown, files[:MOST_TOLD]))
    return f"; not read were {listed}{more}: {why_nobodys(files, suffixes)}" if files else ""


def _is_file(file: File, roots: Sequence[Path], stack: ExitStack) -> bool:
    try:
        return followed(file, roots, stack).is_regular()
    except NextlabelError:
        return False


def _sorted_out(folder: Folder, suffixes: Sequence[str]) -> tuple[list[str], list[str]]:
    try:
        return sort_out(folder.names(), suffixes)
    except OSError as error:
        raise _not_readable(folder.path, error) from None


def followed(file: File, roots: Sequence[Path], stack: ExitStack) -> File:
    """Return the file, or what it links to. Raises PathNotAllowed: that lies outside the roots."""
    return stack.enter_context(opened_file(file.path, roots)) if file.is_link() else file


def text_of(file: File, faults: list[str]) -> str:
    """Return the file's text; when it has none, add a fault and return ""."""
    return decode(read_bytes(file), faults, file.name)


def read_bytes(file: File) -> bytes:
    """Read all of the file; only its head when that is no text already, for it may be a large image."""
    try:
        with file.open() as stream:
            head = stream.read(65_536)
            if b"\0" in head:
                return head
            rest = stream.read(MAX_BYTES)
            if len(rest) == MAX_BYTES:
                raise LabelsMalformed(f"{shown(file.path)} is larger than {MAX_BYTES >> 30} GB: no labels file is.")
            return head + rest
    except OSError as error:
        raise _not_readable(file.path, error) from None


def _not_readable(path: Path, error: OSError) -> PathNotReadable:
    return PathNotReadable(f"{shown(path)} can't be read by the service: {error.strerror}. Give it permission.")

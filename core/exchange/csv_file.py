"""Tables of name and class, as spreadsheets write them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nextlabel.core.counting import counted
from nextlabel.core.data.cells import BETWEEN, cell_of, classes_in
from nextlabel.core.data.files import has_suffix
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange.answers import Answer, Reading
from nextlabel.core.exchange.entries import Entry, classes_of
from nextlabel.core.exchange.files import read_table

NAMES = ("name", "image", "filename", "file", "path", "filepath", "imagename", "imagepath", "imageid")
CLASSES = ("class", "label", "classname", "category", "choice", "target")
PREDICTED = "predicted"
SCORES = ("score", "confidence", "probability", "prob")  # of a model: a person's word has none
YES, NO = ("1", "1.0", "true", "yes", "x"), ("0", "0.0", "false", "no")


def document(entries: Sequence[Entry]) -> str:
    """Write RFC 4180 with the header `name,class`, in rank order. Where there is no class yet, the cell is empty.

    Several classes stand in one cell (core/data/cells.py); that none applies, it can't say.

    What a model proposes stands in a column of its own, `predicted`, so that it is not taken for a person's word.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    has_proposals = any(entry.classes and not entry.given for entry in entries)
    writer.writerow(("name", "class", *([PREDICTED] if has_proposals else [])))
    for entry in entries:
        cells = (_in_a_cell(entry), "") if entry.given else ("", _in_a_cell(entry))
        writer.writerow((entry.name, *cells[: 2 if has_proposals else 1]))
    return text.getvalue()


def _in_a_cell(entry: Entry) -> str:
    return cell_of(entry.classes or ()) if entry.several is not None else "".join(entry.classes or ())


def document_of_columns(entries: Sequence[Entry]) -> str:
    """Write a column for each class, with 1 where the image has it and 0 where it has not.

    Images without an answer are left out: a row of 0 says that somebody looked, and none applies.

    Raises:
        Inexpressible: a model proposes classes, which such a table would pass off as somebody's word; no image has a
            class; or a class would be taken for something else where its column begins.
    """
    names = classes_of(entries)
    answered = [entry for entry in entries if entry.classes is not None]
    if any(not entry.given for entry in answered):
        raise Inexpressible("a column for each class can't tell what a model proposes from what a person said")
    if not any(entry.classes for entry in answered):
        raise Inexpressible("no image has a class, so there would be no 1 in the table")
    for class_name in names:
        title = _title(class_name)
        if title in (*NAMES, *CLASSES, PREDICTED) or has_suffix(class_name) or re.search("[;\t]", class_name):
            raise Inexpressible(f"{shown(class_name)} can't stand above a column: it would be taken for something else")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("name", *names))
    for entry in answered:
        writer.writerow((entry.name, *(int(class_name in (entry.classes or ())) for class_name in names)))
    return text.getvalue()


def _title(cell: str) -> str:
    return re.sub(r"[\s_-]", "", cell).casefold()


@dataclass(frozen=True)
class _Columns:
    """Where name, class and a model's proposal stand; None: the table has no such column."""

    name: int
    class_name: int | None
    predicted: int | None = None
    score: int | None = None


def read(
    file: Path, name_column: str | None = None, class_column: str | None = None, *, several: bool = False
) -> Reading:
    """Read a table between commas, semicolons or tabs.

    several: an image may have several classes. They stand in rows of their own, or in one cell as core/data/cells.py
    has it, or the table has a column for each class, with 1 where an image has it and 0 where it has not.

    A class is a model's where it stands in the column `predicted`, or has a score beside it and its column wasn't said.

    A table of two columns may have no header: then its first row names an image. Else columns are known by their
    header, or must be said.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    reading = Reading.of(file)
    rows = read_table(file)
    if not rows:
        return reading
    _, first = rows[0]
    has_header = name_column is not None or class_column is not None or not any(map(has_suffix, first))
    if several and has_header and class_column is None:
        names = _one_hot(first, rows[1:], name_column)
        if names is not None:
            _refuse_twice(first, file)
            _read_one_hot(reading, first, rows[1:], names)
            return reading
    columns = _by_header(first, rows[1:], file, name_column, class_column) if has_header else _without_header(rows)
    width = len(first) if has_header else 2
    bars: list[str] = []
    for place, row in rows[has_header:]:
        name, class_name = _cell(row, columns.name), _cell(row, columns.class_name)
        predicted = _cell(row, columns.predicted)
        if not name or len(row) <= (columns.class_name or 0) or (len(row) > 2 and not has_header):
            what = "its name or class is missing, or it has no two columns and no header `name,class`"
            reading.faults.note(place, what)
        elif len(row) > width:
            what = f"it has {counted(len(row), 'cell')}, where {width} belong; put quotes around what holds a separator"
            reading.faults.note(place, what)
        else:
            said, by_model = class_name or predicted, not class_name or bool(_cell(row, columns.score))
            for one in classes_in(said) if several else [said]:
                reading.answers.append(Answer(place, name, one, by_model))
            bars += [said] if several and BETWEEN in said else []
    reading.notes += _notes_on(bars)
    return reading


def _notes_on(cells: Sequence[str]) -> Iterator[str]:
    """Tell what each `|` was taken for: another tool, or an export of one class an image, may mean none of it so."""
    torn = [cell for cell in cells if len(classes_in(cell)) > 1]
    held = [one for cell in cells for one in classes_in(cell) if BETWEEN in one]
    if torn:
        yield f"| was taken to stand between two classes (times: {len(torn)}), as in {shown(torn[0])}"
    if held:
        yield f"\\| was taken for a | in the name of a class (times: {len(held)}), as in {shown(held[0])}"


def _one_hot(header: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], name_column: str | None) -> int | None:
    """Find the column of names, where all others are classes; None where the table has a column for the class."""
    names = _called(header, name_column, NAMES)
    if len(names) != 1 or _called(header, None, (*CLASSES, PREDICTED)) or len(header) < 2:
        return None
    cells = (_cell(row, at).strip().casefold() for _, row in rows for at in range(len(header)) if at != names[0])
    return names[0] if any(cell in YES for cell in cells) else None


def _refuse_twice(header: Sequence[str], file: Path) -> None:
    twice = [title for title in header if header.count(title) > 1]
    if twice:
        raise ExchangeMalformed(f"{shown(file)}: two of its columns are called {shown(twice[0])}; rename one of them.")


def _read_one_hot(
    reading: Reading, header: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], names: int
) -> None:
    """Note an answer for each 1 of a row; for a row of 0 alone, that none applies."""
    classes = [at for at in range(len(header)) if at != names]
    reading.notes.append(f"columns taken for classes: {', '.join(header[at] for at in classes)}")
    for place, row in rows:
        cells = {at: _cell(row, at).strip().casefold() for at in classes}
        odd = [cell for cell in cells.values() if cell not in YES and cell not in NO]
        if len(row) != len(header) or not row[names].strip():
            reading.faults.note(place, f"it has {counted(len(row), 'cell')}, where {len(header)} belong, or no name")
        elif odd:
            reading.faults.note(place, f"{shown(odd[0])} says neither that the image has the class (1) nor not (0)")
        else:
            has = [header[at].strip() for at in classes if cells[at] in YES]
            reading.answers += [Answer(place, row[names], class_name) for class_name in has]
            if not has:
                reading.answers.append(Answer(place, row[names], "", none_applies=True))


def _cell(row: Sequence[str], at: int | None) -> str:
    return row[at] if at is not None and at < len(row) else ""


def _without_header(rows: Sequence[tuple[str, Sequence[str]]]) -> _Columns:
    """Tell name from class by what they look like: names end as images do, in all rows."""
    second_is_name = all(len(row) > 1 and has_suffix(row[1]) and not has_suffix(row[0]) for _, row in rows)
    return _Columns(1, 0) if second_is_name else _Columns(0, 1)


def _by_header(
    header: Sequence[str],
    rows: Sequence[tuple[str, Sequence[str]]],
    file: Path,
    name_column: str | None,
    class_column: str | None,
) -> _Columns:
    """Find the columns. Raises ExchangeMalformed where the header leaves open which they are."""
    names, classes = _called(header, name_column, NAMES), _called(header, class_column, CLASSES)
    if len(names) > 1:  # of an image's number and its file, say, it is the file
        names = [at for at in names if all(has_suffix(_cell(row, at)) for _, row in rows)]
    predicted, score = (next(iter(_called(header, None, titles)), None) for titles in ((PREDICTED,), SCORES))
    if class_column:  # what somebody names is people's word
        predicted = score = None
    if len(names) == 1 and len(classes) == 1 and names != classes:
        return _Columns(names[0], classes[0], predicted, score)
    if len(names) == 1 and not classes and not class_column and predicted is not None:
        return _Columns(names[0], None, predicted)
    raise ExchangeMalformed(
        f"{shown(file)}: which of its columns are the image's name and its class? They are called "
        f"{', '.join(map(shown, header))}. Say it: --name-column, --class-column. (Without a header, the first row "
        "has a file's name with its suffix, and a class.)"
    )


def _called(header: Sequence[str], said: str | None, titles: Collection[str]) -> list[int]:
    """List the columns that are called as somebody said; as one of the titles, where nobody did."""
    return [at for at, cell in enumerate(header) if (cell == said.strip() if said else _title(cell) in titles)]

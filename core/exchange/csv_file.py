"""Tables of name and class, as spreadsheets write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from nextlabel.core.data.roots import shown
from nextlabel.core.exchange.entries import Entry
from nextlabel.core.exchange.files import Faults, csv_rows, read_text

NAMES = ("name", "image", "filename", "file_name", "file", "path", "image_name", "image_id")
CLASSES = ("class", "label", "class_name", "category", "choice", "target")
DELIMITERS = (",", ";", "\t")


def document(entries: Iterable[Entry]) -> str:
    """Write RFC 4180 with the header `name,class`, in rank order. Where there is no class yet, the cell is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("name", "class"))
    writer.writerows((entry.name, entry.class_name or "") for entry in entries)
    return text.getvalue()


def read(file: Path) -> list[tuple[str, str]]:
    """Read (name, class) in the file's order, between commas, semicolons or tabs; leave out rows without a class.

    Columns are known by their header; a table of two columns may have none.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    faults = Faults(file)
    text = read_text(file)
    rows = csv_rows(file, text, max(DELIMITERS, key=text.partition("\n")[0].count))
    columns = _columns(rows[0][1]) if rows else None
    pairs: dict[str, str] = {}
    for place, row in rows[1:] if columns else rows:
        name, class_name = _cells(row, columns)
        if not name:
            faults.note(place, "its name or class is missing, or it has no two columns and no header `name,class`")
        elif class_name and pairs.setdefault(name, class_name) != class_name:
            faults.note(place, f"{shown(name)} stood further up with the class {shown(pairs[name])}; keep one")
    faults.check()
    return list(pairs.items())


def _cells(row: Sequence[str], columns: tuple[int, int] | None) -> tuple[str, str]:
    """Return name and class; two empty texts where the row is not as it should be."""
    name_at, class_at = columns or (0, 1)
    if len(row) <= max(name_at, class_at) or (columns is None and len(row) != 2):
        return "", ""
    return row[name_at].strip(), row[class_at].strip()


def _columns(header: Sequence[str]) -> tuple[int, int] | None:
    """Find the columns of name and class. None: the first row is no header."""
    titles = [cell.strip().lower() for cell in header]
    names = [titles.index(title) for title in NAMES if title in titles]
    classes = [titles.index(title) for title in CLASSES if title in titles]
    return (names[0], classes[0]) if names and classes else None

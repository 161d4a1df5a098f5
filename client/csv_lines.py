"""Lines of csv that end as those of Unix do."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

END = "\r\n"  # what a writer quotes besides commas and quotes is what stands in the end of its lines


def csv_line(cells: Iterable[Any]) -> str:
    """Write a line; a cell with a line break of any kind is quoted, on every Python."""
    text = io.StringIO()
    csv.writer(text, lineterminator=END).writerow(list(cells))
    return f"{text.getvalue().removesuffix(END)}\n"

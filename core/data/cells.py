"""Several classes in one cell of a table: `a|b`. A `|` in a class is written `\\|`, and is one again when read.

A backslash counts as itself, but where `|` follows: there two stand for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

BETWEEN = "|"
_BEFORE = re.compile(r"(\\*)\|")
_LAST = re.compile(r"\\+$")


def cell_of(classes: Iterable[str]) -> str:
    """Write classes, none of which is empty."""
    *others, last = [_BEFORE.sub(r"\1\1\\|", class_name) for class_name in classes] or [""]
    return BETWEEN.join([*(_LAST.sub(lambda found: 2 * found[0], one) for one in others), last])


def classes_in(cell: str) -> list[str]:
    """Return the classes that a cell holds: [""] for an empty one."""
    classes, at, begun = [], 0, ""
    for found in _BEFORE.finditer(cell):
        backslashes = len(found[1])
        begun += cell[at : found.start()] + "\\" * (backslashes // 2)
        if backslashes % 2:
            begun += BETWEEN
        else:
            classes.append(begun)
            begun = ""
        at = found.end()
    return [*classes, begun + cell[at:]]

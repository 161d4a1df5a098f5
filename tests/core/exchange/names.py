"""What names and classes can be: all that a pool and a labels file can hold, and a file of another tool can't mean
otherwise: a backslash or a drive could be Windows', a class in brackets a list."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nextlabel.core.data.spelling import unseen
from nextlabel.core.exchange.answers import Reading, labels_of
from nextlabel.core.exchange.entries import Entry

# no tab, line break, NUL or lone surrogate; control characters are left to the formats that can hold them
CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="/\\\u2028\u2029\x85")
WORDS = st.text(CHARACTERS, min_size=1, max_size=12).map(str.strip).filter(bool)
PARTS = WORDS.filter(lambda part: part[0] not in "." and part[1:2] != ":")
NAMES = st.lists(PARTS, min_size=1, max_size=3).map(lambda parts: f"{'/'.join(parts)}.png")
CLASSES = WORDS.filter(lambda class_name: class_name[0] not in "[{(" and not unseen(class_name))
ENTRIES = st.dictionaries(NAMES, CLASSES, min_size=1, max_size=8).map(
    lambda pairs: [Entry(name, class_name, given=True) for name, class_name in pairs.items()]
)

#: Of several classes an image, or none.
SETS = st.dictionaries(NAMES, st.frozensets(CLASSES, max_size=3), min_size=1, max_size=8).map(
    lambda said: [Entry(name, given=True, several=tuple(sorted(classes))) for name, classes in said.items()]
)


def pairs(entries: list[Entry]) -> list[tuple[str, str]]:
    return [(entry.name, entry.class_name) for entry in entries if entry.class_name is not None]


def imported(reading: Reading, **options: Any) -> list[tuple[str, str]]:
    """The labels of what was read, as they would be written."""
    return labels_of(reading, None, **options).pairs

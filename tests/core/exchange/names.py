"""What names and classes can be: all that a pool and a labels file can hold."""

from __future__ import annotations

from hypothesis import strategies as st

from nextlabel.core.exchange.entries import Entry

# no tab, line break, NUL or lone surrogate; control characters are left to the formats that can hold them
CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="/\u2028\u2029\x85")
WORDS = st.text(CHARACTERS, min_size=1, max_size=12).map(str.strip).filter(bool)
PARTS = WORDS.filter(lambda part: not part.startswith("."))
NAMES = st.lists(PARTS, min_size=1, max_size=3).map(lambda parts: f"{'/'.join(parts)}.png")
CLASSES = WORDS
ENTRIES = st.dictionaries(NAMES, CLASSES, max_size=8).map(
    lambda pairs: [Entry(name, class_name, given=True) for name, class_name in pairs.items()]
)


def pairs(entries: list[Entry]) -> list[tuple[str, str]]:
    return [(entry.name, entry.class_name) for entry in entries if entry.class_name is not None]

"""Names of people: they name a labels file, and own keys and jobs."""

from __future__ import annotations

import re
import unicodedata

#: What no name holds: control characters, what isn't seen or turns the writing round, and what paths, Redis' keys or a
#: Windows share are split at.
_UNFIT = r'\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff'
#: It begins with a letter or digit, so that it is no hidden file and no option of a command.
PERSON = rf"[^\W_](?:[^{_UNFIT}]{{0,62}}[^\s{_UNFIT}])?"
RULE = '1 to 64 characters, the first a letter or digit; spaces inside are fine, and none of / \\ : * ? " < > |'


def tidy(name: str) -> str:
    """Return the name without spaces around it, its accents written one way: what looks the same is the same."""
    return unicodedata.normalize("NFC", name.strip(" "))


def in_file_names(name: str) -> str:
    """Return the name as a file of the person is called: without spaces, as the page has it, too."""
    return re.sub(r"\s+", "_", tidy(name))


def is_name(name: str) -> bool:
    return re.fullmatch(PERSON, name) is not None and len(name.encode()) <= 200  # a file's name may have 255 bytes

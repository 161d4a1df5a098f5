"""Which files in a folder of labels are people's: everything that reads or lists labels goes by this one rule.

Editors, desktops and shares leave files beside those that people write. Were such a copy a person, a label that is
taken back would still stand in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Sequence
from itertools import islice
from pathlib import Path

from nextlabel.core.data.files import has_suffix
from nextlabel.core.data.folder_lock import LOCK_NAME

SUFFIXES_OF_LABELS = (".txt", ".tsv", ".csv")  # of classes of whole images
SUFFIXES_OF_BOXES = (".jsonl",)
ALL_SUFFIXES = (*SUFFIXES_OF_LABELS, *SUFFIXES_OF_BOXES)
HEAD = 1 << 16  # bytes of a file that are looked at
LOOKED_AT = 200  # entries below a folder
CLASS_FILE = "classes.json"  # what classes there are (core/data/class_file.py)
VALIDATION_FILE = "validation.json"  # images that are kept apart (core/data/kept_apart.py)
NOTES_FILE = "notes.json"  # what people are unsure of, and what they note (core/data/notes.py)
SIDE_FILES = (CLASS_FILE, NOTES_FILE, VALIDATION_FILE)
#: The files of what was settled between people, of classes and of boxes. No person's file is called so: their names
#: begin with a letter or digit.
SETTLED, SETTLED_BOXES = "_settled.txt", "_settled.jsonl"
ALL_SETTLED = frozenset({SETTLED, SETTLED_BOXES})

_CONFLICT = re.compile(r"sync-conflict|_conflict-\d|\([^)]*(?:conflict|konflikt|conflit|конфликт)", re.IGNORECASE)
_WORD = "copy|copie|kopie|copia|cópia|kopia|копия|コピー|的?副本|拷贝|복사본|bak|backup|old|orig|original"
_COPY = re.compile(
    r"(?:copy of|copie de|kopie von|copia de|копия) (?P<before>.+)"
    rf"|(?P<after>.+?)(?:[ ._–—-]+(?:{_WORD})(?:[ ._-]*\(?\d+\)?)?|[ ._-]*\(\d+\)"
    rf"|[ ._-]*\((?:[^()]* )?(?:{_WORD})(?: \d+)?\)|的副本(?: *\d+)?|\.(?:txt|tsv|csv))",
    re.IGNORECASE,
)


def sort_out(names: Iterable[str], suffixes: Sequence[str] = SUFFIXES_OF_LABELS) -> tuple[list[str], list[str]]:
    """Sort names of files in one folder into (those of people's labels, those that are nobody's); each ascending.

    A name's end decides. What says that it is a copy is nobody's: always where a share made it in a conflict, else
    where the file that it is a copy of lies beside it. Hidden files and SIDE_FILES are in no list.
    """
    shown = sorted(name for name in names if not name.startswith(".") and name not in SIDE_FILES)
    stems = {_stem(name) for name in shown if may_hold_labels(name, suffixes)}
    people = [name for name in shown if may_hold_labels(name, suffixes) and not _is_copy(_stem(name), stems)]
    return people, sorted(set(shown) - set(people))


def why_nobodys(files: Iterable[str], suffixes: Sequence[str]) -> str:
    """Say why these files in a folder of labels are nobody's, where people's end in `suffixes`."""
    ends = " ".join(suffixes)
    others = [suffix for suffix in ALL_SUFFIXES if suffix not in suffixes]
    if all(may_hold_labels(file, others) for file in files):
        of_another = "boxes, which the task `detection` alone reads" if ".jsonl" in others else "classes and no boxes"
        return f"they hold {of_another}"
    return (
        f"they don't end in {ends}, are no files (a link to nothing, say), lie in a folder below, or look like copies"
    )


def may_hold_labels(name: str, suffixes: Sequence[str] = SUFFIXES_OF_LABELS) -> bool:
    return name.lower().endswith(tuple(suffixes)) and not name.startswith((".", "~"))


def means_something(name: str) -> bool:
    """Tell whether a file of that name, in a folder of labels, holds labels, lies beside them, or is an image."""
    return may_hold_labels(name, ALL_SUFFIXES) or name in SIDE_FILES or has_suffix(name)


def would_count_among_labels(file: Path, *, is_labels: bool = False) -> bool:
    """Tell whether a file that is to be written would count among people's labels, spoil them, or take their place.

    Only where its name means something there. A folder is taken for one of labels

    * if nextlabel wrote labels into it, which leaves a lock, and either some lie there, or nobody works there;
    * without a lock, if some lie there, and nothing else that is shown.

    A folder in it that is empty, or holds files of the same names alone, older ones that were put away, changes
    nothing; one with whatever else in it, or with more than is looked at, says that somebody works there.

    is_labels: the file is to hold people's labels; then it may take the place of an older one.
    """
    if not means_something(file.name):
        return False
    folder = file.resolve().parent
    try:
        there = {one.name: one for one in folder.iterdir()}
    except OSError:  # it isn't there yet; or whoever writes into it says that it can't be
        return False
    shown = {name: one for name, one in there.items() if not name.startswith(".")}
    people = [name for name, one in shown.items() if may_hold_labels(name, ALL_SUFFIXES) and _has_labels(one)]
    others = [name for name in people if name != file.name]
    if LOCK_NAME in there:
        return bool(others if is_labels else people) or not any(_is_work(one, shown) for one in shown.values())
    return bool(others) and all(
        may_hold_labels(name, ALL_SUFFIXES) or name in SIDE_FILES or (one.is_dir() and not _is_work(one, shown))
        for name, one in shown.items()
    )


def _is_work(entry: Path, names: Container[str]) -> bool:
    """Tell whether it is a folder in which something lies that is called otherwise than what lies beside it, or in
    which LOOKED_AT entries or more lie.
    """
    folders, left = [str(entry)] if entry.is_dir() else [], LOOKED_AT
    while folders and left:
        try:
            with os.scandir(folders.pop()) as entries:
                for one in islice((one for one in entries if not one.name.startswith(".")), left):
                    left -= 1
                    if one.is_dir():
                        folders.append(one.path)
                    elif one.name not in names:
                        return True
        except OSError:  # it can't be listed
            continue
    return not left


def _has_labels(file: Path) -> bool:
    """Tell whether it begins as a file of labels does; one that can't be read may be one."""
    if file.is_dir():
        return False
    if may_hold_labels(file.name, SUFFIXES_OF_BOXES):
        return True
    try:
        with file.open("rb") as stream:
            return b"\t" in stream.read(HEAD).lstrip().partition(b"\n")[0]
    except OSError:
        return True


def _is_copy(stem: str, stems: set[str]) -> bool:
    found = _COPY.fullmatch(stem)
    return bool(_CONFLICT.search(stem)) or (found is not None and (found["before"] or found["after"]) in stems)


def _stem(name: str) -> str:
    return name.lower().rpartition(".")[0]

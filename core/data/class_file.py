"""The classes of a folder of labels as they were declared: a small file beside the labels, for people to edit, too.

    [
      {"name": "shirt", "key": "s1", "colour": "#2e86c1", "description": "buttons in front", "example": "a/17.jpg"},
      {"name": "dress"}
    ]

Their order is that of their keys. Only the name is wanted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nextlabel.core.data.folder import Folder, opened_folder
from nextlabel.core.data.folder_lock import alone_in
from nextlabel.core.data.label_files import in_our_words, labels_folder
from nextlabel.core.data.label_text import new_class, writable_class
from nextlabel.core.data.labels import sorted_classes
from nextlabel.core.data.labels_folder import CLASS_FILE
from nextlabel.core.data.roots import existing_file_or_folder, shown
from nextlabel.core.data.side_files import as_lines, content_of, objects_in
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.disk import replace_together
from nextlabel.core.errors import ClassesChanged, Fault, InvalidRequest, LabelsMalformed

MOST_CLASSES, MOST_TEXT, MOST_BYTES = 10_000, 1000, 4_000_000
#: Keys of one stroke; the other letters do something else on the page: c m n s u y, and x where there may be several.
STROKES = "1234567890abdefghijklopqrtvwxz"
NONE_KEY = "x"  #: says that no class applies, where an image may have several
FIRST_STROKES = ".,"  #: where those are used up, a key has two strokes
SECOND_STROKES = "1234567890abcdefghijklmnopqrstuvwxyz"
_KEY = re.compile(f"[{STROKES}]|[{FIRST_STROKES}][{SECOND_STROKES}]")
_COLOUR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")


@dataclass(frozen=True)
class LabelClass:
    """A class. colour: `#rrggbb`. example: the name of an image. Empty: nothing was said."""

    name: str
    key: str = ""
    colour: str = ""
    description: str = ""
    example: str = ""


@dataclass(frozen=True)
class ClassesDeclared:
    """What a folder's file says, in order. version: changes with it; empty: there is no file."""

    classes: tuple[LabelClass, ...] = ()
    version: str = ""


def declared_classes(path: str | Path, roots: Sequence[Path]) -> ClassesDeclared:
    """Read the file in a folder of labels; where there is none, nothing is declared.

    Raises:
        LabelsMalformed: it can't be read, a key or a name stands twice, a colour is none. Says where.
        PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind
    """
    with opened_folder(path, roots) as folder:
        return read_declared(folder)


def declared_names(path: str | Path, roots: Sequence[Path]) -> tuple[str, ...]:
    """Return the names that a folder of labels declares; a labels file declares none. Raises as `declared_classes`."""
    real = existing_file_or_folder(path, roots)
    return tuple(one.name for one in declared_classes(real, roots).classes) if real.is_dir() else ()


def declare_classes(
    path: str | Path, classes: Sequence[LabelClass], *, version: str | None, roots: Sequence[Path]
) -> ClassesDeclared:
    """Write the file, whole or not at all; the folder is made if the one it lies in is there.

    version: of what was read before; None: whatever stands there.

    Raises:
        ClassesChanged: somebody else wrote it meanwhile.
        InvalidRequest: as `declared_classes` is strict, with the place of each fault.
        FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathNotWritable, PathWrongKind, StorageFull
    """
    tidied = [_tidied(one) for one in classes]
    found = _faults(tidied, new_class)
    if faults := [Fault(f"/classes/{at}/{field}", "invalid_value", why) for at, field, why in found]:
        raise InvalidRequest(faults)
    with labels_folder(str(path), roots) as folder, in_our_words(folder.path), alone_in(folder):
        there = content_of(folder, CLASS_FILE)
        if version is not None and version != ("" if there is None else _digest(there)):
            raise ClassesChanged(f"the classes in {shown(folder.path)} were changed meanwhile: look at them again")
        data = as_bytes(tidied)
        replace_together({folder.file(CLASS_FILE).at: data})
    return ClassesDeclared(tuple(tidied), _digest(data))


def completed(
    declared: Iterable[LabelClass], present: Iterable[str] = (), *, taken: str = ""
) -> tuple[LabelClass, ...]:
    """Give every class its key, as long as there are any: those that were declared, then those that labels have.

    A class that is one stroke has it for a key, if that is free. taken: strokes that do something else.
    """
    found = {one.name: replace(one, key="" if one.key in taken else one.key) for one in declared}
    for name in sorted_classes(set(present) - found.keys() - {""}):
        found[name] = LabelClass(name)
    used = {one.key for one in found.values()} | set(taken)
    for name, one in found.items():
        own = name.lower()
        if not one.key and own in STROKES and len(own) == 1 and own not in used:
            found[name] = replace(one, key=own)
            used.add(own)
    free = (key for key in _all_keys() if key not in used)
    return tuple(one if one.key else replace(one, key=next(free, "")) for one in found.values())


def renamed(data: bytes, old: str, new: str | None) -> bytes:
    """Return a file in which the class has another name, or is one with the class of that name, or is no more.

    Raises LabelsMalformed.
    """
    classes = _parsed(data)
    if new is None or any(one.name == new for one in classes if old != new):
        classes = [one for one in classes if one.name != old]
    return as_bytes([replace(one, name=new) if new and one.name == old else one for one in classes])


def names_in(data: bytes) -> list[str]:
    """Return the names that a file declares. Raises LabelsMalformed."""
    return [one.name for one in _parsed(data)]


def read_declared(folder: Folder) -> ClassesDeclared:
    """Read the file of an open folder. Raises as `declared_classes` does."""
    data = content_of(folder, CLASS_FILE)
    if data is None:
        return ClassesDeclared()
    return ClassesDeclared(tuple(_parsed(data)), _digest(data))


def as_bytes(classes: Iterable[LabelClass]) -> bytes:
    """Write classes as a file has them: one a line, without what was not said."""
    return as_lines(map(asdict, classes))


def _parsed(data: bytes) -> list[LabelClass]:
    found = objects_in(data, CLASS_FILE, most_bytes=MOST_BYTES, like='{"name": "..."}')
    classes = [_tidied(_class_of(one, at)) for at, one in enumerate(found)]
    for at, field, why in _faults(classes):
        raise LabelsMalformed(f"{CLASS_FILE}, class {at + 1} ({shown(classes[at].name)}), {field}: {why}")
    return classes


def _class_of(found: Mapping[str, Any], at: int) -> LabelClass:
    known = LabelClass.__dataclass_fields__
    for field, text in found.items():
        if field not in known or not isinstance(text, str):
            fields = ", ".join(known)
            raise LabelsMalformed(f"{CLASS_FILE}, class {at + 1}: {shown(field)} is no text of {fields}")
    return LabelClass(**{"name": "", **found})


def _tidied(one: LabelClass) -> LabelClass:
    return LabelClass(
        as_seen(one.name.strip()),
        one.key.strip().lower(),
        one.colour.strip().lower(),
        one.description.strip(),
        one.example.strip(),
    )


def _faults(
    classes: Sequence[LabelClass], check: Callable[[str], str] = writable_class
) -> Iterator[tuple[int, str, str]]:
    """Yield (number of the class, field, why). check: of a name; it raises LabelsMalformed."""
    if len(classes) > MOST_CLASSES:
        yield MOST_CLASSES, "name", f"{MOST_CLASSES:,} classes at most"
    for at, one in enumerate(classes):
        for field, why in _faults_of(one, check):
            yield at, field, why
    for field in ("name", "key"):
        first: dict[str, int] = {}
        for at, one in enumerate(classes):
            text = getattr(one, field)
            if text and first.setdefault(text, at) != at:
                yield at, field, f"is that of class {first[text] + 1} already"


def _faults_of(one: LabelClass, check: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    try:
        check(one.name)
    except LabelsMalformed as error:
        yield "name", error.detail
    if one.key and not _KEY.fullmatch(one.key):
        yield "key", f"is one of {STROKES}, or {' or '.join(FIRST_STROKES)} and a letter or digit"
    if one.colour and not _COLOUR.fullmatch(one.colour):
        yield "colour", "is no colour: write #rrggbb"
    for field in ("name", "description", "example"):
        if len(getattr(one, field)) > MOST_TEXT:
            yield field, f"is too long: {MOST_TEXT} characters at most"


def _all_keys() -> Iterator[str]:
    yield from STROKES
    for first in FIRST_STROKES:
        yield from (first + second for second in SECOND_STROKES)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]

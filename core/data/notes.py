"""What people are unsure of, and what they note about images: a small file beside the labels, for people to edit, too.

    [
      {"name": "a/17.jpg", "person": "anna", "unsure": true, "text": "shirt or dress?"},
      {"name": "a/18.jpg", "person": "ben", "text": "the lens was wet"}
    ]

Neither is a label: nothing is learnt from it, and it counts nowhere as one. An image may have both, and a label, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nextlabel.core.data.folder import opened_folder
from nextlabel.core.data.folder_lock import alone_in
from nextlabel.core.data.label_files import in_our_words, labels_folder, named
from nextlabel.core.data.label_text import clean_name, writable
from nextlabel.core.data.labels_folder import NOTES_FILE
from nextlabel.core.data.roots import shown
from nextlabel.core.data.side_files import as_lines, content_of, objects_in
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.disk import replace_together
from nextlabel.core.errors import Fault, InvalidRequest, LabelsMalformed
from nextlabel.core.people import in_file_names

MOST_TEXT, MOST_BYTES = 2000, 100_000_000


@dataclass(frozen=True)
class Note:
    """What a person says of an image besides labels. person: as their labels file is called."""

    name: str
    person: str
    unsure: bool = False
    text: str = ""


@dataclass(frozen=True)
class GivenNote:
    """A note to write in the place of the person's old one. Neither unsure nor a text: there is none any more."""

    name: str
    unsure: bool = False
    text: str = ""


def read_notes(path: str | Path, roots: Sequence[Path]) -> tuple[Note, ...]:
    """Read the notes in a folder of labels, oldest first; a single file of labels has none.

    Raises LabelsMalformed, PathNotAllowed, PathNotFound, PathNotReadable.
    """
    if not Path(path).is_dir():
        return ()
    with opened_folder(path, roots) as folder:
        data = content_of(folder, NOTES_FILE)
    return () if data is None else tuple(_parsed(data))


def write_notes(path: str, given: Sequence[GivenNote], *, person: str, roots: Sequence[Path]) -> tuple[Note, ...]:
    """Write all of a person's notes, or none, and return those that stand in the folder then.

    All other notes stay as they are. The folder is made if the one it lies in is there.

    Raises:
        InvalidRequest: a text is too long, or the name is none; says which.
        LabelsMalformed: the file that is there can't be read; says why.
        FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathNotWritable, PathWrongKind, StorageFull
    """
    who = named(person)
    new = {as_seen(one.name): one for one in (_tidied(one, at, who) for at, one in enumerate(given))}
    with labels_folder(path, roots) as folder, in_our_words(folder.path), alone_in(folder):
        data = content_of(folder, NOTES_FILE)
        before = [] if data is None else _parsed(data)
        kept = [one for one in before if one.person != who or as_seen(one.name) not in new]
        after = [*kept, *(one for one in new.values() if one.unsure or one.text)]
        if after != before:
            replace_together({folder.file(NOTES_FILE).at: as_lines(map(asdict, after))})
    return tuple(after)


def of_person(notes: Iterable[Note], person: str) -> list[Note]:
    """List the notes of one person."""
    who = in_file_names(person)
    return [one for one in notes if one.person == who]


def _tidied(one: GivenNote, at: int, person: str) -> Note:
    try:
        name = writable(clean_name(one.name))
    except LabelsMalformed as error:
        raise InvalidRequest([Fault(f"/notes/{at}/name", "invalid_value", error.detail)]) from None
    if len(one.text) > MOST_TEXT:
        raise InvalidRequest(
            [Fault(f"/notes/{at}/text", "invalid_value", f"is too long: {MOST_TEXT} characters at most")]
        )
    return Note(name, person, one.unsure, one.text.strip())


def _parsed(data: bytes) -> list[Note]:
    like = '{"name": "...", "person": "...", "unsure": true, "text": "..."}'
    return [_note(one, at) for at, one in enumerate(objects_in(data, NOTES_FILE, most_bytes=MOST_BYTES, like=like))]


def _note(found: Mapping[str, Any], at: int) -> Note:
    known = {field: bool if field == "unsure" else str for field in Note.__dataclass_fields__}
    for field, said in found.items():
        if field not in known or not isinstance(said, known[field]):
            raise LabelsMalformed(f"{NOTES_FILE}, note {at + 1}: {shown(field)} is none of {', '.join(known)}, or odd")
    if not found.get("name") or not found.get("person"):
        raise LabelsMalformed(f"{NOTES_FILE}, note {at + 1}: a note has a name and a person")
    return Note(**found)

"""Images that are kept apart to validate by: a small file beside the labels, for people to edit, too.

    [
      {"name": "a/17.jpg"},
      {"name": "a/18.jpg"}
    ]

They are never proposed, and nothing is learnt from their labels, whoever asks: where a folder with such a file is read
as training labels, all others count; as validation labels, these alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from nextlabel.core.data.draw import drawn_order
from nextlabel.core.data.folder import opened_folder
from nextlabel.core.data.folder_lock import alone_in
from nextlabel.core.data.label_files import in_our_words, labels_folder
from nextlabel.core.data.labels_folder import VALIDATION_FILE
from nextlabel.core.data.side_files import as_lines, content_of, objects_in
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.disk import replace_together
from nextlabel.core.errors import Fault, InvalidRequest, LabelsMalformed

MOST_BYTES = 100_000_000


def kept_apart(path: str | Path, roots: Sequence[Path]) -> tuple[str, ...]:
    """Read the names that a folder of labels keeps apart; a single file of labels keeps none.

    Raises LabelsMalformed, PathNotAllowed, PathNotFound, PathNotReadable.
    """
    if Path(path).is_file():
        return ()
    with opened_folder(path, roots or [Path(path)]) as folder:
        data = content_of(folder, VALIDATION_FILE)
    return () if data is None else tuple(_parsed(data))


def keep_apart(path: str, names: Sequence[str], images: int, *, seed: int, roots: Sequence[Path]) -> tuple[str, ...]:
    """Keep so many of the names apart in all, and return which: those that were before, then others, drawn evenly.

    images: 0: none any more.

    Raises:
        InvalidRequest: those that were before are more, and stay; or others would leave less than half of the names to
            propose and to learn from.
        LabelsMalformed: the file that is there can't be read; says why.
        FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathNotWritable, PathWrongKind, StorageFull
    """
    with labels_folder(path, roots) as folder, in_our_words(folder.path), alone_in(folder):
        data = content_of(folder, VALIDATION_FILE)
        before = [] if data is None else _parsed(data)
        _refuse(names, before, images)
        after = [*before, *_others(names, before, images - len(before), seed)] if images else []
        if after != before:
            replace_together({folder.file(VALIDATION_FILE).at: as_lines({"name": name} for name in after)})
    return tuple(after)


def most_apart(names: Sequence[str], before: Sequence[str]) -> int:
    """Count how many of the names can be kept apart at most: half of them at least is left to learn from.

    before: those that are kept apart already, which stay.
    """
    free = len(names) - len({*map(as_seen, names)} & {*map(as_seen, before)})
    return len(before) + max(0, free - (len(names) + 1) // 2)


def _refuse(names: Sequence[str], before: Sequence[str], images: int) -> None:
    """Raise InvalidRequest where images that are kept apart would be let go unsaid, or too few of the names be left."""
    if 0 < images < len(before):
        detail = (
            f"{len(before)} images are kept apart already, and those stay: ask for as many or more; or give all of "
            "them up (0), and keep fewer apart then"
        )
        raise InvalidRequest([Fault("/images", "invalid_value", detail)])
    most = most_apart(names, before)
    if images > most:
        detail = (
            f"of {len(names)} images, at most {most} can be kept apart: half of a pool at least is left to propose and "
            "to learn from"
        )
        raise InvalidRequest([Fault("/images", "invalid_value", detail)])


def _others(names: Sequence[str], before: Iterable[str], most: int, seed: int) -> list[str]:
    there = {as_seen(name) for name in before}
    drawn = (names[row] for row in drawn_order(names, seed).tolist())
    return [name for name, _ in zip((one for one in drawn if as_seen(one) not in there), range(most), strict=False)]


def _parsed(data: bytes) -> list[str]:
    found = objects_in(data, VALIDATION_FILE, most_bytes=MOST_BYTES, like='{"name": "..."}')
    for at, one in enumerate(found):
        if set(one) != {"name"} or not isinstance(one["name"], str):
            raise LabelsMalformed(f"{VALIDATION_FILE}, image {at + 1}: an image has a name, and nothing else")
    return [one["name"] for one in found]

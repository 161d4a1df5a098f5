"""Images that are kept apart to validate by: a small file beside the labels, for people to edit, too.

    [
      {"name": "a/17.jpg"},
      {"name": "a/18.jpg"}
    ]

They are never proposed, and nothing is learnt from their labels, whoever asks: where a folder with such a file is read
as training labels, all others count; as validation labels, these alone.

Nothing in the file tells an image that went from one of another pool with these labels. So of a pool those count that
it has; the others stay, and are told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nextlabel.core.counting import counted
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


@dataclass(frozen=True)
class Apart:
    """Names that are kept apart, in the file's order: those that a pool has, and those that it doesn't have."""

    here: tuple[str, ...]
    elsewhere: tuple[str, ...]

    @classmethod
    def of(cls, pool: Sequence[str], kept: Sequence[str]) -> Apart:
        there = {*map(as_seen, pool)}
        return cls(
            tuple(name for name in kept if as_seen(name) in there),
            tuple(name for name in kept if as_seen(name) not in there),
        )


def keep_apart(path: str, pool: Sequence[str], images: int, *, seed: int, roots: Sequence[Path]) -> Apart:
    """Keep so many images of the pool apart, and return which are: those that were before, then others, drawn evenly.

    What is kept apart and is no image of the pool stays so.

    pool: its names. images: 0: none of them any more.

    Raises:
        InvalidRequest: those of the pool that were before are more, and stay; or others would leave less than half of
            the pool to propose and to learn from.
        LabelsMalformed: the file that is there can't be read; says why.
        FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathNotWritable, PathWrongKind, StorageFull
    """
    with labels_folder(path, roots) as folder, in_our_words(folder.path), alone_in(folder):
        data = content_of(folder, VALIDATION_FILE)
        kept = [] if data is None else _parsed(data)
        before = Apart.of(pool, kept)
        _refuse(pool, before, images)
        more = _others(pool, before.here, images - len(before.here), seed)
        after = [*kept, *more] if images else [*before.elsewhere]
        if after != kept:
            replace_together({folder.file(VALIDATION_FILE).at: as_lines({"name": name} for name in after)})
    return Apart.of(pool, after)


def most_apart(pool: Sequence[str], here: Sequence[str]) -> int:
    """Count how many images of the pool can be kept apart at most: half of them at least is left to learn from.

    here: those of them that are kept apart already, which stay.
    """
    free = len(pool) - len({*map(as_seen, here)})
    return len(here) + max(0, free - (len(pool) + 1) // 2)


def _refuse(pool: Sequence[str], before: Apart, images: int) -> None:
    """Raise InvalidRequest where images that are kept apart would be let go unsaid, or too few of the pool be left."""
    if 0 < images < len(before.here):
        detail = (
            f"{counted(len(before.here), 'image is', 'images are')} kept apart already, for good: ask for as many or "
            "more, or give all of them up (0), and keep fewer apart then"
        )
        raise InvalidRequest([Fault("/images", "invalid_value", detail)])
    most = most_apart(pool, before.here)
    if images > most:
        detail = (
            f"of {counted(len(pool), 'image')}, at most {most} can be kept apart: half of a pool at least is left to "
            "propose and to learn from"
        )
        if before.elsewhere:
            detail += f" (kept apart besides, and none of this pool: {len(before.elsewhere)})"
        raise InvalidRequest([Fault("/images", "invalid_value", detail)])


def _others(pool: Sequence[str], before: Sequence[str], most: int, seed: int) -> list[str]:
    there = {as_seen(name) for name in before}
    drawn = (pool[row] for row in drawn_order(pool, seed).tolist())
    return [
        name for name, _ in zip((one for one in drawn if as_seen(one) not in there), range(max(0, most)), strict=False)
    ]


def _parsed(data: bytes) -> list[str]:
    found = objects_in(data, VALIDATION_FILE, most_bytes=MOST_BYTES, like='{"name": "..."}')
    for at, one in enumerate(found):
        if set(one) != {"name"} or not isinstance(one["name"], str):
            raise LabelsMalformed(f"{VALIDATION_FILE}, image {at + 1}: an image has a name, and nothing else")
    once: dict[str, str] = {}
    for one in found:
        once.setdefault(as_seen(one["name"]), one["name"])
    return [*once.values()]

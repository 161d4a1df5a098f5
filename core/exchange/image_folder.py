"""Folders of images, one for each class: what torchvision calls ImageFolder, and datumaro `imagenet`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from nextlabel.core.data.places import Place, place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import Inexpressible
from nextlabel.core.exchange.entries import Entry
from nextlabel.core.exchange.files import Faults, place_images

NO_CLASS = "no_label"  # where datumaro keeps images without one


def write(entries: Sequence[Entry], place: Place, folder: Path, *, copy: bool = False) -> None:
    """Write `folder/class/name`, as hard links or copies. A class folder is flat: `/` in a name becomes `%2F`.

    Rank order is lost, as folders have none.

    Raises:
        Inexpressible: a class can't be a folder's name.
        PathNotWritable
    """
    pairs = [(entry.name, f"{_folder_of(entry.class_name)}/{flat(entry.name)}") for entry in entries]
    place_images(pairs, place, folder, copy=copy)


def read(folder: Path) -> list[tuple[str, str]]:
    """Read (name, class), sorted by name. A class may lie several folders deep; leave out images without one.

    Raises:
        ExchangeMalformed: a name occurs in two classes.
        EmptyPool, PathNotFound, PathNotReadable, PathWrongKind
    """
    faults = Faults(folder)
    pairs: dict[str, str] = {}
    for path in list_pool(place_at(folder.absolute(), [folder.absolute(), Path("/")])).names:
        class_name, _, file_name = path.rpartition("/")
        if class_name in ("", NO_CLASS):
            continue
        name = unquote(file_name)
        if pairs.setdefault(name, class_name) != class_name:
            faults.note(path, f"the same image lies in {shown(pairs[name])}, too; keep one of them")
    faults.check()
    return sorted(pairs.items())


def flat(name: str) -> str:
    """Make one file name of a path: what paths and datumaro's ids are split at is quoted, and `unquote` undoes it."""
    return re.sub(r"[%/:\\]", lambda character: f"%{ord(character[0]):02X}", name)


def _folder_of(class_name: str | None) -> str:
    if class_name is None:
        return NO_CLASS
    parts = class_name.split("/")
    if class_name == NO_CLASS or any(not part or part.startswith(".") or "\0" in part for part in parts):
        raise Inexpressible(f"the class {shown(class_name)} can't be a folder's name. Rename it.")
    return class_name

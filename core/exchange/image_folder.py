"""Folders of images, one for each class: what torchvision calls ImageFolder, and datumaro `imagenet`.

A mark says of a folder that nextlabel filled it: then names in it are quoted, and some classes a model's guess. It lies
beside the folder, as datumaro takes no folder in which a file is no image; but a mark that tells guesses from labels
must not get lost, so it is a hidden file in the folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from nextlabel.core.data.places import Place, place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange.answers import Answer, Reading, listed
from nextlabel.core.exchange.entries import Entry
from nextlabel.core.exchange.files import images_in, place_images, read_json, writable, write_json

NO_CLASS = "no_label"  # where datumaro keeps images without one
MARK = ".nextlabel.json"
ClassFolder = Literal["first", "last", "all"]


def write(entries: Sequence[Entry], place: Place, folder: Path, *, copy: bool = False) -> None:
    """Write `folder/class/name`, as hard links or copies. A class folder is flat: `/` in a name becomes `%2F`.

    Rank order is lost, as folders have none.

    Raises:
        Inexpressible: an image may have several classes, a class can't be a folder's name, or the folder holds images
            that nextlabel didn't put there, or of an older export that this one doesn't have.
        PathNotWritable
    """
    paths = paths_of(entries)
    _refuse_others(folder, paths)
    predicted = [path for path, entry in paths.items() if entry.class_name and not entry.given]
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
    inside, beside = folder / MARK, _beside(folder)
    content = {**content_of_mark(predicted), "folder": folder.stat().st_ino}
    write_json(inside if predicted else beside, content)
    with writable(folder):
        (beside if predicted else inside).unlink(missing_ok=True)
    place_images([(entry.name, path) for path, entry in paths.items()], place, folder, copy=copy)


def _refuse_others(folder: Path, paths: Mapping[str, Entry]) -> None:
    """Raise Inexpressible where images would stay in the folder beside these, whose class they were put in before."""
    there, wanted = images_in(folder), {as_seen(path) for path in paths}
    others = [name for name in there if as_seen(name) not in wanted]
    if there and _mark_of(folder) is None:
        raise Inexpressible(
            f"{shown(folder)} holds images of others, whose names would be mixed up; name a new folder."
        )
    if others:
        raise Inexpressible(
            f"{shown(folder)} holds images of an older export that are none of these, and whoever reads it would take "
            f"them for some: {listed(others)}; remove them, or name a new folder."
        )


def paths_of(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Return where each image lies below the folder: `class/name`.

    Raises Inexpressible: an image may have several classes, or a class can't be a folder's name.
    """
    if any(entry.several is not None for entry in entries):
        raise Inexpressible("an image lies in the folder of its one class; for several, export csv, coco or cvat")
    return {f"{_folder_of(entry.class_name)}/{flat(entry.name)}": entry for entry in entries}


def content_of_mark(predicted: Iterable[str]) -> dict[str, Any]:
    """Say of a folder that nextlabel filled it, and which classes in it are guesses."""
    return {"names": "quoted", "predicted": sorted(predicted)}


def read(folder: Path, *, quoted: bool = False, class_folder: ClassFolder | None = None) -> Reading:
    """Read a folder of class folders, sorted by path.

    Where nextlabel filled it, the images have their names of before, and all folders above one are its class. Any other
    folder is taken as the pool itself, and names are paths in it.

    Args:
        quoted: nextlabel filled it, though its mark is lost.
        class_folder: which of several folders above an image is its class.

    Raises:
        ExchangeMalformed: an image lies several folders deep, and `class_folder` was not said.
        EmptyPool, PathNotFound, PathNotReadable, PathWrongKind
    """
    reading = Reading.of(folder, settled_by="remove one of the two images")
    paths = list_pool(place_at(folder.absolute(), [folder.absolute(), Path("/")])).names
    mark = _mark_of(folder)
    ours = quoted or mark is not None
    if not ours:
        _ask_about(paths, class_folder, folder)
        if any(re.search("%(2F|25|3A|5C)", path) for path in paths):
            reading.notes.append("names hold %2F or the like; if nextlabel filled the folder, say --quoted")
    predicted = set((mark or {}).get("predicted", []))
    for path in paths:
        above, _, file_name = path.rpartition("/")
        class_name = None if above.split("/")[0] == NO_CLASS else _class_in(above, class_folder or "all")
        name = unquote(file_name) if ours else path
        reading.answers.append(Answer(path, name, class_name, by_model=path in predicted))
    return reading


def flat(name: str) -> str:
    """Make one file name of a path: what paths and datumaro's ids are split at is quoted, and `unquote` undoes it."""
    return re.sub(r"[%/:\\]", lambda character: f"%{ord(character[0]):02X}", name)


def _class_in(above: str, which: ClassFolder) -> str:
    parts = above.split("/")
    return above if which == "all" else parts[0 if which == "first" else -1]


def _ask_about(paths: Iterable[str], class_folder: ClassFolder | None, folder: Path) -> None:
    deep = next((path for path in paths if path.count("/") > 1 and not path.startswith(f"{NO_CLASS}/")), None)
    if deep is not None and class_folder is None:
        raise ExchangeMalformed(
            f"{shown(folder)}: {shown(deep)} lies several folders deep. Which of them is its class? "
            "Say --class-folder first, last or all."
        )


def _folder_of(class_name: str | None) -> str:
    if class_name is None:
        return NO_CLASS
    parts = class_name.split("/")
    leads_out = ".." in re.split(r"[/\\]", class_name)
    if class_name == NO_CLASS or leads_out or any(not one or one.startswith(".") or "\0" in one for one in parts):
        raise Inexpressible(f"the class {shown(class_name)} can't be a folder's name. Rename it.")
    return class_name


def _mark_of(folder: Path) -> dict[str, Any] | None:
    """Read the mark that nextlabel leaves of a folder that it fills; None: there is none."""
    if (folder / MARK).is_file():
        content = read_json(folder / MARK)
        return content if isinstance(content, dict) and isinstance(content.get("predicted"), list) else {}
    if folder.is_dir() and _beside(folder).is_file():
        content = read_json(_beside(folder))
        if isinstance(content, dict) and content.get("folder") == folder.stat().st_ino:  # else it was of another one
            return content
    return None


def _beside(folder: Path) -> Path:
    folder = folder.absolute()
    return folder.with_name(folder.name + MARK)

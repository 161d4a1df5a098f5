"""Projects by name: a pool, its labels and how they are worked on, in a small file in the state folder.

The file is for people to edit, too. What it names lies elsewhere: forgetting a project removes no image and no label.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from nextlabel.core.data.files import has_suffix
from nextlabel.core.data.folder import Folder, opened_folder
from nextlabel.core.data.folder_lock import alone_in
from nextlabel.core.data.label_files import refuse_images
from nextlabel.core.data.places import place_at
from nextlabel.core.data.roots import existing_file_or_folder, shown
from nextlabel.core.data.side_files import as_lines, content_of
from nextlabel.core.disk import NO_SPACE, make_private, replace_together
from nextlabel.core.errors import (
    Fault,
    InvalidRequest,
    NotFound,
    PathNotReadable,
    PathWrongKind,
    ProjectChanged,
    StateUnwritable,
    StorageFull,
)
from nextlabel.core.faults import KeyTwice, check_once
from nextlabel.core.people import RULE, is_name, tidy

FILE = "projects.json"
MOST = 1000
LISTED = 20
_BOM = b"\xef\xbb\xbf"  # some editors put it before what they save


def _fit(name: str) -> str:
    if not is_name(tidy(name)):
        raise ValueError(f"a project's name has {RULE}")
    return tidy(name)


Name = Annotated[str, AfterValidator(_fit)]
Task = Literal["classification", "multilabel", "detection"]
Place = Annotated[str, Field(min_length=1, max_length=4096)]
PlaceOrNone = Annotated[str, Field(max_length=4096)]
Word = Annotated[str, Field(max_length=200)]
Add = Annotated[int, Field(strict=True, ge=1, le=1000)]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class NamedProject:
    """What a person works on. Texts as requests have them; "" where nothing was said.

    overlap_share: of the images, those that a second person is to label, too; 0 to 1. What the types say holds for
    what was read.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: Name
    path_to_img: Place
    path_to_labels: Place
    path_to_img_val: PlaceOrNone = ""
    path_to_labels_val: PlaceOrNone = ""
    task: Task = "classification"
    backbone: Word = ""
    method: Word = "auto"
    add: Add = 20
    overlap_share: Share = 0.0

    @property
    def folders(self) -> tuple[str, str]:
        return self.path_to_img, self.path_to_labels

    @property
    def version(self) -> str:
        """Changes with anything that is kept of it."""
        return hashlib.sha256(as_lines([asdict(self)])).hexdigest()[:16]


_PROJECTS = TypeAdapter(tuple[NamedProject, ...])


def named_projects(state: Path) -> tuple[NamedProject, ...]:
    """Read the projects that are kept in a state folder, by name. Raises PathNotReadable: the file is damaged."""
    if not state.is_dir():
        return ()
    with opened_folder(state, [state]) as folder:
        return _read(folder)


def keep_project(
    state: Path, wanted: NamedProject, *, was: str | None, version: str = "", roots: Sequence[Path]
) -> tuple[NamedProject, ...]:
    """Keep a project under its name; return all that are kept then.

    was: the name of the one that it takes the place of, None: it is a new one, or the same folders and task under that
    name. version: of the one that is replaced, as it was read; empty: however it is.

    Raises:
        InvalidRequest: the name is none, or is another project's; there are too many.
        NotFound: there is no project called `was`.
        ProjectChanged: somebody else changed it meanwhile.
        PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind: of its folders; labels are no images.
        FolderBusy, StateUnwritable, StorageFull
    """
    wanted = replace(wanted, name=tidy(wanted.name))
    if not is_name(wanted.name):
        raise InvalidRequest([Fault("/name", "invalid_value", f"a project's name has {RULE}")])
    _check_folders(wanted, kept_before(state, wanted, was), roots)
    with _changing(state) as folder:
        before = {one.name: one for one in _read(folder)}
        replaced = wanted.name if was is None else tidy(was)
        if before.get(wanted.name) == wanted and (replaced == wanted.name or replaced not in before):
            return tuple(before.values())  # the same was said before: its answer was lost, perhaps
        if was is not None and replaced not in before:
            raise _unknown(replaced, [*before.values()])
        other = before.get(wanted.name)
        is_same = other is None or (other.folders, other.task) == (wanted.folders, wanted.task)
        if other is not None and not (is_same if was is None else replaced == wanted.name):
            detail = f"a project of {other.path_to_img} ({other.task}) is called so already; give this one another name"
            raise InvalidRequest([Fault("/name", "invalid_value", detail)])
        if version and (replaced not in before or before[replaced].version != version):
            raise ProjectChanged(f"the project {shown(replaced)} was changed meanwhile: look at it again")
        kept = [one for name, one in before.items() if name not in (replaced, wanted.name)]
        if len(kept) >= MOST:
            raise InvalidRequest([Fault("/name", "invalid_value", f"{MOST} projects are kept at most; remove some")])
        return _write(folder, [*kept, wanted])


def forget_project(state: Path, name: str) -> tuple[NamedProject, ...]:
    """Forget a project; its images and labels stay. Return those that are left.

    Raises NotFound, FolderBusy, StateUnwritable, StorageFull.
    """
    with _changing(state) as folder:
        before = _read(folder)
        kept = [one for one in before if one.name != tidy(name)]
        if len(kept) == len(before):
            raise _unknown(tidy(name), before)
        return _write(folder, kept)


def kept_before(state: Path, wanted: NamedProject, was: str | None) -> NamedProject | None:
    """Return what is kept under the name whose place a project takes. Raises PathNotReadable: the file is damaged."""
    name = tidy(wanted.name if was is None else was)
    return next((one for one in named_projects(state) if one.name == name), None)


def _check_folders(wanted: NamedProject, before: NamedProject | None, roots: Sequence[Path]) -> None:
    """Look at the folders that are new. Those of before may have gone, or changed: that keeps nothing from a change."""
    for field in ("path_to_img", "path_to_img_val"):
        if (images := getattr(wanted, field)) and images != getattr(before, field, None):
            place_at(images, roots)
    for field in ("path_to_labels", "path_to_labels_val"):
        if (labels := getattr(wanted, field)) and labels != getattr(before, field, None):
            _check_labels(labels, roots)


def _check_labels(path: str, roots: Sequence[Path]) -> None:
    """Raise PathWrongKind where images are named in the place of their labels."""
    real = existing_file_or_folder(path, roots)
    if real.is_dir():
        with opened_folder(real, roots) as folder:
            refuse_images(folder)
    elif has_suffix(real.name):
        raise PathWrongKind(f"{shown(real)} is an image. Name a file or folder of labels, apart from it.")


@contextmanager
def _changing(state: Path) -> Iterator[Folder]:
    try:
        make_private(state)
        with opened_folder(state, [state]) as folder, alone_in(folder):
            yield folder
    except OSError as error:
        if error.errno in NO_SPACE:
            raise StorageFull(f"the disk of {shown(state)} has no room; free some") from None
        raise StateUnwritable(
            f"no project can be kept in {shown(state)}: {error.strerror}. Give the service permission."
        ) from None


def _read(folder: Folder) -> tuple[NamedProject, ...]:
    data = content_of(folder, FILE)
    if data is None:
        return ()
    data = data.removeprefix(_BOM)
    try:
        check_once(data)
    except KeyTwice as error:
        raise _unread(folder, "", str(error)) from None
    try:
        found = _PROJECTS.validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise _unread(folder, "/".join(map(str, first["loc"])), first["msg"]) from None
    seen: set[str] = set()
    for at, one in enumerate(found):
        if one.name in seen:
            raise _unread(folder, f"{at}/name", f"an earlier project is called {shown(one.name)}, too")
        seen.add(one.name)
    return tuple(sorted(found, key=lambda one: one.name.casefold()))


def _unread(folder: Folder, where: str, why: str) -> PathNotReadable:
    path = shown(folder.path / FILE)
    return PathNotReadable(f"{path} can't be read, at {where or 'its beginning'}: {why}. Mend it, or take it away")


def _write(folder: Folder, projects: Sequence[NamedProject]) -> tuple[NamedProject, ...]:
    replace_together({folder.file(FILE).at: as_lines(map(asdict, projects))})
    return tuple(sorted(projects, key=lambda one: one.name.casefold()))


def _unknown(name: str, known: Sequence[NamedProject]) -> NotFound:
    there = ", ".join(shown(one.name) for one in known[:LISTED]) + (", ..." if len(known) > LISTED else "")
    return NotFound(
        f"there is no project called {shown(name)}, or none any more: it may have been renamed, or removed. "
        + (f"There are {there}." if there else "None is kept.")
    )

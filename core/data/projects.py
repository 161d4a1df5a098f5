"""Projects by name: a pool, its labels and how they are worked on, in a small file in the state folder.

The file is for people to edit, too. What it names lies elsewhere: forgetting a project removes no image and no label.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from nextlabel.core.data.folder import Folder, opened_folder
from nextlabel.core.data.folder_lock import alone_in
from nextlabel.core.data.places import place_at
from nextlabel.core.data.roots import existing_file_or_folder, shown
from nextlabel.core.data.side_files import as_lines, content_of
from nextlabel.core.disk import NO_SPACE, make_private, replace_together
from nextlabel.core.errors import Fault, InvalidRequest, NotFound, PathNotReadable, StateUnwritable, StorageFull
from nextlabel.core.people import RULE, is_name, tidy

FILE = "projects.json"
MOST = 1000


@dataclass(frozen=True)
class NamedProject:
    """What a person works on. Texts as requests have them; "" where nothing was said.

    overlap_share: of the images, those that a second person is to label, too; 0 to 1.
    """

    name: str
    path_to_img: str
    path_to_labels: str
    path_to_img_val: str = ""
    path_to_labels_val: str = ""
    task: str = "classification"
    backbone: str = ""
    method: str = "auto"
    add: int = 20
    overlap_share: float = 0.0

    @property
    def folders(self) -> tuple[str, str]:
        return self.path_to_img, self.path_to_labels


_PROJECTS = TypeAdapter(tuple[NamedProject, ...])


def named_projects(state: Path) -> tuple[NamedProject, ...]:
    """Read the projects that are kept in a state folder, by name. Raises PathNotReadable: the file is damaged."""
    if not state.is_dir():
        return ()
    with opened_folder(state, [state]) as folder:
        return _read(folder)


def keep_project(
    state: Path, wanted: NamedProject, *, was: str | None, roots: Sequence[Path]
) -> tuple[NamedProject, ...]:
    """Keep a project under its name; return all that are kept then.

    was: the name of the one that it takes the place of, None: it is a new one, or the same folders under that name.

    Raises:
        InvalidRequest: the name is none, or is another project's; there are too many.
        NotFound: there is no project called `was`.
        PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind: of its folders.
        FolderBusy, StateUnwritable, StorageFull
    """
    wanted = replace(wanted, name=tidy(wanted.name))
    if not is_name(wanted.name):
        raise InvalidRequest([Fault("/name", "invalid_value", f"a project's name has {RULE}")])
    _check_folders(wanted, roots)
    with _changing(state) as folder:
        before = {one.name: one for one in _read(folder)}
        replaced = wanted.name if was is None else tidy(was)
        if was is not None and replaced not in before:
            raise _unknown(replaced)
        other = before.get(wanted.name)
        if other is not None and wanted.name != was and other.folders != wanted.folders:
            detail = f"a project of {other.path_to_img} is called so already; give this one another name"
            raise InvalidRequest([Fault("/name", "invalid_value", detail)])
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
            raise _unknown(tidy(name))
        return _write(folder, kept)


def _check_folders(wanted: NamedProject, roots: Sequence[Path]) -> None:
    place_at(wanted.path_to_img, roots)
    existing_file_or_folder(wanted.path_to_labels, roots)
    if wanted.path_to_img_val:
        place_at(wanted.path_to_img_val, roots)
    if wanted.path_to_labels_val:
        existing_file_or_folder(wanted.path_to_labels_val, roots)


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
    try:
        return tuple(sorted(_PROJECTS.validate_json(data), key=lambda one: one.name.casefold()))
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(map(str, first["loc"]))
        path = shown(folder.path / FILE)
        raise PathNotReadable(
            f"{path} can't be read, at {where or 'its beginning'}: {first['msg']}. Mend it, or take it away"
        ) from None


def _write(folder: Folder, projects: Sequence[NamedProject]) -> tuple[NamedProject, ...]:
    replace_together({folder.file(FILE).at: as_lines(map(asdict, projects))})
    return tuple(sorted(projects, key=lambda one: one.name.casefold()))


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no project called {shown(name)} any more; it was renamed, or removed")

"""Labels that people give one by one: each person has a file of their own in the folder, and no other is changed.

Unless a person says so: a label that another file has otherwise is replaced only when asked for. Whatever is written,
all lines that it isn't about stay as they are, byte for byte, and a file is the old one or the new one, never half.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest
from operator import attrgetter
from pathlib import Path

from nextlabel.core.data.files import has_suffix
from nextlabel.core.data.folder import File, Folder, opened_folder
from nextlabel.core.data.folder_lock import alone_in
from nextlabel.core.data.label_text import (
    NONE,
    LabelLines,
    clean_name,
    decode_any,
    encode_any,
    in_words,
    lines_with_ends,
    new_class,
    printable,
    writable,
    writable_class,
)
from nextlabel.core.data.labels import (
    MAX_LISTED,
    describe_faults,
    entries_of,
    files_in,
    followed,
    labels_files,
    left_out_of,
    read_bytes,
    sorted_classes,
    text_of,
)
from nextlabel.core.data.labels_folder import SETTLED, SIDE_FILES, SUFFIXES_OF_LABELS, sort_out
from nextlabel.core.data.opening import open_without_links
from nextlabel.core.data.places import Place
from nextlabel.core.data.pool import look_up
from nextlabel.core.data.roots import confine, existing_file_or_folder, shown
from nextlabel.core.data.settlers import SETTLERS, with_settler
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.disk import NO_SPACE, replace_together, share
from nextlabel.core.errors import (
    EmptyPool,
    Fault,
    InvalidRequest,
    LabelledOtherwise,
    LabelsChanged,
    LabelsMalformed,
    PathNotWritable,
    PathWrongKind,
    StorageFull,
)
from nextlabel.core.people import RULE, in_file_names, is_name, tidy

FEW = 20


@dataclass(frozen=True)
class GivenLabel:
    """A line to write. A `class_name` of None takes back what is said of the image, "" says that no class applies."""

    name: str
    class_name: str | None


@dataclass(frozen=True)
class Written:
    """What was written. `replaced`: the names that were taken out of other files, and their classes there in words.

    `versions`: by name, of all that is said now of what was settled (`version_of`).
    """

    folder: Path
    file: str
    replaced: Mapping[str, str]
    versions: Mapping[str, str]


def give_labels(
    path: str,
    labels: Sequence[GivenLabel],
    *,
    person: str,
    roots: Sequence[Path],
    task: LabelLines,
    replace: bool = False,
    keep_both: bool = False,
    settle: bool = False,
    versions: Mapping[str, str] | None = None,
) -> Written:
    """Write all of the labels into `<person>.txt` in the folder, or none. What lines of one name mean, the task knows.

    The folder is made if the one it lies in is there. With `replace`, what other files say of these names otherwise is
    taken out of them; with `keep_both` it stays, to be settled; with `settle` it stays, and these labels are settled to
    count. versions: by name, of all that was seen to be said of it (`version_of`); a name without one isn't looked at.

    Raises:
        LabelledOtherwise: other files have other classes, and none of the three was asked for; lists which.
        LabelsChanged: something else is said of a name by now than what was seen.
        InvalidRequest: more than one of the three is asked for.
        LabelsMalformed: a name, a class or the person can't stand in a labels file, or the person's file is none, or
            looks like a copy of somebody's.
        FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathNotWritable, PathWrongKind, StorageFull
    """
    file_name = f"{named(person)}.txt"
    if replace + keep_both + settle > 1:
        detail = "say one of `replace`, `keep_both` and `settle`"
        raise InvalidRequest([Fault("/settle" if settle else "/replace", "invalid_value", detail)])
    wanted = _given(labels, task)
    with own_file(path, file_name, roots) as (folder, own, others):
        classes = {file: _classes_in(read_bytes(file), wanted, task) for file in others}
        mine = own_bytes(own)
        contradicting = {} if keep_both else _contradicting(classes, wanted, replace=replace or settle)
        over = {name for names in contradicting.values() for name in names if wanted[name].classes is not None}
        before = {**classes, own: _classes_in(mine, wanted, task) if versions or settle else {}}
        as_wanted = {name for name, one in wanted.items() if name not in over and _says(before[own], one)}
        _refuse_changed(before, wanted, versions or {}, as_wanted)
        changed = {own: _rewritten(mine, wanted, task)} if wanted else {}
        if settle:
            file = next((one for one in others if one.name == SETTLED), folder.file(SETTLED))
            now = {name: one for name, one in wanted.items() if name in over}
            changed |= {file: _rewritten(own_bytes(file), now, task)} if now else {}
            changed |= with_settler(
                folder, SETTLED, {name: _version_settled(one.lines) for name, one in now.items()}, person
            )
            contradicting = {}
        changed |= {
            file: encode_any(*_lines_without(read_bytes(file), names, task)) for file, names in contradicting.items()
        }
        write_all(changed)
    replaced = {
        wanted[name].name: in_words(classes[file][name]) for file, names in contradicting.items() for name in names
    }
    if not settle:
        return Written(folder.path, file_name, replaced, {})
    now_said = {file: _classes_in(changed[file], wanted, task) for file in changed if file.name != SETTLERS}
    return Written(folder.path, file_name, replaced, _versions({**before, **now_said}, wanted))


def settle(
    path: str,
    labels: Sequence[GivenLabel],
    *,
    roots: Sequence[Path],
    task: LabelLines,
    versions: Mapping[str, str] | None = None,
    by: str | None = None,
) -> Written:
    """Write what holds of images that people see in several ways; None: it isn't settled any more.

    It goes into the folder's file of what was settled. People's own files stay as they are. versions: as `give_labels`
    takes them. by: who settles it, which is noted beside it.

    Raises:
        InvalidRequest: nobody has labelled one of the images, nor is it settled; lists which.
        LabelsChanged: something else is said of a name by now than what was seen, and it isn't settled so.
        LabelsMalformed: a name or a class can't stand in a labels file.
        FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathNotWritable, PathWrongKind, StorageFull
    """
    wanted = _given(labels, task)
    with own_file(path, SETTLED, roots) as (folder, own, others):
        settled = own_bytes(own)
        said = {file: _classes_in(read_bytes(file), wanted, task) for file in others}
        said[own] = _classes_in(settled, wanted, task)
        labelled = {name for classes in said.values() for name in classes}
        if unlabelled := [one for key, one in wanted.items() if one.classes is not None and key not in labelled]:
            raise InvalidRequest(
                [
                    Fault(f"/labels/{one.at}/name", "invalid_value", f"nobody has labelled {shown(one.name)}")
                    for one in unlabelled[:MAX_LISTED]
                ]
            )
        as_wanted = {name for name, one in wanted.items() if _says(said[own], one)}
        _refuse_changed(said, wanted, versions or {}, as_wanted)
        now = _rewritten(settled, wanted, task)
        now_settled = {name: _version_settled(one.lines) for name, one in wanted.items()}
        was = {name: _version_settled(classes) for name, classes in said[own].items()}
        write_all({own: now, **with_settler(folder, SETTLED, now_settled, by, was=was)} if wanted else {})
    return Written(folder.path, SETTLED, {}, _versions({**said, own: _classes_in(now, wanted, task)}, wanted))


def version_of(said: Iterable[tuple[str, str]]) -> str:
    """Return a text that changes with what is said of an image; empty: nothing is. said: (file name, class) a line."""
    lines = sorted({f"{file}\0{class_name}" for file, class_name in said})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] if lines else ""


def said_otherwise(
    folder: Path, labels: Iterable[GivenLabel], *, by: str, roots: Sequence[Path], task: LabelLines
) -> tuple[NamedLabel, ...]:
    """List what the files of a folder, but for the one of that name, say otherwise than these labels.

    Raises FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable.
    """
    wanted = _by_name(labels, task)
    with labels_files(folder, roots) as files:
        return tuple(
            NamedLabel(wanted[name].name, class_name, file.name)
            for file in files
            if file.name != by
            for name, class_names in _classes_in(read_bytes(file), wanted, task).items()
            for class_name in wanted[name].otherwise(class_names)
        )


# --- looking ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NamedLabel:
    """A line, and the name of the file that it stands in. A `class_name` of "" says that no class applies."""

    name: str
    class_name: str
    file: str


class Survey:
    """The labels in all files of a folder, conflicts and all. Of a name that several files have, the first counts.

    What was settled counts before all, and is no conflict.
    """

    def __init__(
        self,
        files: Mapping[str, Mapping[str, tuple[str, ...]]],
        conflicts: Collection[NamedLabel] = (),
        left_out: Sequence[str] = (),
    ) -> None:
        """`files`: each file's classes by name, in order. `left_out`: files in the folder that are nobody's."""
        self._files = dict(sorted(files.items(), key=lambda file: file[0] != SETTLED))
        self._settled = self._files.get(SETTLED, {})
        self.left_out = tuple(left_out)
        self._contradicting_themselves = {
            (label.file, label.name)
            for label in conflicts
            if label.class_name not in files[label.file].get(label.name, ())
        }
        all_conflicts = set(conflicts)
        self._at_odds = all_conflicts.copy()
        self._classes: Mapping[str, tuple[str, ...]] = {}
        for file, classes in self._files.items():
            for name in self._classes.keys() & classes.keys() - self._settled.keys():
                if self._classes[name] != classes[name]:
                    all_conflicts |= {*self.of([name]), *(NamedLabel(name, one, file) for one in classes[name])}
            self._classes = {**classes, **self._classes} if self._classes else classes
        open_ = (label for label in all_conflicts if as_seen(label.name) not in self._settled)
        self.conflicts = tuple(sorted(open_, key=lambda label: (label.name, label.file, label.class_name)))

    @property
    def labels_per_file(self) -> dict[str, int]:
        return {file: len(classes) for file, classes in self._files.items() if file != SETTLED}

    def of_people(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Return what each person's file says by name, without what it contradicts itself about."""
        return {
            file: {name: said for name, said in classes.items() if (file, name) not in self._contradicting_themselves}
            for file, classes in self._files.items()
            if file != SETTLED
        }

    @property
    def settled(self) -> list[NamedLabel]:
        """What was settled, in the order in which it was."""
        return self.of(self._settled)

    def __len__(self) -> int:
        return len(self._classes)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Count the labels of each class, in the order of classes; "" counts images that none applies to."""
        counts: Counter[str] = Counter()
        for said, images in self._answers.items():
            counts.update(dict.fromkeys(said, images))
        return {class_name: counts[class_name] for class_name in sorted_classes(counts)}

    @property
    def several(self) -> int:
        """How many images a file gives several classes, or none: no labels of one class an image say that."""
        return sum(images for said, images in self._answers.items() if len(said) > 1 or NONE in said)

    @cached_property
    def _answers(self) -> Counter[tuple[str, ...]]:
        return Counter(self._classes.values())

    def apart(self, place: Place) -> tuple[Survey, Survey]:
        """Return the labels of the place's images, and those of names that no image there has.

        Raises PathNotFound, PathNotReadable, PathWrongKind
        """
        try:
            outside = set(look_up(place, self._classes).absent(self._classes))
        except EmptyPool:
            outside = set(self._classes)
        return self._only(self._classes.keys() - outside), self._only(outside)

    def _only(self, names: Collection[str]) -> Survey:
        files = {
            file: {name: said for name, said in classes.items() if name in names}
            for file, classes in self._files.items()
        }
        return Survey(files, [label for label in self._at_odds if label.name in names], self.left_out)

    def having(self, class_name: str | None = None, person: str | None = None) -> set[str]:
        """Return the names that have a label: of a class ("": that none applies), or in that person's file.

        Without a person, it is the label that counts.
        """
        wanted = None if class_name is None else as_seen(class_name)
        of_person = (classes for file, classes in self._files.items() if person_of(file) == person)
        said = self._classes if person is None else next(of_person, {})
        return {name for name, classes in said.items() if wanted is None or wanted in classes}

    @cached_property
    def disputed(self) -> frozenset[str]:
        """The names about which labels contradict each other."""
        return frozenset(one.name for one in self.conflicts)

    @property
    def names(self) -> list[str]:
        """All names, ascending."""
        return sorted(self._classes)

    def of(self, names: Iterable[str]) -> list[NamedLabel]:
        """Return the labels of those names, which stay as they were given; names without a label are left out."""
        named = ((name, as_seen(clean_name(name))) for name in names)
        return [
            NamedLabel(name, class_name, self._file(key))
            for name, key in named
            if key in self._classes
            for class_name in self._classes[key]
        ]

    @property
    def settled_versions(self) -> dict[str, str]:
        """By name: of what is settled of it alone."""
        return {name: _version_settled(classes) for name, classes in self._settled.items()}

    def all_of(self, names: Iterable[str]) -> list[NamedLabel]:
        """Return all that files say of those names, whether it counts or not; what was settled first."""
        said: list[NamedLabel] = []
        for name in names:
            key = as_seen(clean_name(name))
            at_odds = self._said_at_odds.get(key, {})
            for file, classes in self._files.items():
                lines = dict.fromkeys([*classes.get(key, ()), *at_odds.get(file, ())])
                said += [NamedLabel(name, one, file) for one in lines]
        return said

    def versions(self, names: Iterable[str]) -> dict[str, str]:
        """Return a text for each name that changes with what files say of it (`version_of`)."""
        return {name: version_of((one.file, one.class_name) for one in self.all_of([name])) for name in names}

    @cached_property
    def _said_at_odds(self) -> dict[str, dict[str, list[str]]]:
        """By name and file: what the file says of the name in several ways, each as it stands there."""
        said: dict[str, dict[str, list[str]]] = {}
        for one in sorted(self._at_odds, key=attrgetter("class_name")):
            said.setdefault(one.name, {}).setdefault(one.file, []).append(one.class_name)
        return said

    def page(self, *, class_name: str | None, after: str, most: int) -> list[NamedLabel]:
        """Return the labels of the first `most` names after that one, ascending; of a class, of names that have it."""
        wanted = None if class_name is None else as_seen(class_name)
        fit = (name for name, said in self._classes.items() if name > after and (wanted is None or wanted in said))
        return self.of(nsmallest(most, fit))

    def _file(self, name: str) -> str:
        return next(file for file, classes in self._files.items() if name in classes)


def survey(path: Path, roots: Sequence[Path], task: LabelLines) -> Survey:
    """Read a file of labels, or all files of a folder.

    Raises LabelsMalformed, PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind.
    """
    faults: list[str] = []
    conflicts: set[NamedLabel] = set()
    classes_by_file: dict[str, dict[str, tuple[str, ...]]] = {}
    one: dict[str, tuple[str, ...]] = {}  # of a million labels nearly all are alike
    with labels_files(path, roots) as files:
        for file in files:
            classes = classes_by_file[file.name] = {}
            further: dict[str, list[str]] = {}
            for _, _, written, class_name in entries_of([file], faults, task.parse):
                name = as_seen(written)
                first = classes.setdefault(name, one.setdefault(class_name, (class_name,)))
                if first[0] != class_name:
                    further.setdefault(name, [*first]).append(class_name)
            for name, said in further.items():
                try:
                    classes[name] = tuple(sorted(task.agree(said)))
                except ValueError:
                    conflicts |= {NamedLabel(name, class_name, file.name) for class_name in said}
            if len(faults) > MAX_LISTED:
                break
    if faults:
        raise LabelsMalformed(describe_faults(faults))
    return Survey(classes_by_file, conflicts, left_out_of(path, roots))


def state_of(path: Path, roots: Sequence[Path], suffixes: Sequence[str] = SUFFIXES_OF_LABELS) -> str:
    """Return a text that changes with the files of labels, and with the known ones beside them; none is opened."""
    digest = hashlib.sha256("\n".join(left_out_of(path, roots, suffixes)).encode(errors="replace"))
    for beside in (*SIDE_FILES, SETTLERS):
        with suppress(OSError):
            digest.update(_as_text(path / beside, os.lstat(path / beside)))
    with (
        labels_files(path, roots, may_change=True, suffixes=suffixes) as files,
        suppress(OSError),
    ):  # one is gone this moment
        for file in files:
            digest.update(_as_text(file.path, file.status()))
    return digest.hexdigest()[:32]


def _as_text(path: Path, status: os.stat_result) -> bytes:
    times = f"{status.st_mtime_ns}\0{status.st_ctime_ns}"
    return f"{path}\0{status.st_size}\0{times}\0{status.st_ino}\n".encode(errors="replace")


def person_of(file: str) -> str:
    """Tell whose file it is, going by its name."""
    return file.removesuffix(".txt")


# --- who and where ----------------------------------------------------------------------------------------------


def named(person: str) -> str:
    """Return the person's name as it stands in the name of a labels file. Raises LabelsMalformed."""
    if not is_name(tidy(person)):
        raise LabelsMalformed(f"{shown(person)} can't name a labels file: {RULE}.")
    return in_file_names(person)


@contextmanager
def own_file(
    path: str,
    file_name: str,
    roots: Sequence[Path],
    suffixes: Sequence[str] = SUFFIXES_OF_LABELS,
    *,
    may_be_made: bool = True,
) -> Iterator[tuple[Folder, File, list[File]]]:
    """Open a folder of labels to write in, made if it may be: (folder, the file of that name, those of other people).

    Nobody else reads or writes it during the block. There may be no file of that name. suffixes: what people's files
    end in. Raises what `give_labels` raises of folders and files.
    """
    with labels_folder(path, roots, may_be_made=may_be_made) as folder, ExitStack() as stack:
        stack.enter_context(in_our_words(folder.path))
        stack.enter_context(alone_in(folder))
        own = followed(folder.file(file_name), roots, stack)
        others = [file for file in files_in(folder, roots, stack, suffixes) if file != own]
        _refuse_a_copy(file_name, folder, suffixes)
        yield folder, own, others


def _refuse_a_copy(file_name: str, folder: Folder, suffixes: Sequence[str]) -> None:
    """Raise LabelsMalformed where the file's name says that it is nobody's: what is written would not be read."""
    people, _ = sort_out({*folder.names(), file_name}, suffixes)
    if file_name not in people:
        raise LabelsMalformed(
            f"{shown(file_name)} would be taken for a copy of another labels file. Take another name."
        )


@contextmanager
def labels_folder(path: str, roots: Sequence[Path], *, may_be_made: bool = True) -> Iterator[Folder]:
    """Open the folder of labels, made if it may be. Raises PathWrongKind for a file, or a folder of images."""
    real = confine(path, roots) if may_be_made else existing_file_or_folder(path, roots)
    if not os.path.lexists(real):
        _make(real, roots)
    if real.is_file():
        raise PathWrongKind(
            f"{shown(real)} is a file. Each person has a labels file of their own: "
            "put this one into a folder, and name the folder."
        )
    with opened_folder(real, roots) as folder:
        refuse_images(folder)
        yield folder


def refuse_images(folder: Folder) -> None:
    """Raise PathWrongKind where labels are to be written among images; PathNotWritable where it can't be listed."""
    with in_our_words(folder.path):
        names = folder.names()
    if any(map(has_suffix, names)):
        raise PathWrongKind(f"{shown(folder.path)} holds images. Labels want a folder of their own.")


def _make(path: Path, roots: Sequence[Path]) -> None:
    """Make a folder in one that is there, whose group may write it if it may write that."""
    with opened_folder(path.parent, roots) as parent, in_our_words(parent.path):
        with suppress(FileExistsError):
            os.mkdir(path.name, dir_fd=parent.descriptor)
        above = os.fstat(parent.descriptor)
        made = open_without_links(path.name, os.O_RDONLY | os.O_DIRECTORY, folder=parent.descriptor)
        try:
            share(made, above, 0o070 if above.st_mode & stat.S_IWGRP else 0)
        finally:
            os.close(made)


@contextmanager
def in_our_words(folder: Path) -> Iterator[None]:
    """Raise StorageFull or PathNotWritable in the place of any OSError of the block."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise StorageFull(f"no room for labels in {shown(folder)}; free some and try again") from error
        raise PathNotWritable(
            f"{shown(folder)} can't be written by the service: {error.strerror}. Give it permission, or mount it so."
        ) from error


# --- lines ------------------------------------------------------------------------------------------------------


def rewritten(data: bytes, labels: Iterable[GivenLabel], task: LabelLines) -> bytes:
    """Return the bytes of a file with these labels at its end, in place of what it says of their names.

    The same bytes if it said so already. Raises LabelsMalformed: a name or class can't stand in a labels file.
    """
    return _rewritten(data, _by_name(labels, task), task)


def _rewritten(data: bytes, wanted: Mapping[str, _Wanted], task: LabelLines) -> bytes:
    given = {name: one for name, one in wanted.items() if one.classes is not None}
    if {name: sorted(said) for name, said in _classes_in(data, wanted, task).items()} == {
        name: sorted(one.lines) for name, one in given.items()
    }:
        return data
    text, marked = _lines_without(data, wanted, task)
    if text and not text.endswith("\n"):
        text += "\n"
    lines = (line for one in given.values() for line in task.lines(one.name, one.classes or ()))
    return encode_any(text + "".join(f"{line}\n" for line in lines), marked)


@dataclass(frozen=True)
class _Wanted:
    """What a file is to say of an image. `classes`: none where none applies; None: nothing is to be said of it.

    at: the place of its first line among those that are to be written.
    """

    name: str
    classes: tuple[str, ...] | None
    at: int

    @property
    def lines(self) -> tuple[str, ...]:
        """The class of each of its lines."""
        return () if self.classes is None else self.classes or (NONE,)

    def otherwise(self, said: Sequence[str]) -> list[str]:
        """Return what a file says of the image, by line, that is not wanted; all of it where it lacks what is."""
        return [one for one in said if one not in self.lines] or ([] if set(said) == set(self.lines) else list(said))


def _given(labels: Sequence[GivenLabel], task: LabelLines) -> dict[str, _Wanted]:
    """Gather labels that people give: their classes are such as can be told apart. Raises LabelsMalformed."""
    wanted = _by_name(labels, task)
    for class_name in {class_name for one in wanted.values() for class_name in one.classes or ()}:
        new_class(class_name)
    return wanted


def _by_name(labels: Iterable[GivenLabel], task: LabelLines) -> dict[str, _Wanted]:
    """Gather labels by their names as these are compared. What takes a label back takes back what stands before it.

    Raises LabelsMalformed.
    """
    spelt: dict[str, tuple[str, int]] = {}
    said: dict[str, list[str]] = {}
    for at, label in enumerate(labels):
        name = writable(clean_name(label.name))
        spelt[as_seen(name)] = name, spelt.get(as_seen(name), ("", at))[1]
        if label.class_name is None:
            said[as_seen(name)] = []
        else:
            said.setdefault(as_seen(name), []).append(as_seen(label.class_name.strip()))
    return {key: _Wanted(name, _gathered(name, said[key], task), at) for key, (name, at) in spelt.items()}


def _gathered(name: str, said: Sequence[str], task: LabelLines) -> tuple[str, ...] | None:
    try:
        classes = task.gather(said) if said else None
    except ValueError as error:
        raise LabelsMalformed(f"{shown(name)}: {error}") from None
    for class_name in classes or ():
        writable_class(class_name)
    return classes


def _label_in(line: str, wanted: Collection[str], task: LabelLines) -> tuple[str, str] | None:
    """Read (name composed, class) if the line is a label of one of the names."""
    try:
        label = task.parse(line)
    except ValueError:  # whoever reads the file is told; here it stays as it is
        return None
    if label is None or (name := as_seen(label[0])) not in wanted:
        return None
    return name, label[1]


def _classes_in(data: bytes, wanted: Collection[str], task: LabelLines) -> dict[str, list[str]]:
    """Return the classes that a file gives each of the names: several, where it contradicts itself."""
    classes: dict[str, list[str]] = {}
    if _may_hold(data, wanted):
        for line in decode_any(data)[0].split("\n"):
            if label := _label_in(line, wanted, task):
                classes.setdefault(label[0], []).append(printable(label[1]))
    return classes


def _may_hold(data: bytes, names: Collection[str]) -> bool:
    """Tell quickly whether a file can hold any of the names.

    Most labels are of images that no file has yet, and a file may have a million lines. However a name is spelt, and
    with quotes or without, what is ASCII between them stays together.
    """
    return len(names) > FEW or any(max(re.split('[^\0-\x7f]+|"', name), key=len).encode() in data for name in names)


def _contradicting(
    classes_by_file: Mapping[File, Mapping[str, Sequence[str]]], wanted: Mapping[str, _Wanted], *, replace: bool
) -> dict[File, set[str]]:
    """List by file the names that it has with other classes, to be taken out of it.

    Of what is settled, and stays so, nothing else can contradict it. Raises LabelledOtherwise if there are any and
    `replace` was not asked for.
    """
    faults = []
    names_by_file: dict[File, set[str]] = {}
    settled: set[str] = set()
    for file, classes in sorted(classes_by_file.items(), key=lambda said: said[0].name != SETTLED):
        for name, class_names in classes.items():
            others = [] if name in settled else wanted[name].otherwise(class_names)
            if file.name == SETTLED and not (others and replace):
                settled.add(name)
            if others and replace:
                names_by_file.setdefault(file, set()).add(name)
            elif others and wanted[name].classes is not None:
                place = f"/labels/{wanted[name].at}"
                detail = f"{wanted[name].name} is {in_words(class_names)} in {file.name}"
                faults.append(Fault(place, LabelledOtherwise.code, detail))
    if faults:
        raise LabelledOtherwise(faults, MAX_LISTED)
    return names_by_file


def _version_settled(classes: Iterable[str]) -> str:
    """Return the version of what is settled alone."""
    return version_of((SETTLED, one) for one in classes)


def _says(said: Mapping[str, Sequence[str]], wanted: _Wanted) -> bool:
    return set(said.get(as_seen(wanted.name), ())) == set(wanted.lines)


def _refuse_changed(
    said: Mapping[File, Mapping[str, Sequence[str]]],
    wanted: Mapping[str, _Wanted],
    versions: Mapping[str, str],
    as_wanted: Collection[str],
) -> None:
    """Raise LabelsChanged for names of which something else is said than what was seen, by its version.

    Not where all is as wanted already: a call whose answer was lost comes again.
    """
    seen = {as_seen(clean_name(name)): version for name, version in versions.items()}
    now = _versions(said, {key: one for key, one in wanted.items() if key in seen})
    faults = [
        Fault(f"/labels/{one.at}/name", LabelsChanged.code, f"{one.name} was labelled meanwhile: look at it again")
        for key, one in wanted.items()
        if key in seen and now[one.name] != seen[key] and key not in as_wanted
    ]
    if faults:
        raise LabelsChanged(faults)


def _versions(said: Mapping[File, Mapping[str, Sequence[str]]], wanted: Mapping[str, _Wanted]) -> dict[str, str]:
    return {
        one.name: version_of((file.name, class_name) for file in said for class_name in said[file].get(key, ()))
        for key, one in wanted.items()
    }


def _lines_without(data: bytes, names: Collection[str], task: LabelLines) -> tuple[str, bool]:
    """Return all lines but those of the names, and whether the file has a mark at its beginning."""
    text, marked = decode_any(data)
    if _may_hold(data, names):
        text = "".join(line for line in lines_with_ends(text) if not _label_in(line, names, task))
    return text, marked


# --- files ------------------------------------------------------------------------------------------------------


def own_bytes(file: File) -> bytes:
    """Read the person's file, empty if there is none. Raises LabelsMalformed: what is no text is not written on."""
    if not file.exists():
        return b""
    faults: list[str] = []
    text_of(file, faults)
    if faults:
        raise LabelsMalformed(describe_faults(faults))
    return read_bytes(file)


def write_all(changed: Mapping[File, bytes]) -> None:
    """Write the files that change, the person's own first: should we end in between, no label is lost.

    No file is made to hold nothing.
    """
    there = {file: read_bytes(file) if file.exists() else b"" for file in changed}
    replace_together({file.at: data for file, data in changed.items() if there[file] != data})

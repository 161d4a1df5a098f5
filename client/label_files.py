"""Count, merge, compare and convert labels files. Each file is one person's, who has its name."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path

import click

from nextlabel.client.terminal import echo
from nextlabel.core.data.folder import opened_folder
from nextlabel.core.data.folder_lock import alone_in
from nextlabel.core.data.label_files import refuse_images
from nextlabel.core.data.label_text import clean_name
from nextlabel.core.data.labels import left_out_of, told_unread, write_labels
from nextlabel.core.data.labels_folder import SETTLED, sort_out, why_nobodys
from nextlabel.core.data.roots import readable, shown
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.disk import is_special_file, write_whole
from nextlabel.core.errors import LabelsConflict, LabelsMalformed, NoLabels
from nextlabel.core.exchange.files import read_text, writable
from nextlabel.core.tasks.base import Task
from nextlabel.core.tasks.classification import ClassLabels, read_labels
from nextlabel.core.tasks.registry import CLASSIFICATION

NAME, CLASS = "name", "class"
LISTED = 5


class LabelsLost(RuntimeError):
    """Labels would be lost."""


@dataclass(frozen=True)
class Sheet:
    """One labels file, and whose it is."""

    person: str
    labels: ClassLabels


class Conflicts(StrEnum):
    """What to do with an image that has several classes."""

    STOP = "stop"
    LEAVE_OUT = "leave-out"
    MAJORITY = "majority"


@dataclass(frozen=True)
class Merged:
    """Labels of several people made one.

    conflicts: by image name, the class that each person gave it.
    labels: the class of each image, without conflicts that could not be settled.
    spelt: names that the files spell otherwise than composed, and how.
    """

    labels: dict[str, str]
    conflicts: dict[str, dict[str, str]]
    spelt: dict[str, str] = field(default_factory=dict)

    def pairs(self) -> list[tuple[str, str]]:
        """Return (name as the files spell it, class)."""
        return [(self.spelt.get(name, name), class_) for name, class_ in self.labels.items()]


@dataclass(frozen=True)
class Difference:
    """The difference of two sets of labels. `changed`: by name, the class before and the class now."""

    added: dict[str, str]
    removed: dict[str, str]
    changed: dict[str, tuple[str, str]]


def sheets(path: Path) -> list[Sheet]:
    """Read a file, or each file of a folder as `read_labels` finds them. Raises as that does."""
    real = readable(path)
    people, _others = sort_out(entry.name for entry in real.iterdir()) if real.is_dir() else ([], [])
    files = [real] if real.is_file() else [file for name in people if (file := real / name).is_file()]
    return [Sheet(_person(file, files), read_labels(file)) for file in files]


def tell_left_out(path: Path, task: Task = CLASSIFICATION) -> None:
    """Say which files in a folder of labels are nobody's, and so not read. Raises as `left_out_of` does."""
    if left_out := left_out_of(path, suffixes=task.suffixes):
        words = _("not read, as {why}: {files}")
        echo(words.format(why=why_nobodys(left_out, task.suffixes), files=", ".join(left_out)), err=True)


def merge(all_sheets: Sequence[Sheet], on_conflict: Conflicts) -> Merged:
    """Merge the labels of several people; names are in order.

    Where they disagree, what was settled counts, and else `on_conflict` decides.
    """
    given: dict[str, dict[str, str]] = defaultdict(dict)
    for sheet in sorted(all_sheets, key=lambda one: one.person == SETTLED):
        for name, class_ in sheet.labels.classes_by_name.items():
            given[name] = {**({} if sheet.person == SETTLED else given[name]), sheet.person: class_}
    conflicts = {name: given[name] for name in sorted(given) if len(set(given[name].values())) > 1}
    settled = {name: _settled(given[name].values(), on_conflict) for name in sorted(given)}
    spelt = {name: written for sheet in all_sheets for name, written in sheet.labels.spelt.items()}
    return Merged({name: class_ for name, class_ in settled.items() if class_ is not None}, conflicts, spelt)


def compare(old: ClassLabels, new: ClassLabels) -> Difference:
    before, after = old.classes_by_name, new.classes_by_name
    return Difference(
        added={name: after[name] for name in sorted(after.keys() - before.keys())},
        removed={name: before[name] for name in sorted(before.keys() - after.keys())},
        changed={
            name: (before[name], after[name])
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        },
    )


def read_any(path: Path, name_column: str = NAME, class_column: str = CLASS) -> ClassLabels:
    """Read labels out of a csv file, or whatever `read_labels` reads.

    Raises ExchangeMalformed, LabelsConflict, LabelsMalformed.
    """
    return _read_csv(path, name_column, class_column) if is_csv(path) else read_labels(path)


def write_any(path: Path, labels: Mapping[str, str], name_column: str = NAME, class_column: str = CLASS) -> None:
    """Write labels, by the suffix as csv or tab-separated. The file appears whole or not at all."""
    if not is_csv(path):
        write_labels(path, labels.items())
        return
    text = io.StringIO()
    csv.writer(text).writerows([(name_column, class_column), *labels.items()])
    write_whole(path, text.getvalue().encode(), durable=False)


def keep_labels(path: Path, names: Iterable[str], *, yes: bool, task: Task = CLASSIFICATION) -> None:
    """See that no file of labels is replaced by one with fewer, unless somebody said `yes`.

    task: of the labels that may be there.

    Raises:
        LabelsLost: it would be; says how many labels it has, and names some that would go.
    """
    if yes or is_special_file(path) or not path.is_file():  # what is behind /dev/stdout is written on
        return
    try:
        labels, conflicts = task.read_with_conflicts(path)
    except LabelsMalformed as error:
        words = _("{file} is there and can't be counted; --yes replaces it. {error}")
        raise LabelsLost(words.format(file=path, error=error.detail)) from None
    before, after = {*labels.names, *conflicts}, set(names)
    if len(after) < len(before):
        gone = sorted(before - after)
        named = ", ".join(gone[:LISTED]) + (", ..." if len(gone) > LISTED else "")
        words = _(
            "{file}: of its labels, {before}, only {after} would be left. Nothing was written. These would go: "
            "{names}. If that is meant, say --yes"
        )
        raise LabelsLost(words.format(file=path, before=len(before), after=len(after), names=named))


@contextmanager
def bringing_in(
    path: Path, names: Iterable[str], *, may_replace: bool, yes: bool, task: Task = CLASSIFICATION
) -> Iterator[None]:
    """Hold the lock that all hold who write labels files in that folder, which is made; see that no labels get lost.

    Raises PathWrongKind: images lie there; UsageError: it is a folder, or a file that is there already, and nobody
    said `may_replace`. Raises what `keep_labels` does.
    """
    with writable(path):
        parent = (path if path.is_dir() else path.parent).absolute()
        parent.mkdir(parents=True, exist_ok=True)
        with opened_folder(parent, [parent]) as folder:
            refuse_images(folder)
            if path.is_dir():
                words = _("{folder} is a folder: name the file in it that is to be written, as {file}")
                raise click.UsageError(words.format(folder=path, file=path / f"imported{task.suffixes[0]}"))
            with alone_in(folder):
                if path.exists() and not may_replace:
                    words = _("{file} is there already; name another file, or say --replace")
                    raise click.UsageError(words.format(file=path))
                keep_labels(path, names, yes=yes, task=task)
                yield


def nothing_in(labels: Path, task: Task) -> NoLabels:
    """Return the error that no label of the task is there to export; it names files that hold something else."""
    words = _("there is no label in {labels}, and nothing to export{unread}")
    return NoLabels(words.format(labels=labels, unread=told_unread(labels, suffixes=task.suffixes)))


def is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _person(file: Path, files: Sequence[Path]) -> str:
    """Name a file's person: without the suffix, unless two would be called the same."""
    is_alone = sum(other.stem == file.stem for other in files) == 1
    return file.stem if is_alone and file.name != SETTLED else file.name


def _settled(classes: Iterable[str], on_conflict: Conflicts) -> str | None:
    """Return the class that all agree on, or the majority's if that may decide; None: there is none."""
    first, *others = Counter(classes).most_common(2)
    if not others or (on_conflict is Conflicts.MAJORITY and first[1] > others[0][1]):
        return first[0]
    return None


def _read_csv(path: Path, name_column: str, class_column: str) -> ClassLabels:
    try:
        rows = csv.DictReader(io.StringIO(read_text(path, or_utf_16=True), newline=""), strict=True)
        return _from_rows(rows, path, name_column, class_column)
    except csv.Error as error:
        words = _("{file} is no csv file: {error}")
        raise LabelsMalformed(words.format(file=shown(path), error=error)) from None


def _from_rows(rows: csv.DictReader[str], path: Path, name_column: str, class_column: str) -> ClassLabels:
    columns = rows.fieldnames or []
    if absent := [column for column in (name_column, class_column) if column not in columns]:
        words = ngettext(
            "{file} has no column {absent}; its columns are: {columns}",
            "{file} has no columns {absent}; its columns are: {columns}",
            len(absent),
        )
        there = ", ".join(columns) or _("none")
        raise LabelsMalformed(words.format(file=shown(path), absent=", ".join(absent), columns=there))
    if twice := [column for column in (name_column, class_column) if columns.count(column) > 1]:
        words = _("{file}: two of its columns are called {column}; rename one of them")
        raise LabelsMalformed(words.format(file=shown(path), column=twice[0]))
    labels: dict[str, str] = {}
    spelt: dict[str, str] = {}
    for row in rows:
        if not any(cell.strip() for cell in row.values() if isinstance(cell, str)):
            continue  # rows of separators, as spreadsheets leave them at the end
        if any(cell.strip() for cell in row.get(None, [])):  # what is beyond the header
            what = _("it has more cells than the header; put quotes around what holds a comma")
            raise LabelsMalformed(f"{path.name}:{rows.line_num}: {what}")
        written, class_ = (row[column] or "" for column in (name_column, class_column))
        name, class_ = as_seen(clean_name(written)), as_seen(class_.strip())
        if not name.strip() or not class_:
            what = _("the name or the class is empty")
            raise LabelsMalformed(f"{path.name}:{rows.line_num}: {what}")
        first = labels.setdefault(name, class_)
        if first != class_:
            what = _("{name} has two classes: {one}, {other}").format(name=shown(name), one=first, other=class_)
            raise LabelsConflict(f"{path.name}:{rows.line_num}: {what}")
        spelt[name] = clean_name(written)
    return ClassLabels(labels, spelt=spelt)

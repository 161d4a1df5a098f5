"""The labels file that takes up another tool's annotations, one at a time: one file a project, never anybody else's.

The labels file is what counts. Beside it lies a hidden journal with a line for each annotation, since a tool that
deletes an annotation says its number and nothing else.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from nextlabel.core.data.folder import File, opened_folder
from nextlabel.core.data.folder_lock import alone_in
from nextlabel.core.data.label_files import GivenLabel, own_bytes, rewritten
from nextlabel.core.disk import write_whole
from nextlabel.core.errors import PathNotFound
from nextlabel.core.exchange.files import writable
from nextlabel.core.tasks.base import ClassTask
from nextlabel.core.tasks.registry import CLASSIFICATION


@dataclass(frozen=True)
class Annotation:
    """An annotation by its number. `class_name` is None when it was skipped or deleted, or says nothing.

    several: the classes that it gives, where an image may have several.
    """

    number: int
    name: str
    class_name: str | None
    several: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        return self.several if self.class_name is None else (self.class_name,)

    @property
    def lines(self) -> list[GivenLabel]:
        """What it says, as lines of a labels file."""
        return [GivenLabel(self.name, class_name) for class_name in self.classes]


class AnnotationFile:
    """The file `<stem>.txt` in a folder of labels, and its journal."""

    def __init__(self, folder: Path, stem: str, roots: Sequence[Path] = (), task: ClassTask = CLASSIFICATION) -> None:
        """Without roots, whoever runs this names the folder for themselves."""
        self.path = folder / f"{stem}.txt"
        self._stem, self._roots, self._task = stem, roots or [folder], task

    def record(self, annotations: Iterable[Annotation]) -> None:
        """Take up annotations; of several of one image, the newest counts. Doing it again changes nothing.

        Raises:
            LabelsMalformed: a class that a labels file can't hold, or a person has spoilt the file.
            FolderBusy, PathNotWritable
        """
        with self._alone() as (labels, journal):
            _apply(labels, journal, list(annotations), self._task)

    def forget(self, numbers: Iterable[int]) -> None:
        """Forget deleted annotations. What another annotation has said of the same image counts again.

        Raises:
            FolderBusy, LabelsMalformed, PathNotWritable
        """
        with self._alone() as (labels, journal):
            recorded = _read_journal(journal)
            deleted = [recorded[number] for number in numbers if number in recorded]
            silent = [replace(annotation, class_name=None, several=()) for annotation in deleted]
            _apply(labels, journal, silent, self._task)

    @contextmanager
    def _alone(self) -> Iterator[tuple[File, File]]:
        """Open the folder, alone in it, and give the labels file and its journal."""
        try:
            with opened_folder(self.path.parent, self._roots) as folder, writable(self.path), alone_in(folder):
                yield folder.file(self.path.name), folder.file(f".{self._stem}.jsonl")
        except PathNotFound:
            with writable(self.path):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None


def _apply(file: File, journal: File, annotations: list[Annotation], task: ClassTask) -> None:
    given: dict[str, list[GivenLabel]] = {}
    recorded = _read_journal(journal) if not all(new.classes for new in annotations) else {}
    for new in annotations:
        recorded.pop(new.number, None)
        recorded[new.number] = new
        given.pop(new.name, None)  # the newest stands last
        given[new.name] = new.lines or _last_lines(recorded.values(), new.name) or [GivenLabel(new.name, None)]
    before = own_bytes(file)
    after = rewritten(before, chain.from_iterable(given.values()), task)
    if after != before or not file.exists():
        write_whole(file.at, after, shared=True)
    _write_journal(journal, annotations)


def _read_journal(journal: File) -> dict[int, Annotation]:
    """Return the annotations by number, the newest last. A line that a crash tore is left out."""
    recorded: dict[int, Annotation] = {}
    if journal.exists():
        with journal.open() as stream:
            lines = stream.read().decode("utf-8").splitlines()
        for line in lines:
            if (annotation := _parse(line)) is not None:
                recorded.pop(annotation.number, None)
                recorded[annotation.number] = annotation
    return recorded


def _write_journal(journal: File, annotations: Iterable[Annotation]) -> None:
    """Append to the journal, on a new line even after one that a crash tore."""
    lines = [json.dumps([new.number, new.name, new.several or new.class_name]) for new in annotations]
    with journal.open_to_append() as stream:
        is_torn = stream.tell() and os.pread(stream.fileno(), 1, stream.tell() - 1) != b"\n"
        stream.write(("\n" if is_torn else "").encode() + "".join(f"{line}\n" for line in lines).encode())


def _last_lines(annotations: Iterable[Annotation], name: str) -> list[GivenLabel]:
    """Return what the last of the image's annotations says that still stands; nothing: there is none."""
    said = [other.lines for other in annotations if other.name == name and other.classes]
    return said[-1] if said else []


def _parse(line: str) -> Annotation | None:
    try:
        fields: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(fields, list) or len(fields) != 3:
        return None
    number, name, said = fields
    return Annotation(number, name, None, tuple(said)) if isinstance(said, list) else Annotation(number, name, said)

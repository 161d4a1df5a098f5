"""The labels file that another tool's annotations come to, one at a time: one file a project, never anybody else's.

The labels file is what counts. Beside it lies a hidden journal, a line an annotation, for a tool that deletes an
annotation says its number and nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextlabel.core.data.folder_lock import alone_in
from nextlabel.core.data.labels import write_labels
from nextlabel.core.exchange.files import writable
from nextlabel.core.tasks.classification import read_labels


@dataclass(frozen=True)
class Said:
    """What an annotation says. `class_name`: None of one that was skipped, deleted or says nothing."""

    annotation: int
    name: str
    class_name: str | None


class AnnotationFile:
    """`folder`: of labels. `stem`: of the file, without `.txt`."""

    def __init__(self, folder: Path, stem: str) -> None:
        self.path = folder / f"{stem}.txt"
        self._journal = folder / f".{stem}.jsonl"

    def record(self, said: Iterable[Said]) -> None:
        """The newest counts. Doing it again changes nothing.

        Raises:
            LabelsMalformed: a class that a labels file can't hold, or a person has spoilt the file.
            PathNotWritable
        """
        with writable(self.path), alone_in(self.path.parent):
            self._apply(list(said))

    def forget(self, annotations: Iterable[int]) -> None:
        """Deleted ones. What another annotation has said of the same image counts again.

        Raises:
            LabelsMalformed, PathNotWritable
        """
        with writable(self.path), alone_in(self.path.parent):
            known = self._known()
            gone = [known[number] for number in annotations if number in known]
            self._apply([Said(one.annotation, one.name, None) for one in gone])

    def _apply(self, said: list[Said]) -> None:
        labels = dict(read_labels(self.path, [self.path.parent]).classes_by_name) if self.path.exists() else {}
        before = dict(labels)
        known = self._known() if any(one.class_name is None for one in said) else {}
        for one in said:
            known.pop(one.annotation, None)
            known[one.annotation] = one
            class_name = one.class_name if one.class_name is not None else _other(known.values(), one.name)
            labels.pop(one.name, None)  # the newest stands last
            if class_name is not None:
                labels[one.name] = class_name
        if labels != before or not self.path.exists():
            write_labels(self.path, labels.items())
        self._note(said)

    def _known(self) -> dict[int, Said]:
        """By number, the last said last. A line that a crash tore is left out."""
        known: dict[int, Said] = {}
        lines = self._journal.read_text("utf-8").splitlines() if self._journal.exists() else []
        for line in lines:
            if (one := _parsed(line)) is not None:
                known.pop(one.annotation, None)
                known[one.annotation] = one
        return known

    def _note(self, said: Iterable[Said]) -> None:
        lines = [json.dumps([one.annotation, one.name, one.class_name]) for one in said]
        with self._journal.open("a+b") as stream:
            begun = stream.tell() and os.pread(stream.fileno(), 1, stream.tell() - 1) != b"\n"
            stream.write(("\n" if begun else "").encode() + "".join(f"{line}\n" for line in lines).encode())


def _other(known: Iterable[Said], name: str) -> str | None:
    """The last that an annotation which still stands has said of that image."""
    classes = [one.class_name for one in known if one.name == name and one.class_name is not None]
    return classes[-1] if classes else None


def _parsed(line: str) -> Said | None:
    try:
        found: Any = json.loads(line)
    except ValueError:
        return None
    return Said(*found) if isinstance(found, list) and len(found) == 3 else None

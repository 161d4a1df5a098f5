"""The labels file that takes up another tool's annotations, one at a time: one file a project, never anybody else's.

The labels file is what counts. Beside it lies a hidden journal with a line for each annotation, since a tool that
deletes an annotation says its number and nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nextlabel.core.data.folder_lock import alone_in
from nextlabel.core.data.label_files import GivenLabel, own_bytes, rewritten
from nextlabel.core.disk import replace_together
from nextlabel.core.exchange.files import writable


@dataclass(frozen=True)
class Annotation:
    """An annotation by its number. `class_name` is None when it was skipped or deleted, or says nothing."""

    number: int
    name: str
    class_name: str | None


class AnnotationFile:
    """The file `<stem>.txt` in a folder of labels, and its journal."""

    def __init__(self, folder: Path, stem: str) -> None:
        self.path = folder / f"{stem}.txt"
        self._journal = folder / f".{stem}.jsonl"

    def record(self, annotations: Iterable[Annotation]) -> None:
        """Take up annotations; of several of one image, the newest counts. Doing it again changes nothing.

        Raises:
            LabelsMalformed: a class that a labels file can't hold, or a person has spoilt the file.
            PathNotWritable
        """
        with writable(self.path), alone_in(self.path.parent):
            self._apply(list(annotations))

    def forget(self, numbers: Iterable[int]) -> None:
        """Forget deleted annotations. What another annotation has said of the same image counts again.

        Raises:
            LabelsMalformed, PathNotWritable
        """
        with writable(self.path), alone_in(self.path.parent):
            recorded = self._read_journal()
            deleted = [recorded[number] for number in numbers if number in recorded]
            self._apply([replace(annotation, class_name=None) for annotation in deleted])

    def _apply(self, annotations: list[Annotation]) -> None:
        given: dict[str, GivenLabel] = {}
        recorded = self._read_journal() if any(new.class_name is None for new in annotations) else {}
        for new in annotations:
            recorded.pop(new.number, None)
            recorded[new.number] = new
            class_name = new.class_name if new.class_name is not None else _last_class(recorded.values(), new.name)
            given.pop(new.name, None)  # the newest stands last
            given[new.name] = GivenLabel(new.name, class_name)
        before = own_bytes(self.path)
        after = rewritten(before, given.values())
        if after != before or not self.path.exists():
            replace_together({self.path: after})
        self._write_journal(annotations)

    def _read_journal(self) -> dict[int, Annotation]:
        """Return the annotations by number, the newest last. A line that a crash tore is left out."""
        recorded: dict[int, Annotation] = {}
        lines = self._journal.read_text("utf-8").splitlines() if self._journal.exists() else []
        for line in lines:
            if (annotation := _parse(line)) is not None:
                recorded.pop(annotation.number, None)
                recorded[annotation.number] = annotation
        return recorded

    def _write_journal(self, annotations: Iterable[Annotation]) -> None:
        """Append to the journal, on a new line even after one that a crash tore."""
        lines = [json.dumps([new.number, new.name, new.class_name]) for new in annotations]
        with self._journal.open("a+b") as stream:
            is_torn = stream.tell() and os.pread(stream.fileno(), 1, stream.tell() - 1) != b"\n"
            stream.write(("\n" if is_torn else "").encode() + "".join(f"{line}\n" for line in lines).encode())


def _last_class(annotations: Iterable[Annotation], name: str) -> str | None:
    """Return the class of the image by the last of its annotations that still stands; None: there is none."""
    classes = [other.class_name for other in annotations if other.name == name and other.class_name is not None]
    return classes[-1] if classes else None


def _parse(line: str) -> Annotation | None:
    try:
        fields: Any = json.loads(line)
    except ValueError:
        return None
    return Annotation(*fields) if isinstance(fields, list) and len(fields) == 3 else None

"""Who settled what between people, and when: a line of JSON an image, in a hidden file beside what is settled.

It counts for nothing, and readers that know nothing of it pass it over. A line tells of what is settled now by its
version: of what was changed by hand since, or belongs to a class that was renamed, nobody is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nextlabel.core.data.folder import File, Folder, opened_folder
from nextlabel.core.data.label_text import decode_any
from nextlabel.core.data.labels import read_bytes
from nextlabel.core.data.roots import existing_file_or_folder
from nextlabel.core.errors import PathNotReadable, PathWrongKind
from nextlabel.core.people import in_file_names

SETTLERS = ".nextlabel-settled.jsonl"


@dataclass(frozen=True)
class SettledBy:
    """`person`: as in the names of files; None: nobody said who. `at`: with its time zone."""

    person: str | None
    at: datetime


def with_settler(
    folder: Folder,
    file: str,
    versions: Mapping[str, str],
    person: str | None,
    *,
    was: Mapping[str, str] = MappingProxyType({}),
) -> dict[File, bytes]:
    """Return the folder's file of who settled what, with this person and moment for what is settled anew.

    file: the name of that of what is settled. versions: by name composed, of what is settled now; empty: nothing is.
    was: of what was settled before: whoever settles the same once more is not who settled it.

    Raises PathNotReadable, PathWrongKind.
    """
    record = folder.file(SETTLERS)
    lines = _lines_of(record)
    same = {
        (file, name)
        for name, version in versions.items()
        if version == was.get(name) == lines.get((file, name), {}).get("version")
    }
    said = {"by": person and in_file_names(person), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    fresh: dict[tuple[str, str], dict[str, Any]] = {
        (file, name): {"file": file, "name": name, "version": version, **said}
        for name, version in versions.items()
        if version and (file, name) not in same
    }
    gone = {(file, name) for name in versions} - same
    kept = {key: line for key, line in lines.items() if key not in gone} | fresh
    text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in kept.values())
    return {} if kept == lines else {record: text.encode()}


def who_settled(path: Path, file: str, versions: Mapping[str, str], roots: Sequence[Path]) -> dict[str, SettledBy]:
    """Tell who settled what counts, where that is known: by name. versions: of what is settled now, by name composed.
    Of a record that can't be read, nobody is told.

    Raises PathNotAllowed, PathNotFound, and of the folder PathNotReadable, PathWrongKind.
    """
    real = existing_file_or_folder(path, roots)
    if not versions or not real.is_dir():
        return {}
    with opened_folder(real, roots) as folder:
        try:
            lines = _lines_of(folder.file(SETTLERS))
        except (PathNotReadable, PathWrongKind):
            return {}
    found = {name: lines.get((file, name), {}) for name in versions}
    return {
        name: SettledBy(line["by"] and str(line["by"]), datetime.fromisoformat(line["at"]))
        for name, line in found.items()
        if line.get("version") == versions[name]
    }


def _lines_of(record: File) -> dict[tuple[str, str], dict[str, Any]]:
    """Read what is told of each file and name; lines that are none tell nothing."""
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for text in decode_any(read_bytes(record))[0].split("\n") if record.exists() else ():
        try:
            line = json.loads(text)
            datetime.fromisoformat(line["at"])
            lines[line["file"], line["name"]] = {key: line[key] for key in ("file", "name", "version", "by", "at")}
        except (ValueError, TypeError, KeyError):
            continue
    return lines

"""Change a class in the labels of everybody at once: rename it, make one of two, remove it; and undo that.

Lines that are not about the class stay as they are, byte for byte. What the files were before is kept in a hidden file
beside them, which is written first: should all of it end in between, `undo` brings every file back.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextlabel.core.data.class_file import names_in, renamed
from nextlabel.core.data.folder import File, Folder, opened_folder
from nextlabel.core.data.folder_lock import alone_in
from nextlabel.core.data.label_files import in_our_words
from nextlabel.core.data.label_text import decode_any, encode_any, format_line, lines_with_ends, new_class, parse_line
from nextlabel.core.data.labels import files_in, read_bytes, sorted_classes
from nextlabel.core.data.labels_folder import CLASS_FILE
from nextlabel.core.data.roots import shown
from nextlabel.core.data.side_files import content_of
from nextlabel.core.data.spelling import as_seen, hint
from nextlabel.core.disk import replace_together
from nextlabel.core.errors import Fault, InvalidRequest

KEPT = ".nextlabel-classes-undo.json"


@dataclass(frozen=True)
class ClassChanged:
    """What was changed. `labels`: by file, how many lines."""

    folder: Path
    labels: Mapping[str, int]


def change_class(
    path: str | Path, old: str, new: str | None, *, roots: Sequence[Path], merge: bool = False
) -> ClassChanged:
    """Give every label of the class `old` the class `new`, whoever gave it; None takes these labels out.

    So it is called in the file of classes, too. All files are written, or none. merge: `new` may be there already.

    Raises:
        InvalidRequest: no label is of that class, and it wasn't declared; or there are labels of `new`, or it was
            declared, and `merge` was not asked for.
        LabelsMalformed: the new name can't stand in a labels file; or the file of classes is damaged.
        FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathNotWritable, PathWrongKind, StorageFull
    """
    old, new = as_seen(old.strip()), None if new is None else as_seen(new_class(new))
    with _files(path, roots) as (folder, files):
        before = {file: read_bytes(file) for file in files}
        counts = {file: Counter(class_ for _, class_ in _labels(data)) for file, data in before.items()}
        declared = content_of(folder, CLASS_FILE)
        names = [] if declared is None else names_in(declared)
        _refuse(old, new, sum(counts.values(), Counter()), names, merge=merge)
        changed = {file.name: count[old] for file, count in counts.items() if count[old]}
        after = {file: _changed(data, old, new) for file, data in before.items() if file.name in changed}
        if declared is not None and old in names:
            of_classes = folder.file(CLASS_FILE)
            before[of_classes], after[of_classes] = declared, renamed(declared, old, new)
        kept = {file.name: {"was": _text(before[file]), "is": _digest(data)} for file, data in after.items()}
        content = {folder.file(KEPT).at: json.dumps(kept).encode()}
        replace_together({**content, **{file.at: data for file, data in after.items()}})
    return ClassChanged(folder.path, changed)


def undo_class_change(path: str | Path, *, roots: Sequence[Path]) -> ClassChanged:
    """Bring all files back to what they were before the last change of a class, which is forgotten then.

    Raises:
        InvalidRequest: there is none; or labels were given since, which would be lost. Says in which files.
        FolderBusy, PathNotAllowed, PathNotFound, PathNotReadable, PathNotWritable, PathWrongKind, StorageFull
    """
    with _files(path, roots) as (folder, files):
        kept = _kept(folder)
        by_name = {file.name: file for file in [*files, folder.file(CLASS_FILE)] if file.is_regular()}
        lost = [name for name, one in kept.items() if name not in by_name or not _is_as_left(by_name[name], one)]
        if lost:
            detail = f"{', '.join(map(shown, lost))} changed since, and would lose that; change the class back instead"
            raise InvalidRequest([Fault("/path_to_labels", "invalid_value", detail)])
        was = {by_name[name]: base64.b64decode(one["was"]) for name, one in kept.items()}
        changed = {file.name: len(_labels(data)) for file, data in was.items() if file.name != CLASS_FILE}
        replace_together({**{file.at: data for file, data in was.items()}, folder.file(KEPT).at: b"{}"})
    return ClassChanged(folder.path, changed)


@contextmanager
def _files(path: str | Path, roots: Sequence[Path]) -> Iterator[tuple[Folder, list[File]]]:
    """Open people's files in the folder, which nobody else writes meanwhile."""
    with opened_folder(path, roots) as folder, ExitStack() as stack:
        stack.enter_context(in_our_words(folder.path))
        stack.enter_context(alone_in(folder))
        yield folder, files_in(folder, roots, stack)


def _refuse(old: str, new: str | None, counts: Counter[str], declared: Sequence[str], *, merge: bool) -> None:
    if not counts[old] and old not in declared:
        classes = sorted_classes({*counts, *declared})
        there = f"; there are {', '.join(classes)}" if classes else ""
        detail = f"no label is of the class {shown(old)}{hint([old], classes) or there}"
        raise InvalidRequest([Fault("/class", "invalid_value", detail)])
    if new == old:
        raise InvalidRequest([Fault("/to", "invalid_value", f"the class is called {shown(old)} already")])
    if new is not None and (counts[new] or new in declared) and not merge:
        detail = f"there are labels of the class {shown(new)} already ({counts[new]}); merge makes one class of the two"
        if not counts[new]:
            detail = f"the class {shown(new)} is declared already; merge makes one class of the two"
        raise InvalidRequest([Fault("/to", "invalid_value", detail)])


def _labels(data: bytes) -> list[tuple[str, str]]:
    return [label for line in decode_any(data)[0].split("\n") if (label := _label(line))]


def _label(line: str) -> tuple[str, str] | None:
    try:
        return parse_line(line)
    except ValueError:  # whoever reads the file is told; here it stays as it is
        return None


def _changed(data: bytes, old: str, new: str | None) -> bytes:
    """Return a file with the labels of the class changed; of lines that come to say the same, the first stays."""
    text, marked = decode_any(data)
    kept, named = [], set()
    for line in lines_with_ends(text):
        label = _label(line)
        if label is None or label[1] not in (old, new):
            kept.append(line)
        elif new is not None and (name := as_seen(label[0])) not in named:
            named.add(name)
            end = line[len(line.rstrip("\r\n")) :]
            kept.append(line if label[1] == new else format_line(label[0], new) + end)
    return encode_any("".join(kept), marked)


def _kept(folder: Folder) -> dict[str, Any]:
    file, kept = folder.file(KEPT), {}
    if file.is_regular():
        try:
            kept = json.loads(read_bytes(file))
        except ValueError:
            kept = {}
    if not isinstance(kept, dict) or not kept:
        detail = "no class was changed here that could be changed back"
        raise InvalidRequest([Fault("/path_to_labels", "invalid_value", detail)])
    return kept


def _is_as_left(file: File, kept: Mapping[str, str]) -> bool:
    """Tell whether the file is as the change left it, or found it: it may have ended in between."""
    data = read_bytes(file)
    return _digest(data) == kept["is"] or _text(data) == kept["was"]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""Small files beside the labels: a JSON list, one object a line, for people to edit, too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from nextlabel.core.data.encodings import other_than_utf_8
from nextlabel.core.data.folder import Folder
from nextlabel.core.data.labels import read_bytes
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import LabelsMalformed, PathWrongKind
from nextlabel.core.faults import KeyTwice, object_of


def content_of(folder: Folder, name: str) -> bytes | None:
    """Return what the file of an open folder holds; None: there is none. Raises LabelsMalformed, PathNotReadable."""
    file = folder.file(name)
    if file.is_link():
        raise LabelsMalformed(f"{shown(file.path)} is a link, which is not followed here; put the file itself there")
    try:
        return read_bytes(file) if file.exists() else None
    except PathWrongKind as error:  # a folder, a pipe
        raise LabelsMalformed(error.detail) from None


def objects_in(data: bytes, name: str, *, most_bytes: int, like: str) -> list[dict[str, Any]]:
    """Return the objects of the file of that name. like: one of them, for words. Raises LabelsMalformed."""
    if len(data) > most_bytes:
        raise LabelsMalformed(f"{name} is too large: {most_bytes:,} bytes at most")
    if other := other_than_utf_8(data):
        raise LabelsMalformed(f"{name}: {other}, or take it away")
    try:
        found = json.loads(data.decode("utf-8-sig"), object_pairs_hook=object_of)
    except KeyTwice as error:
        raise LabelsMalformed(f"{name}: {error}; mend it, or take it away") from None
    except UnicodeDecodeError as error:
        raise LabelsMalformed(f"{name}: byte {error.start} is not UTF-8; save it as UTF-8, or take it away") from None
    except (ValueError, RecursionError) as error:
        raise LabelsMalformed(f"{name} is no JSON ({error}); mend it, or take it away") from None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise LabelsMalformed(f"{name} is no list of such: [{like}, ...]")
    return found


def as_lines(objects: Iterable[Mapping[str, Any]]) -> bytes:
    """Write objects as a file has them: one a line, without what was not said."""
    lines = [json.dumps({key: said for key, said in one.items() if said}, ensure_ascii=False) for one in objects]
    return ("[\n  " + ",\n  ".join(lines) + "\n]\n" if lines else "[]\n").encode()

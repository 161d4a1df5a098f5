"""Files of other tools, read with care and written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from nextlabel.core.data.places import Place, spelling_in
from nextlabel.core.data.roots import shown
from nextlabel.core.disk import write_whole
from nextlabel.core.errors import ExchangeMalformed, PathNotReadable, PathNotWritable, UnreadableImage
from nextlabel.core.tasks.base import Task
from nextlabel.core.tasks.registry import CLASSIFICATION

MAX_LISTED = 20
MAX_BYTES = 1 << 30


class Faults:
    """Gathers what is wrong with a file, so that all of it is told at once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._found: list[str] = []

    def note(self, place: str, what: str) -> None:
        self._found.append(f"{self._file.name}: {place}: {what}")

    def check(self) -> None:
        """Raise ExchangeMalformed if there are any faults."""
        if self._found:
            more = len(self._found) - MAX_LISTED
            tail = [f"and {more} more"] if more > 0 else []
            raise ExchangeMalformed("\n".join(["Please mend:", *self._found[:MAX_LISTED], *tail]))


def read_text(file: Path) -> str:
    """Read a file of UTF-8, with or without a byte order mark. Raises ExchangeMalformed, PathNotReadable."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ExchangeMalformed(f"{shown(file)} is larger than {MAX_BYTES >> 30} GB: export it in parts.")
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"byte {error.start} is not UTF-8; export the file anew, or save it as UTF-8"
        raise ExchangeMalformed(f"{shown(file)}: {what}.") from None
    except OSError as error:
        raise PathNotReadable(f"{shown(file)} can't be read: {error.strerror}.") from None


def read_json(file: Path) -> Any:
    """Read a JSON file. Raises ExchangeMalformed, PathNotReadable."""
    try:
        return json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise ExchangeMalformed(f"{shown(file)} is not JSON: {error}. Export it anew.") from None


def csv_rows(file: Path, text: str, delimiter: str) -> list[tuple[str, list[str]]]:
    """List each row as (its place, its cells); leave out empty lines. Raises ExchangeMalformed."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [(f"line {reader.line_num}", row) for row in reader if row]
    except csv.Error as error:
        raise ExchangeMalformed(f"{shown(file)}: line {reader.line_num}: {error}. Export it anew.") from None


def parse_xml(text: str, of: str) -> ElementTree.Element:
    """Return the root element. `of` names the document in errors.

    A document type is refused: entities in it could grow without bounds, and no tool writes one.

    Raises:
        ExchangeMalformed
    """
    if "<!DOCTYPE" in text:
        raise ExchangeMalformed(f"{of} holds a document type (<!DOCTYPE ...>), which is not read; take it out.")
    try:
        return ElementTree.fromstring(text)  # noqa: S314 -- no entities without a document type
    except ElementTree.ParseError as error:
        raise ExchangeMalformed(f"{of} is not XML: {error}. Export it anew.") from None


def write_text(file: Path, text: str) -> None:
    """Write a file, which appears whole or not at all. Raises PathNotWritable."""
    with writable(file):
        write_whole(file, text.encode())


def write_json(file: Path, value: Any) -> None:
    """Write a file of JSON, which appears whole or not at all. Raises PathNotWritable."""
    write_text(file, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Raise PathNotWritable in the place of any OSError of the block."""
    try:
        yield
    except OSError as error:
        detail = f"{shown(path)} can't be written: {error.strerror or error}. Give permission, or name another place."
        raise PathNotWritable(detail) from None


def place_images(pairs: Iterable[tuple[str, str]], place: Place, folder: Path, *, copy: bool) -> None:
    """Put images of the pool into a folder, as hard links where those can be made, or as copies.

    pairs: each image's name in the pool, and its name in the folder.

    What is there already stays. Symbolic links would take no room either, but datumaro refuses those that lead out of
    its folder, and they don't survive being packed.

    Raises:
        PathNotWritable
    """
    with writable(folder):
        for name, target_name in pairs:
            target = folder / target_name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() and (copy or not place.link(name, target)):
                write_whole(target, _content(place, name))


def _content(place: Place, name: str) -> bytes:
    try:
        with place.open(spelling_in(place, name) or name) as stream:
            return stream.read()
    except UnreadableImage as error:
        cause = error.detail.removeprefix("the file can't be opened: ")  # it is said already that it can't
        raise PathNotReadable(f"the image {shown(name)} can't be read: {cause}.") from None
    except OSError as error:
        raise PathNotReadable(f"the image {shown(name)} can't be read: {error.strerror}.") from None


def agreed(classes: Sequence[str], place: str, faults: Faults, task: Task = CLASSIFICATION) -> tuple[str, ...]:
    """Return the classes of an image that was given all of these; where they contradict each other, note it: ()."""
    try:
        return task.agree(classes)
    except ValueError as error:
        faults.note(place, str(error))
        return ()

"""Files of other tools, read with care and written whole or not at all."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from nextlabel.core.data.encodings import other_than_utf_8
from nextlabel.core.data.files import ImageFile
from nextlabel.core.data.places import Ahead, Place, place_at, spelling_in
from nextlabel.core.data.roots import shown
from nextlabel.core.disk import NO_SPACE, write_whole
from nextlabel.core.errors import ExchangeMalformed, PathNotReadable, PathNotWritable, UnreadableImage
from nextlabel.core.exchange.names import check_below
from nextlabel.core.faults import KeyTwice, object_of

MAX_LISTED = 20
A_FEW_MB, PATIENCE_S = 4 << 20, 60.0  # what an image in a bucket is taken to have, and how long storage is waited for
MAX_BYTES = 1 << 30
MAX_SNIFFED = 1 << 16  # characters of a table that its separator is found out by
DELIMITERS = (",", ";", "\t")
PACKED = (".json", ".xml", ".csv", ".tsv")  # what a zip may hold one of


class Faults:
    """Gathers what is wrong with a file, so that all of it is told at once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._found: list[str] = []

    def note(self, place: str, what: str) -> None:
        self._found.append(f"{self._file.name}: {place}: {what}")

    def note_of_all(self, what: str) -> None:
        """Take up what is wrong with all of it: told first, for it explains the others, of which not all are told."""
        self._found.insert(0, f"{self._file.name}: all of it: {what}")

    def check(self) -> None:
        """Raise ExchangeMalformed if there are any faults."""
        if self._found:
            more = len(self._found) - MAX_LISTED
            tail = [f"and {more} more"] if more > 0 else []
            raise ExchangeMalformed("\n".join(["Please mend:", *self._found[:MAX_LISTED], *tail]))


def file_in(path: Path, ways: Sequence[str], of: str) -> Path:
    """Return the file that is named; of a folder, the one in it that the first of these patterns finds.

    of: the tool, for words. Raises ExchangeMalformed: there is none, or several of them.
    """
    if not path.is_dir():
        return path
    found: list[Path] = next(filter(None, (seen_in(path, way) for way in ways)), [])
    if len(found) == 1:
        return found[0]
    there = ", ".join(one.relative_to(path).as_posix() for one in found[:MAX_LISTED])
    if there:
        raise ExchangeMalformed(f"{shown(path)} holds several files of {of}: {there}. Name the one to read.")
    raise ExchangeMalformed(f"{shown(path)} holds no file of {of}; looked for {', '.join(ways)}. Name the file.")


def seen_in(folder: Path, pattern: str) -> list[Path]:
    """List the files of a folder that a pattern finds, ascending, without what is hidden (macOS leaves ._a.xml)."""
    found = sorted(folder.glob(pattern))
    hidden = (any(part.startswith(".") for part in file.relative_to(folder).parts) for file in found)
    return [file for file, is_hidden in zip(found, hidden, strict=True) if not is_hidden and file.is_file()]


def read_text(file: Path, *, or_utf_16: bool = False) -> str:
    """Read a file of UTF-8, with or without a byte order mark; or the one file of its kind in a zip, as tools pack it.

    or_utf_16: take UTF-16 with a mark, too.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    data = _read_bytes(file)
    if or_utf_16 and _is_utf_16(data):
        return _utf_16(data, file).removeprefix("\ufeff")
    try:
        what = other_than_utf_8(data)
        if not what:
            return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"byte {error.start} is not UTF-8; export the file anew, or save it as UTF-8"
    raise ExchangeMalformed(f"{shown(file)}: {what}.")


def _is_utf_16(data: bytes) -> bool:
    """Tell by the mark, as which that of UTF-32 begins."""
    return data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not data.startswith(codecs.BOM_UTF32_LE)


def _utf_16(data: bytes, file: Path) -> str:
    try:
        return data.decode("utf-16")
    except UnicodeDecodeError as error:
        raise ExchangeMalformed(f"{shown(file)}: byte {error.start} is not UTF-16; export the file anew.") from None


def _read_bytes(file: Path) -> bytes:
    try:
        if zipfile.is_zipfile(file):
            return _unpacked(file)
        if file.stat().st_size > MAX_BYTES:
            raise _too_large(file)
        return file.read_bytes()
    except OSError as error:
        raise PathNotReadable(f"{shown(file)} can't be read: {error.strerror}.") from None


def _unpacked(file: Path) -> bytes:
    """Read the one file of annotations in a zip. Raises ExchangeMalformed where there is none, or more than one."""
    try:
        with zipfile.ZipFile(file) as packed:
            inside = [one for one in packed.infolist() if one.filename.lower().endswith(PACKED) and _is_seen(one)]
            if len(inside) != 1:
                there = ", ".join(one.filename for one in inside[:MAX_LISTED]) or f"no {', '.join(PACKED)}"
                what = f"is a zip (or a spreadsheet) with {there} in it: unpack it, and name the one file to read"
                raise ExchangeMalformed(f"{shown(file)} {what}.")
            with packed.open(inside[0]) as stream:
                data = stream.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise ExchangeMalformed(f"{shown(file)} is a zip that can't be unpacked: {error}. Export it anew.") from None
    if len(data) > MAX_BYTES:
        raise _too_large(file)
    return data


def _is_seen(packed: zipfile.ZipInfo) -> bool:
    return not any(part.startswith((".", "__MACOSX")) for part in packed.filename.split("/"))


def _too_large(file: Path) -> ExchangeMalformed:
    return ExchangeMalformed(f"{shown(file)} is larger than {MAX_BYTES >> 30} GB: export it in parts.")


def read_json(file: Path) -> Any:
    """Read a JSON file. Raises ExchangeMalformed, PathNotReadable."""
    try:
        return json.loads(read_text(file), object_pairs_hook=object_of)
    except KeyTwice as error:
        raise ExchangeMalformed(f"{shown(file)}: {error}. Export it anew.") from None
    except (ValueError, RecursionError) as error:
        raise ExchangeMalformed(f"{shown(file)} is not JSON: {error}. Export it anew.") from None


def read_table(file: Path) -> list[tuple[str, list[str]]]:
    """List the rows of a table between commas, semicolons or tabs, as (place, stripped cells). Leave out empty ones.

    The separator is the one that makes all rows equally long; Excel's first line `sep=;` may say it. Empty cells at the
    end of a row, beyond its first row's, are left out.

    Raises:
        ExchangeMalformed, PathNotReadable
    """
    text = read_text(file, or_utf_16=True)
    said = re.match(r'"?sep=(.)"?[ \t,;]*\r?\n', text, re.IGNORECASE)
    if said:
        return _rows_between(file, text[said.end() :], said[1], begin=1)
    head = text[:MAX_SNIFFED].rpartition("\n")[0] if len(text) > MAX_SNIFFED else text
    return _rows_between(file, text, max(DELIMITERS, key=lambda delimiter: _evenness(head, delimiter)))


def _evenness(text: str, delimiter: str) -> tuple[bool, int]:
    """Rate a separator: whether all rows are equally long, and how many cells the first has; nothing for one cell."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error:
        return False, 0
    widths = {len(row) for row in rows}
    first = len(rows[0]) if rows else 1
    return (len(widths) == 1, first) if first > 1 else (False, 0)


def _rows_between(file: Path, text: str, delimiter: str, begin: int = 0) -> list[tuple[str, list[str]]]:
    rows: list[tuple[str, list[str]]] = []
    # strict: else a quote that is never closed would swallow all rows after it
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            while len(cells) > (len(rows[0][1]) if rows else 2) and not cells[-1]:
                cells.pop()
            if any(cells):
                rows.append((f"line {reader.line_num + begin}", cells))
    except csv.Error as error:
        what = f"line {reader.line_num + begin}: {error}. Export it anew"
        raise ExchangeMalformed(f"{shown(file)}: {what}.") from None
    return rows


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
        remedy = "Free some room" if error.errno in NO_SPACE else "Give permission"
        detail = f"{shown(path)} can't be written: {error.strerror or error}. {remedy}, or name another place."
        raise PathNotWritable(detail) from None


def images_in(folder: Path) -> list[str]:
    """List the names of the images in a folder, with its sub-folders; none where there is no folder."""
    return list(place_at(folder.absolute(), [folder.absolute()]).list().names) if folder.is_dir() else []


def place_images(pairs: Iterable[tuple[str, str]], place: Place, folder: Path, *, copy: bool) -> None:
    """Put images of the pool into a folder, as hard links where those can be made, or as copies.

    pairs: each image's name in the pool, and its name in the folder.

    What is there already stays. Symbolic links would take no room either, but datumaro refuses those that lead out of
    its folder, and they don't survive being packed.

    Raises:
        Inexpressible: a name leads out of the folder.
        PathNotReadable, PathNotWritable
    """
    pairs = list(pairs)
    for _name, target in pairs:
        check_below(target)
    with writable(folder):
        wanted = {path: name for name, target in pairs if not (path := folder / target).exists()}
        with closing(place.ahead([*wanted.values()], [A_FEW_MB] * len(wanted), PATIENCE_S)) as files:
            for path, name in wanted.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                if copy or not place.link(name, path):
                    write_whole(path, _content(place, files, name))


def _opened(place: Place, files: Ahead, name: str) -> ImageFile:
    try:
        return files.open(name)
    except UnreadableImage:
        spelt = spelling_in(place, name)
        if spelt is None or spelt == name:
            raise
        return place.open(spelt)


def _content(place: Place, files: Ahead, name: str) -> bytes:
    try:
        with _opened(place, files, name) as stream:
            return stream.read()
    except UnreadableImage as error:
        cause = error.detail.removeprefix("the file can't be opened: ")  # it is said already that it can't
        raise PathNotReadable(f"the image {shown(name)} can't be read: {cause}.") from None
    except OSError as error:
        raise PathNotReadable(f"the image {shown(name)} can't be read: {error.strerror}.") from None

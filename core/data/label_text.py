"""The text of a labels file: bytes and lines, and the line `file name<TAB>class`. What a line means, a task knows.

UTF-8 with or without a byte order mark, LF or CRLF; blank lines say nothing. Classes are read composed
(core/data/spelling.py), and all without the quotes that spreadsheets put around what has a comma in it. A file whose
first name itself begins with the mark's character has a mark of its own before it, or the name would lose its first
character to a reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from nextlabel.core.data.encodings import other_than_utf_8
from nextlabel.core.data.roots import shown
from nextlabel.core.data.spelling import as_seen, shows, unseen
from nextlabel.core.errors import LabelsMalformed

MARK = "\ufeff"
NONE = ""  # the class of a line that says that none applies
NONE_IN_WORDS = "none of the classes"
_QUOTED = re.compile('"(?:[^"]|"")*"')


class LabelLines(Protocol):
    """What a task knows of lines: every task of core/tasks is one."""

    def parse(self, line: str) -> tuple[str, str] | None: ...

    def lines(self, name: str, classes: Sequence[str]) -> Iterator[str]: ...

    def gather(self, classes: Sequence[str]) -> tuple[str, ...]: ...

    def agree(self, classes: Sequence[str]) -> tuple[str, ...]: ...


# --- lines ------------------------------------------------------------------------------------------------------


def in_words(classes: Sequence[str]) -> str:
    return " + ".join(filter(None, classes)) or NONE_IN_WORDS


def parse_line(line: str, *, may_be_empty: bool = False) -> tuple[str, str] | None:
    """Read (name as it is spelt, class) from a line; None from a blank one.

    may_be_empty: whether a name and a tab alone are a line too, with the class "".

    Raises ValueError, which says what is wrong with it.
    """
    name, tab, class_ = line.partition("\t")
    if '"' in line:
        name, class_ = _unquoted(name), _unquoted(class_.strip())
    name, may_be_empty = clean_name(name), may_be_empty and bool(tab)
    if "\r" in line and "\r" in line.rstrip("\r\n"):
        raise ValueError("a carriage return stands in the line; save the file with line ends of Unix or Windows")
    if name and "\t" not in class_ and ((class_ := class_.strip()) or may_be_empty) and not name.isspace():
        if class_.isascii() and class_.isprintable():
            return name, class_
        if class_ and not shows(class_):
            raise ValueError(f"nobody sees anything of the class {shown(class_)}")
        return name, as_seen(class_)
    if line and not line.isspace():
        raise ValueError(_fault(line))
    return None


def format_line(name: str, class_: str, *, may_be_empty: bool = False) -> str:
    """Write the line that `parse_line` reads. Raises LabelsMalformed for what no line can hold."""
    class_ = class_.strip()
    class_ = class_ if may_be_empty and not class_ else _quoted(writable_class(class_))
    return f"{_quoted(writable(clean_name(name)))}\t{class_}"


def clean_name(name: str) -> str:
    """Take `./` off the beginning of an image's name: this is how names are read wherever they come in."""
    while name.startswith("./"):
        name = name[2:]
    return name


def writable(text: str) -> str:
    """Return the text if a line can hold it. Raises LabelsMalformed."""
    if not text or text.isspace():
        raise LabelsMalformed("A file name or class is empty; a labels file can't hold that.")
    if re.search("[\t\n\r\0\ud800-\udfff]", text):
        raise LabelsMalformed(f"{shown(text)} holds a tab, a line break, a NUL or broken Unicode. Rename it.")
    return text


def writable_class(text: str) -> str:
    """Return the class if a line can hold it, and anybody sees anything of it. Raises LabelsMalformed."""
    if not shows(writable(text)):
        raise LabelsMalformed(f"Nobody sees anything of the class {shown(text)}. Type it anew.")
    return text


def new_class(text: str) -> str:
    """Return a class that somebody gives. What nobody sees would make it another than one that looks alike: so it is
    refused here, whether or not others gave it before. Labels that are there are read with it, and jobs warn of them.

    Raises LabelsMalformed.
    """
    class_ = writable_class(text.strip())
    if odd := unseen(class_):
        raise LabelsMalformed(f"The class {shown(class_)} holds what nobody sees: {odd}. Type it anew, or rename it.")
    return class_


def _unquoted(text: str) -> str:
    return text[1:-1].replace('""', '"') if _QUOTED.fullmatch(text) else text


def _quoted(text: str) -> str:
    """Put quotes around what has some of its own already, or a reader would take those off."""
    return '"' + text.replace('"', '""') + '"' if _QUOTED.fullmatch(text) else text


def _fault(line: str) -> str:
    columns = [_unquoted(column) for column in line.split("\t")]
    begin = shown(line[:80])
    if line.startswith("{"):
        return f'an object of JSON (if it is about boxes, these are labels for "task": "detection"): {begin}'
    if len(columns) > 2:
        return f"{len(columns)} columns, where two belong: {begin}"
    if len(columns) == 2:
        if not clean_name(columns[0]).strip():
            return f"the file name is empty: {begin}"
        return f'the class is empty (if none applies, these are labels for "task": "multilabel"): {begin}'
    for separator, words in ((",", "a comma stands"), (";", "a semicolon stands"), (" ", "spaces stand")):
        if separator in line.strip():
            return f"{words} where a tab belongs: {begin}"
    return f"one column; the class is missing: {begin}"


# --- files ------------------------------------------------------------------------------------------------------


def join_lines(lines: Iterable[str]) -> str:
    """Write the text of a file of these lines, each without its end."""
    return with_mark("".join(f"{line}\n" for line in lines))


def with_mark(text: str, marked: bool = False) -> str:
    """Put the mark before the text where it was there before, or where the first name begins with one."""
    return MARK + text if marked or text.startswith(MARK) else text


def decode(data: bytes, faults: list[str], file_name: str) -> str:
    """Return the text in a labels file, without its mark. What is no text is noted as a fault, and "" is returned."""
    if other := other_than_utf_8(data):
        return _note(faults, file_name, data, 0, other)
    if (nul := data.find(b"\0")) >= 0:
        return _note(faults, file_name, data, nul, "a NUL byte: this is not a text file (an image?)")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"byte 0x{data[error.start]:02X} is not UTF-8; save the file as UTF-8"
        return _note(faults, file_name, data, error.start, what)


def _note(faults: list[str], file_name: str, data: bytes, at: int, what: str) -> str:
    line = data.count(b"\n", 0, at) + 1
    faults.append(f"{file_name}:{line}: {what}")
    return ""


# --- files as they are, to change a few lines of ----------------------------------------------------------------


def decode_any(data: bytes) -> tuple[str, bool]:
    """Return the text, and whether the file has a mark. Bytes that are not UTF-8 become surrogates.

    `encode_any` gives the same bytes back, so that lines nobody asked to change stay as they are.
    """
    text = data.decode("utf-8", "surrogateescape")
    return text.removeprefix(MARK), text.startswith(MARK)


def encode_any(text: str, marked: bool) -> bytes:
    return with_mark(text, marked).encode("utf-8", "surrogateescape")


def lines_with_ends(text: str) -> list[str]:
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + [line for line in lines[-1:] if line]


def printable(class_: str) -> str:
    """Return the class with U+FFFD for each byte that is not UTF-8."""
    return class_.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

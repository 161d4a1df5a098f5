"""Read a large JSON document piece by piece, so that its size does not decide how much memory is taken."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from nextlabel.core.data.encodings import other_than_utf_8
from nextlabel.core.data.roots import shown
from nextlabel.core.errors import NextlabelError
from nextlabel.core.faults import KeyTwice, object_of

PIECE = 1 << 20  # bytes
LARGEST = 1 << 28  # characters of one element
_AFTER = tuple(" \t\r\n,:]}")  # what may stand behind a value
_SPACE = re.compile(r"[ \t\r\n]*")


def elements(file: Path, stream: IO[bytes], malformed: type[NextlabelError]) -> Iterator[tuple[str, Any]]:
    """Yield (key, value) of the stream's object; of a value that is a list, one pair for each of its elements.

    A document that is a list itself yields its elements under the key "". A list that is empty yields nothing.

    file: as errors name it. Raises `malformed`.
    """
    yield from _Text(file, stream, malformed).elements()


class _Text:
    """The text of a document, of which no more is held than the value that is being read."""

    def __init__(self, file: Path, stream: IO[bytes], malformed: type[NextlabelError]) -> None:
        self._file, self._stream, self._error = file, stream, malformed
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._decoder = json.JSONDecoder(object_pairs_hook=object_of)
        self._text, self._at, self._passed, self._bytes, self._ended = "", 0, 0, 0, False

    def elements(self) -> Iterator[tuple[str, Any]]:
        begin = self._next()
        if begin == "[":
            yield from (("", value) for value in self._list())
        elif begin == "{":
            yield from self._object()
        else:
            raise self._malformed("it begins with neither { nor [")
        if self._next():
            raise self._malformed("something follows its end")

    def _object(self) -> Iterator[tuple[str, Any]]:
        self._at += 1
        if self._next() == "}":
            self._at += 1
            return
        keys: set[str] = set()
        while True:
            key = self._value()
            self._expect(":")
            if not isinstance(key, str):
                raise self._malformed("a key is no text")
            if key in keys:
                raise self._twice(f"the key {key[:200]!r} stands twice in one object")
            keys.add(key)
            if self._next() == "[":
                yield from ((key, value) for value in self._list())
            else:
                yield key, self._value()
            if self._expect(",}") == "}":
                return

    def _list(self) -> Iterator[Any]:
        self._at += 1
        if self._next() == "]":
            self._at += 1
            return
        while True:
            yield self._value()
            if self._expect(",]") == "]":
                return

    def _value(self) -> Any:
        self._next()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except KeyTwice as error:  # no further text would mend that
                raise self._twice(str(error)) from None
            except (ValueError, RecursionError) as error:
                if self._ended or len(self._text) - self._at > LARGEST:
                    raise self._malformed(str(error)) from None
            else:
                if self._ended or self._text[end : end + 1] in _AFTER:  # else a number may go on in the next piece
                    self._at = end
                    return value
            self._read(len(self._text) - self._at)

    def _expect(self, one_of: str) -> str:
        found = self._next()
        if not found or found not in one_of:
            raise self._malformed(f"{found!r} stands where one of {one_of!r} belongs")
        self._at += 1
        return found

    def _next(self) -> str:
        """Go to the next character that is no space, and return it; "" at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            assert match is not None
            self._at = match.end()
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._read(0)

    def _read(self, at_least: int) -> None:
        """Read on: as much again as is held, so that a long value is not begun from its beginning all too often."""
        data = self._stream.read(max(PIECE, at_least))
        if not self._bytes and (other := other_than_utf_8(data)):
            raise self._error(f"{shown(self._file)}: {other}.")
        self._bytes += len(data)
        try:
            more = self._decode(data, final=not data)
        except UnicodeDecodeError as error:
            at = self._bytes - len(error.object) + error.start
            raise self._error(f"{shown(self._file)}: byte {at} is not UTF-8; save the file as UTF-8.") from None
        self._passed += self._at
        self._text, self._at, self._ended = self._text[self._at :] + more, 0, not data

    def _twice(self, what: str) -> NextlabelError:
        return self._error(f"{shown(self._file)}: {what}, near character {self._passed + self._at}. Export it anew.")

    def _malformed(self, what: str) -> NextlabelError:
        at = self._passed + self._at
        return self._error(f"{shown(self._file)} is not JSON: {what}, near character {at}. Export it anew.")

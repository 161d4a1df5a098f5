"""What a file that should be text in UTF-8 is instead, as its first bytes tell, and what to do about it."""

from __future__ import annotations

import codecs
import re

HEAD = 1024  # bytes that tell
_MARKS = (  # UTF-32's little-endian mark begins as that of UTF-16 does
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_PACKED = (  # the name of an image may begin with BZh
    (re.compile(rb"\x1f\x8b"), "packed by gzip"),
    (re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), "packed by bzip2"),
    (re.compile(rb"\xfd7zXZ\0"), "packed by xz"),
    (re.compile(rb"PK\x03\x04"), "a zip, or a spreadsheet"),
)


def other_than_utf_8(data: bytes) -> str:
    """Say what a file that begins so is, and what to do, as a sentence goes on after a colon; "": nothing is known."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None) or _by_zeros(data[:HEAD])
    if encoding:
        return f"the file is {encoding}; save it as UTF-8"
    packed = next((what for magic, what in _PACKED if magic.match(data)), None)
    return f"the file is {packed}; unpack it, or save it as text in UTF-8" if packed else ""


def _by_zeros(head: bytes) -> str | None:
    """Tell UTF-16 without a mark: of what people write, nearly every second byte is 0."""
    halves = head[::2].count(0), head[1::2].count(0)
    return "UTF-16" if max(halves) > len(head) / 4 and min(halves) <= len(head) / 100 else None

"""Zips that are made while they are read."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.exchange.zipped import PIECE, zipped

NAMES = st.text("abcжé/ .", min_size=1, max_size=12).filter(lambda name: not name.startswith("/"))


@given(st.dictionaries(NAMES, st.lists(st.binary(max_size=40), max_size=4), max_size=5))
def test_what_is_put_in_comes_out(files):
    content = b"".join(zipped(files.items()))
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert {name: packed.read(name) for name in packed.namelist()} == {
            name: b"".join(pieces) for name, pieces in files.items()
        }


def test_no_more_than_a_piece_is_in_memory():
    pieces = (bytes(PIECE) for _ in range(8))
    assert max(map(len, zipped([("large.tif", pieces)]))) < PIECE + 1000


def test_a_zip_that_could_not_be_finished_is_none():
    def broken():
        yield b"the beginning"
        raise OSError("the disk is gone")

    made = []
    with pytest.raises(OSError, match="gone"):
        made.extend(zipped([("a.png", broken())]))
    assert not zipfile.is_zipfile(io.BytesIO(b"".join(made)))

"""A large document is read by pieces, of whatever size these are."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data import json_stream
from nextlabel.core.errors import ExchangeMalformed

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists)


@given(st.dictionaries(st.text(), JSON, max_size=5), st.integers(1, 9), st.sampled_from([None, 1]))
def test_a_document_is_read_by_pieces_as_it_is_as_a_whole(document, piece, indent):
    elements = [(k, one) for k, v in document.items() for one in (v if isinstance(v, list) else [v])]
    before, json_stream.PIECE = json_stream.PIECE, piece
    try:
        stream = io.BytesIO(json.dumps(document, indent=indent, ensure_ascii=False).encode())
        assert list(json_stream.elements(Path("a.json"), stream, ExchangeMalformed)) == elements
    finally:
        json_stream.PIECE = before


def test_a_key_that_stands_twice_is_told_at_once_and_not_called_bad_json():
    stream = io.BytesIO(b'{"a": [{"id": 1, "id": 2}, ' + b"1, " * 2_000_000 + b"1]}")
    with pytest.raises(ExchangeMalformed, match=r"^'a\.json': the key 'id' stands twice in one object, near"):
        list(json_stream.elements(Path("a.json"), stream, ExchangeMalformed))
    assert stream.tell() <= json_stream.PIECE


def test_so_is_a_list_that_stands_twice():
    stream = io.BytesIO(b'{"images": [1], "images": [2]}')
    with pytest.raises(ExchangeMalformed, match="the key 'images' stands twice"):
        list(json_stream.elements(Path("a.json"), stream, ExchangeMalformed))


def test_no_more_is_held_than_a_few_times_the_value_that_is_read():
    value = json.dumps(["x" * 1_000] * 500)  # half a megabyte, of forty
    stream = io.BytesIO(f'{{"a": [{", ".join([value] * 80)}]}}'.encode())
    tracemalloc.start()
    try:
        assert sum(1 for _ in json_stream.elements(Path("a.json"), stream, ExchangeMalformed)) == 80
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()

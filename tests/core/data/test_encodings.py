"""Whatever reads text says which encoding a file has instead of UTF-8, and what to do."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma

import pytest

from nextlabel.client.label_files import read_any
from nextlabel.core.data.class_file import declared_classes
from nextlabel.core.data.detections import check_detections, read_detections
from nextlabel.core.data.encodings import other_than_utf_8
from nextlabel.core.data.external import read_predictions
from nextlabel.core.errors import NextlabelError
from nextlabel.core.exchange import coco, csv_file, cvat
from nextlabel.core.exchange.boxes import coco as box_coco
from nextlabel.core.exchange.boxes import voc
from nextlabel.core.exchange.boxes.formats import sniff
from nextlabel.core.tasks.registry import TASKS

TABLE, LINES = "name,class\na.png,café\n", "a.png\tcafé\n"
COCO = {"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "café"}], "annotations": []}
ENCODED = {
    "UTF-16": lambda text: text.encode("utf-16-le"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "packed by gzip": lambda text: gzip.compress(text.encode()),
    "is not UTF-8": lambda text: text.encode("latin-1"),
}
READERS = {
    "labels": (LINES, TASKS["classification"].read),
    "boxes": ('{"name": "café.png"}\n', TASKS["detection"].read),
    "csv": (TABLE, csv_file.read),
    "converted": (TABLE, lambda path: read_any(path.rename(path.with_suffix(".csv")))),
    "coco": (json.dumps(COCO, ensure_ascii=False), coco.read),
    "boxes of coco": (json.dumps(COCO, ensure_ascii=False), box_coco.read),
    "cvat": ("<annotations>é</annotations>", cvat.read),
    "voc": ("<annotation>é</annotation>", voc.read),
    "predictions": ("name,café,b\na.png,1,0\n", lambda path: read_predictions(str(path), [path.parent])),
    "detections": ("name,é\n", lambda path: check_detections(str(path), [path.parent])),
    "declared": (
        '[{"name": "é"}]',
        lambda path: declared_classes(path.rename(path.parent / "classes.json").parent, ["/"]),
    ),
}


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_names_the_encoding_that_it_does_not_read(tmp_path, reader, encoding):
    text, read = READERS[reader]
    (tmp_path / "file").write_bytes(ENCODED[encoding](text))
    with pytest.raises(NextlabelError, match=encoding):
        read(tmp_path / "file")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", ""),
        ("котики\tдом\n".encode(), ""),
        ("котики\tдом\n".encode("utf-16-le"), ""),  # nothing in it tells it from other bytes
        ("a.jpg\tдом\n".encode("utf-16-be"), "the file is UTF-16; save it as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x40\0\0\0\x40", ""),
        (bz2.compress(b"a"), "the file is packed by bzip2; unpack it, or save it as text in UTF-8"),
        (lzma.compress(b"a"), "the file is packed by xz; unpack it, or save it as text in UTF-8"),
        (bz2.compress(b""), "the file is packed by bzip2; unpack it, or save it as text in UTF-8"),
        (b"BZh1/a.jpg\tcat\n", ""),
        (b"PK\x03\x04", "the file is a zip, or a spreadsheet; unpack it, or save it as text in UTF-8"),
    ],
)
def test_what_the_first_bytes_tell_is_said(data, told):
    assert other_than_utf_8(data) == told


def test_a_table_in_the_utf_16_of_spreadsheets_is_read_by_whatever_reads_tables(tmp_path):
    (tmp_path / "a.csv").write_bytes(TABLE.encode("utf-16"))
    assert read_any(tmp_path / "a.csv").classes_by_name == {"a.png": "café"}
    assert [one.class_name for one in csv_file.read(tmp_path / "a.csv").answers] == ["café"]


def test_boxes_of_an_unknown_tool_in_utf_16_are_told_to_be_that(tmp_path):
    (tmp_path / "a.json").write_bytes(json.dumps(COCO).encode("utf-16"))
    with pytest.raises(NextlabelError, match="UTF-16"):
        sniff(tmp_path / "a.json")


def test_the_byte_that_is_not_utf_8_is_told_far_into_a_file_too(tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(b'{"images": [' + b" " * (3 << 20) + b'"\xe9"]}')
    with pytest.raises(NextlabelError, match=f"byte {(3 << 20) + 13} is not UTF-8"):
        box_coco.read(file)
    with pytest.raises(NextlabelError, match=f"byte {(3 << 20) + 13} is not UTF-8"):
        read_detections(str(file), [tmp_path])
    file.write_bytes(b"name,class,x,y,width,height,score\n" + b"a.png,cat,1,1,5,5,1\n" * 5000 + b"caf\xe9.png,")
    with pytest.raises(NextlabelError, match="it is not UTF-8; save the file as UTF-8"):
        read_detections(str(file), [tmp_path])

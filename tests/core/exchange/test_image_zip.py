"""Zips of images by class."""

from __future__ import annotations

import io
import zipfile

from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import Pool
from nextlabel.core.exchange.entries import Entry
from nextlabel.core.exchange.image_zip import LEFT_OUT, ImageZip
from nextlabel.core.exchange.zipped import PIECE


class Failing(io.BytesIO):
    """A file on a disk of which the first megabyte alone can be read."""

    def read(self, size=-1):
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(size)


class OnBadDisk(Pool):
    def open(self, row):
        if self.names[row] == "b.png":
            return super().open(row)
        with super().open(row) as image:
            return Failing(image.read())


def test_an_image_whose_end_can_not_be_read_is_left_out_and_named_and_the_zip_is_whole(tmp_path):
    images = {"a.png": b"a" * 3 * PIECE, "b.png": b"b" * (PIECE + 1)}
    for name, content in images.items():
        (tmp_path / name).write_bytes(content)
    place = place_at(tmp_path, [tmp_path])
    entries = [Entry(name, "cat", given=True) for name in images]
    content = b"".join(ImageZip.of(entries, OnBadDisk(place, place.list())).read())
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        assert packed.read(LEFT_OUT) == b"a.png\tInput/output error\n"
        assert "cat/a.png" not in packed.namelist()
        assert packed.read("cat/b.png") == images["b.png"]

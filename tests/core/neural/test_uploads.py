"""On a CPU, where torchvision decodes JPEGs, too: all but the decoder is as on a GPU. tests/gpu has that."""

import numpy as np
import pytest
import torch
from PIL import Image

from nextlabel.core.data.images import Remark
from nextlabel.core.neural import uploads
from nextlabel.core.neural.crops import Crop
from nextlabel.core.neural.uploads import Uploader
from tests.core.neural.photos import assert_the_same_but_for_rounding, config, smooth
from tests.image_files import decode, read_jpeg

CROP = Crop.of(config())
ORIENTATION = 0x0112


@pytest.fixture
def upload():
    return Uploader((48, 48, 3), CROP, torch.device("cpu"))


@pytest.fixture
def photo(tmp_path):
    def save(width, height, seed=0, orientation=1):
        path = tmp_path / f"{width}-{height}-{seed}-{orientation}.jpg"
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        smooth(width, height, seed).save(path, quality=95, exif=exif)
        return path

    return save


def read(path):
    return read_jpeg(path, max_pixels=10**6)


def by_pillow(path):
    return CROP(decode(path, max_pixels=10**6))


def pixels(gathered):
    return gathered.batch.permute(0, 2, 3, 1).numpy()


def test_jpegs_of_several_sizes_and_prepared_pixels_come_in_the_order_given(upload, photo):
    paths = [photo(100, 80), photo(60, 90, seed=1), photo(100, 80, seed=2), photo(200, 50, seed=3)]
    prepared = np.full((48, 48, 3), 7, np.uint8)
    gathered = upload([read(paths[0]), prepared, *map(read, paths[1:])])
    assert gathered.faults == {}
    assert gathered.batch.shape == (5, 3, 48, 48)
    assert (pixels(gathered)[1] == 7).all()
    for ours, path in zip(pixels(gathered)[[0, 2, 3, 4]], paths, strict=True):
        assert_the_same_but_for_rounding(ours, by_pillow(path))


def test_a_picture_of_one_tone_is_remarked_and_one_that_is_so_where_it_is_cut_is_not(upload, tmp_path, photo):
    framed = Image.new("RGB", (100, 80), "white")
    framed.save(tmp_path / "flat.jpg")
    framed.paste("black", (0, 0, 3, 80))  # outside what is cut from it
    framed.save(tmp_path / "framed.jpg")
    gathered = upload([read(path) for path in (photo(100, 80), tmp_path / "flat.jpg", tmp_path / "framed.jpg")])
    assert {i: remark for i, remark in gathered.remarks.items() if remark} == {1: Remark.ONE_TONE}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_they_are_turned_upright(upload, photo, orientation):
    path = photo(100, 70, orientation=orientation)
    assert_the_same_but_for_rounding(pixels(upload([read(path)]))[0], by_pillow(path))


def test_a_jpeg_that_the_decoder_refuses_is_decoded_by_pillow_and_the_rest_as_ever(upload, photo, monkeypatch):
    decode_jpeg, refused = uploads.decode_jpeg, photo(90, 80, seed=5)
    data = refused.read_bytes()

    def choosy(encoded, **options):
        if any(one.numpy().tobytes() == data for one in encoded):
            raise RuntimeError("nvjpegDecode failed: 8")
        return decode_jpeg(encoded, **options)

    paths = [photo(100, 80), refused, photo(100, 80, seed=2)]
    monkeypatch.setattr(uploads, "decode_jpeg", choosy)
    gathered = upload([read(path) for path in paths])
    assert gathered.faults == {}
    for ours, path in zip(pixels(gathered), paths, strict=True):
        assert_the_same_but_for_rounding(ours, by_pillow(path))


def test_one_that_nothing_can_decode_is_a_fault_and_black(upload, photo):
    path, vanished = photo(100, 80), photo(64, 64, seed=9)
    jpeg = read(vanished)
    jpeg.data[100:-2] = 0  # the end is there, the tables are not
    vanished.write_bytes(jpeg.data.tobytes())
    gathered = upload([jpeg, read(path)])
    assert list(gathered.faults) == [0]
    assert "damaged" in gathered.faults[0]
    assert (pixels(gathered)[0] == 0).all()
    assert_the_same_but_for_rounding(pixels(gathered)[1], by_pillow(path))


def test_short_memory_decodes_fewer_at_once(upload, photo, monkeypatch):
    decode_jpeg, tried = uploads.decode_jpeg, []

    def short(encoded, **options):
        tried.append(len(encoded))
        if len(encoded) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode_jpeg(encoded, **options)

    monkeypatch.setattr(uploads, "decode_jpeg", short)
    paths = [photo(100, 80, seed=seed) for seed in range(5)]
    gathered = upload([read(path) for path in paths])
    assert tried == [5, 2, 3, 1, 2]
    for ours, path in zip(pixels(gathered), paths, strict=True):
        assert_the_same_but_for_rounding(ours, by_pillow(path))


def test_no_more_pixels_are_decoded_at_once_than_memory_is_sure_to_hold(upload, photo, monkeypatch):
    decode_jpeg, tried = uploads.decode_jpeg, []
    monkeypatch.setattr(uploads, "decode_jpeg", lambda e, **how: tried.append(len(e)) or decode_jpeg(e, **how))
    monkeypatch.setattr(uploads, "MOST_PIXELS", 20_000)
    upload([read(photo(100, 80, seed=seed)) for seed in range(5)])  # 10,000 each: 80 x 100 has to fit beside it
    assert tried == [2, 2, 1]


def test_a_wide_picture_among_squares_costs_no_more_memory(upload, photo, monkeypatch):
    """It has the area of the squares; each picture of its part is as wide as it is."""
    made, zeros = [], torch.zeros
    monkeypatch.setattr(uploads.torch, "zeros", lambda size, **how: made.append(size) or zeros(size, **how))
    monkeypatch.setattr(uploads, "MOST_PIXELS", 50_000)
    upload([read(photo(400, 20)), *(read(photo(90, 90, seed=seed)) for seed in range(1, 9))])
    assert max(n * height * width for n, _, height, width in made[1:]) <= 50_000
    assert sum(n for n, *_ in made[1:]) == 9


def test_without_a_crop_that_it_knows_it_takes_no_jpegs():
    assert not Uploader((48, 48, 3), None, torch.device("cpu")).takes_jpegs

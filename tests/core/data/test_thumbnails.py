from __future__ import annotations

import io
import os
import time

import numpy as np
import pytest
from PIL import Image

from nextlabel.core.data.decoder import Decoder, TooDear
from nextlabel.core.data.images import Dear
from nextlabel.core.data.thumbnails import Side, Thumbnails, image_in
from nextlabel.core.errors import ImageNotFound, PathNotAllowed, UnreadableImage
from tests.images_that_are_dear import jpeg_of_many_scans


def decoder(max_pixels, seconds=20.0):
    return Decoder(max_pixels=max_pixels, seconds=seconds, megabytes=500)


@pytest.fixture
def thumbnails(tmp_path):
    return Thumbnails(tmp_path / "cache", decoder(10_000_000), most_bytes=1_000_000)


def photo(path, size=(800, 600), **options):
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, **options)
    return path


def image_at(path):
    return image_in(str(path.parent), path.name, [path.parent])


def file_of(image):
    return image.place.identity(image.name)


def shown(data):
    image = Image.open(io.BytesIO(data))
    assert image.format == "JPEG"
    return image


@pytest.mark.parametrize("side", Side)
def test_the_longer_side_is_what_was_asked_for_and_small_images_stay_small(thumbnails, tmp_path, side):
    large, small = photo(tmp_path / "large.jpg"), photo(tmp_path / "small.png", (40, 30))
    assert shown(thumbnails.make(image_at(large), side, "0a")).size == (min(side, 800), min(side, 800) * 3 // 4)
    assert shown(thumbnails.make(image_at(small), side, "0b")).size == (40, 30)


def test_a_photo_taken_upright_stands_upright(thumbnails, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = photo(tmp_path / "turned.jpg", exif=exif)
    image = shown(thumbnails.make(image_at(turned), Side.SMALL, "0a"))
    assert image.size == (120, 160)
    assert not image.getexif()


def test_it_is_made_once_and_anew_when_the_image_changes(thumbnails, tmp_path):
    path = photo(tmp_path / "a.png", (30, 30))
    key = thumbnails.key(image_at(path), Side.SMALL)
    assert thumbnails.find(key) is None
    made = thumbnails.make(image_at(path), Side.SMALL, key)
    assert thumbnails.find(key) == made
    os.utime(path, (1, 1))
    assert thumbnails.key(image_at(path), Side.SMALL) != key != thumbnails.key(image_at(path), Side.LARGE)


def test_an_image_that_took_the_name_of_another_of_its_size_and_time_has_another_thumbnail(thumbnails, tmp_path):
    for name, colour in (("a.bmp", "red"), ("b.bmp", "blue")):
        Image.new("RGB", (30, 30), colour).save(tmp_path / name)
        os.utime(tmp_path / name, (1, 1))
    before = thumbnails.key(image_at(tmp_path / "a.bmp"), Side.SMALL)
    (tmp_path / "b.bmp").rename(tmp_path / "a.bmp")
    assert thumbnails.key(image_at(tmp_path / "a.bmp"), Side.SMALL) != before


def test_what_was_replaced_since_it_was_looked_up_is_shown_and_not_kept(thumbnails, tmp_path):
    path = photo(tmp_path / "a.png", (30, 30))
    image = image_at(path)
    path.unlink()
    photo(path, (20, 20))
    key = thumbnails.key(image, Side.SMALL)
    assert shown(thumbnails.make(image, Side.SMALL, key)).size == (20, 20)
    assert thumbnails.find(key) is None


def test_a_file_that_was_cut_short_is_not_shown(thumbnails, tmp_path):
    path = photo(tmp_path / "a.png", (30, 30))
    thumbnails.make(image_at(path), Side.SMALL, "0a")
    (kept,) = (tmp_path / "cache").rglob("*.jpg")
    kept.write_bytes(kept.read_bytes()[:-10])
    assert thumbnails.find("0a") is None


def test_those_unused_for_longest_are_dropped_when_there_are_too_many(tmp_path):
    thumbnails = Thumbnails(tmp_path / "cache", decoder(10_000_000), most_bytes=60_000)
    path = photo(tmp_path / "a.png", (160, 160))
    keys = [f"{i:02x}" for i in range(12)]
    for age, key in enumerate(keys):
        thumbnails.make(image_at(path), Side.SMALL, key)
        (kept,) = (tmp_path / "cache" / key[:2]).glob("*.jpg") or [None]
        os.utime(kept, (age, age))
    assert sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*.jpg")) <= 60_000
    assert thumbnails.find(keys[0]) is None
    assert thumbnails.find(keys[-1]) is not None


def test_a_full_disk_or_none_at_all_only_costs_time(tmp_path):
    path = photo(tmp_path / "a.png", (30, 30))
    (tmp_path / "file").touch()
    assert Thumbnails(tmp_path / "file", decoder(10**6), most_bytes=10**6).make(image_at(path), Side.SMALL, "0a")
    assert Thumbnails(tmp_path / "none", decoder(10**6), most_bytes=0).make(image_at(path), Side.SMALL, "0a")
    assert not (tmp_path / "none").exists()


def test_what_can_t_be_decoded_says_why(thumbnails, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(UnreadableImage):
        thumbnails.make(image_at(tmp_path / "a.png"), Side.SMALL, "0a")
    bomb = Thumbnails(tmp_path / "cache", decoder(100), most_bytes=0)
    with pytest.raises(UnreadableImage, match="NEXTLABEL_MAX_IMAGE_PIXELS"):
        bomb.make(image_at(photo(tmp_path / "b.png", (30, 30))), Side.SMALL, "0a")


def test_images_are_found_in_their_pool_alone(tmp_path):
    pool = tmp_path / "root" / "pool"
    (pool / "sub").mkdir(parents=True)
    for place in (
        pool / "sub" / "a.png",
        pool.parent / "b.png",
        tmp_path / "c.png",
        pool / ".d.png",
        pool / "keys.txt",
    ):
        place.touch()
    (pool / "out.png").symlink_to(tmp_path / "c.png")
    (pool / "in.png").symlink_to(pool.parent / "b.png")
    roots = [tmp_path / "root"]
    assert file_of(image_in(str(pool), "sub/a.png", roots)) == str(pool / "sub" / "a.png")
    assert file_of(image_in("pool", "in.png", roots)) == str(pool.parent / "b.png")
    for name in ("../b.png", str(pool.parent / "b.png"), "gone.png", "keys.txt", "sub"):
        with pytest.raises(ImageNotFound):
            image_in(str(pool), name, roots)
    for name in (".d.png", "out.png", "a\0.png"):
        with pytest.raises(PathNotAllowed):
            image_in(str(pool), name, roots)


def test_an_image_that_may_be_dear_is_made_by_itself_and_shrunk_where_it_is_decoded(tmp_path, thumbnails):
    image = image_at(photo(tmp_path / "a.avif", (300, 200)))
    key = thumbnails.key(image, Side.SMALL)
    with pytest.raises(Dear):
        thumbnails.make(image, Side.SMALL, key)
    made = thumbnails.make_dear(image, Side.SMALL, key)
    assert Image.open(io.BytesIO(made)).size == (160, 107)
    assert thumbnails.find(key) == made
    thumbnails.close()


def test_an_image_that_was_too_dear_once_is_refused_at_once_until_it_changes(tmp_path):
    thumbnails = Thumbnails(tmp_path / "cache", decoder(10**8, seconds=0.5), most_bytes=0)
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg_of_many_scans())
    image = image_at(path)
    key = thumbnails.key(image, Side.SMALL)
    for least in (0.5, 0):
        began = time.monotonic()
        with pytest.raises(TooDear, match="NEXTLABEL_DECODE_S"):
            thumbnails.make_dear(image, Side.SMALL, key)
        assert time.monotonic() - began >= least
    assert time.monotonic() - began < 0.2
    photo(path)
    changed = image_at(path)
    assert thumbnails.make_dear(changed, Side.SMALL, thumbnails.key(changed, Side.SMALL))
    thumbnails.close()

import io
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nextlabel.core.data.decoder import Decoder, TooDear
from nextlabel.core.data.images import Dear, Remark, decode
from nextlabel.core.errors import UnreadableImage
from tests.images_that_are_dear import bmp_of_runs, jpeg_of_many_scans, tiff_of_floats

DEAR = {"jpeg": jpeg_of_many_scans, "bmp": bmp_of_runs, "tiff": tiff_of_floats}


@contextmanager
def decoder(seconds=20.0, megabytes=1000):
    made = Decoder(max_pixels=100_000_000, seconds=seconds, megabytes=megabytes)
    try:
        yield made
    finally:
        made.close()


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(width=60, height=40, dtype=np.uint8, channels=(3,)):
    return np.random.default_rng(0).integers(0, 256, (height, width, *channels)).astype(dtype)


def children():
    me = os.getpid()
    return {int(stat.split()[0]) for stat in _stats() if int(stat.rpartition(")")[2].split()[1]) == me}


def _stats():
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            yield path.read_text()
        except OSError:
            continue


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"subsampling": 0, "quality": 95}),
        ("MPO", {"save_all": True, "append_images": [Image.new("RGB", (60, 40))]}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("GIF", {}),
        ("TIFF", {}),
        *(("TIFF", {"compression": compression}) for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits")),
    ],
)
def test_ordinary_images_are_decoded_without_a_helper(kind, options):
    before = children()
    with decoder() as tried:
        assert tried.decode(io.BytesIO(encoded(Image.fromarray(noise()), kind, **options))).image.size == (60, 40)
        assert children() == before


@pytest.mark.parametrize("make", DEAR.values(), ids=DEAR)
def test_what_may_be_dear_is_told_by_its_header_at_once(make):
    data = make()
    began = time.monotonic()
    with decoder() as tried, pytest.raises(Dear):
        tried.decode_cheap(io.BytesIO(data))
    assert time.monotonic() - began < 0.5


def test_files_of_formats_whose_decoders_do_most_and_tiffs_in_the_guise_of_others_are_dear():
    for kind, options in (("AVIF", {}), ("TIFF", {"compression": "jpeg"})):
        with decoder() as tried, pytest.raises(Dear):
            tried.decode_cheap(io.BytesIO(encoded(Image.fromarray(noise()), kind, **options)))


@pytest.mark.parametrize("make", [jpeg_of_many_scans, bmp_of_runs])
def test_what_takes_too_long_is_given_up(make):
    data, before = make(), children()
    with decoder(seconds=0.5) as tried:
        began = time.monotonic()
        with pytest.raises(TooDear, match=r"longer than the 0\.5 s that NEXTLABEL_DECODE_S allows"):
            tried.decode(io.BytesIO(data))
        assert time.monotonic() - began < 10
        assert children() == before
        assert tried.decode_dear(io.BytesIO(encoded(Image.fromarray(noise()), "PNG"))).image.size == (60, 40)


def test_what_takes_too_much_memory_is_given_up():
    data = tiff_of_floats()
    too_much = "more memory than the 64 MB that NEXTLABEL_DECODE_MEMORY_MB allows"
    with decoder(megabytes=64) as tried, pytest.raises(TooDear, match=too_much):
        tried.decode(io.BytesIO(data))
    with decoder(megabytes=400) as tried:
        assert tried.decode(io.BytesIO(data)).image.size == (4000, 4000)


@pytest.mark.parametrize(("draft_size", "within"), [(None, None), (30, None), (30, 50)])
def test_a_helper_gives_what_would_be_decoded_here(tmp_path, draft_size, within):
    photo = Image.fromarray(noise(500, 300)).resize((500, 300))
    for data in (encoded(photo, "JPEG"), encoded(Image.fromarray(noise(9, 7, np.uint16, ()) << 4), "PNG")):
        expected, remarks = decode(io.BytesIO(data), max_pixels=10**6, draft_size=draft_size)
        if within:
            expected.thumbnail((within, within), Image.Resampling.LANCZOS)
        (tmp_path / "photo").write_bytes(data)
        with decoder() as tried, (tmp_path / "photo").open("rb") as file:
            image, told = tried.decode_dear(file, draft_size=draft_size, within=within)
        assert (image.size, told) == (expected.size, remarks)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))


def test_a_file_may_be_read_on_after_a_helper_had_it(tmp_path):
    data = encoded(Image.fromarray(noise(300, 300)), "PNG")
    (tmp_path / "photo").write_bytes(data)
    with decoder() as tried, (tmp_path / "photo").open("rb") as file:
        file.read(10)
        tried.decode_dear(file)
        assert file.read() == data[10:]
        file.seek(0)
        assert file.read() == data


def test_a_helper_says_why_an_image_is_unreadable_and_is_used_again():
    with decoder() as tried:
        for _ in range(3):
            with pytest.raises(UnreadableImage, match="none of JPEG, PNG") as caught:
                tried.decode_dear(io.BytesIO(b"<html>"))
            assert not isinstance(caught.value, TooDear)
            helpers = children()
        assert children() == helpers


def test_threads_have_helpers_of_their_own():
    flat = encoded(Image.new("RGB", (30, 20)), "PNG")
    with decoder() as tried, ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: tried.decode_dear(io.BytesIO(flat)), range(12)))
    assert {(answer.image.size, answer.remarks) for answer in answers} == {((30, 20), Remark.ONE_TONE)}


def test_closing_ends_helpers_at_work_and_tells_who_waits():
    before, told = children(), []
    with decoder() as tried:
        data = jpeg_of_many_scans()

        def wait():
            with pytest.raises(TooDear) as caught:
                tried.decode(io.BytesIO(data))
            told.append(caught.value)

        waiting = threading.Thread(target=wait)
        waiting.start()
        while children() == before:
            time.sleep(0.01)
    waiting.join(10)
    assert len(told) == 1
    assert children() == before
    with pytest.raises(TooDear):
        tried.decode_dear(io.BytesIO(data))


def test_a_helper_knows_no_secrets_and_ends_with_who_started_it(monkeypatch):
    monkeypatch.setenv("NEXTLABEL_WEBHOOK_SECRET", "whsec_secret")
    before = children()
    with decoder() as tried:
        tried.decode_dear(io.BytesIO(encoded(Image.fromarray(noise()), "PNG")))
        (helper,) = children() - before
        assert b"whsec" not in Path(f"/proc/{helper}/environ").read_bytes()
        (one,) = tried._helpers
        one._socket.close()  # as the system does when this process ends
        one._process.wait(10)

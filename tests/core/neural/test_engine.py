import errno
import os
import threading
import time
from contextlib import closing

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nextlabel.core.data.images import NOTHING
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import Pool, list_pool
from nextlabel.core.errors import Cancelled, OutOfMemory
from nextlabel.core.neural import engine
from nextlabel.core.neural.backbones import DescriptorBackbone, OnCpu
from nextlabel.core.neural.engine import Watch, decode_threads, embed
from nextlabel.core.neural.uploads import ReadImage
from nextlabel.core.settings import Settings
from tests.pools import draw, spoil


class Counting(OnCpu):
    """A backbone whose embedding is the image's mean colour. Knows how often it was asked, and how far it was ahead."""

    name, weights, preprocessing, dimension = "counting", "none", "none", 3

    def __init__(self, fits=10**9):
        self.fits = fits  # images at once
        self.prepared = self.forwarded = self.most_ahead = 0
        self.batches = []
        self.lock = threading.Lock()

    def prepare(self, image):
        with self.lock:
            self.prepared += 1
            self.most_ahead = max(self.most_ahead, self.prepared - self.forwarded)
        return np.asarray(image, np.float32).mean(axis=(0, 1))

    def forward(self, batch):
        self.batches.append(len(batch))
        if len(batch) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.forwarded += len(batch)
        return batch


class Slow(Counting):
    """A device slower than the threads that decode."""

    def forward(self, batch):
        time.sleep(0.02)
        return super().forward(batch)


class Overflowing(Counting):
    """On what is mostly red, as a network in half precision might."""

    def forward(self, batch):
        return np.where(batch[:, :1] > 150, np.nan, batch).astype(np.float32)


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Row i is the i-th image; 20 of them, blue before red."""
    folder = tmp_path_factory.mktemp("data") / "pool"
    draw(folder, blue=10, red=10)
    return list_pool(place_at(folder, [folder]))


def run(backbone, pool, rows, *, batch_size=4, check=lambda: None):
    told = []
    options = Settings(batch_size=batch_size, decode_threads=3)
    return list(embed(backbone, pool, rows, options, Watch(check, told.append))), told


def joined(batches):
    return np.concatenate([batch.rows for batch in batches]), np.concatenate([batch.embeddings for batch in batches])


def decoding_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith(("decode", "gather"))]


# --- rows and embeddings ----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(rows=st.lists(st.integers(0, 19), unique=True, max_size=20), batch_size=st.integers(1, 30))
def test_every_row_comes_once_in_the_order_asked_for_whatever_the_batch_size(pool, rows, batch_size):
    backbone = DescriptorBackbone()
    batches, _ = run(backbone, pool, rows, batch_size=batch_size)
    assert [batch.seen for batch in batches] == [len(rows[i : i + batch_size]) for i in range(0, len(rows), batch_size)]
    if rows:
        embedded, embeddings = joined(batches)
        assert embedded.tolist() == rows
        one_by_one, _ = run(backbone, pool, rows, batch_size=1)
        np.testing.assert_array_equal(embeddings, joined(one_by_one)[1])


def test_no_rows_are_no_batches(pool):
    backbone = Counting()
    assert run(backbone, pool, []) == ([], [])
    assert backbone.batches == []


def test_a_batch_holds_rows_and_embeddings_of_the_declared_types(pool):
    (batch,), _ = run(DescriptorBackbone(), pool, [3, 1])
    assert (batch.rows.dtype, batch.embeddings.dtype) == (np.int64, np.float32)
    assert batch.embeddings.shape == (2, DescriptorBackbone.dimension)


# --- what can't be embedded -------------------------------------------------------------------------------------


def test_an_unreadable_image_is_reported_with_its_name_and_reason_and_the_rest_go_on(tmp_path):
    draw(tmp_path, red=5)
    spoil(tmp_path, "red_1.png", "red_3.png")
    batches, _ = run(Counting(), list_pool(place_at(tmp_path, [tmp_path])), range(5))
    assert joined(batches)[0].tolist() == [0, 2, 4]
    unreadable = [one for batch in batches for one in batch.unreadable]
    assert [one.name for one in unreadable] == ["red_1.png", "red_3.png"]
    assert all("none of JPEG" in one.reason for one in unreadable)
    assert [batch.seen for batch in batches] == [4, 1]


def test_an_image_that_vanished_since_it_was_listed_is_reported(tmp_path):
    draw(tmp_path, red=3)
    pool = list_pool(place_at(tmp_path, [tmp_path]))
    (tmp_path / "red_1.png").unlink()
    (batch,), _ = run(Counting(), pool, range(3))
    assert (batch.rows.tolist(), batch.seen) == ([0, 2], 3)
    assert (batch.unreadable[0].name, batch.unreadable[0].reason) == (
        "red_1.png",
        "the file can't be opened: No such file or directory",
    )


def test_a_share_that_is_dropped_between_bytes_and_stamp_makes_the_file_unreadable(pool, monkeypatch):
    def stale(_pool, _row, _file):
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(Pool, "is_as_listed", stale)
    (batch,), _ = run(Counting(), pool, range(2))
    assert (len(batch.rows), {one.reason for one in batch.unreadable}) == (
        0,
        {"the file can't be read: Stale file handle"},
    )


def test_what_the_machine_lacks_is_no_fault_of_the_file(pool):
    class Crowded(Counting):
        def prepare(self, image):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with pytest.raises(OSError, match="Too many open files"):
        run(Crowded(), pool, range(2))


def test_a_batch_of_nothing_but_unreadable_images_is_not_forwarded(tmp_path):
    (tmp_path / "pool").mkdir()
    spoil(tmp_path / "pool", "a.png", "b.png")
    backbone = Counting()
    (batch,), _ = run(backbone, list_pool(place_at(tmp_path / "pool", [tmp_path])), range(2))
    assert (len(batch.rows), batch.embeddings.shape, batch.seen) == (0, (0, 3), 2)
    assert backbone.batches == []


def test_an_embedding_that_is_not_finite_is_reported_and_never_handed_on(pool):
    batches, _ = run(Overflowing(), pool, range(8, 12))  # two blue, two red
    assert joined(batches)[0].tolist() == [8, 9]
    assert [(one.name, one.reason) for one in batches[0].unreadable] == [
        (pool.names[row], "the backbone gives no finite embedding for it") for row in (10, 11)
    ]


def test_an_image_larger_than_the_settings_allow_is_reported(pool):
    options = Settings(batch_size=4, max_image_pixels=100)
    batches = list(embed(Counting(), pool, range(3), options, Watch()))
    assert all("NEXTLABEL_MAX_IMAGE_PIXELS" in one.reason for batch in batches for one in batch.unreadable)
    assert sum(len(batch.unreadable) for batch in batches) == 3


# --- memory -----------------------------------------------------------------------------------------------------


def test_short_memory_halves_the_batch_and_tells_and_no_row_is_lost(pool):
    backbone = Counting(fits=3)
    batches, told = run(backbone, pool, range(20), batch_size=8)
    embedded, embeddings = joined(batches)
    assert embedded.tolist() == list(range(20))
    np.testing.assert_array_equal(embeddings, joined(run(Counting(), pool, range(20))[0])[1])
    assert told == [4, 2]
    assert backbone.batches[:6] == [8, 4, 2, 2, 2, 2]
    assert max(backbone.batches[6:]) == 2  # the batches to come are as small from the start


def test_images_that_do_not_fit_before_the_forward_pass_are_out_of_memory_too(pool):
    class Crowded(Counting):
        def gather(self, prepared):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(OutOfMemory, match="does not hold the images of a batch"):
        run(Crowded(), pool, range(20))
    assert decoding_threads() == []


def test_what_is_halved_is_what_was_tried(pool):
    """Three images in a batch of 64: halving 64 would try the same three over and over."""
    backbone = Counting(fits=1)
    _, told = run(backbone, pool, range(3), batch_size=64)
    assert told == [1]
    assert backbone.batches == [3, 1, 1, 1]


def test_one_image_too_many_for_the_memory_ends_it(pool):
    with pytest.raises(OutOfMemory, match="one image alone does not fit"):
        run(Counting(fits=0), pool, range(20), batch_size=4)
    assert decoding_threads() == []


# --- stopping, and how far it looks ahead -----------------------------------------------------------------------


def test_it_stops_promptly_when_told_to_and_leaves_no_thread_behind(pool):
    backbone = Slow()
    asked = []

    def check():
        asked.append(backbone.forwarded)
        if len(asked) == 3:
            raise Cancelled("cancelled by request")

    with pytest.raises(Cancelled):
        run(backbone, pool, range(20), batch_size=2, check=check)
    assert asked == [0, 2, 4]  # before each batch
    assert backbone.forwarded == 4
    assert decoding_threads() == []


def test_what_waits_to_be_decoded_when_it_stops_is_dropped(pool):
    class SlowlyPrepared(Counting):
        def prepare(self, image):
            time.sleep(0.02)
            return super().prepare(image)

    backbone = SlowlyPrepared()
    options = Settings(batch_size=4, decode_threads=1)
    with closing(embed(backbone, pool, range(20), options, Watch())) as batches:
        next(batches)  # 11 are asked for by now
    assert backbone.prepared <= 6


def test_a_caller_who_stops_asking_leaves_no_thread_behind(pool):
    options = Settings(batch_size=2, decode_threads=3)
    with closing(embed(Counting(), pool, range(20), options, Watch())) as batches:
        next(batches)
        assert decoding_threads() != []
    assert decoding_threads() == []


def test_it_decodes_while_the_device_works_and_no_further_ahead_than_it_may(pool):
    backbone = Slow()
    run(backbone, pool, range(20), batch_size=2)
    assert backbone.prepared == backbone.forwarded == 20
    assert 2 < backbone.most_ahead <= 2 * 2 + 3 + 1  # forwarded, gathered, one for each thread, and one on its way


def test_a_mistake_in_a_backbone_is_not_taken_for_an_unreadable_image(pool):
    class Mistaken(Counting):
        def prepare(self, image):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Mistaken(), pool, range(4))
    assert decoding_threads() == []


# --- threads ----------------------------------------------------------------------------------------------------


class Watched(Counting):
    """Knows how many threads read at once at most; the i-th image takes `seconds(i)`."""

    def __init__(self, seconds, on_device):
        super().__init__()
        self.seconds, self.decodes_on_device = seconds, on_device
        self.begun = self.reading = self.most_reading = 0

    def read(self, path, max_pixels):
        with self.lock:
            self.begun, number = self.begun + 1, self.begun
            self.reading += 1
            self.most_reading = max(self.most_reading, self.reading)
        time.sleep(self.seconds(number))
        with self.lock:
            self.reading -= 1
        return ReadImage(np.zeros(3, np.float32), NOTHING)


def most_reading(pool, monkeypatch, seconds, *, on_device=True, asked_for=0):
    monkeypatch.setattr(engine, "available_cores", lambda: 6)
    backbone = Watched(seconds, on_device)
    rows = list(range(len(pool))) * 20
    list(embed(backbone, pool, rows, Settings(decode_threads=asked_for), Watch()))
    return backbone.most_reading


def test_two_threads_read_what_the_device_decodes(pool, monkeypatch):
    monkeypatch.setattr(engine, "SLOW_S", 60)  # else a busy machine looks like a slow disk
    assert most_reading(pool, monkeypatch, lambda i: 0) <= 2


@pytest.mark.parametrize("fast_before", [0, 1, 60])
def test_all_threads_read_once_an_image_takes_long(pool, monkeypatch, fast_before):
    assert most_reading(pool, monkeypatch, lambda i: 0 if i < fast_before else 0.005) == 6


def test_all_threads_read_what_they_decode_themselves_and_as_many_as_are_asked_for(pool, monkeypatch):
    assert most_reading(pool, monkeypatch, lambda i: 0.002, on_device=False) == 6
    assert most_reading(pool, monkeypatch, lambda i: 0.002, asked_for=5) == 5
    assert most_reading(pool, monkeypatch, lambda i: 0.005, asked_for=1) == 1


def test_the_threads_are_as_many_as_set_else_one_for_each_core_and_eight_at_most(monkeypatch):
    assert decode_threads(Settings(decode_threads=5)) == 5
    monkeypatch.setattr(engine.os, "sched_getaffinity", lambda _: set(range(64)))
    assert decode_threads(Settings()) == 8
    monkeypatch.delattr(engine.os, "sched_getaffinity")  # macOS has none
    monkeypatch.setattr(engine.os, "cpu_count", lambda: 3)
    assert decode_threads(Settings()) == 3


def test_while_a_batch_takes_long_it_is_looked_whether_to_stop_as_often_as_an_image_was_read(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "LOOK_EVERY_S", 0.01)
    draw(tmp_path, red=6)
    looked = []

    class Waiting(Counting):
        def prepare(self, image):
            while len(looked) < self.prepared:  # for a look since the last image
                time.sleep(0.001)
            return super().prepare(image)

    pool = list_pool(place_at(tmp_path, [tmp_path]))
    options = Settings(batch_size=6, decode_threads=1)
    (batch,) = embed(Waiting(), pool, range(6), options, Watch(lambda: looked.append(1)))
    assert len(batch.rows) == 6

import dataclasses
import os
import shutil
import threading
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from nextlabel.core.data import stamps
from nextlabel.core.data.draw import drawn_order
from nextlabel.core.embeddings import cache
from nextlabel.core.embeddings.cache import EmbeddingCache
from nextlabel.core.embeddings.catalogue import find_backbone
from nextlabel.core.errors import Cancelled, TooManyUnreadable
from nextlabel.core.neural.engine import embed
from nextlabel.core.pipelines import cache_writer
from nextlabel.core.pipelines.embedding import embed_rows
from tests.core.pipelines.conftest import Bench, embedded, listed
from tests.images_that_are_dear import jpeg_of_many_scans
from tests.pools import spoil

# --- embeddings and their cache ---------------------------------------------------------------------------------


def test_rows_are_the_pools_and_stay_so_when_the_cache_has_some_of_them(bench):
    bench.pool(red=3, blue=3)
    first = embedded(bench)
    bench.pool(green=4)
    both = embedded(bench)
    assert both.pool.names == tuple(sorted(both.pool.names))
    rows = [both.pool.names.index(name) for name in first.pool.names]
    np.testing.assert_array_equal(both.embeddings[rows], first.embeddings)
    np.testing.assert_array_equal(both.embeddings, embedded(Bench(bench.root.parent, cache_dir="/nowhere")).embeddings)


def test_embedding_ahead_fills_the_cache_as_images_are_drawn(bench):
    names = bench.pool(red=5, blue=5)
    spoil(bench.root / "pool", "bad.png")
    result = bench.carry_out("embedding", path_to_img=str(bench.root / "pool"))
    assert (result.images, result.embedded) == (11, 10)
    assert [(one.name, bool(one.reason)) for one in result.skipped] == [("bad.png", True)]
    assert bench.warned_of() == ["unreadable_image"]
    assert len(embedded(bench).pool) == 10
    assert bench.begun_with("embed") == 10
    order = [sorted([*names, "bad.png"])[row] for row in drawn_order(sorted([*names, "bad.png"]), 0)]
    stopped = Bench(bench.root.parent, cache_dir=bench.root.parent / "other", max_unreadable_fraction=1)

    def check():
        if stopped.run.done >= 4:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        stopped.carry_out("embedding", check, path_to_img=str(stopped.root / "pool"))
    timed = stopped.select(9, within_s=1e-9, method="random", near_copies="allow")
    assert set(timed.data) <= set(order[:9])


def test_a_second_run_embeds_nothing(bench):
    bench.pool(red=5, blue=5)
    embedded(bench)
    assert bench.begun_with("embed") == 0
    embedded(bench)
    assert bench.begun_with("embed") == 10


def test_adding_images_embeds_only_those(bench):
    bench.pool(red=5, blue=5)
    embedded(bench)
    bench.pool(green=3)
    embedded(bench)
    assert bench.begun_with("embed") == 10
    assert bench.run.progress.done == 13


def test_a_changed_image_is_embedded_again(bench):
    bench.pool(red=5)
    before = embedded(bench).embeddings
    Image.new("RGB", (9, 9), "blue").save(bench.root / "pool" / "red_3.png")
    after = embedded(bench).embeddings
    assert bench.begun_with("embed") == 4
    assert np.flatnonzero((before != after).any(axis=1)).tolist() == [3]


class OtherEngine:
    """Fills the cache without shards; of the images it is given it leaves out the last `skips`."""

    def __init__(self, skips=0):
        self.skips, self.asked = skips, []

    def pays(self, seconds_left):
        return True  # after the first batch

    def fill(self, key, pool, rows, backbone, run):
        self.asked.append(len(rows))
        part = pool.take(rows[: len(rows) - self.skips])
        writer = cache_writer.CacheWriter(EmbeddingCache(run.settings.cache_dir, key, backbone.dimension), part)
        for batch in embed(backbone, part, range(len(part)), run.settings, run.watch):
            writer.add(batch)
        writer.flush()


@pytest.mark.parametrize("skips", [0, 3, 9])
def test_any_engine_that_fills_the_cache_may_stand_behind_the_seam_and_leave_out_what_it_likes(bench, tmp_path, skips):
    bench.pool(red=7, blue=6)
    alone = embedded(Bench(tmp_path, cache_dir=tmp_path / "another_cache"))
    bench.filler = OtherEngine(skips)
    helped = embedded(bench)
    np.testing.assert_array_equal(helped.embeddings, alone.embeddings)
    assert helped.pool.names == alone.pool.names
    assert bench.filler.asked == [9]  # of 13, 4 were embedded before it was seen that help pays


def as_bitmaps(bench, *names):
    """Files of one size and one time of change, as a camera's archive gives them."""
    for name in names:
        path = bench.root / "pool" / name
        Image.open(path).save(path.with_suffix(".bmp"))
        path.unlink()
        os.utime(path.with_suffix(".bmp"), (1_700_000_000, 1_700_000_000))


def fresh_embeddings(bench):
    """What a copy of the pool gives that no cache knows."""
    return embedded(Bench(bench.root.parent, cache_dir="/nowhere")).embeddings


@pytest.mark.parametrize("kept", ["in memory", "on the disk"])
def test_frames_that_are_renumbered_are_embedded_as_what_they_are_now(bench, kept):
    if kept == "in memory":
        bench.remember()
    names = bench.pool(red=3, blue=3)
    as_bitmaps(bench, *names)
    before = embedded(bench)
    frames = [bench.root / "pool" / name for name in before.pool.names]
    frames[0].unlink()
    for taken, frame in pairwise(frames):
        frame.rename(taken)
    after = embedded(bench)
    np.testing.assert_array_equal(after.embeddings, before.embeddings[1:])
    assert before.pool.take(np.arange(5)).fingerprint() == after.pool.fingerprint()


def test_two_images_that_change_places_change_embeddings(bench):
    as_bitmaps(bench, *bench.pool(red=1, blue=1))
    before = embedded(bench).embeddings
    first, second = sorted((bench.root / "pool").iterdir())
    first.rename(bench.root / "x")
    second.rename(first)
    (bench.root / "x").rename(second)
    np.testing.assert_array_equal(embedded(bench).embeddings, before[::-1])


def test_an_image_that_is_replaced_after_the_listing_is_answered_for_and_not_kept(bench):
    bench.remember()
    as_bitmaps(bench, *bench.pool(red=2, blue=1))
    run = bench.new_run()
    run.plan("embed")
    labelled = listed(bench, run)
    blue, red, _ = sorted((bench.root / "pool").iterdir())
    shutil.copy2(red, bench.root / "aside")
    blue.rename(red)
    (bench.root / "aside").rename(blue)
    backbone = bench.backbones.load(find_backbone("descriptor"))
    swapped = embed_rows(labelled, np.arange(3), backbone, "embed", run).embeddings
    embedded(bench)
    assert bench.begun_with("embed") == 1  # the one that nobody touched
    np.testing.assert_array_equal(swapped, fresh_embeddings(bench))


def test_content_is_asked_for_and_then_tells_what_no_file_system_does(bench, monkeypatch):
    monkeypatch.setattr(stamps, "_type_of_file_system", lambda *_: "vfat")
    as_bitmaps(bench, *bench.pool(red=2, blue=2))
    options = {"like": ["blue_0.bmp"], "path_to_img": str(bench.root / "pool"), "add": 3}
    bench.carry_out("similar", **options, content=True)
    first, last = (bench.root / "pool" / name for name in ("blue_1.bmp", "red_1.bmp"))
    other = last.read_bytes()
    last.write_bytes(first.read_bytes())
    first.write_bytes(other)
    for path in (first, last):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    found = bench.carry_out("similar", **options, content=True)
    assert found.items[0].name == "red_1.bmp"
    assert bench.begun_with("embed") == 2
    assert [one.unit for one in bench.told if one.stage == "read"][-1] == "images"
    assert found == bench.carry_out("similar", **options)


def test_a_pool_is_embedded_anew_by_content_and_then_found(bench):
    bench.pool(red=3)
    without = bench.select(add=2)
    assert bench.select(add=2, content=True) == without
    assert bench.begun_with("embed") == 0
    (bench.root / "pool" / "red_1.png").touch()
    assert bench.select(add=2, content=True).data == without.data
    assert bench.begun_with("embed") == 3


def test_another_backbone_takes_nothing_from_this_ones_cache(bench):
    bench.pool(red=2, blue=2)
    bench.select()
    bench.select(backbone="test_resnet", weights="random")
    assert bench.begun_with("embed") == 0


def test_a_cache_that_cannot_be_written_costs_one_warning_and_no_answer(tmp_path):
    (tmp_path / "file").touch()
    bench = Bench(tmp_path, cache_dir=tmp_path / "file" / "cache")
    bench.pool(red=6, blue=6)
    np.testing.assert_array_equal(embedded(bench).embeddings, embedded(bench).embeddings)
    assert bench.begun_with("embed") == 0
    assert bench.warned_of() == ["cache_not_written"]
    assert "could not be kept for next time" in bench.warning("cache_not_written").detail


def test_what_was_embedded_before_a_job_is_stopped_is_kept(bench):
    bench.pool(red=10, blue=10)

    def after_two_batches():
        if bench.run.progress and bench.run.progress.done >= 8:
            raise Cancelled("cancelled by request")

    with pytest.raises(Cancelled):
        embedded(bench, check=after_two_batches)
    embedded(bench)
    assert bench.begun_with("embed") == 8


def test_a_stopped_job_leaves_no_thread_behind(bench):
    bench.pool(red=10, blue=10)

    def at_the_first_batch():
        if bench.run.progress and bench.run.progress.done:
            raise Cancelled("cancelled by request")

    with pytest.raises(Cancelled) as stopped:
        embedded(bench, check=at_the_first_batch)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("decode")] == []
    assert stopped.traceback  # which holds every frame the job was in


def test_a_long_job_keeps_what_it_has_every_now_and_then(bench, monkeypatch):
    monkeypatch.setattr(cache_writer, "FLUSH_EVERY_S", 0.0)
    bench.pool(red=6, blue=6)
    embedded(bench)
    assert len(list(bench.settings.cache_dir.glob("*/*.segment"))) == 3


def test_progress_never_goes_back_and_ends_when_all_is_done(bench, every_step_is_told):
    bench.pool(red=10)
    spoil(bench.root / "pool", "z.png")
    embedded(bench)
    done = [progress.done for progress in bench.told]
    assert done == sorted(done) == [0, 4, 8, 11]
    assert {progress.total for progress in bench.told} == {11}


# --- what can't be read -----------------------------------------------------------------------------------------


def test_unreadable_images_are_left_out_by_name_and_reason(bench):
    bench.pool(red=10, blue=10)
    spoil(bench.root / "pool", "blue_3.png", "red_0.png")
    found = embedded(bench, bench.labels("blue_3.png", "blue_4.png", "red_1.png"))
    assert len(found.pool) == len(found.embeddings) == 18
    assert [one.name for one in found.unreadable] == ["blue_3.png", "red_0.png"]
    assert [found.pool.names[row] for row in found.matched.rows] == ["blue_4.png", "red_1.png"]
    warning = bench.warning("unreadable_image")
    assert (warning.count, warning.names) == (2, ("blue_3.png", "red_0.png"))
    assert "the first is blue_3.png: none of JPEG" in warning.detail


def test_more_unreadable_images_than_allowed_fail_the_job(bench):
    bench.pool(red=16)
    spoil(bench.root / "pool", "a.png", "b.png")
    with pytest.raises(TooManyUnreadable, match=r"2 of 18 images can't be read, more than the 10%.*a\.png"):
        embedded(bench)


def test_as_many_unreadable_images_as_allowed_do_not(bench):
    bench.pool(red=18)
    spoil(bench.root / "pool", "a.png", "b.png")
    assert len(embedded(bench).pool) == 18


def test_where_no_image_can_be_read_there_is_no_answer_whatever_is_allowed(tmp_path):
    bench = Bench(tmp_path, max_unreadable_fraction=1.0)
    bench.pool()
    spoil(bench.root / "pool", "a.png", "b.png")
    with pytest.raises(TooManyUnreadable, match="none of the 2 images can be read; the first is a"):
        embedded(bench)


def test_what_embedding_gives_is_never_changed_afterwards(bench):
    bench.pool(red=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        embedded(bench).embeddings = None


# --- in memory --------------------------------------------------------------------------------------------------


def test_the_next_job_finds_the_embeddings_in_memory_even_when_the_cache_is_gone(bench):
    bench.pool(red=3)
    bench.remember()
    first = embedded(bench)
    shutil.rmtree(bench.settings.cache_dir)
    again = embedded(bench)
    assert again.embeddings is first.embeddings
    assert bench.begun_with("embed") == 3


def test_a_changed_a_new_and_a_vanished_image_are_noticed_all_the_same(bench):
    bench.pool(red=3, blue=1)
    bench.remember()
    before = embedded(bench)
    shutil.copy(bench.root / "pool" / "blue_0.png", bench.root / "pool" / "red_1.png")
    after = embedded(bench)
    np.testing.assert_array_equal(after.embeddings[2], before.embeddings[0])
    np.testing.assert_array_equal(after.embeddings[[0, 1, 3]], before.embeddings[[0, 1, 3]])
    bench.pool(red=4)
    (bench.root / "pool" / "red_0.png").unlink()
    assert embedded(bench).pool.names == ("blue_0.png", "red_1.png", "red_2.png", "red_3.png")


def test_a_pool_with_an_unreadable_image_is_looked_at_each_time(bench):
    bench.pool(red=30)
    spoil(bench.root / "pool", "a.png")
    bench.remember()
    for _ in range(2):
        assert [one.name for one in embedded(bench).unreadable] == ["a.png"]
        assert bench.warned_of() == ["unreadable_image"]


# --- what is to be said of images ------------------------------------------------------------------------------


def odd(folder, *, start=0):
    """One image of each kind that is remarked: twelve bits in sixteen, an empty alpha, one tone, no end."""
    noise = np.random.default_rng(start).integers(0, 256, (24, 24, 3), np.uint8)
    Image.fromarray(noise[..., 0].astype(np.uint16) << 4).save(folder / "bits.png")
    Image.fromarray(np.dstack([noise, np.zeros((24, 24), np.uint8)])).save(folder / "clear.png")
    Image.new("RGB", (24, 24), "teal").save(folder / "flat.jpg")
    Image.fromarray(noise).save(folder / "open.jpg")
    (folder / "open.jpg").write_bytes((folder / "open.jpg").read_bytes()[:-2])


REMARKED = {
    "values_stretched": ("bits.png",),
    "alpha_ignored": ("clear.png",),
    "one_tone": ("flat.jpg",),
    "end_missing": ("open.jpg",),
}


def remarked(bench):
    return {warning.code: warning.names for warning in bench.run.warnings}


def test_what_decoding_found_is_said_with_the_images_names(bench):
    bench.pool(red=5)
    odd(bench.root / "pool")
    assert len(embedded(bench).pool) == 9
    assert remarked(bench) == REMARKED


def test_what_decoding_found_is_said_again_when_embeddings_are_in_the_cache_or_in_memory(bench):
    bench.remember()
    bench.pool(red=5)
    odd(bench.root / "pool")
    bench.pool(blue=1)
    embedded(bench)
    embedded(bench)
    assert bench.begun_with("embed") == 10
    assert remarked(bench) == REMARKED
    bench.recent = None
    embedded(bench)
    assert bench.begun_with("embed") == 10
    assert remarked(bench) == REMARKED


def test_what_decoding_found_is_said_even_though_no_cache_can_be_written(tmp_path):
    bench = Bench(tmp_path, cache_dir="/proc/nothing")
    bench.pool(red=5)
    odd(bench.root / "pool")
    embedded(bench)
    assert {code: names for code, names in remarked(bench).items() if code != "cache_not_written"} == REMARKED


def test_what_decoding_found_is_forgotten_with_the_image(bench):
    bench.pool(red=5)
    odd(bench.root / "pool")
    embedded(bench)
    for name in ("bits.png", "clear.png", "flat.jpg", "open.jpg"):
        (bench.root / "pool" / "red_1.png").replace(bench.root / "pool" / name)
        bench.pool(red=5)
    embedded(bench)
    assert remarked(bench) == {}


def test_embeddings_of_pngs_that_an_older_decoder_made_are_not_used_and_those_of_jpegs_are(bench, monkeypatch):
    bench.pool(red=3)
    for i in range(4):
        Image.open(bench.root / "pool" / "red_0.png").save(bench.root / "pool" / f"photo_{i}.jfif", "JPEG")
    monkeypatch.setattr(cache, "_DECODER", b"")  # as it was
    embedded(bench)
    monkeypatch.undo()
    embedded(bench)
    assert bench.begun_with("embed") == 4


def test_what_a_library_can_not_read_of_its_formats_is_left_out_and_never_ends_a_job(bench):
    bench.pool(red=5)
    for i in range(5):
        (bench.root / "pool" / f"{i}.avif").write_bytes(b"\0\0\0\x18ftypavif" + bytes(200))
    assert len(embedded(bench).pool) == 5
    warning = bench.warning("file_left_out")
    assert (warning.count, warning.names[0]) == (5, "0.avif")


def test_an_image_that_is_too_dear_to_decode_is_left_out_with_its_reason_and_stops_no_other(tmp_path):
    bench = Bench(tmp_path, decode_s=1.0)
    bench.pool(red=19)
    (bench.root / "pool" / "dear.jpg").write_bytes(jpeg_of_many_scans())
    assert len(embedded(bench).pool) == 19
    warning = bench.warning("unreadable_image")
    assert warning.names == ("dear.jpg",)
    assert "took longer than the 1 s that NEXTLABEL_DECODE_S allows" in warning.detail

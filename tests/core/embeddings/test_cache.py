from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextlabel.core.embeddings import cache as module
from nextlabel.core.embeddings.cache import CacheKey, EmbeddingCache, Found
from nextlabel.core.errors import CacheUnwritable

KEY = CacheKey(backbone="resnet50", weights="none", preprocessing="resize 256, crop 224", pool="/photos")
DIMENSION = 4


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path, KEY, DIMENSION)


def images(*numbers: int) -> tuple[list[str], NDArray[np.int64]]:
    """Image i is `i.jpg`, with a stamp of 1.7e18 + i."""
    return [f"{i}.jpg" for i in numbers], 1_700_000_000_000_000_000 + np.array(numbers, dtype=np.int64)


def vectors(*numbers: int) -> NDArray[np.float32]:
    """Embedding of image i: (i, i + 0.25, i + 0.5, i + 0.75)."""
    return np.array(numbers, np.float32).reshape(-1, 1) + np.arange(DIMENSION, dtype=np.float32) / 4


def add(cache: EmbeddingCache, *numbers: int) -> None:
    cache.add(*images(*numbers), vectors(*numbers))


def find(cache: EmbeddingCache, *numbers: int) -> Found:
    """As another process would, that has opened nothing yet."""
    return fresh(cache).find(*images(*numbers))


def fresh(cache: EmbeddingCache) -> EmbeddingCache:
    return EmbeddingCache(cache.folder.parent, cache.key, cache.dimension)


def segments(cache: EmbeddingCache) -> list[Path]:
    return sorted(cache.folder.glob("*.segment"))


# --- find and add -----------------------------------------------------------------------------------------------


def test_what_was_added_is_read_back_to_the_bit(cache):
    tricky = np.array([[0.0, -0.0, 1e-45, 3.4028235e38], [0.1, -1.5, 2.0, np.pi]], np.float32)
    cache.add(*images(1, 2), tricky)

    read, embeddings = find(cache, 1, 2).read()

    assert read.tolist() == [True, True]
    assert embeddings.dtype == np.float32
    assert embeddings.tobytes() == tricky.tobytes()


def test_an_unknown_name_is_a_miss(cache):
    add(cache, 1)
    assert find(cache, 1, 2).hit.tolist() == [True, False]


def test_another_stamp_is_a_miss(cache):
    add(cache, 1)
    names, stamps = images(1)
    assert cache.find(names, stamps).hit.all()
    assert not cache.find(names, stamps + 1).hit.any()
    assert not cache.find(names, -stamps).hit.any()


def test_stamp_and_name_do_not_run_together(cache):
    cache.add(["2.jpg"], np.array([1]), vectors(1))
    assert not cache.find([".jpg"], np.array([12])).hit.any()


def test_two_images_alike_in_half_of_their_hash_are_told_apart(cache):
    add(cache, 1)
    keys = module._keys(*images(1))
    assert cache._look_up(keys).hit.all()
    for half in (0, 1):
        almost = keys.copy()
        almost[0, half] ^= np.uint64(1)
        assert not cache._look_up(almost).hit.any()


def test_adding_100_images_to_a_pool_of_900_leaves_100_to_embed(cache):
    add(cache, *range(900))
    pool = list(range(950, 1000)) + list(range(900)) + list(range(900, 950))

    found = find(cache, *pool)
    read, embeddings = found.read()

    assert np.flatnonzero(~found.hit).tolist() == [*range(50), *range(950, 1000)]
    assert (read == found.hit).all()
    assert (embeddings == vectors(*range(900))).all()


def test_rows_come_in_the_order_asked_from_several_segments(cache):
    add(cache, 5, 3)
    add(cache, 4)

    read, embeddings = find(cache, 3, 4, 9, 5).read(np.array([3, 2, 1, 0, 3]))

    assert read.tolist() == [True, False, True, True, True]
    assert embeddings.tolist() == vectors(5, 4, 3, 5).tolist()


def test_a_sweep_reads_each_image_once_in_the_order_of_the_files_and_leaves_out_what_is_damaged(cache, monkeypatch):
    monkeypatch.setattr(module, "_SWEPT_BYTES", 2 * DIMENSION * 4)
    for numbers in ((3, 1), (0, 4), (2,)):
        add(cache, *numbers)
    damaged = segments(cache)[1]
    damaged.write_bytes(damaged.read_bytes()[:-64] + bytes(64))  # 0 and 4
    swept = list(find(cache, 0, 1, 2, 3, 4, 5).sweep(np.arange(6)))
    assert np.concatenate([images for images, _ in swept]).tolist() == [2, 3, 1]
    assert np.array_equal(np.concatenate([embeddings for _, embeddings in swept]), vectors(2, 3, 1))
    assert max(len(images) for images, _ in swept) <= 2


def test_reading_goes_by_blocks_without_a_seam(tmp_path):
    cache = EmbeddingCache(tmp_path, KEY, dimension=1 << 18)  # 1 MiB a row: 8 rows a block
    embeddings = np.repeat(np.arange(20, dtype=np.float32)[:, None], 1 << 18, axis=1)
    cache.add(*images(*range(20)), embeddings)

    found = find(cache, *range(20))

    assert (found.read()[1] == embeddings).all()
    assert found.read(np.array([19, 0, 7, 8, 15, 3]))[1][:, -1].tolist() == [19, 0, 7, 8, 15, 3]


@given(wanted=st.sets(st.integers(0, 39), min_size=1), damaged=st.sets(st.integers(0, 39), max_size=3))
def test_whatever_gaps_are_skipped_each_row_is_read_or_known_as_damaged(tmp_path_factory, wanted, damaged):
    cache = EmbeddingCache(tmp_path_factory.mktemp("cache"), KEY, dimension=len(vectors(0)[0]))
    add(cache, *range(40))
    (path,) = segments(cache)
    content = path.read_bytes()
    for row in damaged:
        content = content.replace(vectors(row).tobytes(), vectors(row + 100).tobytes())
    path.write_bytes(content)
    asked, row_bytes = sorted(wanted), vectors(0).nbytes
    with patch.multiple(module, _BLOCK_BYTES=10 * row_bytes, _GAP_BYTES=2 * row_bytes):
        read, embeddings = find(cache, *range(40)).read(np.array(asked))
    assert read.tolist() == [row not in damaged for row in asked]
    assert embeddings.tolist() == vectors(*(row for row in asked if row not in damaged)).tolist()


@pytest.mark.parametrize(
    "name", ["été/naïve ✓.jpg", "a b\tc\n.png", "日本/写真.webp", "x" * 4000, "lone \udcff.jpg", ""]
)
def test_any_name_will_do(cache, name):
    _, stamps = images(1)
    cache.add([name], stamps, vectors(1))
    assert fresh(cache).find([name], stamps).hit.all()
    assert not fresh(cache).find([name + "."], stamps).hit.any()


def test_the_newest_segment_wins(cache):
    for value in (7, 8, 9):
        cache.add(*images(1), vectors(value))
    assert find(cache, 1).read()[1].tolist() == vectors(9).tolist()


def test_the_newest_segment_wins_also_where_the_clock_was_ahead(cache):
    cache.add(*images(1), vectors(7))
    (path,) = segments(cache)
    path.rename(path.with_name(f"{time.time_ns() + 10**15}-{'0' * 32}.segment"))

    add(fresh(cache), 1)

    assert find(cache, 1).read()[1].tolist() == vectors(1).tolist()


def test_nothing_is_found_where_there_is_no_folder(cache):
    found = cache.find(*images(1, 2))
    read, embeddings = found.read()
    assert found.hit.tolist() == read.tolist() == [False, False]
    assert embeddings.shape == (0, DIMENSION)


def test_no_images_is_a_question_and_an_addition_like_any_other(cache):
    add(cache)
    assert not cache.folder.exists()
    add(cache, 1)
    assert find(cache).read()[1].shape == (0, DIMENSION)


def test_a_cache_sees_what_others_add_after_it_was_made(cache):
    other = fresh(cache)
    assert not cache.find(*images(1)).hit.any()
    add(other, 1)
    assert cache.find(*images(1)).hit.all()


def test_a_folder_deleted_in_between_is_made_again(cache):
    add(cache, 1)
    shutil.rmtree(cache.folder.parent)
    add(cache, 2)
    assert find(cache, 1, 2).hit.tolist() == [False, True]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_embeddings_that_are_not_finite_are_refused(cache, bad):
    embeddings = vectors(1, 2)
    embeddings[1, 2] = bad
    with pytest.raises(ValueError, match="finite"):
        cache.add(*images(1, 2), embeddings)
    assert not cache.folder.exists()


def test_arrays_that_do_not_fit_are_refused(cache):
    names, stamps = images(1, 2)
    with pytest.raises(ValueError, match="shape"):
        cache.add(names, stamps, vectors(1))
    with pytest.raises(ValueError, match="shape"):
        cache.add(names, stamps, vectors(1, 2)[:, :3])
    with pytest.raises(ValueError, match="zip"):
        cache.find(names[:1], stamps)
    with pytest.raises(ValueError, match="zip"):
        cache.find(names, stamps[:1])
    with pytest.raises(ValueError, match="dimension"):
        EmbeddingCache(cache.folder, KEY, 0)


def test_views_are_stored_right_and_inputs_left_alone(cache):
    wide = np.repeat(vectors(1, 2), 2, axis=1)
    wide.flags.writeable = False
    cache.add(*images(1, 2), wide[:, ::2])
    assert find(cache, 1, 2).read()[1].tolist() == vectors(1, 2).tolist()


def test_files_have_the_rights_the_umask_leaves(cache):
    before = os.umask(0o027)
    try:
        add(cache, 1)
    finally:
        os.umask(before)
    (path,) = segments(cache)
    assert path.stat().st_mode & 0o777 == 0o640
    assert cache.folder.stat().st_mode & 0o777 == 0o750


# --- the key ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["backbone", "weights", "preprocessing", "pool"])
def test_each_field_of_the_key_leads_to_a_folder_of_its_own(cache, field):
    add(cache, 1)
    other = EmbeddingCache(cache.folder.parent, replace(KEY, **{field: "other"}), DIMENSION)
    assert other.folder != cache.folder
    assert not other.find(*images(1)).hit.any()


@given(st.builds(CacheKey, *[st.text()] * 4))
def test_a_folder_is_one_plain_name_that_starts_with_the_backbone(key):
    assert Path(key.folder).name == key.folder
    assert len(key.folder) <= 100
    assert key.folder.isascii()
    assert replace(key, backbone="vit_small.dinov2").folder.startswith("vit_small.dinov2-")


# --- torn, foreign and damaged files ----------------------------------------------------------------------------


def test_a_file_cut_short_or_grown_anywhere_is_ignored(cache):
    add(cache, 1, 2)
    (path,) = segments(cache)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert not find(cache, 1, 2).hit.any()
    path.write_bytes(whole + b"\0")
    assert not find(cache, 1, 2).hit.any()
    path.write_bytes(whole)
    assert find(cache, 1, 2).hit.all()


def test_no_flipped_bit_ever_gives_a_wrong_embedding(cache):
    add(cache, 1, 2)
    (path,) = segments(cache)
    whole = path.read_bytes()
    embeddings_at, harmless = whole.index(vectors(1, 2).tobytes()), 0
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        found = find(cache, 1, 2)
        read, embeddings = found.read()
        assert (embeddings == vectors(1, 2)[read]).all()
        assert at >= embeddings_at or len({*found.hit, *read}) == 1  # before the embeddings it is all or nothing
        harmless += read.all()
    assert harmless <= 32 + 3 * 63  # only the preamble's zeros and three gaps of alignment


def test_a_damaged_embedding_costs_its_row_alone_and_is_healed_by_adding_it_again(cache):
    add(cache, 1, 2, 3)
    (path,) = segments(cache)
    path.write_bytes(path.read_bytes().replace(vectors(2).tobytes(), vectors(5).tobytes()))

    found = find(cache, 1, 2, 3)
    read, embeddings = found.read()

    assert found.hit.all()
    assert read.tolist() == [True, False, True]
    assert embeddings.tolist() == vectors(1, 3).tolist()
    add(cache, 2)
    assert find(cache, 1, 2, 3).read()[1].tolist() == vectors(1, 2, 3).tolist()


def test_a_file_that_loses_its_end_after_it_was_opened_reads_as_misses(cache):
    add(cache, 1, 2)
    found = find(cache, 1, 2)
    (path,) = segments(cache)
    os.truncate(path, path.stat().st_size - 64)
    assert not found.read()[0].any()


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"garbage" * 1000, b"NLEMBED\x02" + b"\xff" * 200])
def test_files_of_no_sense_are_ignored_and_left_alone(cache, content):
    add(cache, 1)
    foreign = cache.folder / f"{'9' * 19}-{'f' * 32}.segment"
    foreign.write_bytes(content)
    (cache.folder / "notes.txt").write_text("not ours")

    add(cache, 2)

    assert find(cache, 1, 2).hit.all()
    assert foreign.read_bytes() == content
    assert (cache.folder / "notes.txt").exists()


def test_segments_of_another_version_dimension_or_key_are_ignored(cache):
    add(cache, 1)
    (path,) = segments(cache)
    other_key = EmbeddingCache(cache.folder.parent, replace(KEY, weights="abc"), DIMENSION)
    other_key.folder.mkdir()
    shutil.copy(path, other_key.folder)
    assert not other_key.find(*images(1)).hit.any()
    assert not EmbeddingCache(cache.folder.parent, KEY, DIMENSION // 2).find(*images(1)).hit.any()
    path.write_bytes(path.read_bytes().replace(b"NLEMBED\x02", b"NLEMBED\x03"))
    assert not find(cache, 1).hit.any()


def test_pipes_folders_and_dead_links_named_like_segments_are_ignored(cache):
    add(cache, 1)
    name = "1" * 19 + "-{}.segment"
    os.mkfifo(cache.folder / name.format("a" * 32))
    (cache.folder / name.format("b" * 32)).mkdir()
    (cache.folder / name.format("c" * 32)).symlink_to("nowhere")
    assert find(cache, 1).hit.all()


# --- many segments ----------------------------------------------------------------------------------------------


@contextmanager
def merging_early() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MANY_SEGMENTS", 3)
        patch.setattr(module, "_MERGED_AT_ONCE", 2)
        yield


def test_many_small_rounds_end_in_few_files_and_lose_nothing(cache):
    for i in range(150):
        add(cache, i, 1000 + i)
    assert len(segments(cache)) <= 64
    everything = [*range(150), *range(1000, 1150)]
    assert (find(cache, *everything).read()[1] == vectors(*everything)).all()


def test_merging_keeps_the_newest_of_several_and_the_order_of_age(cache):
    with merging_early():
        for value in range(10, 30):
            cache.add(*images(value % 3), vectors(value))
    assert len(segments(cache)) <= 3
    assert find(cache, 0, 1, 2).read()[1].tolist() == vectors(27, 28, 29).tolist()


def test_merging_never_makes_a_damaged_row_look_sound(cache):
    add(cache, 1, 2)
    (path,) = segments(cache)
    path.write_bytes(path.read_bytes().replace(vectors(2).tobytes(), vectors(5).tobytes()))
    with merging_early():
        for i in range(3, 13):
            add(cache, i)
    read, embeddings = find(cache, *range(1, 13)).read()
    assert np.flatnonzero(~read).tolist() == [1]
    assert (embeddings == vectors(1, *range(3, 13))).all()


def test_large_segments_are_not_merged(cache, monkeypatch):
    monkeypatch.setattr(module, "_MERGED_MAX_BYTES", 2 * DIMENSION * 4 - 1)
    with merging_early():
        for i in range(6):
            add(cache, i)
    assert len(segments(cache)) == 6


def test_a_reader_goes_on_when_its_segments_were_merged_away(cache):
    add(cache, 0)
    add(cache, 1)
    found = find(cache, 0, 1, 99)
    with merging_early():
        for i in range(2, 12):
            add(cache, i)

    read, embeddings = found.read()

    assert read.tolist() == [True, True, False]
    assert embeddings.tolist() == vectors(0, 1).tolist()


def test_what_a_dead_writer_left_goes_after_a_day(cache):
    cache.folder.mkdir(parents=True)
    old, young = cache.folder / "old.tmp", cache.folder / "young.tmp"
    for path, age_s in ((old, 25 * 3600), (young, 23 * 3600)):
        path.touch()
        os.utime(path, (time.time() - age_s,) * 2)
    add(cache, 1)
    assert not old.exists()
    assert young.exists()


IMAGES = st.integers(0, 5)
ROUNDS = st.lists(st.dictionaries(IMAGES, st.integers(-100, 100), min_size=1), max_size=8)


@settings(max_examples=40, deadline=None)
@given(ROUNDS, st.lists(IMAGES), st.booleans())
def test_the_cache_agrees_with_a_dictionary(rounds, asked, reopen):
    model: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as root, merging_early():
        cache = EmbeddingCache(Path(root), KEY, DIMENSION)
        for additions in rounds:
            cache = fresh(cache) if reopen else cache
            cache.add(*images(*additions), vectors(*additions.values()))
            model |= additions
            found = cache.find(*images(*asked))
            read, embeddings = found.read()
            assert found.hit.tolist() == read.tolist() == [i in model for i in asked]
            assert embeddings.tolist() == vectors(*(model[i] for i in asked if i in model)).tolist()


# --- other processes, full disks --------------------------------------------------------------------------------

PRELUDE = """
import os, resource, signal, sys
from pathlib import Path
import numpy as np
from nextlabel.core.embeddings.cache import CacheKey, EmbeddingCache
from nextlabel.core.errors import CacheUnwritable
from nextlabel.core.errors import StorageFull
from tests.core.embeddings.test_cache import KEY, add, images, vectors
"""
REPOSITORY = Path(__file__).resolve().parents[3]


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PRELUDE + script, *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out.strip()


def test_two_processes_that_write_at_once_lose_nothing_and_readers_see_only_the_truth(cache):
    script = """
root, first = Path(sys.argv[1]), int(sys.argv[2])
cache = EmbeddingCache(root, KEY, 4)
for i in range(first, first + 80):
    add(cache, i, 1000)
"""
    writers = [start(script, cache.folder.parent, first) for first in (0, 100)]
    everything = [*range(80), *range(100, 180), 1000]
    while any(writer.poll() is None for writer in writers):
        read, embeddings = cache.find(*images(*everything)).read()
        assert (embeddings == vectors(*everything)[read]).all()
    for writer in writers:
        finish(writer)

    read, embeddings = find(cache, *everything).read()

    assert read.all()
    assert (embeddings == vectors(*everything)).all()
    assert not list(cache.folder.glob("*.tmp"))


def test_a_writer_killed_in_the_middle_leaves_no_half_segment(cache):
    script = """
n, d = 25_000, 1024
cache = EmbeddingCache(Path(sys.argv[1]), KEY, d)
cache.add(*images(*range(n)), np.ones((n, d), np.float32))
"""
    wide = EmbeddingCache(cache.folder.parent, KEY, 1024)
    writer = start(script, cache.folder.parent)
    while not list(wide.folder.glob("*.tmp")):
        assert writer.poll() is None, writer.communicate()
    writer.send_signal(signal.SIGKILL)
    writer.communicate()

    assert not segments(wide)
    assert not wide.find(*images(*range(100))).hit.any()
    (left,) = wide.folder.glob("*.tmp")
    os.utime(left, (0, 0))
    wide.add(*images(0), np.ones((1, 1024), np.float32))
    assert [path.suffix for path in wide.folder.iterdir()] == [".segment"]


def test_a_full_disk_is_said_and_leaves_nothing_behind(cache):
    add(cache, 1)
    script = """
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
cache = EmbeddingCache(Path(sys.argv[1]), KEY, 4)
many = range(10_000)
try:
    cache.add(*images(*many), vectors(*many))
except StorageFull as error:
    print(error)
add(cache, 2)
"""
    assert str(cache.folder) in finish(start(script, cache.folder.parent))
    assert len(list(cache.folder.iterdir())) == 2
    assert find(cache, 1, 2, 3).hit.tolist() == [True, True, False]


def test_a_disk_too_full_for_merging_does_not_fail_what_was_added(cache):
    for i in range(64):
        add(cache, *range(100 * i, 100 * i + 100))
    script = """
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
add(EmbeddingCache(Path(sys.argv[1]), KEY, 4), 7000)
"""
    finish(start(script, cache.folder.parent))
    assert find(cache, *range(6400), 7000).hit.all()
    assert len(list(cache.folder.iterdir())) == 65


def test_a_folder_without_write_permission_is_said_and_still_read(cache):
    add(cache, 1)
    cache.folder.chmod(0o555)
    cache.folder.parent.chmod(0o555)
    script = """
os.chdir(sys.argv[1])  # the folders above it may be closed to others
if os.getuid() == 0:
    os.setuid(65534)
for key in (KEY, CacheKey("b0", "none", "", "/photos")):
    cache = EmbeddingCache(Path(), key, 4)
    try:
        add(cache, 2)
    except CacheUnwritable as error:
        print(error.code, cache.find(*images(1)).read()[0].tolist())
"""
    out = finish(start(script, cache.folder.parent))
    cache.folder.parent.chmod(0o755)
    cache.folder.chmod(0o755)
    assert out.splitlines() == ["cache_unwritable [True]", "cache_unwritable [False]"]


def test_a_file_in_the_folders_place_is_said(cache):
    cache.folder.write_text("in the way")
    with pytest.raises(CacheUnwritable, match="exists") as caught:
        add(cache, 1)
    assert str(cache.folder) in caught.value.detail
    assert not cache.find(*images(1)).hit.any()


# --- size -------------------------------------------------------------------------------------------------------


def test_a_million_rows_open_in_well_under_a_second(tmp_path):
    n = 1_000_000
    numbers = np.arange(n)
    names = [f"{i}.jpg" for i in range(n)]
    cache = EmbeddingCache(tmp_path, KEY, 16)
    cache.add(names, numbers, np.repeat(numbers.astype(np.float32)[:, None], 16, axis=1))

    seconds = []
    for _ in range(5):
        before = time.perf_counter()
        found = fresh(cache).find(names[-1:], numbers[-1:])
        seconds.append(time.perf_counter() - before)
        assert found.read()[1][0, 0] == n - 1

    assert min(seconds) < 1  # measured: 0.13
    assert cache.find(names, numbers).hit.all()

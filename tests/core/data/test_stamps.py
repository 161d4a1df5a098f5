"""On real files, where a file system's type is known; what others would tell goes by `meaning_on`."""

import os
import shutil
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data import stamps
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.data.stamps import Stamps, meaning_on

numbers = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture
def folder(tmp_path):
    """Three files of one size and one time of change."""
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(name.encode())
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    return tmp_path.resolve()


def stamps_in(folder):
    pool = list_pool(place_at(folder, [folder]))
    for row in range(len(pool)):
        with pool.open(row) as file:
            assert pool.is_as_listed(row, file)
    return dict(zip(pool.names, pool.stamps.tolist(), strict=True))


def changed(before, folder):
    after = stamps_in(folder)
    return {name for name in before if after.get(name) != before[name]}


def wait_for_the_clock(folder):
    """Until the file system's clock, which ticks some hundred times a second, has gone on."""
    (folder / "clock").touch()
    begun = (folder / "clock").stat().st_mtime_ns
    while (folder / "clock").stat().st_mtime_ns == begun:
        time.sleep(0.001)
        (folder / "clock").touch()


def test_files_that_nobody_touches_keep_their_stamps(folder):
    before = stamps_in(folder)
    assert len(set(before.values())) == 3
    wait_for_the_clock(folder)
    assert changed(before, folder) == set()


def test_a_file_that_takes_the_name_of_another_of_its_size_and_time_is_told(folder):
    before = stamps_in(folder)
    (folder / "b.png").rename(folder / "a.png")
    assert changed(before, folder) == {"a.png", "b.png"}


def test_two_files_that_change_places_are_told(folder):
    before = stamps_in(folder)
    (folder / "a.png").rename(folder / "x")
    (folder / "b.png").rename(folder / "a.png")
    (folder / "x").rename(folder / "b.png")
    assert changed(before, folder) == {"a.png", "b.png"}


def test_other_content_is_told_though_its_size_and_time_are_put_back(folder):
    before = stamps_in(folder)
    wait_for_the_clock(folder)
    (folder / "a.png").write_bytes(b"A.PNG")
    os.utime(folder / "a.png", (1_700_000_000, 1_700_000_000))
    assert changed(before, folder) == {"a.png"}


def test_a_hard_link_in_the_place_of_a_file_is_told(folder):
    before = stamps_in(folder)
    (folder / "a.png").unlink()
    (folder / "a.png").hardlink_to(folder / "b.png")
    assert "a.png" in changed(before, folder)


def test_a_link_that_leads_elsewhere_now_is_told(folder):
    (folder / "link.png").symlink_to("a.png")
    before = stamps_in(folder)
    assert before["link.png"] == before["a.png"]
    (folder / "link.png").unlink()
    (folder / "link.png").symlink_to("b.png")
    assert changed(before, folder) == {"link.png"}


def test_a_folder_put_in_the_place_of_another_is_told(folder):
    for name in ("one", "two"):
        (folder / name).mkdir()
        shutil.copy2(folder / "a.png", folder / name / "a.png")
    before = stamps_in(folder)
    (folder / "one").rename(folder / "three")
    (folder / "two").rename(folder / "one")
    assert "one/a.png" in changed(before, folder)


def test_an_open_file_that_is_written_to_is_no_longer_as_listed(folder):
    pool = list_pool(place_at(folder, [folder]))
    wait_for_the_clock(folder)
    with pool.open(0) as file:
        (folder / "a.png").write_bytes(b"A.PNG")
        assert not pool.is_as_listed(0, file)


@pytest.mark.parametrize(
    ("file_system", "ctime", "inode"),
    [
        ("ext4", True, True),
        ("nfs4", True, True),
        ("overlay", True, True),
        ("cifs", True, False),
        ("fuse.sshfs", True, False),
        ("9p", True, False),
        ("vfat", False, False),
        ("exfat", False, False),
        ("something new", True, False),
        (None, True, False),
    ],
)
def test_inodes_and_ctimes_count_where_they_last(monkeypatch, folder, file_system, ctime, inode):
    monkeypatch.setattr(stamps, "_type_of_file_system", lambda *_: file_system)
    assert meaning_on(file_system) == (ctime, inode)
    before = stamps_in(folder)
    wait_for_the_clock(folder)
    (folder / "a.png").chmod(0o600)
    assert ("a.png" in changed(before, folder)) == ctime
    before = stamps_in(folder)
    (folder / "new").write_bytes(b"b.png")
    os.utime(folder / "new", (1_700_000_000, 1_700_000_000))
    (folder / "new").rename(folder / "b.png")
    assert ("b.png" in changed(before, folder)) == (ctime or inode)


def test_the_type_of_the_file_system_is_asked_for_once_a_device(monkeypatch, folder):
    asked = []
    monkeypatch.setattr(stamps, "_type_of_file_system", lambda device, _: asked.append(device))
    place = place_at(folder, [folder])
    for _ in range(2):
        pool = list_pool(place)
        for row in range(len(pool)):
            with pool.open(row) as file:
                pool.is_as_listed(row, file)
    assert len(asked) == 1


def test_the_type_of_the_file_system_is_what_the_mounts_say():
    descriptor = os.open("/proc", os.O_RDONLY)
    try:
        assert stamps._ask_for_type(descriptor) == "proc"
    finally:
        os.close(descriptor)


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers, st.sampled_from([7, 8])), min_size=1, max_size=5))
def test_one_file_and_many_are_stamped_alike(looks):
    maker = Stamps()
    maker._meanings = {7: meaning_on("ext4"), 8: meaning_on("vfat")}
    many = maker.of_looks(np.array(looks, np.int64), "/", [""] * len(looks))
    assert many.dtype == np.int64
    for (size, mtime_ns, ctime_ns, inode, device), stamp in zip(looks, many.tolist(), strict=True):
        lasting = (ctime_ns, inode) if device == 7 else (0, 0)
        one = stamps._mixed(size, mtime_ns, *lasting)
        assert one % 2**64 == stamp % 2**64


@given(st.tuples(numbers, numbers, numbers, numbers), st.integers(0, 3), numbers)
def test_a_change_of_one_number_never_goes_unseen(look, at, other):
    changed = (*look[:at], other, *look[at + 1 :])
    assert (stamps._mixed(*look) == stamps._mixed(*changed)) == (look == changed)

from __future__ import annotations

import os
import stat
import time

import pytest

from nextlabel.core.data.folder import opened_folder
from nextlabel.core.data.folder_lock import LOCK_NAME, alone_in, unchanged
from nextlabel.core.errors import FolderBusy, PathNotWritable
from tests.core.data.support import held


@pytest.fixture
def folder(tmp_path):
    with opened_folder(tmp_path, [tmp_path]) as opened:
        yield opened


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def take(folder, wait_s=0.1):
    with alone_in(folder, wait_s):
        return True


@pytest.mark.parametrize(
    ("of_folder", "of_lock"), [(0o700, 0o600), (0o755, 0o644), (0o2775, 0o664), (0o777, 0o666), (0o2770, 0o660)]
)
def test_who_may_use_the_folder_may_use_the_lock(tmp_path, folder, of_folder, of_lock):
    tmp_path.chmod(of_folder)
    before = os.umask(0o077)
    try:
        take(folder)
    finally:
        os.umask(before)
    assert mode_of(tmp_path / LOCK_NAME) == of_lock


def test_a_lock_of_before_is_opened_to_those_who_share_the_folder_by_now(tmp_path, folder):
    (tmp_path / LOCK_NAME).touch(0o600)
    tmp_path.chmod(0o2775)
    take(folder)
    assert mode_of(tmp_path / LOCK_NAME) == 0o664


def test_a_lock_that_may_only_be_read_can_be_held(shared_path, as_nobody):
    shared_path.chmod(0o777)
    (shared_path / LOCK_NAME).touch(0o644)

    def hold():
        with opened_folder(shared_path, [shared_path]) as folder:
            return take(folder)

    assert as_nobody(hold) is True


@pytest.mark.parametrize("way", [alone_in, unchanged])
def test_nobody_waits_for_ever_for_a_lock_that_another_holds(tmp_path, folder, way):
    take(folder)
    with held(tmp_path / LOCK_NAME):
        began = time.monotonic()
        with pytest.raises(FolderBusy, match=r"fuser"), way(folder, wait_s=0.2):
            pass
        assert 0.2 <= time.monotonic() - began < 5
    assert take(folder)


def test_readers_share_a_folder_and_whoever_changes_it_is_alone(tmp_path, folder):
    take(folder)
    with unchanged(folder, 0.1), unchanged(folder, 0.1), pytest.raises(FolderBusy), alone_in(folder, 0.1):
        pass
    with alone_in(folder), pytest.raises(FolderBusy), unchanged(folder, 0.1):
        pass


def make_pipe(path):
    os.mkfifo(path)


def make_link(path):
    path.symlink_to(path.parent.parent / "created-by-the-lock")


def make_folder(path):
    path.mkdir()


@pytest.mark.parametrize("make", [make_pipe, make_link, make_folder])
def test_what_is_no_lock_is_refused_to_writers_and_stops_no_reader(tmp_path, folder, make):
    make(tmp_path / LOCK_NAME)
    with pytest.raises(PathNotWritable, match="Remove it"):
        take(folder)
    with unchanged(folder, 0.1):
        pass
    assert not (tmp_path.parent / "created-by-the-lock").exists()

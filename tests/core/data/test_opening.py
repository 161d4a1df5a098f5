from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from nextlabel.core.data import opening
from nextlabel.core.data.opening import TO_LOOK, look_at, open_file, open_without_links

WAYS = {"one call": opening._openat2(), "name by name": opening._walk}


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    if WAYS[request.param] is None:
        pytest.skip("this kernel has no openat2")
    monkeypatch.setattr(opening, "_open", WAYS[request.param])


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root" / "pool").mkdir(parents=True)
    (tmp_path / "root" / "pool" / "a.txt").write_bytes(b"a")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.txt").write_bytes(b"secret")
    return tmp_path.resolve() / "root"


def content(path, folder=None):
    with open_file(str(path), folder=folder) as file:
        return file.read()


@pytest.fixture
def pool(root):
    descriptor = os.open(root / "pool", TO_LOOK)
    yield descriptor
    os.close(descriptor)


@pytest.mark.usefixtures("way")
def test_a_file_is_opened_by_its_path_or_by_its_name_in_an_open_folder(root, pool):
    assert content(root / "pool" / "a.txt") == content("a.txt", pool) == content("./a.txt", pool) == b"a"
    (root / "pool" / "deeper").mkdir()
    (root / "pool" / "deeper" / "..a.txt").write_bytes(b"b")
    assert content("deeper/..a.txt", pool) == b"b"
    assert look_at(str(root / "pool" / "a.txt")).st_size == 1
    assert stat.S_ISDIR(look_at("/").st_mode)


@pytest.mark.usefixtures("way")
def test_no_link_is_followed_wherever_it_stands(root, pool):
    (root / "pool" / "file.txt").symlink_to(root / "pool" / "a.txt")
    (root / "pool" / "folder").symlink_to(root.parent / "outside")
    for path, folder in [
        (root / "pool" / "file.txt", None),
        (root / "pool" / "folder" / "a.txt", None),
        ("file.txt", pool),
        ("folder/a.txt", pool),
    ]:
        with pytest.raises(OSError, match="symbolic links"):
            open_file(str(path), folder=folder)
    for flags in (TO_LOOK, os.O_RDONLY | os.O_DIRECTORY):
        with pytest.raises(OSError, match="symbolic links"):
            open_without_links(str(root / "pool" / "folder"), flags)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", ["../pool/a.txt", "..", "/etc/passwd", "deeper/../../a.txt"])
def test_a_name_leads_nowhere_but_into_its_folder(root, pool, name):
    (root / "pool" / "deeper").mkdir()
    with pytest.raises(OSError, match="cross-device"):
        open_file(name, folder=pool)


@pytest.mark.usefixtures("way")
def test_an_open_folder_stays_the_one_that_it_was(root, pool):
    (root / "pool").rename(root / "moved")
    (root / "pool").symlink_to(root.parent / "outside")
    assert content("a.txt", pool) == b"a"


@pytest.mark.usefixtures("way")
def test_only_regular_files_are_read_and_a_pipe_makes_nobody_wait(root):
    os.mkfifo(root / "pipe")
    began = time.monotonic()
    with pytest.raises(OSError, match="not a regular file"):
        open_file(str(root / "pipe"))
    with pytest.raises(IsADirectoryError):
        open_file(str(root / "pool"))
    with pytest.raises(OSError, match="not a regular file"):
        open_file("/dev/null")
    assert time.monotonic() - began < 1


@pytest.mark.usefixtures("way")
def test_what_is_not_there_or_no_name_says_so_and_leaves_nothing_open(root):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path, error in [
        ("gone", FileNotFoundError),
        ("pool/a.txt/b", NotADirectoryError),
        ("x" * 300, OSError),
        ("a\0b", ValueError),
        ("pool", IsADirectoryError),
    ]:
        with pytest.raises(error):
            open_file(f"{root}/{path}")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.usefixtures("way")
def test_a_file_is_created_in_its_folder_and_never_through_a_link(root, pool):
    os.close(open_without_links("new", os.O_RDWR | os.O_CREAT, 0o600, folder=pool))
    assert stat.S_IMODE((root / "pool" / "new").stat().st_mode) == 0o600
    (root / "pool" / "link").symlink_to(root.parent / "created")
    with pytest.raises(OSError, match="symbolic links"):
        open_without_links("link", os.O_RDWR | os.O_CREAT, 0o600, folder=pool)
    assert not (root.parent / "created").exists()


def test_a_kernel_without_the_call_or_a_sandbox_that_forbids_it_is_noticed(monkeypatch):
    monkeypatch.setattr(opening, "_OPENAT2", 4095)  # no call has this number
    assert opening._openat2() is None

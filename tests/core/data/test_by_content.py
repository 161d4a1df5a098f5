import os

import pytest

from nextlabel.core.data import stamps
from nextlabel.core.data.by_content import ByContent, place_of
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool, look_up
from nextlabel.core.errors import PathNotAllowed


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(name.encode())
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    return tmp_path.resolve()


@pytest.fixture
def place(folder):
    return place_at(folder, [folder])


def stamps_of(pool):
    return dict(zip(pool.names, pool.stamps.tolist(), strict=True))


def test_the_stamp_is_the_contents_whatever_else_changes(folder, place):
    before = stamps_of(list_pool(ByContent(place)))
    (folder / "a.png").touch()
    (folder / "a.png").chmod(0o600)
    (folder / "b.png").rename(folder / "d.png")
    after = stamps_of(list_pool(ByContent(place)))
    assert len(set(before.values())) == 3
    assert after == {"a.png": before["a.png"], "c.png": before["c.png"], "d.png": before["b.png"]}


def test_other_content_is_seen_on_a_file_system_that_tells_nothing(folder, place, monkeypatch):
    monkeypatch.setattr(stamps, "_type_of_file_system", lambda *_: "vfat")
    pools = list_pool(place), list_pool(ByContent(place))
    (folder / "a.png").write_bytes(b"A.PNG")
    os.utime(folder / "a.png", (1_700_000_000, 1_700_000_000))
    with pools[0].open(0) as file:
        assert pools[0].is_as_listed(0, file)
        file.read()
        assert not pools[1].is_as_listed(0, file)
    assert stamps_of(list_pool(place)) == stamps_of(pools[0])
    assert stamps_of(list_pool(ByContent(place)))["a.png"] != stamps_of(pools[1])["a.png"]


def test_names_sizes_times_and_the_fingerprint_are_as_ever(folder, place):
    plain, read = list_pool(place), list_pool(ByContent(place))
    assert (read.names, read.fingerprint()) == (plain.names, plain.fingerprint())
    assert look_up(ByContent(place), ["b.png"]).stamps.tolist() == [stamps_of(read)["b.png"]]


def test_caches_know_it_by_a_key_of_its_own_which_gives_it_back_once_it_is_checked(folder, place):
    key = ByContent(place).key
    assert key != place.key
    again = list_pool(place_of(key, [folder]))
    assert stamps_of(again) == stamps_of(list_pool(ByContent(place)))
    assert list_pool(place_of(place.key, [folder])).state() == list_pool(place).state()
    with pytest.raises(PathNotAllowed):
        place_of(key, [folder / "elsewhere"])


def test_progress_is_told_by_the_file_and_may_stop_it(place):
    told = []
    ByContent(place, lambda *progress: told.append(progress)).list()
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(ZeroDivisionError):
        ByContent(place, lambda done, total: 1 / 0).list()


def test_a_file_that_cannot_be_read_is_listed_and_never_as_listed(shared_path, as_nobody):
    (shared_path / "a.png").write_bytes(b"a")
    (shared_path / "a.png").chmod(0)
    pool = as_nobody(lambda: list_pool(ByContent(place_at(shared_path, [shared_path]))))
    assert pool.names == ("a.png",)
    with place_at(shared_path, [shared_path]).open("a.png") as file:
        assert not pool.is_as_listed(0, file)

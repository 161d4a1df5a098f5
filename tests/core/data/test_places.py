from pathlib import Path

import pytest

from nextlabel.core.data.places import LocalFolder, place_at
from nextlabel.core.errors import PathNotAllowed, PathNotFound, PathWrongKind, UnreadableImage


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root" / "pool").mkdir(parents=True)
    return tmp_path.resolve() / "root"


@pytest.fixture
def place(root):
    return place_at("pool", [root])


def content(place, name):
    with place.open(name) as file:
        return file.read()


def test_a_place_cannot_be_made_without_its_check(root):
    with pytest.raises(TypeError, match="place_at"):
        LocalFolder(str(root), (str(root),), object())


def test_a_folder_outside_the_roots_or_none_at_all_is_no_place(root):
    (root / "a.png").touch()
    with pytest.raises(PathNotAllowed):
        place_at(root.parent, [root])
    with pytest.raises(PathNotFound):
        place_at(root / "gone", [root])
    with pytest.raises(PathWrongKind):
        place_at(root / "a.png", [root])


def test_the_key_is_the_real_path_and_makes_the_same_place_again(root, place):
    (root / "link").symlink_to("pool")
    assert place.key == place_at("link", [root]).key == str(root / "pool")
    assert place_at(place.key, [root]).key == place.key


def test_files_are_opened_by_name_and_links_as_long_as_they_stay_in_the_roots(root, place):
    (root / "pool" / "a.png").write_bytes(b"a")
    (root / "other.png").write_bytes(b"b")
    (root.parent / "outside.png").write_bytes(b"c")
    (root / "pool" / "in.png").symlink_to(root / "other.png")
    (root / "pool" / "out.png").symlink_to(root.parent / "outside.png")
    assert (content(place, "a.png"), content(place, "in.png")) == (b"a", b"b")
    with pytest.raises(UnreadableImage, match="outside the data roots"):
        place.open("out.png")


def test_a_folder_that_became_a_link_out_of_the_roots_is_not_followed(root, place):
    (root.parent / "outside").mkdir()
    (root.parent / "outside" / "a.png").write_bytes(b"secret")
    (root / "pool").rmdir()
    (root / "pool").symlink_to(root.parent / "outside")
    with pytest.raises(UnreadableImage, match="outside the data roots"):
        place.open("a.png")


@pytest.mark.parametrize("name", ["gone.png", "folder", "a\0.png", "x" * 5000])
def test_what_cannot_be_opened_says_why_and_leaves_nothing_open(root, place, name):
    (root / "pool" / "folder").mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(UnreadableImage, match=r"can't be opened: ."):
        place.open(name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_names_are_there_or_not_and_may_not_lead_out(root, place):
    (root / "pool" / "a.png").touch()
    (root / "pool" / "folder").mkdir()
    assert place.has("a.png")
    assert not any(map(place.has, ["gone.png", "folder", "x" * 5000, "a.png/b.png"]))
    for name in ("../../a.png", "a\0.png", ".hidden.png"):
        with pytest.raises(PathNotAllowed):
            place.has(name)


def test_a_link_and_what_it_leads_to_are_one_file_and_copies_are_two(root, place):
    (root / "pool" / "a.png").write_bytes(b"a")
    (root / "pool" / "copy.png").write_bytes(b"a")
    (root / "link.png").symlink_to(root / "pool" / "a.png")
    assert place_at(root, [root]).identity("link.png") == place.identity("a.png") != place.identity("copy.png")


def test_a_file_gets_a_second_name_where_the_disk_allows_it(root, place):
    (root / "pool" / "a.png").write_bytes(b"a")
    assert place.link("a.png", root / "b.png")
    assert (root / "b.png").samefile(root / "pool" / "a.png")
    assert not place.link("a.png", root / "b.png")

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data import stats, walk
from nextlabel.core.data.files import SUFFIXES, SkippedFile
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import LOOKS_THE_SAME, list_pool, look_up
from nextlabel.core.data.stats import UNKNOWN
from nextlabel.core.errors import EmptyPool, PathNotAllowed, PathNotFound, PathWrongKind


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path, "pool/")


def make(folder, *names):
    """Empty files; a folder where the name ends in a slash. Returns the last."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(parents=True) if name.endswith("/") else path.write_bytes(b"")
    return path.resolve()


def names_of(folder, *roots):
    return list(list_pool(place_at(folder, roots or [folder])).names)


def reasons(folder, *roots):
    return {skipped.name: skipped.reason for skipped in list_pool(place_at(folder, roots or [folder])).skipped}


def test_images_of_all_sub_folders_are_listed_by_name(folder):
    make(folder, "b.jpg", "a/z.png", "a/b/c.jpeg", "A.jpg", "a.jpg")
    assert names_of(folder) == ["A.jpg", "a.jpg", "a/b/c.jpeg", "a/z.png", "b.jpg"]


def test_suffixes_count_in_any_case_and_other_files_do_not(folder):
    images = ["1.jpeg", "2.JPG", "3.png", "4.WebP", "5.bmp", "6.tif", "7.TIFF", "8.gif", "9.tar.jpg"]
    images = sorted([*images, "a.JFIF", "b.jpe", "c.jif", "d.avif"])
    make(folder, *images, "notes.txt", "jpg", "labels", "1.jpeg.txt", "2.JPG.json")
    assert names_of(folder) == images
    assert reasons(folder) == {}


def test_what_looks_like_an_image_and_is_not_read_is_skipped(folder, tmp_path):
    make(folder, "a.jpg", "b.jxl", "sub/c.NEF", "d.jpg_large", "e.png (1)", "f.jpeg~")
    make(tmp_path / "beside", "g.dcm")
    (folder / "link.dcm").symlink_to(tmp_path / "beside" / "g.dcm")
    assert names_of(folder, tmp_path) == ["a.jpg"]
    assert reasons(folder, tmp_path) == {
        "b.jxl": "looks like an image, but .jxl is not read; convert it",
        "sub/c.NEF": "looks like an image, but .nef is not read; convert it",
        "d.jpg_large": "looks like an image, but its name goes on after .jpg; rename it",
        "e.png (1)": "looks like an image, but its name goes on after .png; rename it",
        "f.jpeg~": "looks like an image, but its name goes on after .jpeg; rename it",
        "link.dcm": "looks like an image, but .dcm is not read; convert it",
    }
    asked = look_up(place_at(folder, [tmp_path]), ["a.jpg", "b.jxl", "gone.jxl", "../beside/g.dcm"])
    assert [one.name for one in asked.skipped] == ["b.jxl"]


@pytest.mark.skipif(".heic" in SUFFIXES, reason="the extra `heic` is installed")
def test_heic_is_skipped_with_the_remedy_where_its_reader_is_not_installed(folder):
    make(folder, "a.HEIC", "b.jpg")
    assert reasons(folder) == {
        "a.HEIC": "looks like an image, but .heic is not read; install nextlabel[heic], or convert it"
    }


def test_hidden_files_and_folders_are_left_out_silently(folder):
    make(folder, "a.jpg", ".b.jpg", ".jpg", ".cache/c.jpg", "sub/.d.jpg")
    assert names_of(folder) == ["a.jpg"]
    assert reasons(folder) == {}


def test_a_folder_named_like_an_image_is_a_folder(folder):
    make(folder, "odd.jpg/a.png")
    assert names_of(folder) == ["odd.jpg/a.png"]


def test_rows_sizes_times_and_paths_belong_together(folder):
    (folder / "b.jpg").write_bytes(b"12")
    (folder / "a.jpg").write_bytes(b"1")
    os.utime(folder / "a.jpg", ns=(0, 1_234_567_890_123_456_789))
    pool = list_pool(place_at(folder, [folder]))
    assert len(pool) == 2
    assert pool.sizes.tolist() == [1, 2]
    assert pool.mtimes_ns[0] == 1_234_567_890_123_456_789
    assert pool.sizes.dtype == pool.mtimes_ns.dtype == np.int64
    assert pool.rows_by_name == {"a.jpg": 0, "b.jpg": 1}
    with pool.open(1) as file:
        assert file.read() == b"12"
    assert not pool.sizes.flags.writeable


def test_the_fingerprint_changes_with_names_sizes_and_times_only(tmp_path):
    def fingerprint(name, content, time_ns, where):
        path = make(tmp_path, f"{where}/{name}")
        path.write_bytes(content)
        os.utime(path, ns=(0, time_ns))
        return list_pool(place_at(path.parent, [tmp_path])).fingerprint()

    first = fingerprint("a.jpg", b"1", 5, "one")
    assert fingerprint("a.jpg", b"2", 5, "two") == first
    assert fingerprint("b.jpg", b"1", 5, "three") != first
    assert fingerprint("a.jpg", b"12", 5, "four") != first
    assert fingerprint("a.jpg", b"1", 6, "five") != first


def test_a_pool_without_images_says_what_was_looked_for(folder):
    make(folder, "notes.txt")
    (folder / "gone.jpg").symlink_to(folder / "nothing")
    with pytest.raises(EmptyPool, match=r"\.jpeg \.jpg .*\.png .* 1 skipped, the first: gone\.jpg: can't be read"):
        list_pool(place_at(folder, [folder]))


def test_the_folder_itself_is_checked(tmp_path, folder):
    make(folder, "a.jpg")
    with pytest.raises(PathNotAllowed):
        list_pool(place_at(folder, [tmp_path / "elsewhere"]))
    with pytest.raises(PathNotFound):
        list_pool(place_at(folder / "gone", [folder]))
    with pytest.raises(PathWrongKind):
        list_pool(place_at(folder / "a.jpg", [folder]))


# --- links ------------------------------------------------------------------------------------------------------


def test_links_are_followed_inside_the_roots_and_skipped_outside(tmp_path, folder):
    make(tmp_path, "other/b.jpg", "outside/c.jpg")
    make(folder, "a.jpg")
    (folder / "file.jpg").symlink_to(tmp_path / "other" / "b.jpg")
    (folder / "sub").symlink_to(tmp_path / "other")
    (folder / "bad.jpg").symlink_to(tmp_path / "outside" / "c.jpg")
    (folder / "bad").symlink_to(tmp_path / "outside")
    assert names_of(folder, folder, tmp_path / "other") == ["a.jpg", "file.jpg", "sub/b.jpg"]
    outside = "links to a place outside the data roots"
    assert reasons(folder, folder, tmp_path / "other") == {"bad": outside, "bad.jpg": outside}


def test_folders_that_link_to_each_other_are_listed_once(tmp_path, folder):
    make(folder, "a/1.jpg", "b/2.jpg")
    (folder / "a" / "up").symlink_to(folder)
    (folder / "a" / "self").symlink_to(folder / "a")
    (folder / "b" / "a").symlink_to(folder / "a")
    assert names_of(folder) == ["a/1.jpg", "b/2.jpg"]
    assert list(reasons(folder)) == ["a/self", "a/up", "b/a"]
    assert set(reasons(folder).values()) == {"the folder is listed already under another name"}


def test_a_link_above_the_pool_lists_each_folder_once(tmp_path, folder):
    make(tmp_path, "pool/a.jpg", "other/b.jpg")
    (folder / "up").symlink_to(tmp_path)
    assert names_of(folder, tmp_path) == ["a.jpg", "up/other/b.jpg"]
    assert list(reasons(folder, tmp_path)) == ["up/pool"]


def test_many_folders_that_all_link_to_each_other_end(folder):
    for one in range(12):
        make(folder, f"{one}/x.jpg")
        for other in range(12):
            (folder / f"{one}" / f"to{other}").symlink_to(folder / f"{other}")
    assert len(names_of(folder)) == 12


def test_links_that_lead_nowhere_are_skipped(folder):
    make(folder, "a.jpg")
    (folder / "gone.jpg").symlink_to(folder / "nothing.jpg")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    assert names_of(folder) == ["a.jpg"]
    assert list(reasons(folder)) == ["gone.jpg", "loop.jpg"]


# --- what can't be listed ---------------------------------------------------------------------------------------


def test_names_that_a_labels_file_cannot_hold_are_skipped(folder):
    make(folder, "fine name, котик [1].jpg", "tab\t.jpg", "line\n.jpg", "sub\t/a.jpg")
    Path(os.fsdecode(bytes(folder) + b"/bad\xff.jpg")).write_bytes(b"")
    assert names_of(folder) == ["fine name, котик [1].jpg"]
    assert list(reasons(folder)) == ["bad\\xff.jpg", "line\\n.jpg", "sub\\t", "tab\\t.jpg"]


def test_what_is_no_regular_file_is_skipped(folder):
    make(folder, "a.jpg")
    os.mkfifo(folder / "pipe.jpg")
    assert list_pool(place_at(folder, [folder])).skipped == (SkippedFile("pipe.jpg", "not a regular file"),)


def test_a_time_beyond_64_bits_is_cut(folder):
    path = make(folder, "a.jpg")
    os.utime(path, (0, 12_000_000_000))
    assert list_pool(place_at(folder, [folder])).mtimes_ns[0] == min(path.stat().st_mtime_ns, 2**63 - 1)


def test_a_forbidden_sub_folder_is_skipped(shared_path, as_nobody):
    make(shared_path, "a.jpg", "secret/b.jpg")
    (shared_path / "secret").chmod(0)
    pool = as_nobody(lambda: list_pool(place_at(shared_path, [shared_path])))
    assert pool.names == ("a.jpg",)
    assert pool.skipped == (SkippedFile("secret", "the folder can't be read: Permission denied"),)


# --- one is enough ----------------------------------------------------------------------------------------------


def test_one_image_anywhere_is_found(folder):
    make(folder, "notes.txt", "a/b/notes.txt")
    assert not place_at(folder, [folder]).has_an_image()
    make(folder, "a/b/c/d.jpg")
    assert place_at(folder, [folder]).has_an_image()


def test_an_image_whose_name_no_labels_file_can_hold_is_none_and_another_beside_it_is(folder):
    make(folder, "a/tab\there.jpg", "a/and\there.jpg")
    assert not place_at(folder, [folder]).has_an_image()
    make(folder, "a/b.jpg")
    assert place_at(folder, [folder]).has_an_image()
    assert [one.name for one in list_pool(place_at(folder, [folder])).skipped] == [
        "a/and\\there.jpg",
        "a/tab\\there.jpg",
    ]


def test_an_image_that_cannot_be_looked_at_is_none_and_another_is(shared_path, as_nobody):
    make(shared_path, "closed/a.jpg")
    (shared_path / "closed").chmod(0o400)
    assert not as_nobody(lambda: place_at(shared_path, [shared_path]).has_an_image())
    make(shared_path, "open/b.jpg")
    assert as_nobody(lambda: place_at(shared_path, [shared_path]).has_an_image())


part = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=8)
tree = st.sets(st.tuples(part, part).map(lambda parts: f"d{parts[0]}/{parts[1]}.jpg"), max_size=6)


@given(names=tree)
def test_every_image_is_listed_or_skipped_with_a_reason(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("any")
    make(folder, "x.jpg", *names)
    pool = list_pool(place_at(folder, [folder]))
    kept = {name for name in names if not ({"\t", "\n", "\r"} & set(name) or "/." in name)}
    assert set(pool.names) == kept | {"x.jpg"}
    assert list(pool.names) == sorted(pool.names)
    assert all(skipped.reason and skipped.name.isprintable() for skipped in pool.skipped)


def test_what_could_not_be_looked_at_with_the_others_is_looked_at_again(folder, monkeypatch):
    make(folder, "a.jpg", "b.jpg", "one/c.jpg")
    expected = list_pool(place_at(folder, [folder]))

    def gone_wrong(batches):
        (folder / "b.jpg").unlink()
        return [UNKNOWN, 0, 0, 0, 0] * sum(len(names) for _, names in batches)

    monkeypatch.setattr(walk, "stat_all", gone_wrong)
    found = list_pool(place_at(folder, [folder]))
    assert found.names == ("a.jpg", "one/c.jpg")
    assert found.mtimes_ns.tolist() == expected.mtimes_ns[[0, 2]].tolist()
    assert found.skipped == (SkippedFile("b.jpg", "can't be read: No such file or directory"),)


def part_of(pool, names):
    """What a listing says of those names."""
    rows = [row for row, name in enumerate(pool.names) if name in names]
    skipped = [one for one in pool.skipped if one.name in names]
    return [(pool.names[row], pool.sizes[row], pool.mtimes_ns[row]) for row in rows], skipped


def found(folder, names, *roots):
    """What looking up says of those names, which must be all it says."""
    pool = look_up(place_at(folder, roots or [folder]), names)
    assert len(pool.names) + len(pool.skipped) == sum(map(len, part_of(pool, names)))
    return part_of(pool, names)


def looked_up(folder, names, *roots):
    return [name for name, _, _ in found(folder, names, *roots)[0]]


ODD = ["gone.jpg", "a//b.jpg", "a/../c.jpg", "./c.jpg", "/c.jpg", "notes.txt", "odd.jpg", ".hidden.jpg", ".cache/e.jpg"]
ODD += ["c.jpg/g.jpg", "", "/", "x" * 5000 + ".jpg", "d/" * 2000 + "h.jpg", "c\0.jpg", "c\udcff.jpg", "C.JPG", "a"]


@pytest.mark.parametrize("processes", [1, 2])
def test_names_are_looked_up_as_they_are_listed(folder, monkeypatch, processes):
    monkeypatch.setattr(stats, "LEAST", 1)
    monkeypatch.setattr(stats, "_cores", lambda: processes)
    make(folder, "a/b.jpg", "c.jpg", "d.jpg", "notes.txt", ".hidden.jpg", ".cache/e.jpg", "odd.jpg/f.png")
    (folder / "c.jpg").write_bytes(b"12")
    asked = ["c.jpg", "a/b.jpg", "odd.jpg/f.png", *ODD]
    assert looked_up(folder, asked) == ["a/b.jpg", "c.jpg", "odd.jpg/f.png"]
    assert found(folder, asked) == part_of(list_pool(place_at(folder, [folder])), asked)
    with look_up(place_at(folder, [folder]), ["c.jpg"]).open(0) as file:
        assert file.read() == b"12"


def test_nothing_is_said_of_other_images(folder):
    make(folder, "a.jpg", "b.jpg", "one/c.jpg")
    (folder / "odd.jpg").symlink_to("/etc/passwd")
    (folder / "other.jpg").symlink_to("/etc/passwd")
    (folder / "two").symlink_to("one")
    said = SkippedFile("odd.jpg", "links to a place outside the data roots")
    for more in ([], ["two/c.jpg"]):  # with the second, the pool is listed
        assert look_up(place_at(folder, [folder]), ["a.jpg", *more]).skipped == ()
        assert look_up(place_at(folder, [folder]), ["a.jpg", "odd.jpg", *more]).skipped == (said,)


def test_a_pool_without_any_of_the_names_is_empty_and_one_without_images_an_error(folder):
    with pytest.raises(EmptyPool):
        look_up(place_at(folder, [folder]), ["a.jpg"])
    make(folder, "b.jpg")
    assert looked_up(folder, ["a.jpg"]) == []


def test_where_case_does_not_count_names_are_looked_up_as_they_are_spelt(folder, monkeypatch):
    make(folder, "a.jpg", "B.jpg", "one/c.jpg")
    lstat = os.lstat
    listed = {str(folder / name).casefold(): folder / name for name in ("a.jpg", "B.jpg", "one/c.jpg")}
    monkeypatch.setattr(os, "lstat", lambda path: lstat(listed.get(str(path).casefold(), path)))
    assert looked_up(folder, ["gone.jpg", "A.JPG", "a.jpg", "b.jpg", "one/C.jpg"]) == ["a.jpg"]


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o400])
def test_folders_without_permission_are_looked_up_as_they_are_listed(shared_path, as_nobody, mode):
    make(shared_path, "a.jpg", "closed/b.jpg", "closed/c/d.jpg")
    (shared_path / "closed").chmod(mode)
    asked = ["a.jpg", "closed/b.jpg", "closed/c/d.jpg"]

    def ask():
        pools = list_pool(place_at(shared_path, [shared_path])), look_up(place_at(shared_path, [shared_path]), asked)
        return [(pool.names, {one.reason for one in pool.skipped}) for pool in pools]

    listed, told = as_nobody(ask)
    assert listed[0] == told[0] == ("a.jpg",)
    assert len(listed[1]) == len(told[1]) == 1
    assert all("Permission denied" in reason for names, reasons in (listed, told) for reason in reasons)


places = st.sampled_from(["a.jpg", "one/b.jpg", "one/.c.jpg", "one/two/d.jpg", ".three/e.jpg", "one/two/f.txt"])
links = st.sampled_from(["four", "one/five", "one/six.jpg", "seven.jpg", "one/two/eight"])
targets = st.sampled_from([".", "one", "one/two", "a.jpg", "one/b.jpg", "/etc/hostname", "nowhere"])


@given(files=st.sets(places), linked=st.dictionaries(links, targets), share=st.floats(0, 1))
def test_whatever_links_there_are_names_are_looked_up_as_they_are_listed(tmp_path_factory, files, linked, share):
    folder = tmp_path_factory.mktemp("any").resolve()
    make(folder, "x.jpg", *files)
    for link, target in linked.items():
        (folder / link).parent.mkdir(parents=True, exist_ok=True)
        if not (folder / link).exists():
            (folder / link).symlink_to(folder / target)
    listed = list_pool(place_at(folder, [folder]))
    others = [f"{link}/{name}" for link in linked for name in listed.names] + list(files) + list(linked)
    asked = list(listed.names[: round(share * len(listed))]) + others
    assert found(folder, asked) == part_of(listed, asked)


# --- names that look the same -----------------------------------------------------------------------------------

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Übung é.jpg") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("there", "asked"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_name_is_found_however_it_is_spelt_and_stays_as_the_folder_has_it(folder, there, asked):
    make(folder, "a.jpg", there)
    place = place_at(folder, [folder])
    pool, found = list_pool(place), look_up(place, [asked])
    assert (pool.names, found.names) == (tuple(sorted(["a.jpg", there])), (there,))
    assert pool.rows_of([f"./{asked}", "./a.jpg", "b.jpg"]).tolist() == [0, 1]
    assert pool.absent([f"./{asked}", "./b.jpg", "./a.jpg"]) == ["./b.jpg"]
    with found.open(0) as file:
        assert file.read() == b""


def test_a_name_of_which_half_is_spelt_in_each_way_is_looked_up_too(folder):
    halves = DECOMPOSED.partition(" ")[0] + " " + COMPOSED.partition(" ")[2]
    make(folder, f"{DECOMPOSED}/{COMPOSED}", halves, *(f"{i}.jpg" for i in range(9)))
    assert look_up(place_at(folder, [folder]), [f"{COMPOSED}/{DECOMPOSED}"]).names == (f"{DECOMPOSED}/{COMPOSED}",)
    assert look_up(place_at(folder, [folder]), [COMPOSED, "1.jpg"]).names == ("1.jpg", halves)


def test_of_two_images_whose_names_look_the_same_one_is_left_out_and_named(folder):
    make(folder, "a.jpg", COMPOSED, DECOMPOSED)
    for pool in (list_pool(place_at(folder, [folder])), look_up(place_at(folder, [folder]), ["a.jpg", COMPOSED])):
        assert pool.names == tuple(sorted(["a.jpg", DECOMPOSED]))
        assert pool.skipped == (SkippedFile(COMPOSED, LOOKS_THE_SAME),)

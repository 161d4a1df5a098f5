import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data.roots import confine, existing_file_or_folder, existing_folder, shown
from nextlabel.core.errors import Invalid, PathNotAllowed, PathNotFound, PathNotReadable, PathWrongKind


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    return root.resolve()


def refusal(path, *roots):
    with pytest.raises(PathNotAllowed) as caught:
        confine(path, roots)
    return caught.value.detail


@pytest.mark.parametrize("name", ["plain", "with space", "br[ack]ets*", "котики", "🐈", "a..b", "-x", "back\\slash"])
def test_a_path_under_a_root_is_allowed_whatever_its_name(root, name):
    (root / name).mkdir()
    assert confine(str(root / name), [root]) == root / name
    assert confine(name, [root]) == root / name
    assert existing_folder(name, [root]) == root / name


def test_of_a_home_that_no_shell_put_in_the_whole_path_is_asked_for_and_told_only_below_the_roots(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root / "anna"))
    (root / "anna" / "photos" / "x").mkdir(parents=True)
    with pytest.raises(PathNotFound, match=f"Write the whole path; perhaps '{root}/anna/photos' is meant"):
        confine("~/photos", [root])
    for path, roots in (("~/gone", [root]), ("~/photos", [root / "anna" / "photos" / "x"]), ("~", [Path("/usr")])):
        with pytest.raises(PathNotFound, match=r"a ~ is no home folder here.*Write the whole path\.$"):
            confine(path, roots)
    (root / "~").mkdir()
    assert confine("~", [root]) == root / "~"
    assert confine("~anna", [root]) == root / "~anna"


def test_the_root_itself_is_allowed(root):
    assert confine(root, [root]) == root
    assert confine(".", [root]) == root
    assert confine(f"{root}/", [root]) == root


def test_a_root_may_be_the_whole_disk(root):
    assert confine(root, [Path("/")]) == root


def test_a_path_under_no_root_is_refused_alike_whether_or_not_it_exists(tmp_path, root):
    (tmp_path / "exists").mkdir()
    exists = refusal(tmp_path / "exists", root)
    assert exists.replace("exists", "gone") == refusal(tmp_path / "gone", root)
    assert str(root) in exists
    assert "NEXTLABEL_DATA_ROOTS" in exists


def test_a_sibling_whose_name_begins_like_the_root_is_refused(tmp_path, root):
    (tmp_path / "root2").mkdir()
    refusal(tmp_path / "root2", root)


@pytest.mark.parametrize("escape", ["..", "../x", "a/../../x", "/etc/passwd", "./../root/../x", "//etc"])
def test_dots_and_absolute_paths_lead_nowhere(root, escape):
    (root / "a").mkdir()
    refusal(escape, root)


def test_dots_inside_a_root_are_fine(root):
    (root / "a").mkdir()
    assert confine(f"{root}/a/../b", [root]) == root / "b"


def test_a_link_out_of_the_roots_is_refused(tmp_path, root):
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "dangling").symlink_to(tmp_path / "gone")
    refusal("link", root)
    refusal("link/deeper", root)
    refusal("dangling", root)


def test_a_link_from_one_root_to_another_is_followed(tmp_path, root):
    other = tmp_path / "other"
    other.mkdir()
    (root / "link").symlink_to(other)
    assert confine("link", [root, other]) == other.resolve()


def test_a_root_may_be_a_link_itself(tmp_path, root):
    (tmp_path / "alias").symlink_to(root)
    (root / "a").mkdir()
    assert confine(tmp_path / "alias" / "a", [tmp_path / "alias"]) == root / "a"
    assert confine(root / "a", [tmp_path / "alias"]) == root / "a"


def test_links_in_a_loop_are_a_clear_error(root):
    (root / "one").symlink_to(root / "two")
    (root / "two").symlink_to(root / "one")
    for path in ["one", "one/deeper", "one/../../x"]:
        with pytest.raises((PathNotAllowed, PathNotReadable)):
            existing_folder(path, [root])


def test_a_relative_path_is_tried_under_each_root_and_the_first_that_exists_wins(tmp_path, root):
    other = (tmp_path / "other").resolve()
    (other / "a").mkdir(parents=True)
    assert confine("a", [root, other]) == other / "a"
    (root / "a").mkdir()
    assert confine("a", [root, other]) == root / "a"
    assert confine("nowhere", [root, other]) == root / "nowhere"


def test_names_that_no_file_system_holds_are_refused(root):
    refusal("a\0b", root)
    refusal("\ud800", root)
    for long in ["x" * 5000, "x/" * 5000]:
        with pytest.raises(PathNotFound) as caught:
            existing_folder(long, [root])
        assert len(caught.value.detail) < 500


def test_without_roots_all_is_refused(root):
    assert "none is set" in refusal(root)


def test_an_empty_path_is_refused(root):
    with pytest.raises(PathNotFound):
        confine("", [root])


def test_what_is_missing_or_of_the_wrong_kind_is_said(root):
    (root / "file.txt").write_text("")
    os.mkfifo(root / "pipe")
    for path in ["gone", "file.txt/deeper"]:
        with pytest.raises(PathNotFound):
            existing_folder(path, [root])
    with pytest.raises(PathWrongKind):
        existing_folder("file.txt", [root])
    with pytest.raises(PathWrongKind):
        existing_file_or_folder("pipe", [root])
    assert existing_file_or_folder("file.txt", [root]) == root / "file.txt"
    assert existing_file_or_folder(".", [root]) == root


def test_what_may_not_be_read_is_said(shared_path, as_nobody):
    (shared_path / "folder" / "inner").mkdir(parents=True)
    (shared_path / "file.txt").write_text("")
    (shared_path / "folder").chmod(0)
    (shared_path / "file.txt").chmod(0)
    for path in ["folder", "folder/inner", "file.txt"]:
        error = as_nobody(lambda path=path: existing_file_or_folder(path, [shared_path]))
        assert isinstance(error, PathNotReadable), path
    (shared_path / "folder").chmod(0o755)


@given(path=st.text(max_size=50) | st.lists(st.sampled_from(["..", ".", "a", "/", "link", "~", "\0"])).map("/".join))
def test_any_text_leads_under_a_root_or_to_a_typed_error(tmp_path_factory, path):
    root = tmp_path_factory.getbasetemp().resolve() / "any"
    (root / "a").mkdir(parents=True, exist_ok=True)
    if not (root / "link").is_symlink():
        (root / "link").symlink_to("/etc")
    try:
        real = existing_file_or_folder(path, [root])
    except Invalid as error:
        error.detail.encode()
    else:
        assert real == root or root in real.parents


def test_a_path_in_a_sentence_is_one_short_line_of_utf_8():
    assert shown("a b") == "'a b'"
    assert shown("a\nb\udcff") == r"'a\nb\udcff'"
    assert len(shown("x" * 10_000)) < 400


@pytest.mark.parametrize("hidden", [".ssh/id_rsa", "photos/.git", ".env"])
def test_what_is_hidden_below_a_root_is_refused_as_it_is_left_out_of_a_listing(tmp_path, hidden):
    (tmp_path / hidden).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / hidden).write_text("secret")
    with pytest.raises(PathNotAllowed, match="is hidden below its data root"):
        confine(hidden, [tmp_path])


def test_a_hidden_folder_may_be_a_root_itself(tmp_path):
    (tmp_path / ".data" / "pool").mkdir(parents=True)
    assert confine("pool", [tmp_path / ".data"]) == tmp_path / ".data" / "pool"
    assert confine(tmp_path / ".data" / "pool", [tmp_path, tmp_path / ".data"]) == tmp_path / ".data" / "pool"

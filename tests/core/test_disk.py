import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.disk import NameIn, make_private, replace_together, whole_file, write_whole


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("options", [{}, {"durable": False}, {"private": True}])
def test_a_file_is_written_or_replaced_and_nothing_else_is_left(tmp_path, options):
    for content in (b"first", b"second"):
        write_whole(tmp_path / "a", content, **options)
        assert files_in(tmp_path) == {"a": content}


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    write_whole(tmp_path / "a", b"old")

    def fail():
        with whole_file(tmp_path / "a") as file:
            file.write(b"half of the new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert files_in(tmp_path) == {"a": b"old"}


def test_what_is_no_file_is_written_into_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, b"a")
        assert os.read(reader, 2) == b"a"
        write_whole(Path(f"/dev/fd/{os.open(pipe, os.O_WRONLY)}"), b"b")
        assert os.read(reader, 2) == b"b"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_what_is_open_already_is_written_on_where_it_is(tmp_path):
    with (tmp_path / "all.csv").open("wb", buffering=0) as there:
        there.write(b"before,")
        write_whole(Path(f"/dev/fd/{there.fileno()}"), b"new,")
        there.write(b"after")
    assert files_in(tmp_path) == {"all.csv": b"before,new,after"}


def test_a_file_that_can_not_be_written_is_named_and_no_hidden_one(tmp_path):
    with pytest.raises(OSError, match="gone") as caught:
        write_whole(tmp_path / "gone" / "a.csv", b"a")
    assert caught.value.filename == str(tmp_path / "gone" / "a.csv")
    with pytest.raises(OSError, match="source") as caught, whole_file(tmp_path / "a.csv"):
        (tmp_path / "source").open()
    assert caught.value.filename == str(tmp_path / "source")


def test_until_it_is_whole_it_is_hidden(tmp_path):
    with whole_file(tmp_path / "a") as file:
        file.write(b"half")
        assert all(name.startswith(".") for name in files_in(tmp_path))


def test_readers_see_the_old_or_the_new_while_many_write(tmp_path):
    path, contents = tmp_path / "a", [bytes([n]) * 100_000 for n in range(4)]
    write_whole(path, contents[0])
    writers = [
        threading.Thread(target=lambda c=c: [write_whole(path, c, durable=False) for _ in range(20)]) for c in contents
    ]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(path.read_bytes())
    assert seen <= set(contents)
    assert list(files_in(tmp_path)) == ["a"]


def test_a_private_file_is_its_owners_alone_from_the_first_byte(tmp_path):
    with whole_file(tmp_path / "a", private=True) as file:
        file.write(b"secret")
        (temporary,) = tmp_path.iterdir()
        assert mode_of(temporary) == 0o600
    assert mode_of(tmp_path / "a") == 0o600


def test_other_files_get_the_mode_that_the_process_gives(tmp_path):
    (tmp_path / "plain").touch()
    write_whole(tmp_path / "a", b"")
    assert mode_of(tmp_path / "a") == mode_of(tmp_path / "plain")


@given(
    st.dictionaries(st.sampled_from("abc"), st.binary(max_size=9)), st.dictionaries(st.sampled_from("bcd"), st.binary())
)
def test_several_files_are_replaced_together_and_others_left(tmp_path_factory, before, new):
    folder = tmp_path_factory.mktemp("files")
    for name, content in before.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o640)
    replace_together({folder / name: content for name, content in new.items()})
    assert files_in(folder) == before | new
    assert all(mode_of(folder / name) == 0o640 for name in before)


def test_no_room_for_one_leaves_all_as_they_were(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    code = (
        "import resource, signal, sys; from pathlib import Path; from nextlabel.core.disk import replace_together\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "folder = Path(sys.argv[1])\n"
        "try: replace_together({folder / 'a': b'new', folder / 'b': bytes(2000)})\n"
        "except OSError as error: sys.exit(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code, tmp_path], check=False)
    assert done.returncode == errno.EFBIG
    assert files_in(tmp_path) == {"a": b"old"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_replaces_stays_its_owners(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).touch()
        os.chown(tmp_path / name, 12345, 54321)
    write_whole(tmp_path / "one", b"", private=True)
    replace_together({tmp_path / "two": b""})
    for name in ("one", "two"):
        status = (tmp_path / name).stat()
        assert (status.st_uid, status.st_gid) == (12345, 54321)


def test_a_shared_file_keeps_its_mode_and_a_new_one_is_its_group_s_where_the_folder_is(tmp_path):
    before = os.umask(0o077)
    try:
        write_whole(tmp_path / "alone", b"", shared=True)
        tmp_path.chmod(0o775)
        write_whole(tmp_path / "new", b"", shared=True)
        (tmp_path / "kept").touch()
        (tmp_path / "kept").chmod(0o640)
        write_whole(tmp_path / "kept", b"", shared=True)
    finally:
        os.umask(before)
    assert [mode_of(tmp_path / name) for name in ("alone", "new", "kept")] == [0o600, 0o660, 0o640]


def test_a_file_is_written_by_its_name_in_an_open_folder_wherever_its_path_leads(tmp_path):
    (tmp_path / "folder").mkdir()
    folder = os.open(tmp_path / "folder", os.O_RDONLY)
    (tmp_path / "folder").rename(tmp_path / "moved")
    (tmp_path / "folder").symlink_to("/nowhere")
    (tmp_path / "moved" / "a").symlink_to(tmp_path / "untouched")
    write_whole(NameIn(folder, "a"), b"one", shared=True)
    replace_together({NameIn(folder, "b"): b"two"})
    os.close(folder)
    assert files_in(tmp_path / "moved") == {"a": b"one", "b": b"two"}


def test_a_private_folder_is_closed_to_others_and_shared_as_the_one_above_is(tmp_path):
    tmp_path.chmod(0o755)
    make_private(tmp_path / "a" / "b")
    assert [mode_of(tmp_path / name) for name in ("a", "a/b")] == [0o700, 0o700]
    (tmp_path / "a").chmod(0o755)
    make_private(tmp_path / "a")
    assert mode_of(tmp_path / "a") == 0o700
    (tmp_path / "a").chmod(0o2775)
    make_private(tmp_path / "a")
    make_private(tmp_path / "a" / "c")
    assert [mode_of(tmp_path / name) for name in ("a", "a/c")] == [0o2770, 0o2770]

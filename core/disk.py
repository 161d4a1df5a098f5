"""Files that appear whole or not at all, whatever happens while they are written, and whoever reads them meanwhile."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  #: errno of an OSError that more room would mend
_DESCRIPTORS = (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))  # names of devices, and of what is open
_NUMBERS = {"stdout": "1", "stderr": "2"}  # of descriptors, by their names in /dev


class NameIn(NamedTuple):
    """A name in an open folder, by its descriptor."""

    folder: int
    name: str


Target: TypeAlias = Path | NameIn  #: where a file is written; of a name in a folder, no link is followed


@contextmanager
def whole_file(
    path: Target, *, durable: bool = True, private: bool = False, shared: bool = False
) -> Iterator[BinaryIO]:
    """Open a file for writing that gets its name, in the place of what had it, when the block ends well.

    Until then it lies beside it under a hidden name of its own, and when the block raises it is gone.

    durable: the bytes are on the disk before the file gets its name.
    private: its owner alone may read it; the owner is who owned the file that it replaces, as far as we may say so.
    shared: it has the mode and the owner of the file that it replaces; a new one may be written by the group that may
        write its folder.

    A device, or a pipe, is written into, and stays what it is. An OSError names the file, and not the hidden one.
    """
    if isinstance(path, Path) and is_special_file(path):
        with _open_as_it_is(path) as stream:
            yield stream
        return
    with _beside(path) as temporary, _told_of(path, temporary):
        with _new(temporary, durable=durable, mode=0o600 if private else 0o666) as file:
            yield file
            if shared:
                _keep_mode(file.fileno(), path)
        if private or shared:
            _keep_owner(temporary, path)
        _replace(temporary, path)


def is_special_file(path: Path) -> bool:
    """Tell whether a device, a pipe or the like is there, or the name of what is open already, as /dev/stdout."""
    if path.parent in _DESCRIPTORS:
        return path.exists()
    with suppress(OSError):
        mode = path.stat().st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
    return False


def _open_as_it_is(path: Path) -> BinaryIO:
    """Open what is no file. What is open already goes on where it is: to open it anew would empty a file behind it."""
    number = _NUMBERS.get(path.name, path.name)
    if path.parent in _DESCRIPTORS and number.isdecimal():
        return os.fdopen(os.dup(int(number)), "wb")
    return path.open("wb")


@contextmanager
def _told_of(path: Target, temporary: Target) -> Iterator[None]:
    """Let an OSError of the hidden file name the file that it becomes; one of another file stays as it is."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(_name_and_folder(temporary)[0]), temporary):
            error.filename, error.filename2 = str(_name_and_folder(path)[0]), None
        raise


def write_whole(
    path: Target, content: bytes, *, durable: bool = True, private: bool = False, shared: bool = False
) -> None:
    """Write a file as `whole_file` does."""
    with whole_file(path, durable=durable, private=private, shared=shared) as file:
        file.write(content)


def make_private(folder: Path) -> None:
    """Make a folder, and those above that are not there, for its owner alone; one of ours is closed to others.

    Where its group may write a folder, it shares that and what is made in it. Raises OSError.
    """
    for path in reversed([folder, *folder.parents]):
        if path == folder or not path.exists():
            _make_private(path)


def _make_private(folder: Path) -> None:
    with suppress(FileExistsError):
        folder.mkdir(0o700)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        above, status = folder.parent.stat(), os.fstat(descriptor)
        if status.st_uid == os.geteuid():
            is_shared = status.st_mode & stat.S_IWGRP
            allowed = stat.S_IMODE(status.st_mode) & ~(0o007 if is_shared else 0o077)
            if allowed != stat.S_IMODE(status.st_mode):
                os.fchmod(descriptor, allowed)
            if above.st_mode & stat.S_IWGRP and not above.st_mode & stat.S_ISVTX:
                share(descriptor, above, 0o070)
    finally:
        os.close(descriptor)


def replace_together(contents: Mapping[Path, bytes] | Mapping[NameIn, bytes]) -> None:
    """Write several files. All are on the disk before the first gets its name: no room for one leaves all as they were.

    They get their names in the order given, each with the mode and the owner that `whole_file` gives a shared one.
    """
    with ExitStack() as stack:
        staged = [(stack.enter_context(_beside(path)), path, content) for path, content in contents.items()]
        for temporary, path, content in staged:
            with _new(temporary) as file:
                file.write(content)
                _keep_mode(file.fileno(), path)
            _keep_owner(temporary, path)
        for temporary, path, _ in staged:
            _replace(temporary, path)


def share(descriptor: int, folder: os.stat_result, permissions: int) -> None:
    """Give an open file that is ours the group of its folder, and these permissions besides its own.

    Where it can't have that group, its own group gets none of them.
    """
    status = os.fstat(descriptor)
    with suppress(OSError):  # not ours, or a file system without permissions
        if permissions & 0o070 and status.st_gid != folder.st_gid:
            with suppress(OSError):  # we are not in that group
                os.fchown(descriptor, -1, folder.st_gid)
            status = os.fstat(descriptor)
            if status.st_gid != folder.st_gid:
                permissions &= ~0o070
        if permissions & ~status.st_mode:
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode) | permissions)


@contextmanager
def _beside(path: Target) -> Iterator[Target]:
    """Give a hidden name in the same folder, so that nobody who reads the folder takes the file for one of its own.

    Whatever still has that name when the block ends is removed.
    """
    hidden = f".{uuid.uuid4().hex}.tmp"
    temporary = path.with_name(hidden) if isinstance(path, Path) else path._replace(name=hidden)
    try:
        yield temporary
    finally:
        name, folder = _name_and_folder(temporary)
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)


@contextmanager
def _new(path: Target, *, durable: bool = True, mode: int = 0o666) -> Iterator[BinaryIO]:
    name, folder = _name_and_folder(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, mode, dir_fd=folder), "wb") as file:
        yield file
        if durable:
            file.flush()
            os.fsync(file.fileno())


def _replace(temporary: Target, path: Target) -> None:
    (before, folder), (name, _) = _name_and_folder(temporary), _name_and_folder(path)
    os.replace(before, name, src_dir_fd=folder, dst_dir_fd=folder)


def _keep_mode(descriptor: int, path: Target) -> None:
    """Give the new file the mode of the one that it replaces, or what its folder says of those who share it."""
    try:
        os.fchmod(descriptor, stat.S_IMODE(_status(path).st_mode) & 0o777)
    except FileNotFoundError:
        folder = path.parent.stat() if isinstance(path, Path) else os.fstat(path.folder)
        share(descriptor, folder, 0o060 if folder.st_mode & stat.S_IWGRP else 0)


def _keep_owner(temporary: Target, path: Target) -> None:
    """Give the new file the owner of the one that it replaces: what root writes is still its owner's to read."""
    if os.geteuid() == 0:
        with suppress(FileNotFoundError):
            status = _status(path)
            name, folder = _name_and_folder(temporary)
            os.chown(name, status.st_uid, status.st_gid, dir_fd=folder, follow_symlinks=False)


def _status(path: Target) -> os.stat_result:
    name, folder = _name_and_folder(path)
    return os.stat(name, dir_fd=folder, follow_symlinks=folder is None)


def _name_and_folder(path: Target) -> tuple[str | Path, int | None]:
    return (path, None) if isinstance(path, Path) else (path.name, path.folder)

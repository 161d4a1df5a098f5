"""Files that appear whole or not at all, whatever happens while they are written, and whoever reads them meanwhile."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  #: errno of an OSError that more room would mend


@contextmanager
def whole_file(path: Path, *, durable: bool = True, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing that gets its name, in the place of what had it, when the block ends well.

    Until then it lies beside it under a hidden name of its own, and when the block raises it is gone.

    durable: the bytes are on the disk before the file gets its name.
    private: its owner alone may read it; the owner is who owned the file that it replaces, as far as we may say so.
    """
    with _beside(path) as temporary:
        with _new(temporary, durable=durable, mode=0o600 if private else 0o666) as file:
            yield file
        if private:
            _keep_owner(temporary, path)
        temporary.replace(path)


def write_whole(path: Path, content: bytes, *, durable: bool = True, private: bool = False) -> None:
    """Write a file as `whole_file` does."""
    with whole_file(path, durable=durable, private=private) as file:
        file.write(content)


def replace_together(contents: Mapping[Path, bytes]) -> None:
    """Write several files. All are on the disk before the first gets its name: no room for one leaves all as they were.

    They get their names in the order given, each with the mode and the owner of the file that it replaces.
    """
    with ExitStack() as stack:
        staged = [(stack.enter_context(_beside(path)), path) for path in contents]
        for temporary, path in staged:
            with _new(temporary) as file:
                file.write(contents[path])
            with suppress(FileNotFoundError):
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            _keep_owner(temporary, path)
        for temporary, path in staged:
            temporary.replace(path)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Give a hidden name in the same folder, so that nobody who reads the folder takes the file for one of its own.

    Whatever still has that name when the block ends is removed.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def _new(path: Path, *, durable: bool = True, mode: int = 0o666) -> Iterator[BinaryIO]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        yield file
        if durable:
            file.flush()
            os.fsync(file.fileno())


def _keep_owner(temporary: Path, path: Path) -> None:
    """Give the new file the owner of the one that it replaces: what root writes is still its owner's to read."""
    if os.geteuid() == 0:
        with suppress(FileNotFoundError):
            status = path.stat()
            os.chown(temporary, status.st_uid, status.st_gid)

"""Results as files: written whole or not at all, named by the fence of the attempt that wrote them.

A worker that lost its lease may still write its file, and nobody will look at it: the record says which fence ended
the job.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from nextlabel.core.disk import NO_SPACE, make_private, whole_file
from nextlabel.core.errors import JobNotFinished, ResultDamaged, ResultExpired, StateUnwritable, StorageFull
from nextlabel.core.jobs.record import Job, JobState, checked_job_id, is_job_id

PARSED_BYTES = 50_000_000  # of larger ones the end alone is looked at


def _sync_names(*folders: Path) -> None:
    """Write the folders to disk: only then is a rename on it, and the record that follows must not outlive the file."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_whole(file: BinaryIO) -> bool:
    if file.seek(0, os.SEEK_END) > PARSED_BYTES:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"}"
    file.seek(0)
    try:
        json.load(file)
    except ValueError:
        return False
    return True


def _unwritable(folder: Path, error: OSError) -> StateUnwritable:
    return StateUnwritable(f"no result can be written under {folder}: {error.strerror}. Give the service permission.")


class _PartNotMade(Exception):
    def __init__(self, why: OSError) -> None:
        super().__init__(why)
        self.why = why


def _made(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts. An OSError of what makes them says nothing of our folder: _PartNotMade is raised instead."""
    try:
        yield from parts
    except OSError as error:
        raise _PartNotMade(error) from error


@contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    make_private(path.parent.parent)
    make_private(path.parent)
    with whole_file(path, private=True, shared=True) as file:
        yield file


class ResultFiles:
    """The folder of results: `<job id>/<fence>.json`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, job_id: str, fence: int, parts: Iterable[bytes]) -> None:
        """Write a result; it is on disk when this returns, for us alone to read.

        Raises StorageFull, StateUnwritable and what making a part does, having left nothing behind.
        """
        path = self._path(job_id, fence)
        try:
            with ExitStack() as stack:
                self._opened(path, stack).writelines(_made(parts))
            _sync_names(path.parent, self._folder)
        except BaseException as error:
            with suppress(OSError):  # another attempt's result is in it, or it never was
                path.parent.rmdir()
            if isinstance(error, _PartNotMade):
                raise error.why from None
            if not isinstance(error, OSError):
                raise
            if error.errno in NO_SPACE:
                raise StorageFull(f"no room for the result under {self._folder}; free some and submit again") from error
            raise _unwritable(self._folder, error) from error

    def _opened(self, path: Path, stack: ExitStack) -> BinaryIO:
        try:
            return stack.enter_context(_new(path))
        except FileNotFoundError:  # another attempt that failed took the folder away before our file was in it
            return stack.enter_context(_new(path))

    def check_writable(self) -> None:
        """Raise StateUnwritable where it can be known beforehand that no result can be written."""
        there = next(path for path in (self._folder, *self._folder.parents) if path.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            error = errno.EROFS if os.statvfs(there).f_flag & os.ST_RDONLY else errno.EACCES
            raise _unwritable(self._folder, OSError(error, os.strerror(error)))

    def path(self, job: Job) -> Path:
        """Return where the result of a job that succeeded lies. Raises JobNotFinished, ResultExpired."""
        with self.opened(job) as file:
            return Path(file.name)

    def opened(self, job: Job) -> BinaryIO:
        """Open the result: it can be read to its end, whoever deletes it meanwhile. Raises as `path` does."""
        if job.state is not JobState.SUCCEEDED:
            raise JobNotFinished(f"job {job.id} is {job.state}; only a succeeded job has a result")
        assert job.ended_by is not None
        try:
            return self._path(job.id, job.ended_by).open("rb")
        except FileNotFoundError:
            raise ResultExpired(f"the result of job {job.id} is no longer kept") from None

    def whole(self, job: Job) -> BinaryIO:
        """Open the result, having looked whether it is whole. Raises ResultDamaged, and as `path` does."""
        file = self.opened(job)
        if not _is_whole(file):
            file.close()
            raise ResultDamaged(f"the file of the result of job {job.id} is cut short or damaged; submit it again")
        file.seek(0)
        return file

    def content(self, job: Job) -> bytes:
        """Read the whole result. Raises as `whole` does."""
        with self.whole(job) as file:
            return file.read()

    def size(self, job: Job) -> int:
        """Return how many bytes the result has. Raises as `path` does."""
        with self.opened(job) as file:
            return os.fstat(file.fileno()).st_size

    def older_than(self, seconds: float) -> Iterator[str]:
        """Yield the ids of the jobs whose last result was written longer ago."""
        limit = time.time() - seconds
        for folder in self._folder.glob("job_*"):
            with suppress(OSError):  # deleted this moment
                if is_job_id(folder.name) and folder.stat().st_mtime < limit:
                    yield folder.name

    def delete(self, job_id: str) -> None:
        """Remove whatever results the job has. Raises JobNotFound for what is no id of a job."""
        shutil.rmtree(self._folder / checked_job_id(job_id), ignore_errors=True)

    def _path(self, job_id: str, fence: int) -> Path:
        return self._folder / checked_job_id(job_id) / f"{int(fence)}.json"

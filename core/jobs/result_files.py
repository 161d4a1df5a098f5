"""Results as files: written whole or not at all, named by the fence of the attempt that wrote them.

A worker that lost its lease may still write its file, and nobody will look at it: the record says which fence ended
the job.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from nextlabel.core.disk import NO_SPACE, write_whole
from nextlabel.core.errors import JobNotFinished, ResultExpired, StorageFull
from nextlabel.core.jobs.record import Job, JobState, checked_job_id


def _sync_names(*folders: Path) -> None:
    """Write the folders to disk: only then is a rename on it, and the record that follows must not outlive the file."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class ResultFiles:
    """The folder of results: `<job id>/<fence>.json`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, job_id: str, fence: int, content: bytes) -> None:
        """Write a result; it is on disk when this returns. Raises StorageFull, having left nothing behind."""
        path = self._path(job_id, fence)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
            _sync_names(path.parent, self._folder)
        except OSError as error:
            if error.errno in NO_SPACE:
                raise StorageFull(f"no room for the result under {self._folder}; free some and submit again") from error
            raise

    def path(self, job: Job) -> Path:
        """Return where the result of a job that succeeded lies. Raises JobNotFinished, ResultExpired."""
        if job.state is not JobState.SUCCEEDED:
            raise JobNotFinished(f"job {job.id} is {job.state}; only a succeeded job has a result")
        assert job.ended_by is not None
        path = self._path(job.id, job.ended_by)
        if not path.is_file():
            raise ResultExpired(f"the result of job {job.id} is no longer kept")
        return path

    def delete(self, job_id: str) -> None:
        """Remove whatever results the job has. Raises JobNotFound for what is no id of a job."""
        shutil.rmtree(self._folder / checked_job_id(job_id), ignore_errors=True)

    def _path(self, job_id: str, fence: int) -> Path:
        return self._folder / checked_job_id(job_id) / f"{int(fence)}.json"

import os
import resource
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from nextlabel.core.disk import make_private
from nextlabel.core.errors import (
    Cancelled,
    JobNotFinished,
    JobNotFound,
    ResultDamaged,
    ResultExpired,
    StateUnwritable,
    StorageFull,
)
from nextlabel.core.jobs import result_files
from nextlabel.core.jobs.record import Job, JobState
from nextlabel.core.jobs.result_files import ResultFiles

WHOLE = b'{"kind": "f1", "items": [{"a": 1}, {"b": 2}]}'


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "state" / "results"


@pytest.fixture
def files(folder):
    return ResultFiles(folder)


def job(state=JobState.SUCCEEDED, ended_by=2):
    return Job(id="job_1", kind="f1", state=state, rev=1, created_at=datetime.now(UTC), request={}, ended_by=ended_by)


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@contextmanager
def full_disk():
    """No file of this process may grow beyond 1,000 bytes, which fails as a full disk does.

    For as short as can be: a test runner's output may be such a file.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_the_file_of_the_attempt_that_ended_the_job_is_its_result(files):
    files.write("job_1", 1, [b"of a worker that lost its lease"])
    files.write("job_1", 2, [b"the result"])
    assert files.path(job(ended_by=2)).read_bytes() == b"the result"


def test_writing_twice_is_once(files, folder):
    files.write("job_1", 2, [b"first"])
    files.write("job_1", 2, [b"second"])
    assert everything_in(folder) == ["job_1/2.json"]
    assert files.path(job()).read_bytes() == b"second"


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.SUCCEEDED])
def test_only_a_succeeded_job_has_a_result(files, state):
    files.write("job_1", 2, [b"unwanted"])
    with pytest.raises(JobNotFinished, match=f"job job_1 is {state}; only a succeeded job has a result"):
        files.path(job(state))


def test_a_result_that_is_gone_has_expired(files):
    with pytest.raises(ResultExpired, match="no longer kept"):
        files.path(job())


def test_a_file_that_was_not_finished_is_no_result(files, folder):
    (folder / "job_1").mkdir(parents=True)
    (folder / "job_1" / "2.tmp").write_bytes(b"half of")
    with pytest.raises(ResultExpired):
        files.path(job())


def test_a_full_disk_is_told_and_leaves_no_file_behind(files, folder):
    with full_disk(), pytest.raises(StorageFull, match="free some and submit again"):
        files.write("job_1", 2, [b"x" * 100_000])
    assert everything_in(folder) == []
    assert not (folder / "job_1").exists()


def test_a_result_of_which_a_part_cannot_be_made_leaves_no_file_behind(files, folder):
    def parts():
        yield b"{"
        raise Cancelled("by its owner")

    with pytest.raises(Cancelled):
        files.write("job_1", 2, parts())
    assert list(folder.iterdir()) == []


def test_what_a_part_could_not_read_is_not_taken_for_the_folder_of_results(files, folder):
    def parts():
        yield (folder / "gone").read_bytes()

    with pytest.raises(FileNotFoundError, match="gone"):
        files.write("job_1", 2, parts())
    assert list(folder.iterdir()) == []


def test_a_folder_that_another_attempt_takes_away_is_made_once_more(files, monkeypatch):
    def made(path):
        make_private(path)
        if path.name == "job_1" and not taken:
            taken.append(path.rmdir())

    taken = []
    monkeypatch.setattr(result_files, "make_private", made)
    files.write("job_1", 2, iter([b"the ", b"result"]))
    assert files.path(job()).read_bytes() == b"the result"
    assert taken


def test_a_folder_that_may_not_be_written_is_told_before_and_after_the_work(shared_path, as_nobody):
    shared_path.chmod(0o755)
    files = ResultFiles(shared_path / "results")
    for attempt in (files.check_writable, lambda: files.write("job_1", 2, [b"x"])):
        error = as_nobody(attempt)
        assert isinstance(error, StateUnwritable)
        assert "Permission denied" in error.detail


def test_results_are_their_owners_alone_unless_the_folder_is_a_group_s(files, folder):
    folder.mkdir(parents=True, mode=0o755)  # as they were made before
    files.write("job_1", 2, [b"the result"])
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "job_1", folder / "job_1" / "2.json")] == [
        0o700,
        0o700,
        0o600,
    ]
    folder.chmod(0o2775)
    files.write("job_2", 2, [b"the result"])
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "job_2", folder / "job_2" / "2.json")] == [
        0o770,
        0o770,
        0o660,
    ]


@pytest.mark.parametrize("left", [WHOLE[:20], WHOLE[:-1], b"", bytes(len(WHOLE))])
def test_a_file_that_is_not_what_was_written_is_told(files, left):
    files.write("job_1", 2, [WHOLE])
    assert files.content(job()) == WHOLE
    files.path(job()).write_bytes(left)
    with pytest.raises(ResultDamaged, match="submit it again"):
        files.content(job())


def test_of_a_large_result_the_end_is_looked_at(files, monkeypatch):
    monkeypatch.setattr(result_files, "PARSED_BYTES", 10)
    files.write("job_1", 1, [b'{"its middle": is not looked at}'])
    files.write("job_1", 2, [b'{"its end": "is looked at'])
    assert files.content(job(ended_by=1))
    with pytest.raises(ResultDamaged):
        files.content(job())


def test_a_result_that_is_open_is_read_to_its_end_whoever_deletes_it(files):
    files.write("job_1", 2, [WHOLE])
    with files.whole(job()) as file:
        files.delete("job_1")
        assert file.read() == WHOLE
    with pytest.raises(ResultExpired):
        files.whole(job())


def test_results_that_were_written_long_ago_are_listed(files, folder):
    files.write("job_1", 1, [b"a"])
    files.write("job_2", 1, [b"b"])
    os.utime(folder / "job_1", (1, 1))
    assert list(files.older_than(3600)) == ["job_1"]
    assert list(ResultFiles(folder / "gone").older_than(0)) == []


def test_a_full_disk_spares_the_result_that_is_there(files):
    files.write("job_1", 2, [b"the result"])
    with full_disk(), pytest.raises(StorageFull):
        files.write("job_1", 2, [b"x" * 100_000])
    assert files.path(job()).read_bytes() == b"the result"


def test_deleting_takes_every_attempts_file_and_may_be_done_twice(files, folder):
    files.write("job_1", 1, [b"a"])
    files.write("job_1", 2, [b"b"])
    files.write("job_2", 1, [b"another job's"])
    files.delete("job_1")
    files.delete("job_1")
    assert everything_in(folder) == ["job_2/1.json"]
    assert not (folder / "job_1").exists()


@pytest.mark.parametrize("name", ["/victim", "../../victim", "job_1/../../victim", "", ".", "job_1\0"])
def test_what_is_no_jobs_id_never_becomes_a_path(files, folder, tmp_path, name):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "thesis.txt").write_text("mine")
    folder.mkdir(parents=True)
    for act in (lambda: files.delete(name.replace("/victim", str(victim))), lambda: files.write(name, 1, [b"{}"])):
        with pytest.raises(JobNotFound):
            act()
    assert (victim / "thesis.txt").read_text() == "mine"
    assert everything_in(folder.parent) == []

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.core.data import stats
from nextlabel.core.data.stats import UNKNOWN, clamped, stat_all


@pytest.fixture
def folders(tmp_path):
    """Three files in one folder, two in another: 1, 2, 3, 4 and 5 bytes long."""
    batches = []
    for folder, names in (("one", ["a.jpg", "b.jpg", "c\udcff.jpg"]), ("two", ["d e.jpg", "f\n.jpg"])):
        (tmp_path / folder).mkdir()
        for name in names:
            size = 1 + sum(len(earlier) for _, earlier in batches) + names.index(name)
            (tmp_path / folder / name).write_bytes(b"x" * size)
        batches.append((str(tmp_path / folder), names))
    return batches


def by_processes(monkeypatch, count):
    monkeypatch.setattr(stats, "LEAST", 1)
    monkeypatch.setattr(stats, "_cores", lambda: count)


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_sizes_and_times_come_in_order_however_many_processes_there_are(folders, monkeypatch, processes):
    by_processes(monkeypatch, processes)
    os.utime(folders[0][0] + "/b.jpg", ns=(0, 1_234_567_890_123_456_789))
    found = stat_all(folders)
    assert found[::5].tolist() == [1, 2, 3, 4, 5]
    assert found[6] == 1_234_567_890_123_456_789
    paths = [Path(folder, name) for folder, names in folders for name in names]
    assert found[1::5].tolist() == [path.stat().st_mtime_ns for path in paths]


@pytest.mark.parametrize("processes", [1, 3])
def test_what_is_gone_or_no_regular_file_is_unknown(folders, monkeypatch, processes):
    by_processes(monkeypatch, processes)
    folder, names = folders[0]
    for name in names[:2]:
        Path(folder, name).unlink()
    Path(folder, names[1]).symlink_to(names[2])
    assert stat_all([*folders, (folder + "/none", ["x.jpg", "y.jpg"])])[::5].tolist() == [-1, -1, 3, 4, 5, -1, -1]


def test_nothing_is_nothing():
    assert stat_all([]).tolist() == []


@pytest.mark.parametrize("program", ["/does/not/exist", "/bin/false", "/bin/cat"])
def test_a_helper_that_fails_leaves_its_share_unknown(folders, monkeypatch, program):
    by_processes(monkeypatch, 2)
    monkeypatch.setattr(sys, "executable", program)
    assert stat_all(folders)[::5].tolist() == [1, 2, 3, UNKNOWN, UNKNOWN]


def test_without_an_interpreter_to_start_the_share_of_helpers_is_unknown(folders, monkeypatch):
    by_processes(monkeypatch, 2)
    monkeypatch.setattr(sys, "executable", None)
    assert stat_all(folders)[::5].tolist() == [1, 2, 3, UNKNOWN, UNKNOWN]


def test_no_helper_outlives_an_error(folders, monkeypatch):
    by_processes(monkeypatch, 3)
    started = []

    def start():
        started.append(start_one())
        return started[-1]

    start_one = stats._start
    monkeypatch.setattr(stats, "_start", start)
    monkeypatch.setattr(stats, "_stat_here", lambda share: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stat_all(folders)
    assert [helper.poll() is not None for helper in started] == [True, True]
    assert all(stream.closed for helper in started for stream in (helper.stdin, helper.stdout))


def test_who_comes_while_helpers_are_out_does_without(folders, monkeypatch):
    by_processes(monkeypatch, 2)
    monkeypatch.setattr(stats, "_start", lambda: pytest.fail("a second set of helpers"))
    with stats._helping:
        assert stat_all(folders)[::5].tolist() == [1, 2, 3, 4, 5]
    assert stats._helping.acquire(blocking=False)
    stats._helping.release()


@pytest.mark.parametrize("time_ns", [-(2**70), 2**70, 5])
def test_times_are_cut_to_64_bits(time_ns):
    assert clamped(time_ns) == max(-(2**63) + 1, min(time_ns, 2**63 - 1))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 9))
def test_shares_are_all_of_it_in_order_and_of_like_size(lengths, count):
    batches = [(str(i), [f"{i} {j}" for j in range(n)]) for i, n in enumerate(lengths)]
    shares = stats._shares(batches, sum(lengths), count)
    assert [(folder, name) for share in shares for folder, names in share for name in names] == [
        (folder, name) for folder, names in batches for name in names
    ]
    sizes = [sum(len(names) for _, names in share) for share in shares]
    assert len(sizes) == count
    assert max(sizes) - min(sizes) <= 1 + sum(lengths) % count

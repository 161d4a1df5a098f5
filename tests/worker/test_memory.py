import pytest

from nextlabel.worker import memory


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """24 GB, and the limit that is written to the file."""
    monkeypatch.setattr(memory.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 6_000_000}.__getitem__)
    monkeypatch.setattr(memory, "LIMITS", (tmp_path / "memory.max", tmp_path / "not there"))
    return tmp_path / "memory.max"


def test_processes_share_a_quarter_of_the_machines_memory(machine):
    assert memory.kept_by_default(1) == 4096 * 6_000_000 // 4
    assert memory.kept_by_default(3) == 4096 * 6_000_000 // 4 // 3


def test_a_large_machine_is_not_filled(machine, monkeypatch):
    monkeypatch.setattr(memory.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 60_000_000}.__getitem__)
    assert memory.kept_by_default(1) == 8 * 2**30
    assert memory.kept_by_default(2) == 4 * 2**30


def test_a_containers_limit_counts_where_it_is_less(machine):
    machine.write_text("8000000000\n")
    assert memory.kept_by_default(2) == 1_000_000_000
    machine.write_text("9223372036854771712\n")
    assert memory.kept_by_default(1) == 4096 * 6_000_000 // 4
    machine.write_text("max\n")
    assert memory.kept_by_default(1) == 4096 * 6_000_000 // 4

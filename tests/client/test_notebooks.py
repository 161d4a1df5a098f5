"""Progress in a notebook. There is no notebook here: `Cell` stands for IPython's `display`."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from nextlabel.client.errors import JobCancelled
from nextlabel.client.notebooks import InCell, in_notebook
from tests.client.test_shown import job


class Cell:
    """The output of a cell: what was shown there, the last first."""

    def __init__(self):
        self.outputs, self.updates = [], 0

    def display(self, shown, display_id):
        assert display_id
        self.outputs.append(shown)
        return self

    def update(self, shown):
        self.outputs[-1] = shown
        self.updates += 1


def test_a_job_is_one_line_of_its_cell_written_anew():
    cell = Cell()
    show = InCell(cell.display)
    for one in (job("queued"), job(done=1), job(done=40)):
        show(one)
    (line,) = cell.outputs
    assert cell.updates == 2
    assert repr(line).startswith("selection: embed, 40 of 100 (job_")
    assert '<progress value="40" max="100">' in line._repr_html_()


def test_at_its_end_the_bar_goes_and_the_warnings_stay():
    cell = Cell()
    warning = {"code": "unreadable_image", "detail": "1 <b>", "count": 1, "names": ["a.png"]}
    InCell(cell.display)(job("succeeded", warnings=[warning], done=100))
    (line,) = cell.outputs
    assert repr(line).splitlines()[1] == "warning: 1 <b> (a.png)"
    assert "<progress" not in line._repr_html_()
    assert "warning: 1 &lt;b&gt; (a.png)" in line._repr_html_()


def test_only_a_kernel_has_cells(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert in_notebook() is None
    terminal = SimpleNamespace(get_ipython=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "IPython", terminal)
    assert in_notebook() is None


def test_a_client_that_is_told_nothing_shows_jobs_in_the_cell_of_a_kernel(monkeypatch, client, data, worker):
    cell = Cell()
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=True))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=cell.display))
    made = client.submit({"kind": "map", "backbone": "b0", "path_to_img": str(data.root / "pool"), "points": 10})
    client.cancel(made.id)
    heard = []
    for on_change in ({}, {"on_change": heard.append}):
        with pytest.raises(JobCancelled):
            client.wait(made.id, **on_change)
    assert len(cell.outputs) == 1
    assert len(heard) == 1
    assert repr(cell.outputs[0]).startswith("Map: cancelled")

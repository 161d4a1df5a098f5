"""The notebook of the docs, cell by cell against the real stack, in a folder of its own."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
DIGITS = {"pool", "val", "answers.txt", "labels_val.txt"}  # fewer than the notebook would write
NOTEBOOK = Path(__file__).parents[2] / "docs" / "loop.ipynb"


def run(cell: str, names: dict):
    """Run a cell; return what it would show: the value of its last line, if that is one."""
    *lines, last = ast.parse(cell).body
    if not isinstance(last, ast.Expr):
        lines, last = [*lines, last], None
    exec(compile(ast.Module(lines, []), NOTEBOOK.name, "exec"), names)
    return last and eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names)


def test_every_cell_runs_from_the_first_image_to_predictions(data, stack, monkeypatch):
    folder = data / "notebook"
    shutil.copytree(data, folder / "digits", ignore=lambda _, names: {*names} - DIGITS if DIGITS & {*names} else ())
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NEXTLABEL_URL", stack.url)
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    names: dict = {}
    shown = [run("".join(cell["source"]), names) for cell in cells]
    names["client"].close()
    batch, quality, share = shown[1], shown[3], shown[-1]
    assert len(batch.data) == 20
    assert quality.f1_macro > 0.6
    assert int(share.split("%")[0]) > 60
    assert all(cell["outputs"] for cell, value in zip(cells, shown, strict=True) if value is not None)

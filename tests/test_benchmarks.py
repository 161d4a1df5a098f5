"""Benchmarks are run by hand, seldom: that what they import of the project's own is still there is held here."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_what_a_benchmark_imports_of_nextlabel_exists(path):
    missing = [f"{module}.{name}" for module, name in imported(path) if not is_there(module, name)]
    assert missing == []


@pytest.mark.parametrize(
    ("module", "name"),
    [("benchmarks.gone", "sets"), ("benchmarks.pickers", "sets"), ("benchmarks", "gone"), ("nextlabel.client", "gone")],
)
def test_what_is_in_another_module_or_in_none_is_not_there(module, name):
    assert is_there("benchmarks", "sets")
    assert not is_there(module, name)


def test_every_benchmark_that_the_docs_name_is_there():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "Makefile"]
    named = {name for page in pages for name in re.findall(r"benchmarks[./]([a-z_]+)\b", page.read_text())}
    assert named - {path.stem for path in BENCHMARKS} == set()


def test_all_heads_that_are_compared_learn(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    heads = import_module("benchmarks.heads")
    targets = np.arange(60) % 3
    images = heads.Images(np.eye(3, 8, dtype=np.float32)[targets], targets)
    f1 = {name: heads.run(train, 40, 0, images, images)[0] for name, train in heads.HEADS.items()}
    assert f1 == dict.fromkeys(heads.HEADS, 1.0)


def test_a_report_holds_a_method_against_chance_with_the_same_seeds_and_refuses_without(tmp_path, monkeypatch):
    """Its chance ran with more seeds, whose pools are easier by 0.1 each."""
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    monkeypatch.syspath_prepend(str(ROOT))
    label_report = import_module("benchmarks.label_report")

    def curve(seed, ahead):
        return {"labels": [10, 20], "f1": [0.1 * seed + ahead] * 2, "accuracy": [0, 0], "seconds": [0, 0]}

    curves = {("a set", "random", seed): curve(seed, 0.0) for seed in range(6)}
    curves |= {("a set", "auto", seed): curve(seed, 0.05) for seed in (2, 4, 9)}
    label_report.write(curves, "linear", tmp_path, uneven=True)
    page = (tmp_path / "label-efficiency-uneven.md").read_text()
    assert "| `auto` | 2 | 0.350 | +0.050 (+0.050 to +0.050) | 2 / 0 / 0 |" in page
    alone = {key: one for key, one in curves.items() if key[1] == "auto" or key[2] == 2}
    with pytest.raises(SystemExit, match="a set: `random` ran with fewer than two seeds"):
        label_report.write(alone, "linear", tmp_path, uneven=True)


def test_what_other_detectors_came_to_is_told_apart_and_a_batch_without_a_box_has_no_share(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT))
    detection = import_module("benchmarks.detection")
    light = {"set": "s", "detector": "light", "passes": None, "image_size": None, "method": "auto", "labelled": 20}
    whole = {**light, "detector": "whole", "passes": 200}
    lines = [{**light, "expected": 3, "boxes": 2}, {**light, "expected": 1, "boxes": 0}]
    detection.print_expected([*lines, {**whole, "expected": 4, "boxes": 0}])
    of_light, _, of_whole, _ = capsys.readouterr().out.splitlines()
    assert (
        "expected are 2.00 times as many boxes as there are; of a batch (1 without a box left out) 1.50 to 1.50"
        in of_light
    )
    assert of_whole == "s, whole, 200 passes, auto, all, 1 batches: 4.0 boxes are expected, and there is none"
    arm = {"method": "auto", "verdict": "unsure", "gain": 0, "gain_interval": [0, 0], "gain_by_images": 0}
    audit = {**light, "labelled": 100, "cpu_s": 1, "arms": [arm]}
    detection.print_audits([{**audit, "repeats": 5}, {**audit, "repeats": 3}, {**audit, **whole, "repeats": 5}])
    assert len(capsys.readouterr().out.splitlines()) == 3


def imported(path: Path) -> list[tuple[str, str]]:
    """List what a file imports of the project's own, as pairs of a module and a name in it."""
    found = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom))
    own = (node for node in found if (node.module or "").partition(".")[0] in ("nextlabel", "benchmarks"))
    return [(node.module or "", alias.name) for node in own for alias in node.names]


def is_there(module: str, name: str) -> bool:
    """Whether a module has the name. Benchmarks are only parsed: some import what is not installed everywhere."""
    if module.partition(".")[0] == "benchmarks":
        is_package = module == "benchmarks"
        path = ROOT / f"{'benchmarks/__init__' if is_package else module.replace('.', '/')}.py"
        if is_package and (ROOT / "benchmarks" / f"{name}.py").is_file():
            return True
        return path.is_file() and name in names_in(ast.parse(path.read_text()))
    found = import_module(module)
    return hasattr(found, name) or (hasattr(found, "__path__") and find_spec(f"{module}.{name}") is not None)


def names_in(tree: ast.Module) -> set[str]:
    """What a module defines or imports at its top."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        else:
            names |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    return names

"""Where labels of a folder's images may go. What a read-only mount says is told in its place: tests can't mount."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nextlabel.core.data.listing import list_folder


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    """One with images and one that is empty."""
    for name in ("data/train", "data/2024/train", "other/train", "labels"):
        (tmp_path / name).mkdir(parents=True)
    return [tmp_path / "data", tmp_path / "labels"]


@pytest.fixture
def only_readable(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders put here may not be written, nor any below them but `writable`: as if mounted so, root or not."""
    folders: list[Path] = []
    access = os.access

    def allowed(path: Path, mode: int) -> bool:
        read_only = any(path.is_relative_to(one) for one in folders)
        return access(path, mode) and (not read_only or path.name == "writable-labels")

    monkeypatch.setattr(os, "access", allowed)
    return folders


def place(folder: Path, roots: list[Path]) -> str | None:
    return list_folder(str(folder), roots).path_to_labels


def test_labels_go_beside_the_images_where_that_may_be_written(roots):
    data, _ = roots
    assert place(data / "train", roots) == f"{data}/train-labels"
    assert place(data, roots) == f"{data}/labels"


def test_labels_of_images_that_may_only_be_read_go_into_the_data_root_that_may_be_written(roots, only_readable):
    data, labels = roots
    only_readable.append(data)
    assert place(data / "train", roots) == f"{labels}/train"
    assert place(data / "2024/train", roots) == f"{labels}/2024--train"
    assert place(data, roots) == f"{labels}/data"


def test_folders_of_the_same_name_in_two_data_roots_have_labels_of_their_own(roots, only_readable):
    data, labels = roots
    other = data.with_name("other")
    only_readable += [data, other]
    assert place(data / "train", [*roots, other]) == f"{labels}/data--train"
    assert place(other / "train", [*roots, other]) == f"{labels}/other--train"


def test_a_folder_of_labels_that_may_be_written_among_data_that_may_not_is_used(roots, only_readable):
    data, _ = roots
    for name in ("writable", "writable-labels"):
        (data / name).mkdir()
    only_readable.append(data)
    assert place(data / "writable", roots) == f"{data}/writable-labels"


def test_where_nothing_may_be_written_the_place_is_beside_the_images(roots, only_readable):
    only_readable += roots
    assert place(roots[0] / "train", roots) == f"{roots[0]}/train-labels"

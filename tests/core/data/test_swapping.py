"""Others may exchange names under a data root at any moment; nothing outside of it is ever read, listed or written."""

from __future__ import annotations

import itertools
import os
import sys
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from nextlabel.core.data.external import read_embeddings, read_predictions
from nextlabel.core.data.label_files import GivenLabel, give_labels, survey
from nextlabel.core.data.listing import list_folder
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.data.thumbnails import image_in
from nextlabel.core.errors import NextlabelError
from nextlabel.core.tasks.classification import read_labels
from nextlabel.core.tasks.registry import CLASSIFICATION
from tests.core.data.support import swapped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names are exchanged by a call of Linux")
LOOKS = int(os.environ.get("LOOKS", "1000"))  # `make soak` takes ten times as many
SECRET = "SECRET"


@pytest.fixture
def root(tmp_path):
    root = tmp_path.resolve() / "root"
    for folder, content in (("root/mine", "mine"), ("outside", SECRET)):
        (tmp_path / folder / "labels").mkdir(parents=True)
        (tmp_path / folder / "labels" / "a.txt").write_text(f"{content}.png\t{content}\n")
        (tmp_path / folder / "pool").mkdir()
        (tmp_path / folder / "pool" / f"{content}.png").write_text(content)
        (tmp_path / folder / "pool" / "a.png").write_text(content)
    return root


@pytest.fixture(params=["file", "folder"])
def swap(request, root):
    """Exchange a file of one's own, or the folder that it lies in, with a link to the like of it outside."""

    @contextmanager
    def of(file):
        mine = root / "mine" / file if request.param == "file" else (root / "mine" / file).parent
        link = root / f"link-{mine.name}"
        link.symlink_to(root.parent / "outside" / mine.relative_to(root / "mine"))
        with swapped(mine, link):
            yield
        if mine.is_symlink():  # it was exchanged an odd number of times
            mine.unlink()
            link.rename(mine)
        else:
            link.unlink()

    return of


def answers_of(swapping, *looks):
    """Look once undisturbed, which must succeed, and then many times; return the distinct answers, as text."""
    answers = {str(look()) for look in looks}
    with swapping:
        for look in looks * LOOKS:
            with suppress(NextlabelError):
                answers.add(str(look()))
    return answers


def read(place, name):
    with place.open(name) as file:
        return file.read()


def test_an_image_outside_is_never_opened(root, swap):
    place = place_at(root / "mine" / "pool", [root])
    answers = answers_of(
        swap("pool/a.png"),
        lambda: read(place, "a.png"),
        lambda: read(place_at(root / "mine" / "pool", [root]), "a.png"),
        lambda: read(image_in("mine/pool", "a.png", [root]).place, "a.png"),
    )
    assert answers == {"b'mine'"}


def test_a_folder_outside_is_never_listed(root, swap):
    place = place_at(root / "mine", [root])
    answers = answers_of(
        swap("pool/a.png"),
        lambda: list_pool(place).names,
        lambda: place.look_up(["pool/a.png", "pool/SECRET.png"]).names,
        lambda: list_pool(place_at(root / "mine" / "pool", [root])).names,
    )
    assert not any(SECRET in answer for answer in answers)


def test_labels_outside_are_never_read(root, swap):
    folder = root / "mine" / "labels"
    answers = answers_of(
        swap("labels/a.txt"),
        lambda: read_labels(folder, [root]).classes_by_name,
        lambda: read_labels(folder / "a.txt", [root]).classes_by_name,
        lambda: survey(folder, [root], CLASSIFICATION).counts,
        lambda: list_folder("mine/labels", [root]).files,
    )
    assert not any(SECRET in answer or f"{root.parent}/outside" in answer for answer in answers)


def test_what_is_brought_from_outside_is_never_read(root, swap):
    for folder, name, number in (("root/mine", "mine.png", 7), ("outside", f"{SECRET}.png", 666)):
        brought = root.parent / folder / "brought"
        brought.mkdir()
        (brought / "a.csv").write_text(f"name,x,y\n{name},1,0\n")
        np.save(brought / "a.npy", np.full((1, 2), number))
        (brought / "a.txt").write_text(f"{name}\n")
    answers = answers_of(swap("brought/a.csv"), lambda: read_predictions("mine/brought/a.csv", [root]).names)
    assert answers == {"('mine.png',)"}
    answers = answers_of(swap("brought/a.npy"), lambda: read_embeddings("mine/brought/a.npy", [root]).matrix[0, 0])
    assert answers == {"7.0"}


def test_labels_are_never_written_outside(root, swap):
    outside = root.parent / "outside" / "labels"
    before = {path: path.read_bytes() for path in outside.iterdir()}
    numbers = itertools.count()

    def write():
        at = next(numbers)
        given = [GivenLabel(f"{at % 7}.png", str(at))]
        return give_labels("mine/labels", given, person="a", roots=[root], task=CLASSIFICATION).folder

    assert answers_of(swap("labels/a.txt"), write) <= {str(root / "mine" / "labels"), str(root / "link-labels")}
    assert {path: path.read_bytes() for path in outside.iterdir()} == before

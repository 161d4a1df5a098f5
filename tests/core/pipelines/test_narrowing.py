"""A pool that is too large to be held: what is chosen among part of it, and what is said of that."""

from __future__ import annotations

import pytest

from nextlabel.core.data import pool as pool_module
from nextlabel.core.pipelines import narrowing
from tests.core.pipelines.conftest import Bench

LABELLED = 30


@pytest.fixture
def small(bench, digits, monkeypatch):
    """A service that may hold no pool; the answers to the first images of one of 400 digits are its labels."""
    monkeypatch.setattr(narrowing, "GIVEN", 100)
    monkeypatch.setattr(pool_module, "LARGE", 0)
    narrow = Bench.__new__(Bench)
    narrow.__dict__ = {**bench.__dict__}
    narrow.settings = bench.settings.model_copy(update={"selection_memory_mb": 0})
    bench.label_as(digits, list(digits)[:LABELLED])
    return narrow


def labelled(bench, **fields):
    return {"path_to_labels": str(bench.root / "labels.txt"), "near_copies": "allow", "add": 20, **fields}


@pytest.mark.parametrize("method", ["margin", "entropy"])
def test_the_least_certain_of_the_whole_pool_are_found(bench, small, method):
    assert small.select(**labelled(bench, method=method)).data == bench.select(**labelled(bench, method=method)).data


@pytest.mark.parametrize("method", ["random", "maxherding", "badge", "dropquery", "mixture2"])
def test_methods_choose_among_what_they_are_given(bench, small, method):
    result = small.select(**labelled(bench, method=method))
    assert len(set(result.data)) == 20
    assert result.candidates == 400 - LABELLED
    assert result.method.name in method


def test_the_same_request_gives_the_same_answer(bench, small):
    assert small.select(**labelled(bench, method="badge")) == small.select(**labelled(bench, method="badge"))


def test_how_many_were_looked_at_is_told(bench, small):
    small.select(**labelled(bench, method="margin"))
    assert small.warned_of() == ["pool_narrowed"]
    told = small.warning("pool_narrowed").detail
    assert "all 400 images" in told
    assert "among 100 of them" in told
    assert "half of them the least certain" in told
    small.select(path_to_labels=None)
    assert "drawn evenly" in small.warning("pool_narrowed").detail


def test_what_would_all_be_looked_at_is_not_narrowed(bench, small, monkeypatch):
    monkeypatch.setattr(narrowing, "GIVEN", 400)
    assert small.select(**labelled(bench, method="auto")) == bench.select(**labelled(bench, method="auto"))
    assert small.warned_of() == []


def test_images_excluded_or_pending_count_as_in_a_pool_that_is_held(bench, small, digits):
    names = list(digits)
    fields = labelled(bench, method="margin", exclude=names[100:150], pending=[*names[150:200], "absent.png"])
    result = small.select(**fields)
    assert result.data == bench.select(**fields).data
    assert result.candidates == 400 - LABELLED - 100
    assert small.warning("name_without_image").names == ("absent.png",)


def test_an_image_that_cant_be_read_is_told_once(bench, small, digits):
    (bench.root / "pool" / list(digits)[399]).write_bytes(b"no image")
    result = small.select(**labelled(bench, method="margin"))
    assert [one.name for one in result.skipped] == [list(digits)[399]]
    assert sorted(small.warned_of()) == ["pool_narrowed", "unreadable_image"]


def test_progress_never_goes_back(bench, small, every_step_is_told):
    small.select(**labelled(bench, method="margin"))
    places = [(progress.stage_index, progress.done) for progress in small.told]
    assert places == sorted(places)

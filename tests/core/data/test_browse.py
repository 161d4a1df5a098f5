from __future__ import annotations

import os

import numpy as np
import pytest

from nextlabel.core.data.browse import FRESH_S, Guesses, Listing, RecentViews, View, Wanted, find
from nextlabel.core.data.label_files import Survey, survey
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.tasks.registry import task_of

NAMES = ["a.png", "b.png", "c/d.png", "é.png", "f.png"]


@pytest.fixture
def place(tmp_path):
    for at, name in enumerate(NAMES):
        path = tmp_path / "pool" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        os.utime(path, (100 - at, 100 - at))
    return place_at(tmp_path / "pool", [tmp_path])


@pytest.fixture
def look(tmp_path, place):
    listing = RecentViews().listing(place)
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "anna.txt").write_text("a.png\tcat\nb.png\tdog\n")
    (labels / "ben.txt").write_text("b.png\tcat\ne\u0301.png\tdog\n")
    guesses = Guesses.of(
        listing.pool, [("f.png", ("cat",), 0.9), ("c/d.png", ("dog",), 0.6), ("gone.png", ("cat",), 1)]
    )

    def look(task="classification", **wanted):
        seen = survey(labels, [tmp_path], task_of(task))
        return [listing.pool.names[row] for row in find(listing, seen, guesses, Wanted(**wanted))]

    return look


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "a b d f é"),
        ({"labelled": "yes"}, "a b é"),
        ({"labelled": "no"}, "d f"),
        ({"labelled": "disputed"}, "b"),
        ({"class_name": "dog"}, "b é"),  # of two labels the first file's counts
        ({"class_name": "cat", "person": "ben"}, "b"),
        ({"person": "ben"}, "b é"),
        ({"person": "nobody"}, ""),
        ({"search": "C/"}, "d"),
        ({"search": "E\u0301"}, "é"),
        ({"predicted": "cat"}, "f"),
        ({"least": 0.5, "most": 0.7}, "d"),
        ({"sort": "-name"}, "é f d b a"),
        ({"sort": "time"}, "f é d b a"),
        ({"sort": "-confidence"}, "f d a b é"),
        ({"sort": "confidence", "labelled": "no"}, "d f"),
    ],
)
def test_images_are_found_by_label_guess_and_name_in_the_order_that_is_asked_for(look, wanted, found):
    names = [name.removesuffix(".png").rpartition("/")[2] for name in look(**wanted)]
    assert names == found.split()


def test_of_several_classes_none_is_found_too(look, tmp_path):
    (tmp_path / "labels" / "ben.txt").write_text("f.png\t\nb.png\tdog\n")
    assert look("multilabel", class_name="") == ["f.png"]
    assert Guesses.of(list_pool(place_at(tmp_path / "pool", [tmp_path])), [("a.png", (), 0.5)]).having("").tolist() == [
        True, False, False, False, False,
    ]  # fmt: skip


def test_without_guesses_nothing_is_as_sure_as_that(place):
    listing = RecentViews().listing(place)
    seen = Survey({})
    assert find(listing, seen, None, Wanted(least=0.0)).tolist() == []
    assert len(find(listing, seen, None, Wanted(sort="-confidence"))) == len(NAMES)


def test_a_pool_is_listed_again_when_the_last_time_is_a_while_ago(place):
    now, listed = [0.0], []

    def list_images(place):
        listed.append(place.key)
        return list_pool(place)

    views = RecentViews(list_images, lambda: now[0])
    first = views.listing(place)
    now[0] = FRESH_S
    assert views.listing(place) is first
    now[0] += 1
    second = views.listing(place)
    assert second is not first
    assert views.listing(place) is second
    now[0] += 1
    assert views.listing(place, anew=True) is not second
    assert len(listed) == 3


def test_views_are_kept_until_there_are_too_many_and_the_newest_always(place, monkeypatch):
    monkeypatch.setattr("nextlabel.core.data.browse.MOST_IMAGES", 7)
    views, rows = RecentViews(), np.arange(5)
    one, other = (Listing(list_pool(place), "state", 0) for _ in range(2))
    first, second = views.keep(View.of(one, "1", rows, None)), views.keep(View.of(one, "2", rows, None))
    assert views.get(first.id) is first  # of one listing, whose images are counted once
    third = views.keep(View.of(other, "3", rows, None))
    assert [views.get(view.id) for view in (first, second, third)] == [None, None, third]


def test_the_same_question_about_the_same_images_has_the_same_id(place):
    one, other = (RecentViews().listing(place) for _ in range(2))
    assert View.of(one, "q", np.arange(5), None).id == View.of(other, "q", np.arange(5), None).id
    assert View.of(one, "q", np.arange(5), None).id != View.of(one, "r", np.arange(5), None).id

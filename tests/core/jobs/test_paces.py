"""How fast people label: from what came over HTTP, by Redis' clock."""

from __future__ import annotations

import json

import pytest
import redis

from nextlabel.core.jobs.hand_outs import key_of
from nextlabel.core.jobs.paces import Paces
from nextlabel.core.jobs.store import PREFIX, JobStore


@pytest.fixture
def paces(empty_redis):
    store = JobStore.at(empty_redis)
    yield Paces(store)
    store.close()


@pytest.fixture
def ago(empty_redis):
    """Makes the last label of anna so many seconds older."""

    def ago(seconds: float) -> None:
        with redis.Redis.from_url(empty_redis, decode_responses=True) as client:
            key = f"{PREFIX}pace:{key_of('/labels')}"
            pace = json.loads(client.hget(key, "anna"))
            client.hset(key, "anna", json.dumps(pace | {"last": pace["last"] - 1000 * seconds}))

    return ago


def test_the_time_between_one_image_and_the_next_is_noted_within_a_sitting(paces, ago):
    paces.note("/labels", "anna", ["a.png"])
    ago(4)
    paces.note("/labels", "anna", ["b.png"])
    ago(1000)
    paces.note("/labels", "anna", ["c.png"])
    (anna,) = paces.of("/labels")
    assert [round(gap) for gap in anna.gaps_s] == [4]
    assert (anna.images, anna.at_once, anna.sittings) == (3, 0, 2)
    assert paces.of("/other labels") == []


def test_an_image_that_is_labelled_again_and_many_at_once_tell_no_time(paces, ago):
    paces.note("/labels", "anna", ["a.png"])
    ago(3)
    paces.note("/labels", "anna", ["a.png"])
    paces.note("/labels", "anna", [])
    ago(3)
    paces.note("/labels", "anna", ["b.png"])  # 6 s since a.png was seen
    ago(2)
    paces.note("/labels", "anna", ["c.png", "d.png", "e.png"])
    paces.note("/labels", "anna", ["f.png"])  # sent together with what was before
    (anna,) = paces.of("/labels")
    assert [round(gap) for gap in anna.gaps_s] == [6]
    assert (anna.images, anna.at_once, anna.sittings) == (6, 3, 1)

import numpy as np
import pytest

from nextlabel.core.embeddings.recent import RecentEmbeddings


def rows(n):
    return np.zeros((n, 2), np.float32)  # 8 bytes each


def kept(recent, *keys):
    return [key for key in keys if recent.get(key) is not None]


def test_what_was_used_last_is_kept_within_the_limit():
    recent = RecentEmbeddings(32)
    recent.keep("a", rows(2))
    recent.keep("b", rows(2))
    recent.get("a")
    recent.keep("c", rows(1))
    assert kept(recent, "a", "b", "c") == ["a", "c"]


def test_what_is_larger_than_the_limit_is_not_kept_and_drives_nothing_out():
    recent = RecentEmbeddings(16)
    recent.keep("a", rows(2))
    recent.keep("b", rows(3))
    assert kept(recent, "a", "b") == ["a"]


def test_room_is_made_before_more_is_read():
    recent = RecentEmbeddings(32)
    recent.keep("a", rows(2))
    recent.keep("b", rows(1))
    recent.make_room(16)
    assert kept(recent, "a", "b") == ["b"]
    recent.make_room(1000)
    assert kept(recent, "b") == []


def test_without_a_limit_nothing_is_kept():
    recent = RecentEmbeddings(0)
    recent.keep("a", rows(1))
    assert recent.get("a") is None


def test_what_is_kept_cannot_be_changed():
    recent = RecentEmbeddings(100)
    recent.keep("a", rows(1))
    with pytest.raises(ValueError, match="read-only"):
        recent.get("a")[0] = 1

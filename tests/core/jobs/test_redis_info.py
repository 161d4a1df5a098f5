import re

import pytest

from nextlabel.core.jobs.redis_info import faults_of, notes_of

FIT = {
    "redis_version": "7.2.4",
    "role": "master",
    "maxmemory_policy": "noeviction",
    "cluster_enabled": 0,
    "aof_enabled": 1,
}


def test_a_redis_that_keeps_what_it_confirms_has_no_fault_and_nothing_to_tell():
    assert list(faults_of(FIT)) == []
    assert list(notes_of(FIT, "always")) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *[
            ({"maxmemory_policy": policy}, f"maxmemory-policy {policy}.*CONFIG SET maxmemory-policy noeviction")
            for policy in ("allkeys-lru", "volatile-lru", "volatile-ttl", "allkeys-random")
        ],
        ({"role": "slave", "master_host": "redis-0", "master_port": 6379}, "replica.*redis-0:6379"),
        ({"redis_version": "6.0.16"}, r"Redis 6\.0\.16 is too old; 6\.2"),
        ({"cluster_enabled": 1}, "cluster"),
    ],
)
def test_what_would_break_the_promise_is_named_with_its_remedy(change, words):
    (fault,) = faults_of({**FIT, **change})
    assert re.search(words, fault)


@pytest.mark.parametrize("version", ["6.2.14", "7.0.15", "7.2.4", "8.0.2", "10.1.0", "unstable"])
def test_versions_from_6_2_on_are_taken(version):
    assert list(faults_of({**FIT, "redis_version": version})) == []


@pytest.mark.parametrize(
    ("change", "fsync", "words"),
    [
        ({"aof_enabled": 0}, "always", "no append-only file"),
        ({}, "everysec", "appendfsync everysec"),
        ({"maxmemory_policy": None}, "always", "doesn't say whether it evicts"),
    ],
)
def test_what_limits_the_promise_is_told_and_stops_nothing(change, fsync, words):
    info = {name: value for name, value in {**FIT, **change}.items() if value is not None}
    (note,) = notes_of(info, fsync)
    assert words in note
    assert list(faults_of(info)) == []


def test_where_config_may_not_be_asked_for_nothing_is_guessed():
    assert list(notes_of(FIT, None)) == []

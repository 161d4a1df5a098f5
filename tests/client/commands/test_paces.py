"""`nextlabel paces`, against the real API."""

from __future__ import annotations

import csv
import json

import pytest
import redis

from nextlabel.client.main import main
from nextlabel.core.jobs.hand_outs import key_of
from nextlabel.core.jobs.store import PREFIX
from tests.client.commands.terminal import on_a_terminal


def told(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(["paces", *words])
    assert end.value.code == 0
    return capsys.readouterr()


def test_how_fast_people_are_is_told_in_every_form(url, client, data, settings, capsys):
    folder = data.root / "team"
    folder.mkdir()
    said = told(capsys, str(folder), "--url", url)
    assert (len(said.out.splitlines()), "nobody knows how fast" in said.err) == (1, True)
    client.give_labels(str(folder), {"a.png": "cat"}, person="anna")
    with redis.Redis.from_url(settings.redis_url) as store:
        store.rpush(f"{PREFIX}gaps:{key_of(str(folder))}:anna", *range(1000, 12000, 1000))
    (row,) = csv.DictReader(told(capsys, str(folder), "--url", url).out.splitlines())
    assert (row["person"], row["seconds"], row["low"], row["high"], row["images"]) == ("anna", "6.0", "3.5", "8.5", "1")
    (one,) = json.loads(told(capsys, str(folder), "--url", url, "--json").out)
    assert (one["seconds"], one["last_at"]) == (6.0, row["last_at"].replace("+00:00", "Z"))
    assert client.paces(str(folder))[0].middle_half == (3.5, 8.5)
    assert " 6.0 (3.5–8.5) " in on_a_terminal("paces", str(folder), "--url", url)
    narrow = on_a_terminal("paces", str(folder), "--url", url, COLUMNS="80", NEXTLABEL_LANGUAGE="ru")
    for heading in ("человек", "секунд", "замеров", "размечено", "разом", "подходов", "последняя"):
        assert f" {heading} " in narrow

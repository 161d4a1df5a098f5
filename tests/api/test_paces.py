"""How fast people label, over HTTP."""

from __future__ import annotations

import redis

from nextlabel.core.jobs.hand_outs import key_of
from nextlabel.core.jobs.store import PREFIX


def test_a_speed_is_told_from_ten_times_on_and_of_labels_in_files_none(client, data, settings):
    folder = data.root / "team"
    folder.mkdir()
    data.labels("team/ben.txt", "a.png\tcat\n")
    asked = {"path_to_labels": "team"}
    assert client.get("/labels/paces", params=asked).json()["people"] == []
    given = {**asked, "labels": [{"name": "a.png", "class": "cat"}], "person": "anna", "keep_both": True}
    assert client.post("/labels", json=given).status_code == 200
    (anna,) = client.get("/labels/paces", params=asked).json()["people"]
    assert (anna["person"], anna["images"], anna["seconds"], anna["times"]) == ("anna", 1, None, 0)
    with redis.Redis.from_url(settings.redis_url) as store:
        store.rpush(f"{PREFIX}gaps:{key_of(str(folder))}:anna", *range(1000, 12000, 1000))
    told = client.get("/labels/paces", params=asked).json()["people"][0]
    assert (told["seconds"], told["middle_half"], told["times"]) == (6, [3.5, 8.5], 11)

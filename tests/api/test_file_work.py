"""A folder whose files keep everybody waiting stops nobody else."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from nextlabel.api.file_work import SHARE, THREADS, FileWork
from nextlabel.core.data.folder_lock import LOCK_NAME
from nextlabel.core.errors import FolderBusy
from tests.core.data.support import held


@pytest.fixture
def stuck():
    """What a thread may wait for until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def many(work, path, event, count=SHARE):
    return [asyncio.create_task(work.run(path, event.wait)) for _ in range(count)]


def test_a_folder_that_answers_nobody_takes_its_share_and_no_more(stuck):
    async def scenario():
        work = FileWork(["/data"], patience_s=0.2)
        waiting = many(work, "/data/gone/labels", stuck)
        await asyncio.sleep(0)
        for same in ("/data/gone", "gone/images", "/data/./gone/x", ["/data/fine", "/data/gone/y"]):
            with pytest.raises(FolderBusy, match="gone"):
                await work.run(same, lambda: 1)
        assert [await work.run(f"/data/{name}", lambda: 1) for name in ("fine", "goner", "")] == [1, 1, 1]
        stuck.set()
        assert await asyncio.gather(*waiting) == [True] * SHARE
        assert await work.run("/data/gone", lambda: 1) == 1

    asyncio.run(scenario())


def test_many_such_folders_take_all_threads_and_work_is_refused_in_time(stuck):
    async def scenario():
        work = FileWork(["/data"], patience_s=0.2)
        for at in range(THREADS // SHARE):
            many(work, f"/data/{at}", stuck)
        await asyncio.sleep(0.1)
        with pytest.raises(FolderBusy, match="is busy"):
            await work.run("/data/fine", lambda: 1)
        stuck.set()

    asyncio.run(scenario())


def test_nobody_waits_longer_than_the_time_for_an_answer(stuck):
    async def scenario():
        work = FileWork(["/data"], answer_s=0.1)
        with pytest.raises(FolderBusy, match="does not answer"):
            await work.run("/data/gone", stuck.wait)
        stuck.set()

    asyncio.run(scenario())


def test_what_work_returns_and_raises_comes_back():
    async def scenario():
        work = FileWork(["/data"])
        assert await work.run("/data/a", divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await work.run([], divmod, 7, 0)

    asyncio.run(scenario())


def test_a_lock_that_another_program_holds_stops_its_folder_alone(url, data):
    folder = data.root / "labels"
    folder.mkdir()
    (folder / "me.txt").write_text("a.png\tcat\n")
    (folder / LOCK_NAME).touch()
    labels = {"path_to_labels": str(folder)}
    with ThreadPoolExecutor(60) as people, httpx.Client(base_url=url, timeout=60) as client:
        with held(folder / LOCK_NAME):
            waiting = [people.submit(client.get, "/labels", params=labels) for _ in range(60)]
            for _ in range(3):
                assert client.get("/jobs", timeout=4).status_code == 200
                assert client.get("/readyz", timeout=4).json()["code"] == "not_ready"  # no worker runs
                assert client.post("/jobs", json=data.selection, timeout=4).status_code == 202
                other = {"path_to_labels": "labels.txt"}
                assert client.get("/labels", params=other, timeout=4).json()["labels"] == 2
            assert not all(one.done() for one in waiting)
        answers = [one.result() for one in waiting]
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status_code == 503)


def test_pipes_in_the_place_of_labels_and_of_their_lock_keep_nobody_waiting(client, data):
    folder = data.root / "labels"
    folder.mkdir()
    os.mkfifo(folder / "me.txt")
    given = {"path_to_labels": str(folder), "labels": [{"name": "a.png", "class": "cat"}]}
    answer = client.post("/labels", json=given)
    assert (answer.status_code, answer.json()["code"]) == (422, "path_wrong_kind")
    (folder / LOCK_NAME).unlink()
    os.mkfifo(folder / LOCK_NAME)
    assert client.get("/labels", params={"path_to_labels": str(folder)}).json()["labels"] == 0
    answer = client.post("/labels", json={**given, "person": "ben"})
    assert (answer.status_code, answer.json()["code"]) == (422, "path_not_writable")
    for name in ("me.txt", "labels"):
        os.mkfifo(data.root / f"pipe-{name}")
        refused = client.get("/labels", params={"path_to_labels": f"pipe-{name}"})
        assert (refused.status_code, refused.json()["code"]) == (422, "path_wrong_kind")

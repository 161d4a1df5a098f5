"""The clients against the real API, with connections that break."""

from __future__ import annotations

import asyncio
import inspect
import threading
from pathlib import Path

import httpx
import pytest
from PIL import Image

from nextlabel.api.app import create_app
from nextlabel.client import talk
from nextlabel.client.errors import JobCancelled, JobFailed, NotNextlabel, Refused, Unreachable, Unsendable
from nextlabel.client.http import AsyncClient, Client
from nextlabel.client.projects import Project
from nextlabel.core.data.notes import GivenNote
from nextlabel.core.jobs.record import JobWarning
from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.kinds.results import PredictedBox
from tests.api.support import selection_result, served, settings_for
from tests.canned_results import RESULTS
from tests.client.test_fields import CALLS
from tests.ports import needs_ipv6


def request_of(kind, data):
    """The least that a request of that kind says."""
    least = {"similar": {"add": 1, "like": ["a.png"]}, "selection": {"add": 1}}
    whole = {"f1": data.f1, "embedding": data.embedding}
    fields = whole.get(kind) or {**data.prediction, **least.get(kind, {})}
    return {name: value for name, value in fields.items() if name != "kind"}


class Breaking(httpx.HTTPTransport):
    """Every answer is lost the first time, though the service had the call."""

    def __init__(self):
        super().__init__()
        self.lost = 0

    def handle_request(self, request):
        answer = super().handle_request(request)
        if self.lost >= 1:
            return answer
        self.lost += 1
        answer.close()
        raise httpx.ReadError("the connection broke")


class Away(httpx.HTTPTransport):
    """So many calls find nobody there."""

    refuses = 0

    def handle_request(self, request):
        if self.refuses:
            self.refuses -= 1
            raise httpx.ConnectError("nobody listens")
        return super().handle_request(request)


def test_both_clients_have_the_same_calls():
    def calls(kind):
        public = {name: call for name, call in vars(kind).items() if not name.startswith("_")}
        return {
            name: str(inspect.signature(call)).replace("AsyncIterator", "Iterator") for name, call in public.items()
        }

    assert calls(Client) == calls(AsyncClient)
    assert {name: call.__doc__ for name, call in vars(Client).items() if not name.startswith("_")} == {
        name: call.__doc__ for name, call in vars(AsyncClient).items() if not name.startswith("_")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_one_call_that_gives_its_result(kind, url, client, data, worker):
    name = CALLS[kind][0]

    async def awaited():
        async with AsyncClient(url) as other:
            return await getattr(other, name)(**request_of(kind, data), timeout_s=30)

    seen = []
    with worker.carrying_out(RESULTS[kind]):
        found = getattr(client, name)(**request_of(kind, data), on_change=seen.append, timeout_s=30)
        assert found == asyncio.run(awaited()) == RESULTS[kind]
    assert (seen[0].kind, seen[-1].state, seen[-1].result) == (kind, "succeeded", RESULTS[kind])


def test_async_jobs_are_waited_for_side_by_side(url, data, worker):
    async def three():
        async with AsyncClient(url) as client:
            return await asyncio.gather(*(client.run({**data.selection, "seed": seed}) for seed in range(3)))

    result = selection_result(("b.png", "cat"))
    with worker.carrying_out(result):
        assert asyncio.run(three()) == [result] * 3


def test_a_result_that_is_too_large_for_the_job_is_fetched(data, tmp_path, empty_redis, worker):
    small = settings_for(data, tmp_path, empty_redis, inline_result_bytes=1)
    with served(create_app(small)) as url, Client(url) as client, worker.carrying_out(RESULTS["map"]):
        assert client.run({**data.prediction, "kind": "map"}) == RESULTS["map"]
        assert client.jobs()[0].result is None


def test_a_lost_answer_makes_no_second_job(url, data, worker):
    with Client(url, transport=Breaking()) as client:
        first = client.submit(data.selection)
        assert [one.id for one in client.jobs()] == [first.id]
    with Client(url, transport=Breaking()) as client:
        client.cancel(first.id)
    with Client(url, transport=Breaking()) as client:
        second = client.retry(first.id)
        assert [one.id for one in client.jobs()] == [second.id, first.id]
        client.cancel(second.id)
    with Client(url, transport=Breaking()) as client:
        client.delete(second.id)
        assert [one.id for one in client.jobs()] == [first.id]


def test_a_wait_outlives_a_service_that_is_away(url, data, worker, monkeypatch):
    monkeypatch.setattr(talk, "AWAY_S", 0.05)
    monkeypatch.setattr(talk, "PAUSES_S", (0.01, 0.01))
    away = Away()

    def leave(job):
        if job.state == "queued":
            away.refuses = 10
            worker.succeed(job.id, RESULTS["selection"])

    with Client(url, transport=away) as client:
        assert client.run(data.selection, on_change=leave, timeout_s=60) == RESULTS["selection"]
    assert away.refuses == 0


def test_events_come_to_the_end_and_go_on_after_one(url, client, data, worker):
    job = client.submit(data.selection)
    claim = worker.claim(job.id)
    worker.report(claim, 30)
    worker.succeed(job.id, selection_result(("b.png", "cat")), claim)
    events = list(client.events(job.id))
    assert {one.name for one in events} >= {"state", "progress", "end"}
    assert events[-1].data == {"state": "succeeded"}
    assert list(client.events(job.id, after=events[1].id)) == events[2:]

    async def awaited():
        async with AsyncClient(url) as other:
            return [one async for one in other.events(job.id)]

    assert asyncio.run(awaited()) == events
    assert list(client.events(job.id, after=events[-1].id)) == []

    async def nothing_left():
        async with AsyncClient(url) as other:
            return [one async for one in other.events(job.id, after=events[-1].id)]

    assert asyncio.run(nothing_left()) == []
    with pytest.raises(Refused, match="there is no job job_x"):
        list(client.events("job_x"))


@pytest.mark.parametrize(
    ("form", "text"),
    [("text/html", "<html>"), ("text/event-stream", "data: <html>\n\n"), ("text/event-stream", "data: 1\n\n")],
)
def test_events_of_another_service_are_told_as_such(form, text):
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text=text, headers={"Content-Type": form}))
    with Client("http://x", transport=transport) as client, pytest.raises(NotNextlabel, match="http://x/jobs/job_1"):
        list(client.events("job_1"))

    async def awaited():
        async with AsyncClient("http://x", transport=transport) as other:
            return [one async for one in other.events("job_1")]

    with pytest.raises(NotNextlabel, match="http://x/jobs/job_1"):
        asyncio.run(awaited())


def test_a_stream_that_ends_before_its_events_is_opened_again(url, client, data, worker):
    class Cut(httpx.HTTPTransport):
        cut = 0

        def handle_request(self, request):
            if request.url.path.endswith("/events") and self.cut < 1:
                self.cut += 1
                return httpx.Response(200, headers={"Content-Type": "text/event-stream"})
            return super().handle_request(request)

    job = client.submit(data.selection)
    worker.succeed(job.id, RESULTS["selection"])
    with Client(url, transport=Cut()) as other:
        assert [one.name for one in other.events(job.id)][-1] == "end"


def test_what_no_request_can_hold_is_told_before_anything_is_sent():
    def calls(client):
        box = {"class": "cat", "box": [0, 0, float("nan"), 1]}
        return (
            lambda: client.give_boxes("pool", "labels", {"a.png": [box]}),
            lambda: client.boxes("l" * 70_000),
            lambda: client.select(path_to_img="pool", add=object()),
            lambda: client.give_labels("labels", {"\udcff.png": "cat"}),
        )

    nobody = httpx.MockTransport(lambda _: pytest.fail("something was sent"))
    with Client("http://x", transport=nobody) as client:
        for call in calls(client):
            with pytest.raises(Unsendable):
                call()

    async def awaited():
        async with AsyncClient("http://x", transport=nobody) as client:
            for call in calls(client):
                with pytest.raises(Unsendable):
                    await call()

    asyncio.run(awaited())


def test_ends_without_a_result_are_errors_of_their_own(client, data, worker):
    failed, cancelled = client.submit(data.selection).id, client.submit(data.selection).id
    worker.fail(failed, "empty_pool")
    client.cancel(cancelled)
    with pytest.raises(JobFailed, match="empty_pool: it went wrong"):
        client.wait(failed)
    with pytest.raises(JobCancelled):
        client.wait(cancelled)
    with pytest.raises(TimeoutError):
        client.run(data.selection, timeout_s=0.2)
    with pytest.raises(Refused) as refused:
        client.select(path_to_img="nowhere", add=0, backbone="b9")
    assert {fault["pointer"] for fault in refused.value.problem["errors"]} == {"/path_to_img", "/add", "/backbone"}


def test_results_come_in_every_form(client, data, worker):
    job = client.submit(data.selection)
    worker.succeed(job.id, RESULTS["selection"])
    assert client.result(job.id) == RESULTS["selection"]
    assert client.download(job.id) == RESULTS["selection"].model_dump_json().encode()
    assert client.download(job.id, "tsv") == b"a.png\tcat\nb.png\tdog\n"
    assert client.download(job.id, "csv").startswith(b"rank,name,score,predicted,confidence,reason\r\n1,a.png,")


def test_a_look_may_wait_for_a_change(client, data, worker):
    job = client.submit(data.selection)
    threading.Timer(0.3, worker.claim, [job.id]).start()
    assert client.job(job.id, wait_s=20).state == "running"


def test_address_and_key_come_from_the_environment(url, monkeypatch):
    monkeypatch.setenv("NEXTLABEL_URL", url.removeprefix("http://") + "/")
    with Client() as client:
        assert client.url == url
        assert client.capabilities()["kinds"].keys() == KINDS.keys()


@pytest.mark.parametrize("address", ["http://[::bad", "ftp://127.0.0.1", "nowhere.invalid"])
def test_an_address_that_leads_nowhere_is_told_as_such(address, monkeypatch):
    monkeypatch.setattr(talk, "PAUSES_S", ())
    with pytest.raises(Unreachable), Client(address) as client:
        client.jobs()


@needs_ipv6
def test_the_service_is_spoken_with_over_ipv6(data, tmp_path, empty_redis, monkeypatch):
    with served(create_app(settings_for(data, tmp_path, empty_redis), "::1"), "::1") as url:
        monkeypatch.setenv("NEXTLABEL_URL", url.removeprefix("http://"))
        with Client() as client:
            assert client.url == url
            assert client.submit(data.selection).state == "queued"


def test_an_ipv6_address_without_its_brackets_is_told_of_them():
    with pytest.raises(Unreachable, match=r"stands in brackets, as in http://\[::1\]:5000"):
        Client("::1:5000")


def test_contradictions_are_listed_and_settled(url, client, data):
    labels = data.root / "given"
    labels.mkdir()
    (labels / "anna.txt").write_text("a.png\tcat\n")
    (labels / "ben.txt").write_text("a.png\tdog\n")
    (found,) = client.contradictions(str(labels))
    assert (found.name, found.classes) == ("a.png", {"anna": ("cat",), "ben": ("dog",)})
    settled = client.settle(str(labels), {"a.png": "dog"}, versions={"a.png": found.version})
    assert client.contradictions(str(labels)) == []
    with pytest.raises(Refused) as late:
        client.settle(str(labels), {"a.png": "cat"}, versions={"a.png": found.version})
    assert late.value.code == "labels_changed"

    async def opened_again():
        async with AsyncClient(url) as other:
            await other.settle(str(labels), {"a.png": None}, versions=settled)
            return await other.contradictions(str(labels))

    assert asyncio.run(opened_again()) == [found]


def test_labels_are_given_counted_and_taken_back(url, client, data):
    folder = str(data.root / "given")
    written = client.give_labels(folder, {"a.png": "cat", "b.png": "dog"}, person="anna")
    assert written["file"] == "anna.txt"
    client.give_labels(folder, {"b.png": None}, person="anna")
    told = client.labels(folder, names=["a.png", "b.png"])
    assert (told["labels"], told["classes"]) == (1, [{"class": "cat", "labels": 1}])
    assert told["names"] == [{"name": "a.png", "class": "cat", "person": "anna"}]
    overruled = client.give_labels(folder, {"a.png": "cow"}, person="ben", settle=True, versions=told["versions"])
    assert overruled["versions"] == client.labels(folder, names=["a.png"])["versions"]
    with pytest.raises(Refused, match="labelled meanwhile"):
        client.give_labels(folder, {"a.png": "fox"}, person="cem", settle=True, versions=told["versions"])
    client.settle(folder, {"a.png": None})
    client.give_labels(folder, {"a.png": None}, person="ben")

    async def also():
        async with AsyncClient(url) as other:
            return await other.labels(folder)

    assert asyncio.run(also())["labels"] == 1


def test_boxes_are_given_told_counted_and_settled(url, client, data):
    for name, size in (("a.png", (40, 30)), ("b.png", (20, 20))):
        Image.new("RGB", size).save(data.root / "pool" / name)
    pool, folder = data.root / "pool", data.root / "given"
    cat, dog = {"class": "cat", "box": [1, 2, 10, 10]}, {"class": "dog", "box": [1, 2, 10, 10]}
    with Client(url, transport=Breaking()) as breaking:
        mine = breaking.give_boxes(pool, folder, {"a.png": [cat], "b.png": []}, person="anna")
    told = client.boxes(folder)
    assert (told.labels, told.nothing_here, [(one.class_name, one.labels) for one in told.classes]) == (
        2,
        1,
        [("cat", 1)],
    )
    with pytest.raises(Refused) as refused:
        client.give_boxes(pool, folder, {"a.png": [dog]}, person="ben")
    assert refused.value.code == "labelled_otherwise"
    theirs = client.give_boxes(pool, folder, {"a.png": [dog]}, person="ben", keep_both=True)
    assert [one.name for one in client.boxes(folder).conflicts] == ["a.png"]
    (image, nowhere) = client.drawings(pool, folder, ["a.png", "nowhere.png"])
    assert (image.width, image.height, nowhere.width, nowhere.drawings) == (40, 30, None, ())
    assert {one.person: one.version for one in image.drawings} == {
        "anna": mine.versions["a.png"],
        "ben": theirs.versions["a.png"],
    }

    async def settled():
        async with AsyncClient(url) as other:
            (box,) = next(one for one in image.drawings if one.person == "anna").boxes
            versions = {"replace": [theirs.versions["a.png"]], "versions": mine.versions}
            written = await other.give_boxes(pool, folder, {"a.png": [box]}, person="anna", **versions)
            return written, await other.boxes(folder), await other.drawings(pool, folder, (name for name in ["a.png"]))

    written, counted, (image,) = asyncio.run(settled())
    assert (counted.conflicts, [one.person for one in image.drawings]) == ((), ["anna"])
    assert "dog" in written.replaced["a.png"]
    begun = {"versions": written.versions, "unfinished": True}
    client.give_boxes(pool, folder, {"a.png": [PredictedBox(**cat, score=0.9, draft=True)]}, person="anna", **begun)
    assert client.boxes(folder).unfinished == 1


def test_boxes_that_people_drew_otherwise_are_settled_and_opened_again(url, client, data):
    Image.new("RGB", (40, 30)).save(data.root / "pool" / "a.png")
    pool, folder = data.root / "pool", data.root / "given"
    for person, name in (("anna", "cat"), ("ben", "dog")):
        drawn = {"a.png": [{"class": name, "box": [1, 2, 10, 10]}]}
        client.give_boxes(pool, folder, drawn, person=person, keep_both=True)
    (image,) = client.drawings(pool, folder, ["a.png"])
    anna, ben = image.drawings
    with Client(url, transport=Breaking()) as breaking:
        written = breaking.settle_boxes(pool, folder, {"a.png": ben}, versions={"a.png": image.version})
    assert (client.boxes(folder).settled, client.boxes(folder).conflicts) == (("a.png",), ())
    (now,) = client.drawings(pool, folder, ["a.png"])
    assert (now.settled.boxes, now.drawings, now.version) == (ben.boxes, (anna, ben), written.versions["a.png"])
    with pytest.raises(Refused) as refused:
        client.settle_boxes(pool, folder, {"a.png": anna}, versions={"a.png": image.version})
    assert refused.value.code == "boxes_changed"

    async def opened_again():
        async with AsyncClient(url) as other:
            await other.settle_boxes(pool, folder, {"a.png": None}, versions=written.versions)
            return await other.drawings(pool, folder, ["a.png"])

    assert asyncio.run(opened_again()) == [image]
    over = {"replace": [anna.version, ben.version], "settle": True}
    assert client.give_boxes(pool, folder, {"a.png": []}, person="cem", **over).replaced == {}
    (now,) = client.drawings(pool, folder, ["a.png"])
    assert (now.settled.boxes, now.drawings[:2]) == ((), (anna, ben))


def test_a_path_is_sent_absolute_by_every_call(client, data, monkeypatch):
    Image.new("RGB", (9, 9)).save(data.root / "pool" / "a.png")
    (data.root / "below").mkdir()
    monkeypatch.chdir(data.root / "below")  # for the service looks for what is relative under the root
    pool, labels, drawn = Path("../pool"), Path("given"), Path("drawn")
    client.give_labels(labels, {"a.png": "cat"}, person="anna")
    client.settle(labels, {"a.png": "dog"})
    client.give_notes(labels, [GivenNote("a.png", unsure=True)], person="anna")
    assert client.keep_apart(pool, labels, 1).images == client.kept_apart(labels, pool).images == 1
    assert (client.labels(labels, pool)["labels"], len(client.notes(labels)), client.contradictions(labels)) == (
        1,
        1,
        [],
    )
    assert (client.hand_outs(pool, labels), client.give_back(pool, labels), client.paces(labels)[0].images) == (
        [],
        0,
        1,
    )
    assert client.image(pool, "a.png")[:2] == b"\xff\xd8"
    assert b"a.png" in client.export(labels, "image-folder", path_to_img=pool)
    client.give_boxes(pool, drawn, {"a.png": []}, person="anna")
    assert (client.boxes(drawn).labels, client.drawings(pool, drawn, ["a.png"])[0].width) == (1, 9)
    job = client.submit({**data.selection, "path_to_img": pool, "path_to_labels": labels})
    with pytest.raises(Refused, match=job.id):
        client.report(pool, labels, [job.id])
    assert {one.name for one in (data.root / "below").iterdir() if one.is_dir()} == {"given", "drawn"}


@pytest.mark.parametrize("call", ["labels", "contradictions"])
def test_where_boxes_are_told_of_is_said_to_whoever_asks_for_labels(client, call, data):
    with pytest.raises(Refused, match="boxes have calls of their own"):
        getattr(client, call)(data.root / "given", task="detection")


def test_notes_are_given_listed_by_person_and_taken_back(url, client, data):
    folder = str(data.root / "given")
    assert [one.text for one in client.give_notes(folder, [GivenNote("a.png", text="wet lens")], person="ben")]
    client.give_notes(folder, [GivenNote("a.png", unsure=True), GivenNote("b.png", text="3 or 8?")], person="anna")
    assert [(one.name, one.person, one.unsure) for one in client.notes(folder)] == [
        ("a.png", "ben", False),
        ("a.png", "anna", True),
        ("b.png", "anna", False),
    ]

    async def taken_back():
        async with AsyncClient(url) as other:
            await other.give_notes(folder, [GivenNote("a.png")], person="anna")
            return await other.notes(folder, person="anna")

    assert [one.name for one in asyncio.run(taken_back())] == ["b.png"]


def test_images_are_kept_apart_and_counted(url, client, data):
    folder = str(data.root / "given")
    apart = client.keep_apart(str(data.root / "pool"), folder, 1)
    assert (apart.images, apart.labelled) == (1, 0)
    client.give_labels(folder, {apart.names[0]: "cat"}, person="anna")
    assert client.kept_apart(folder).labelled == 1
    data.pool("other", "x.png")
    other_pool = client.kept_apart(folder, str(data.root / "other"))
    assert (other_pool.images, other_pool.not_in_pool) == (0, apart.names)

    async def given_up():
        async with AsyncClient(url) as other:
            await other.keep_apart(str(data.root / "pool"), folder, 0)
            return await other.kept_apart(folder)

    assert asyncio.run(given_up()).names == ()


def test_projects_are_kept_changed_and_forgotten_and_a_lost_answer_does_no_harm(url, data):
    folder = str(data.root / "given")
    (data.root / "given").mkdir()
    with Client(url, transport=Breaking()) as client:
        kept = client.keep_project(Project(name=" cards", path_to_img=str(data.root / "pool"), path_to_labels=folder))
    assert (kept.name, kept.method, client.url) == ("cards", "auto", url)
    for changed in ({"add": 50}, {"name": "faces"}):
        with Client(url) as client:
            (read,) = client.projects()
        with Client(url, transport=Breaking()) as client:
            client.keep_project(read.model_copy(update=changed), was=read.name)

    async def forgotten():
        async with AsyncClient(url) as other:
            with pytest.raises(Refused, match="changed meanwhile"):
                await other.keep_project(kept.model_copy(update={"name": "faces"}))
            return await other.projects(), await other.paces(folder)

    (left,), paces = asyncio.run(forgotten())
    assert (left.name, left.add, paces) == ("faces", 50, [])
    with Client(url, transport=Breaking()) as client:
        client.forget_project("faces")
        assert client.projects() == []


def test_labels_are_taken_away_as_a_file_of_another_tool(url, client, data):
    folder = str(data.root / "given")
    client.give_labels(folder, {"a.png": "cat"}, person="anna")
    assert client.export(folder, "csv").splitlines()[1].startswith(b"a.png,cat")
    with pytest.raises(Refused, match="csv"):
        client.export(folder, "pdf")
    pool = str(data.root / "pool")
    assert b"cat/a.png" in client.export(folder, "image-folder", path_to_img=pool)

    async def also():
        async with AsyncClient(url) as other:
            packed = await other.export(folder, "image-folder", path_to_img=pool)
            return packed + await other.export(folder, "label-studio", image_prefix="/files/")

    also_written = asyncio.run(also())
    assert b"cat/a.png" in also_written
    assert b"/files/a.png" in also_written


def test_what_a_job_warned_of_is_logged_as_its_result_says_nothing_of_it(client, data, worker, caplog):
    def succeed(job_id):
        claim = worker.claim(job_id)
        names = ("photos/a.png", "photos/b.png")
        warning = JobWarning(code="label_without_image", detail="not in the pool", count=2, names=names)
        assert worker.store.report(claim, None, (warning,))
        worker.succeed(job_id, RESULTS["prediction"], claim)

    with worker.at_work(succeed):
        client.predict(**request_of("prediction", data))
        told = [(one.name, one.message) for one in caplog.records if one.name == "nextlabel"]
        assert told == [("nextlabel", "warning: not in the pool (photos/a.png, photos/b.png)")]
        client.predict(**request_of("prediction", data), on_change=lambda job: None)
    assert len([one for one in caplog.records if one.name == "nextlabel"]) == 1


def test_a_job_without_weights_fails_with_a_note_of_what_needs_none(client, data, worker):
    with (
        worker.at_work(lambda job_id: worker.fail(job_id, "weights_unavailable")),
        pytest.raises(JobFailed) as failed,
    ):
        client.predict(**request_of("prediction", data) | {"backbone": "mobilenet"})
    assert failed.value.__notes__ == ['backbone="descriptor" needs no weights, for a first try']

"""The whole result as a file: JSON, CSV, tab-separated labels."""

from __future__ import annotations

import asyncio
import csv
import io
from contextlib import suppress

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from nextlabel.api.app import create_app
from nextlabel.api.sending import Parts
from nextlabel.core.jobs import result_files
from nextlabel.core.kinds import registry
from nextlabel.core.kinds.registry import result_adapter
from nextlabel.core.kinds.results import MadeOfJson
from nextlabel.core.tasks.classification import read_labels
from tests.api.support import f1_result, prediction_result, selection_result, settings_for

JSON, CSV, TSV = "application/json", "text/csv", "text/tab-separated-values"
ODD_NAMES = (
    "a, b.png",
    'say "cheese".png',
    "лето/кот (копия).png",
    "🐈.png",
    "'a'.png",
    "a;b=c.png",
    " a.png",
    "=1+1.png",
)


@pytest.fixture
def ended(client, data, worker):
    """Ends a new job with the result; -> its path."""

    def ended(result):
        job = client.post("/jobs", json=getattr(data, result.kind)).json()
        worker.succeed(job["id"], result)
        return job["links"]["self"]

    return ended


def fetched(client, job, accept):
    return client.get(f"{job}/result", headers={"Accept": accept})


def test_a_result_comes_as_the_json_that_the_worker_wrote(client, ended):
    result = selection_result(("b.png", "cat"))
    answer = fetched(client, ended(result), JSON)
    assert answer.headers["Content-Type"] == JSON
    assert answer.headers["Vary"] == "Accept"
    assert answer.content == result.model_dump_json().encode()
    assert result_adapter.validate_json(answer.content) == result


def test_a_result_comes_as_csv_with_a_header_line(client, ended):
    answer = fetched(client, ended(selection_result(("b.png", "cat"), ("a.png", "dog"))), CSV)
    assert answer.headers["Content-Type"] == f"{CSV}; charset=utf-8"
    header, first, second = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["rank", "name", "score", "predicted", "confidence", "reason"]
    assert first[:4] == ["1", "b.png", "1.0", "cat"]
    assert second[:4] == ["2", "a.png", "0.5", "dog"]


def test_an_f1_comes_as_csv_of_its_classes(client, ended):
    answer = fetched(client, ended(f1_result()), CSV)
    assert [row[0] for row in csv.reader(io.StringIO(answer.text))] == ["class", "cat", "dog"]


def test_a_csv_is_sent_while_it_is_made_so_that_nobody_knows_its_length_before(client, ended):
    job = ended(prediction_result(("b.png", "cat"), ("a.png", "dog")))
    assert "Content-Length" not in fetched(client, job, CSV).headers
    assert "Content-Length" in fetched(client, job, TSV).headers


def test_a_large_result_is_read_member_by_member_for_the_same_csv(client, ended, monkeypatch):
    def make(*given):
        made.append(MadeOfJson(*given))
        return made[-1]

    made = []
    job = ended(prediction_result(("b.png", "cat"), ("a.png", "dog")))
    small = fetched(client, job, CSV).text
    monkeypatch.setattr(registry, "LARGE", 0)
    monkeypatch.setattr(registry, "MadeOfJson", make)
    assert (fetched(client, job, CSV).text, len(made)) == (small, 1)


@pytest.mark.parametrize("make", [selection_result, prediction_result])
def test_names_of_any_kind_survive_csv(client, ended, make):
    answer = fetched(client, ended(make(*((name, "кот, рыжий") for name in ODD_NAMES))), CSV)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    assert tuple(row["name"] for row in rows) == ODD_NAMES
    assert {row["predicted"] for row in rows} == {"кот, рыжий"}


@pytest.mark.parametrize("make", [selection_result, prediction_result])
def test_labels_are_read_back_as_they_were_given(client, ended, data, make):
    answer = fetched(client, ended(make(*((name, "кот, рыжий") for name in ODD_NAMES))), TSV)
    assert answer.headers["Content-Type"] == f"{TSV}; charset=utf-8"
    path = data.root / "proposed.txt"
    path.write_bytes(answer.content)
    assert read_labels(path).classes_by_name == dict.fromkeys(ODD_NAMES, "кот, рыжий")


def test_a_prediction_can_be_labelled_by_and_selected_from_again(client, ended, data):
    answer = fetched(client, ended(prediction_result(("a.png", "cat"), ("b.png", "dog"))), TSV)
    labels = data.labels("from_prediction.txt", answer.content)
    assert client.post("/jobs", json={**data.prediction, "path_to_labels": labels}).status_code == 202


# Characters that no labels file can hold can't be in a pool's names either.
WRITABLE = st.text(st.characters(exclude_characters="\t\n\r\0", exclude_categories=["Cs"]), min_size=1, max_size=9)


@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(WRITABLE, min_size=1, max_size=4, unique=True))
def test_csv_keeps_every_name_there_can_be(client, ended, names):
    answer = fetched(client, ended(prediction_result(*((name, "cat") for name in names))), CSV)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    assert [row["name"] for row in rows] == names


@pytest.mark.parametrize("result", [f1_result(), selection_result(("a.png", None), head=None)])
def test_a_result_without_classes_has_no_labels_to_give(client, ended, result):
    answer = fetched(client, ended(result), TSV)
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
    assert CSV in answer.json()["detail"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", JSON),
        ("", JSON),
        ("application/*", JSON),
        ("text/*", CSV),
        ("TEXT/CSV", CSV),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        (f"{JSON};q=0.5, {TSV}", TSV),
        (f"{CSV}; q=0.1, {TSV}; q=0.2", TSV),
        (f"{CSV}, {JSON}", CSV),
        (f"{CSV};q=0, {JSON};q=0.001", JSON),
        (f"{CSV};charset=utf-8", CSV),
        (f"{TSV};q=x", TSV),
    ],
)
def test_the_client_gets_what_it_likes_best(client, ended, accept, media_type):
    answer = fetched(client, ended(selection_result(("b.png", "cat"))), accept)
    assert answer.headers["Content-Type"].split(";")[0] == media_type


@pytest.mark.parametrize("accept", ["text/html", "video/*", f"{JSON};q=0", "nonsense", ",;=", "application"])
def test_what_there_is_not_is_not_acceptable(client, ended, accept):
    answer = fetched(client, ended(f1_result()), accept)
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


def test_only_a_succeeded_job_has_a_result(client, data, worker):
    jobs = [client.post("/jobs", json=data.selection).json() for _ in range(4)]
    worker.claim(jobs[1]["id"])
    worker.fail(jobs[2]["id"], "internal")
    client.post(jobs[3]["links"]["cancel"])
    for job, state in zip(jobs, ("queued", "running", "failed", "cancelled"), strict=True):
        answer = client.get(job["links"]["result"])
        assert (answer.status_code, answer.json()["code"]) == (409, "job_not_finished")
        assert state in answer.json()["detail"]


def test_an_unknown_job_has_no_result(client):
    assert client.get("/jobs/job_x/result").json()["code"] == "job_not_found"


def test_a_result_whose_file_is_gone_has_expired_and_the_job_still_shows(client, ended, worker):
    job = ended(f1_result())
    worker.files.delete(job.removeprefix("/jobs/"))
    answer = client.get(f"{job}/result")
    assert (answer.status_code, answer.json()["code"]) == (410, "result_expired")
    shown = client.get(job)
    assert (shown.status_code, shown.json()["state"], shown.json()["result"]) == (200, "succeeded", None)


def test_a_late_file_of_a_worker_that_lost_the_job_is_not_shown(client, data, worker):
    job = client.post("/jobs", json=data.f1).json()
    stale = worker.claim(job["id"])
    worker.store.put_back(stale, "drained")
    worker.succeed(job["id"], f1_result(0.9))
    worker.files.write(job["id"], stale.fence, f1_result(0.1).json_parts())
    assert client.get(job["links"]["result"]).json()["f1_macro"] == 0.9


def test_a_large_result_is_left_out_of_the_job_and_fetched_whole(data, tmp_path, empty_redis, worker):
    result = f1_result()
    size = len(result.model_dump_json())
    for most, inline in ((size, True), (size - 1, False)):
        app = create_app(settings_for(data, tmp_path, empty_redis, inline_result_bytes=most))
        with TestClient(app, "http://localhost") as client:
            job = client.post("/jobs", json=data.f1).json()
            worker.succeed(job["id"], result)
            shown = client.get(job["links"]["self"]).json()
            assert (shown["result"] is not None) == inline
            assert client.get(shown["result_url"]).json()["f1_macro"] == 0.875


def test_a_result_whose_file_is_cut_short_is_told_and_never_sent_in_half(client, ended, settings):
    job = ended(selection_result(("b.png", "cat"), ("a.png", "dog")))
    (file,) = settings.results_dir.glob("*/*.json")
    file.write_bytes(file.read_bytes()[:-100])
    for accept in (JSON, CSV, TSV):
        answer = fetched(client, job, accept)
        assert (answer.status_code, answer.json()["code"]) == (410, "result_damaged")
    shown = client.get(job)
    assert (shown.status_code, shown.json()["state"], shown.json()["result"]) == (200, "succeeded", None)


def test_a_chart_is_drawn_of_a_result_that_has_one(client, ended):
    drawn = client.get(f"{ended(f1_result())}/result", headers={"Accept": "image/svg+xml"})
    assert drawn.headers["Content-Type"].startswith("image/svg+xml")
    assert drawn.text.startswith("<svg ")
    refused = client.get(f"{ended(selection_result())}/result", headers={"Accept": "image/svg+xml"})
    assert (refused.status_code, refused.json()["detail"][:16]) == (406, "nothing is drawn")


@pytest.mark.parametrize("accept", [JSON, CSV, TSV])
def test_a_result_that_is_deleted_this_moment_is_sent_whole(client, ended, worker, monkeypatch, accept):
    def is_whole(file):
        worker.files.delete(job.removeprefix("/jobs/"))
        return look(file)

    look = result_files._is_whole
    job = ended(prediction_result(("b.png", "cat"), ("a.png", "dog")))
    sent = fetched(client, job, accept)
    monkeypatch.setattr(result_files, "_is_whole", is_whole)
    answer = fetched(client, job, accept)
    assert (answer.status_code, answer.content) == (200, sent.content)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("bytes=2-4", slice(2, 5)),
        ("bytes=2-", slice(2, None)),
        ("bytes=-3", slice(-3, None)),
        ("bytes=5-2", None),
        ("bytes=a-b", None),
        ("lines=1-2", None),
        ("bytes=0-0,2-3", None),
    ],
)
def test_of_ranges_one_is_sent_and_what_is_none_is_passed_over(client, ended, asked, sent):
    job = ended(f1_result())
    whole = fetched(client, job, JSON).content
    answer = client.get(f"{job}/result", headers={"Range": asked})
    assert answer.status_code == (206 if sent else 200)
    assert answer.content == whole[sent or slice(None)]


@pytest.mark.parametrize("asked", ["bytes=9999999-", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused_as_a_problem_is(client, ended, asked):
    job = ended(f1_result())
    answer = client.get(f"{job}/result", headers={"Range": asked})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(fetched(client, job, JSON).content)}"
    assert client.get(f"{job}/result", headers={"Range": asked, "If-Range": '"another"'}).status_code == 200


def test_what_is_sent_in_parts_is_let_go_when_its_reader_goes_away():
    def made():
        try:
            yield from ("a", "b", "c")
        finally:
            left.append(True)

    async def send(message):
        if message.get("body") == b"b":
            raise OSError("the reader has gone")

    left = []
    answer = Parts(made())
    scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
    with suppress(Exception):
        asyncio.run(answer(scope, None, send))
    assert left == [True]
    assert answer  # it is not what collects rubbish that let it go

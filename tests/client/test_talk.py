"""What is said and when it is said again, with no network in it: the tests answer themselves."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.client import talk
from nextlabel.client.boxes import Drawing, DrawnImage, images_of
from nextlabel.client.errors import JobCancelled, JobFailed, NotNextlabel, Refused, Unreachable, Unsendable
from nextlabel.client.talk import Call, EventReader, Pause
from nextlabel.core.kinds.registry import parse_request

AWAY = Unreachable("no answer")
BUSY = httpx.Response(503, json={"code": "store_unavailable", "detail": "not now", "retryable": True}, headers={
    "Content-Type": "application/problem+json", "Retry-After": "2",
})  # fmt: skip
ABSENT = httpx.Response(404, json={"detail": "there is no job"}, headers={"Content-Type": "application/problem+json"})
REQUEST = {"kind": "selection", "add": 1}


def job(state="succeeded", *, etag='"1"', error=None, result=None):
    links = dict.fromkeys(("self", "cancel", "events", "result"), "/jobs/job_1")
    body = {
        "id": "job_1", "kind": "selection", "owner": "", "state": state, "created_at": "2026-01-01T00:00:00Z",
        "started_at": None, "finished_at": None, "request": {}, "attempt": 0, "progress": None, "warnings": [],
        "result": result, "result_url": None, "error": error, "last_interruption": None, "links": links,
        "told_by_a_later_service": True,
    }  # fmt: skip
    return httpx.Response(200, json=body, headers={"ETag": etag}, request=httpx.Request("GET", "http://x/jobs/job_1"))


def play(said, *outcomes):
    """-> (what it yielded, what it returned). Answers calls with the outcomes in turn; raises what the talk raises."""
    steps, left = [], list(outcomes)
    answer = None
    while True:
        try:
            step = said.send(answer)
        except StopIteration as end:
            assert not left
            return steps, end.value
        steps.append(step)
        answer = left.pop(0) if isinstance(step, Call) else None


def calls(steps):
    return [step for step in steps if isinstance(step, Call)]


def pauses(steps):
    return [step.seconds for step in steps if isinstance(step, Pause)]


# --- trying again -----------------------------------------------------------------------------------------------


def test_a_request_that_got_no_answer_is_sent_again_with_the_same_key():
    steps, found = play(talk.submit(REQUEST), AWAY, BUSY, job("queued"))
    keys = {call.headers["Idempotency-Key"] for call in calls(steps)}
    assert (len(calls(steps)), len(keys), found.id) == (3, 1, "job_1")
    assert pauses(steps) == [talk.PAUSES_S[0], 2.0]  # as Retry-After has it


def test_two_submits_are_two_jobs_and_a_key_of_ones_own_is_kept():
    (first,), _ = play(talk.submit(REQUEST), job())
    (second,), _ = play(talk.submit(REQUEST), job())
    (mine,), _ = play(talk.submit(REQUEST, "mine"), job())
    (again,), _ = play(talk.retry("job_1"), job())
    keys = [call.headers["Idempotency-Key"] for call in (first, second, mine, again)]
    assert len(set(keys)) == 4
    assert keys[2] == "mine"


def test_who_never_answers_is_given_up_after_some_seconds():
    with pytest.raises(Unreachable):
        play(talk.capabilities(), *[AWAY] * (len(talk.PAUSES_S) + 1))
    assert sum(talk.PAUSES_S) < 5


@pytest.mark.parametrize(("status", "retry_after"), [(422, None), (404, None), (500, None), (429, "30"), (503, "60")])
def test_a_no_and_a_long_not_now_are_told_at_once(status, retry_after):
    headers = {"Retry-After": retry_after} if retry_after else {}
    with pytest.raises(Refused):
        play(talk.submit(REQUEST), httpx.Response(status, text="no", headers=headers))


def test_a_delete_whose_answer_was_lost_has_worked_when_the_job_is_gone():
    play(talk.delete("job_1"), AWAY, ABSENT)
    with pytest.raises(Refused):
        play(talk.delete("job_1"), ABSENT)
    with pytest.raises(Refused):
        play(talk.cancel("job_1"), AWAY, ABSENT)


class Service:
    """Makes jobs as ours does: one for a key. What gets lost is scripted."""

    def __init__(self):
        self.jobs = {}

    def outcome(self, call, fate):
        if fate != "request lost":
            self.jobs.setdefault(call.headers["Idempotency-Key"], call.body)
        return job("queued") if fate == "answered" else AWAY


@given(st.lists(st.sampled_from(["request lost", "answer lost", "answered"]), min_size=6, max_size=6))
def test_whatever_is_lost_a_submit_makes_one_job_or_says_that_nobody_answers(fates):
    service, said, answer, made = Service(), talk.submit(REQUEST), None, None
    try:
        while True:
            step = said.send(answer)
            answer = service.outcome(step, fates.pop(0)) if isinstance(step, Call) else None
    except StopIteration as end:
        made = end.value
    except Unreachable:
        pass
    assert len(service.jobs) == 1 if made else len(service.jobs) <= 1


# --- waiting ----------------------------------------------------------------------------------------------------


def test_a_wait_asks_for_what_it_has_not_seen_and_shows_each_change_once():
    seen = []
    unchanged = httpx.Response(304)
    steps, ended = play(
        talk.wait("job_1", seen.append), job("queued"), unchanged, job("running", etag='"2"'), job(etag='"3"')
    )
    assert [one.state for one in seen] == ["queued", "running", "succeeded"]
    assert [call.headers.get("If-None-Match") for call in calls(steps)] == [None, '"1"', '"1"', '"2"']
    assert ended == seen[-1]


def test_a_service_that_goes_away_meanwhile_is_waited_for_and_one_that_never_was_there_is_not():
    gone = [AWAY] * (len(talk.PAUSES_S) + 1)
    steps, ended = play(talk.wait("job_1"), job("running"), *gone, *gone, job(etag='"2"'))
    assert ended.state == "succeeded"
    assert pauses(steps).count(talk.AWAY_S) >= 2
    with pytest.raises(Unreachable):
        play(talk.wait("job_1"), *gone)


def test_a_job_that_is_forgotten_meanwhile_is_not_waited_for():
    with pytest.raises(Refused):
        play(talk.wait("job_1"), job("running"), ABSENT)


def test_no_success_is_an_error_that_carries_the_job():
    error = {"code": "out_of_memory", "detail": "it is too large", "stage": None, "retryable": True}
    with pytest.raises(JobFailed, match="out_of_memory: it is too large") as failed:
        play(talk.wait("job_1"), job("failed", error=error))
    assert (failed.value.job.id, failed.value.retryable) == ("job_1", True)
    with pytest.raises(JobCancelled, match="job job_1 was cancelled"):
        play(talk.wait("job_1"), job("cancelled"))


def test_time_that_is_up_ends_the_wait():
    with pytest.raises(TimeoutError, match="job job_1 has not ended within 0 s"):
        play(talk.wait("job_1", timeout_s=0), job("running"))


def test_all_pages_are_turned_until_there_are_enough():
    def page(count, cursor):
        body = {"data": [json.loads(job().content)] * count, "next_cursor": cursor}
        return httpx.Response(200, json=body, request=httpx.Request("GET", "http://x"))

    steps, found = play(talk.jobs("f1", limit=250), page(200, "c"), page(50, "d"))
    assert len(found) == 250
    assert [call.params for call in calls(steps)] == [
        {"kind": "f1", "limit": 200},
        {"kind": "f1", "limit": 50, "cursor": "c"},
    ]
    _, found = play(talk.jobs(limit=None), page(200, "c"), page(3, None))
    assert len(found) == 203


# --- what is sent and read --------------------------------------------------------------------------------------


def test_a_path_of_this_machine_is_sent_absolute_and_text_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    body = talk.body_of({"path_to_img": Path("photos"), "path_to_labels": "labels", "like": ("a.png",)})
    assert body == {"path_to_img": str(tmp_path / "photos"), "path_to_labels": "labels", "like": ["a.png"]}


def test_of_a_request_object_what_was_said_is_sent():
    said = {"kind": "selection", "add": 3, "path_to_img": "p", "backbone": "b0", "method": "margin", "pending": ["a"]}
    body = talk.body_of(parse_request(said))
    assert body == {**said, "method": {"name": "margin"}}
    assert parse_request(body) == parse_request(said)


def test_an_id_that_is_no_id_asks_for_no_other_page():
    (call,), _ = play(talk.job("../capabilities?x=1"), job())
    assert call.path == "/jobs/..%2Fcapabilities%3Fx%3D1"


def test_a_refusal_tells_every_fault_and_a_proxys_page_is_cut():
    problem = {
        "code": "invalid_request",
        "errors": [{"pointer": "/add", "code": "missing_field", "detail": "it is not there"}],
    }
    answer = httpx.Response(422, json=problem, headers={"Content-Type": "application/problem+json"})
    refused = talk.refused(answer)
    assert (str(refused), refused.code, refused.retryable) == (
        "refused:\n  /add: it is not there",
        "invalid_request",
        False,
    )
    page = talk.refused(httpx.Response(502, text="<html>" * 1000))
    assert (len(str(page)) < 600, page.code, page.retryable) == (True, "", True)


def test_another_service_at_that_address_is_told_from_ours():
    page = httpx.Response(200, text="<html>", request=httpx.Request("GET", "http://x/jobs"))
    with pytest.raises(NotNextlabel, match="what answers at http://x/jobs is not nextlabel"):
        play(talk.capabilities(), page)


def told(**body):
    return httpx.Response(200, json=body, request=httpx.Request("GET", "http://x/labels"))


@pytest.mark.parametrize(("letter", "in_an_address"), [("a", 1), ("\u0444", 6)])
def test_names_are_cut_by_what_they_take_in_an_address(letter, in_an_address):
    names = [f"{number:03}{letter * 220}" for number in range(50)]
    parts = -(-len(names) // (talk.LONGEST_NAMES // (len("&of=") + 3 + 220 * in_an_address)))
    steps, images = play(talk.drawings("pool", "labels", iter(names)), *[told(images=[])] * parts)
    assert ([name for call in calls(steps) for name in call.params["of"]], images) == (names, [])
    one = {"name": "a", "class": "cat", "person": "anna"}
    answers = [told(labels=9, names=[one, one]), *[told(labels=9, names=[one])] * (parts - 1)]
    steps, found = play(talk.labels("labels", None, names, "classification"), *answers)
    assert [name for call in calls(steps) for name in call.params["of"]] == names
    assert (found["labels"], len(found["names"])) == (9, parts + 1)


def test_one_text_where_several_are_wanted_is_not_taken_for_its_letters():
    for said in (
        talk.drawings("pool", "labels", "ab.jpg"),
        talk.labels("labels", None, "ab.jpg", "classification"),
        talk.give_boxes("pool", "labels", {}, None, {}, "0123", False, False, False),
        talk.give_back("pool", "labels", names="ab.jpg"),
        talk.report("pool", "labels", "job_1", "classification"),
    ):
        with pytest.raises(Unsendable, match=r"a list is wanted, as in \['"):
            play(said)


def test_numbers_and_arrays_of_numpy_are_sent_as_numbers():
    boxes = [{"class": np.str_("ace"), "box": np.array([1, 2, 3, 4.5]), "crowd": np.bool_(True)}]
    assert json.dumps(talk.plain(images_of({"a.png": boxes}, {}, False)[0]["boxes"])) == (
        '[{"class": "ace", "box": [1.0, 2.0, 3.0, 4.5], "crowd": true}]'
    )
    assert talk.body_of({"add": np.int64(3), "like": np.array(["a.png"])}) == {"add": 3, "like": ["a.png"]}
    with pytest.raises(Unsendable, match="object"):
        talk.plain({"add": object()})


CAT = {"class": "cat", "box": (1, 2, 3, 4)}
DRAWING = Drawing(
    person="anna", file="boxes-anna.jsonl", version="1", width=9, height=9, boxes=(CAT,), unfinished=False
)


def test_a_drawing_stands_for_its_boxes_and_says_how_large_its_image_was():
    (image,) = images_of({"a.png": DRAWING}, {}, False)
    assert (image["boxes"], image["width"], image["height"]) == ([{**CAT, "crowd": False}], 9, 9)


IMAGE = DrawnImage(name="a.png", width=9, height=9, drawings=(DRAWING,))


@pytest.mark.parametrize("drawn", [CAT, {}, "", "a.png", 7, [[1, 2, 3, 4]], DRAWING.boxes[0], [DRAWING], IMAGE])
def test_what_are_no_boxes_is_refused_by_the_name_of_its_image(drawn):
    with pytest.raises(Unsendable, match=r"a\.png: a list of boxes is wanted"):
        images_of({"a.png": drawn}, {}, False)


# --- events -----------------------------------------------------------------------------------------------------


def test_events_are_read_out_of_their_lines():
    reader = EventReader()
    lines = [": ping", "", "id: 1-0", "event: state", 'data: {"state": "queued"}', "retry: 3000", "",
             "id: 2-0", "event: end", 'data: {"state": "succeeded"}', ""]  # fmt: skip
    events = list(filter(None, map(reader.feed, lines)))
    assert [(one.id, one.name, one.data["state"]) for one in events] == [
        ("1-0", "state", "queued"),
        ("2-0", "end", "succeeded"),
    ]
    assert (reader.last_id, reader.ended, reader.headers) == ("2-0", True, {"Last-Event-ID": "2-0"})


def test_a_stream_that_breaks_again_and_again_is_given_up_unless_something_came_of_it():
    reader = EventReader("1-0")
    for _ in talk.PAUSES_S:
        assert reader.pause_s(AWAY) > 0
    with pytest.raises(Unreachable):
        reader.pause_s(AWAY)
    for line in ("data: {}", "", "id: 2-0", "data: half of it"):
        reader.feed(line)
    pauses = [reader.pause_s(AWAY) for _ in range(len(talk.PAUSES_S) + 2)]
    assert pauses == [*talk.PAUSES_S, talk.AWAY_S, talk.AWAY_S]
    assert reader.feed("") is None
    with pytest.raises(Refused):
        reader.pause_s(Refused({"detail": "there is no such job"}))

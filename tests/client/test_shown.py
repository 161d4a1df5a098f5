"""A running job in a pipe and on a terminal."""

from __future__ import annotations

import io
import json

from rich.console import Console

from nextlabel.client.job import Job
from nextlabel.client.progress import seconds, warnings_of
from nextlabel.client.shown import progress, tell_warnings
from tests.client.test_talk import job as answer


def job(state="running", warnings=(), **progress_fields):
    body = json.loads(answer(state).content)
    base = {"stage": "embed", "stage_index": 0, "stage_count": 2, "done": 0, "total": 100, "unit": "images"}
    body["progress"] = {**base, **progress_fields} if progress_fields else None
    return Job.model_validate({**body, "warnings": list(warnings)})


def told(*jobs, terminal=False):
    text = io.StringIO()
    with progress("select", Console(file=text, force_terminal=terminal, width=100)) as show:
        for one in jobs:
            show(one)
    return text.getvalue()


def test_in_a_pipe_a_stage_is_a_line():
    text = told(
        job("queued"),
        job(done=1),
        job(done=2),
        job(done=40, eta_s=130.0),
        job(stage="choose", total=None),
        job("succeeded"),
    )
    assert text.splitlines() == ["select: queued until a worker is free", "select: embed, 1 of 100", "select: choose"]


def test_a_stage_that_lasts_is_told_again_from_time_to_time(monkeypatch):
    monkeypatch.setattr("nextlabel.client.shown.LINE_EVERY_S", 0.0)
    text = told(job(done=1), job(done=40, eta_s=130.0))
    assert text.splitlines()[-1] == "select: embed, 40 of 100, 2 min left"


def test_on_a_terminal_it_is_a_bar():
    text = told(job("queued"), job(done=40, eta_s=30.0), terminal=True)
    assert "40/100" in text
    assert "30 s left" in text


def test_warnings_name_what_they_are_about_and_count_the_rest():
    text = io.StringIO()
    warning = {"code": "unreadable_image", "detail": "60 images can't be read", "count": 60, "names": list("abcd")}
    tell_warnings(job(warnings=[warning]), Console(file=text, width=100))
    assert text.getvalue() == "warning: 60 images can't be read (a, b, c, and 57 more)\n"


def test_a_warning_of_thousands_is_told_as_a_report_tells_it():
    warning = {"code": "unreadable_image", "detail": "not read", "count": 12_348, "names": list("abcd")}
    assert warnings_of(job(warnings=[warning])) == ["warning: not read (a, b, c, and 12,345 more)"]


def test_a_warning_tells_a_terminal_nothing():
    text = io.StringIO()
    warning = {"code": "unreadable_image", "detail": "an image can't be read", "count": 1, "names": ["\x1b[2J.png"]}
    tell_warnings(job(warnings=[warning]), Console(file=text, width=100))
    assert text.getvalue() == "warning: an image can't be read (\\x1b[2J.png)\n"


def test_times_are_told_as_people_do():
    assert [seconds(one) for one in (3.4, 119, 150, 7500)] == ["3 s", "119 s", "2 min", "2 h 05 min"]

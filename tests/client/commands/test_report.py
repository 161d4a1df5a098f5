"""`nextlabel report`: what it says of parts that can't be told. What a report has is tested where it is made."""

from __future__ import annotations

import re

import pytest

from nextlabel.client.main import main
from nextlabel.core.jobs.record import JobWarning
from tests.canned_results import RESULTS

WORDS = ("report", "pool", "--labels", "labels.txt")


@pytest.fixture
def told(url, data, monkeypatch, capsys):
    """-> (exit code, stderr), as typed in the data's folder."""
    monkeypatch.setenv("NEXTLABEL_URL", url)
    monkeypatch.chdir(data.root)

    def told(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return ended.value.code, capsys.readouterr().err

    return told


def test_what_is_missing_for_all_parts_is_said_once(told, client):
    code, err = told("report", "nowhere", "--labels", "labels.txt")
    assert (code, err.count("nowhere"), err.count("\n")) == (3, 1, 1), err
    assert client.jobs() == []


def test_all_that_is_missing_is_told_at_once(told):
    code, err = told("report", "nowhere", "--labels", "gone.txt", "--val", "nowhere2", "--val-labels", "gone2.txt")
    assert code == 3
    for where in ("POOL", "--labels", "--val", "--val-labels"):
        assert err.count(f"  {where}: ") == 1, err
    for name in ("nowhere'", "nowhere2'", "gone2.txt'"):
        assert err.count(name) == 1, err
    assert err.count("not in the report") == 1


def test_parts_that_are_left_out_for_one_cause_are_listed_before_it(told, data, worker):
    data.labels("labels.txt", "a.png\tcat\nb.png\tcat\n")
    with worker.at_work(lambda job_id: worker.succeed(job_id, RESULTS[worker.store.get(job_id).kind])):
        code, err = told(*WORDS)
    assert code == 0
    assert err.count("all labels in it say 'cat'") == 1
    assert "not in the report: Learning curve, Label check: refused:\n  --labels: all labels" in err
    assert re.search(r"report.html: [1-9]\d* kB\n$", err)


def test_a_folder_that_is_not_there_is_told_before_the_work(told, client):
    code, err = told(*WORDS, "-o", "gone/report.html")
    assert (code, client.jobs()) == (2, [])
    assert "there is no folder gone to write report.html to" in err


def test_where_weights_are_not_here_the_remedy_is_told_once_and_an_empty_report_is_a_failure(told, worker):
    with worker.at_work(lambda job_id: worker.fail(job_id, "weights_unavailable")):
        code, err = told(*WORDS)
    assert code == 1
    assert err.count("weights_unavailable") == 1
    assert err.count("`--backbone descriptor` needs no weights") == 1
    assert "none of the jobs that a report is made of succeeded" in err


def test_what_several_jobs_warn_of_is_told_once(told, worker):
    warning = JobWarning(code="label_without_image", detail="not in the pool", count=1, names=("photos/a.png",))

    def succeed(job_id):
        claim = worker.claim(job_id)
        assert worker.store.report(claim, None, (warning,))
        worker.succeed(job_id, RESULTS[worker.store.get(job_id).kind], claim)

    with worker.at_work(succeed):
        code, err = told(*WORDS)
    assert code == 0
    assert err.count("warning: not in the pool (photos/a.png)") == 1

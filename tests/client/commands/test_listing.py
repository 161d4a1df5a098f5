"""Lists: a table for a person on a terminal, csv in a pipe, whichever command it is."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nextlabel.client.csv_lines import csv_line
from nextlabel.client.main import main
from nextlabel.core.jobs.hand_outs import HandOuts
from nextlabel.core.kinds.projects import project_of
from tests.client.commands.terminal import on_a_terminal

CLIENT = Path(__file__).parents[3] / "client"


def in_a_pipe(capsys, *words):
    capsys.readouterr()  # the API, which runs in this process, logs there
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    return list(csv.DictReader(capsys.readouterr().out.splitlines()))


def test_jobs_are_csv_in_a_pipe_and_a_table_on_a_terminal(url, client, data, capsys):
    request = {"kind": "selection", "backbone": "descriptor", "add": 1, "path_to_img": str(data.root / "pool")}
    job = client.submit(request)
    (row,) = in_a_pipe(capsys, "jobs", "--url", url)
    created = job.created_at.isoformat()
    assert row == {"id": job.id, "kind": "selection", "state": "queued", "created_at": created, "progress": ""}
    shown = on_a_terminal("jobs", "--url", url)
    assert f"│ {job.id} │ selection │ queued │" in shown
    assert "│ создано " in on_a_terminal("jobs", "--url", url, LANGUAGE="ru", LANG="ru_RU.UTF-8").replace("┃", "│")


def test_what_the_service_can_do_is_csv_in_a_pipe(url, data, capsys):
    rows = in_a_pipe(capsys, "capabilities", "--url", url)
    found = {(row["what"], row["name"]) for row in rows}
    assert {("backbone", "descriptor"), ("method", "auto"), ("data_root", str(data.root))} <= found
    assert "┃ backbone" in on_a_terminal("capabilities", "--url", url)


def test_hand_outs_are_csv_in_a_pipe(url, client, data, worker, capsys):
    pool = data.root / "pool"
    request = {"kind": "selection", "backbone": "descriptor", "add": 2, "path_to_img": str(pool), "person": "anna"}
    claim = worker.claim(client.submit(request).id)
    project = project_of(str(pool), None, [data.root])
    HandOuts(worker.store).hand_out(claim, project, "anna", {"a.png": 1, "b.png": 1}, lease_s=60)
    (row,) = in_a_pipe(capsys, "hand-outs", str(pool), "--url", url)
    assert (row["person"], row["left"], row["labelled"]) == ("anna", "2", "0")
    assert datetime.fromisoformat(row["ends_at"]) > datetime.now(UTC)


def test_a_cell_with_a_line_break_of_any_kind_is_quoted():
    assert csv_line(["a\rb", "c\nd", 'e"f', "g"]) == '"a\rb","c\nd","e""f",g\n'


@pytest.mark.parametrize("file", sorted(path.relative_to(CLIENT).as_posix() for path in CLIENT.rglob("*.py")))
def test_no_command_prints_a_table_past_that_rule(file):
    """Results follow it in output.py; what the service can do, and the demo's scores, are for people alone."""
    makes_tables = re.search(r"\b(table|Table)\(", (CLIENT / file).read_text()) is not None
    known = ("commands/jobs.py", "commands/listing.py", "demo.py", "tables.py")
    assert makes_tables == (file in known), file

"""The commands that ask, against the real API: what comes out where, and with which exit code."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import time

import pytest
from structlog.testing import capture_logs

from nextlabel.client.commands import output
from nextlabel.client.http import Client
from nextlabel.client.main import main
from nextlabel.client.stack import free_port
from nextlabel.core.data.folder_lock import LOCK_NAME
from nextlabel.core.tasks.classification import read_labels
from tests.canned_results import RESULTS

COMMANDS = {
    "selection": ("select", "pool", "-n", "1"),
    "prediction": ("predict", "pool", "--labels", "labels.txt"),
    "f1": ("f1", "pool", "--labels", "labels.txt", "--val", "pool", "--val-labels", "labels.txt"),
    "learning_curve": ("curve", "pool", "--labels", "labels.txt"),
    "audit": ("audit", "pool", "--labels", "labels.txt"),
    "label_check": ("check", "pool", "--labels", "labels.txt"),
    "agreement": ("agreement", "pool", "--labels", "labels.txt"),
    "similar": ("similar", "pool", "-n", "1", "--like", "a.png"),
    "map": ("map", "pool"),
    "embedding": ("embed", "pool"),
}
SELECT = COMMANDS["selection"]


@pytest.fixture
def nextlabel(url, data, monkeypatch, capsys):
    """-> (exit code, stdout, stderr), as typed in the data's folder."""
    monkeypatch.setenv("NEXTLABEL_URL", url)
    monkeypatch.chdir(data.root)

    def nextlabel(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return (ended.value.code, *capsys.readouterr())

    with capture_logs():  # the API is in this process, too
        yield nextlabel


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_kind_is_asked_for_by_its_command(nextlabel, worker, kind):
    with worker.carrying_out(RESULTS[kind]):
        code, out, err = nextlabel(*COMMANDS[kind], "--json")
        assert (code, out) == (0, RESULTS[kind].model_dump_json() + "\n")
        code, table, _ = nextlabel(*COMMANDS[kind])
    assert code == 0
    assert next(csv.reader(io.StringIO(table))) == list(RESULTS[kind].columns)
    assert err.startswith("job job_")


def test_in_a_pipe_progress_is_plain_lines_on_stderr_and_stdout_is_the_result_alone(nextlabel, worker):
    def carry_out(job_id):
        claim = worker.claim(job_id)
        worker.report(claim, 30)
        worker.succeed(job_id, RESULTS["selection"], claim)

    with worker.at_work(carry_out):
        _, out, err = nextlabel(*SELECT)
    assert out.splitlines()[1].startswith("1,a.png,1.0,cat,0.5,")
    assert err.splitlines()[-1] == "2 of 2 unlabelled images, chosen by margin: asked for."
    assert "\x1b" not in out + err


def test_a_file_is_written_whole_in_the_form_that_its_name_says(nextlabel, worker, data):
    with worker.carrying_out(RESULTS["prediction"]):
        for name in ("p.txt", "p.csv", "p.json"):
            code, out, err = nextlabel(*COMMANDS["prediction"], "-o", name)
            assert (code, out) == (0, "")
            assert ("p.txt is a labels file that no person wrote" in err) is (name == "p.txt")
    assert read_labels(data.root / "p.txt").classes_by_name == {"a.png": "cat", "b.png": "dog"}
    assert (data.root / "p.csv").read_text().startswith("name,predicted")
    assert json.loads((data.root / "p.json").read_text())["kind"] == "prediction"


def test_what_a_result_says_of_itself_names_no_option_of_the_command_nor_a_form_it_may_not_have():
    for result in RESULTS.values():
        assert not re.search(r"--\w|\.(csv|json|svg)", " ".join(result.sentences()))


def test_an_id_that_is_empty_and_names_in_another_encoding_are_told_to_be_that(nextlabel, data):
    for command in (["watch", ""], ["result", " ", "-o", "a.csv"], ["cancel", ""], ["jobs", ""]):
        code, _, err = nextlabel(*command)
        assert (code, "it is empty; `nextlabel jobs` lists ids" in err) == (2, True)
    (data.root / "names.txt").write_bytes("a.png\n".encode("utf-16"))
    code, _, err = nextlabel(*SELECT, "--exclude", "@names.txt")
    assert (code, "names.txt: the file is UTF-16; save it as UTF-8" in err) == (2, True)


def test_what_can_not_be_written_is_wrong_usage_before_any_work(nextlabel, client):
    assert nextlabel(*SELECT, "-o", "p.txt", "--format", "csv", "--json")[0] == 2
    code, _, err = nextlabel(*SELECT, "-o", "nowhere/p.csv")
    assert code == 2
    assert "there is no folder nowhere to write p.csv to" in err
    code, _, err = nextlabel(*SELECT, "-o", "/proc/p.csv")
    assert code == 2
    assert "p.csv can't be written: /proc: " in err
    assert client.jobs() == []


def test_a_chart_is_drawn_where_there_is_one_and_refused_before_the_work_where_not(nextlabel, client, data, worker):
    with worker.carrying_out(RESULTS["map"]):
        assert nextlabel(*COMMANDS["map"], "-o", "map.svg")[0] == 0
    assert (data.root / "map.svg").read_text().startswith("<svg ")
    with worker.carrying_out(RESULTS["agreement"]):
        assert nextlabel(*COMMANDS["agreement"], "-o", "people.SVG")[0] == 0
    code, _, err = nextlabel(*SELECT, "-o", "batch.svg")
    assert (code, len(client.jobs())) == (2, 2)
    assert "no chart is drawn of what `select` answers" in err


def test_beside_a_csv_it_is_said_how_its_chart_is_drawn_but_of_a_kind_that_is_not_known_here(
    nextlabel, client, worker, monkeypatch
):
    with worker.carrying_out(RESULTS["map"]):
        code, _, err = nextlabel(*COMMANDS["map"], "-o", "map.csv")
    (job,) = client.jobs()
    assert code == 0
    told = f"map.csv has the numbers; `nextlabel result {job.id} -o map.svg` draws them"
    assert told in err
    assert nextlabel("result", job.id, "-o", "map.svg")[0] == 0
    monkeypatch.setattr(output, "KINDS", {})  # a service newer than the command has more
    code, _, err = nextlabel("result", job.id, "-o", "again.csv")
    assert (code, "has the numbers" in err) == (0, False)


def test_a_chart_is_a_png_where_its_name_says_so(nextlabel, data, worker):
    pytest.importorskip("resvg_py")
    with worker.carrying_out(RESULTS["map"]):
        assert nextlabel(*COMMANDS["map"], "-o", "map.PNG")[0] == 0
    assert (data.root / "map.PNG").read_bytes().startswith(b"\x89PNG")


def test_a_png_without_what_draws_it_is_refused_before_the_work(nextlabel, client, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    code, _, err = nextlabel(*COMMANDS["map"], "-o", "map.png")
    assert code == 2
    assert "pip install 'nextlabel[png]'; an .svg needs nothing" in " ".join(err.split())
    assert client.jobs() == []


@pytest.mark.parametrize("name", ["map.jpg", "map.HTML", "map.pdf"])
def test_no_picture_is_drawn_and_none_is_pretended(nextlabel, client, data, name):
    for more in ((), ("--format", "csv")):
        code, _, err = nextlabel(*COMMANDS["map"], "-o", name, *more)
        assert code == 2
        assert f"{name}: charts are drawn as .svg and .png alone" in err
    assert client.jobs() == []
    assert not (data.root / name).exists()


def test_a_name_that_says_no_form_is_asked_about(nextlabel, worker, data):
    for name in ("result", "result.xlsx"):
        code, _, err = nextlabel(*SELECT, "-o", name)
        assert code == 2
        assert "let it end in .json, .csv, .tsv, .txt, or say --format" in err
    with worker.carrying_out(RESULTS["selection"]):
        assert nextlabel(*SELECT, "-o", "result.xlsx", "--format", "csv")[0] == 0
    assert (data.root / "result.xlsx").read_text().startswith("rank,name")


def test_guesses_do_not_take_the_place_of_the_labels_they_come_from(nextlabel, client, data):
    (data.root / "labels").mkdir()
    (data.root / "labels" / "anna.txt").write_text("a.png\tcat\nb.png\tdog\n")
    for labels, out in (("labels.txt", "labels.txt"), ("labels", "labels/predicted.txt"), ("labels", "labels/p.csv")):
        code, _, err = nextlabel("predict", "pool", "--labels", labels, "-o", out)
        assert code == 2
        assert "would count as labels" in err
        assert ("is or lies in --labels: " in err) == (out == "labels.txt")
    assert client.jobs() == []


def test_a_job_that_was_asked_for_before_is_known_by_its_labels(nextlabel, client, data, worker):
    (data.root / "labels").mkdir()
    (data.root / "labels" / "anna.txt").write_text("a.png\tcat\nb.png\tdog\n")
    (data.root / "labels" / "plot.py").touch()  # it looks as if somebody worked there
    request = {"kind": "prediction", "backbone": "descriptor", "path_to_img": str(data.root / "pool")}
    with worker.carrying_out(RESULTS["prediction"]):
        job = client.wait(client.submit({**request, "path_to_labels": str(data.root / "labels")}).id)
    for words in ("result", "watch", "retry"):
        code, _, err = nextlabel(words, job.id, "-o", "labels/p.txt")
        assert (code, f"is or lies in {data.root / 'labels'}: a model's guesses would count" in err) == (2, True), err
    assert (len(client.jobs()), (data.root / "labels" / "p.txt").exists()) == (1, False)


def test_guesses_do_not_come_among_the_labels_of_people_by_any_command(nextlabel, client, data):
    (data.root / "labels").mkdir()
    (data.root / "labels" / LOCK_NAME).touch()  # somebody has labelled there
    for words in (("predict", "pool", "--labels", "labels.txt"), ("result", "job_x"), ("watch", "job_x")):
        code, _, err = nextlabel(*words, "-o", "labels/p.txt")
        assert code == 2
        assert "people's labels lie in labels, and a model's guesses in" in err
    assert client.jobs() == []


def test_beside_the_images_guesses_may_lie_until_labels_lie_there_that_were_written_by_nextlabel(nextlabel, data):
    assert nextlabel("result", "job_x", "-o", "p.csv")[0] == 3  # there is no such job
    (data.root / LOCK_NAME).touch()  # as `import --labels labels.txt` leaves it
    code, _, err = nextlabel("result", "job_x", "-o", "p.csv")
    assert (code, "people's labels lie in ." in err) == (2, True), err
    (data.root / "labels.txt").unlink()
    assert nextlabel("result", "job_x", "-o", "p.csv")[0] == 3


def test_work_goes_on_when_nobody_reads_its_progress_any_more(data, worker, url, settings):
    command = f"{sys.executable} -m nextlabel.client.main {' '.join(COMMANDS['prediction'])}"
    environment = {**os.environ, "NEXTLABEL_URL": url}

    def ends_with(pipes):
        script = f"cd {data.root}; {command} {pipes}; exit ${{PIPESTATUS[0]}}"
        return subprocess.run(["bash", "-c", script], env=environment, capture_output=True, check=False, timeout=60)

    def carry_out(job_id):
        claim = worker.claim(job_id)
        time.sleep(1)  # `head` has ended by then
        worker.report(claim, 30)
        worker.succeed(job_id, RESULTS["prediction"], claim)

    with worker.at_work(carry_out):
        told = ends_with("-o p.csv 2>&1 >/dev/null | head -1")
        assert (told.returncode, told.stdout[:8], told.stderr) == (0, b"job job_", b"")
        assert (data.root / "p.csv").read_text().startswith("name,predicted")
        told = ends_with("2>&1 | head -1")
        assert (told.returncode, told.stderr) == (141, b"")


def test_no_chart_is_drawn_among_the_images(nextlabel, client, data):
    code, _, err = nextlabel(*COMMANDS["map"], "-o", "pool/map.png")
    assert (code, "its images would count for the pool's" in err, client.jobs()) == (2, True, [])


def test_waiting_without_a_worker_is_said(nextlabel, worker, monkeypatch):
    def shown_once(client, job_id, on_change):
        on_change(client.job(job_id))
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "wait", shown_once)
    assert "the job waits: no worker was seen" in nextlabel(*SELECT)[2]
    worker.store.note_worker("w")
    assert "the job waits" not in nextlabel(*SELECT)[2]


def test_what_is_misspelt_is_told_with_what_is_called_nearly_so(nextlabel):
    for line, meant in ((("selcet", "pool"), "'select'"), (("labels", "convrt"), "'convert'")):
        err = nextlabel(*line)[2]
        assert "Did you mean" in err
        assert meant in err
    assert (
        "with --task detection, --cost most_s=7200 asks for two hours of work" in nextlabel(*SELECT, "--hours", "2")[2]
    )
    assert "--cost" not in nextlabel(*COMMANDS["map"], "--hours", "2")[2]
    assert "Did you mean margin" in nextlabel(*SELECT, "--method", "margn")[2]


def test_labels_that_a_kind_needs_are_asked_for_before_any_work(nextlabel, client):
    for command in ("predict", "curve", "audit", "check"):
        code, _, err = nextlabel(command, "pool")
        assert (code, "Missing option '-l' / '--labels'" in err) == (2, True)
        assert "leave it out" not in nextlabel(command, "--help")[1]
    assert "None yet: leave it out." in " ".join(nextlabel("select", "--help")[1].split())
    assert client.jobs() == []


def test_where_the_service_may_be_named_is_said(nextlabel):
    assert "NEXTLABEL_URL" in nextlabel("select", "--help")[1]


def test_a_labels_file_of_a_kind_that_has_no_classes_is_refused_before_any_work(nextlabel, client):
    for kind in ("f1", "learning_curve", "audit", "similar", "map", "embedding"):
        code, _, err = nextlabel(*COMMANDS[kind], "-o", "x.tsv")
        assert code == 2
        assert "has no labels to give as tsv" in err
        assert RESULTS[kind].labels_file() is None
    assert client.jobs() == []
    assert all(
        RESULTS[kind].labels_file() is not None for kind in ("selection", "prediction", "label_check", "agreement")
    )


def test_paths_that_are_here_reach_the_service_wherever_its_roots_are(nextlabel, client, data):
    job_id = nextlabel(*COMMANDS["prediction"], "--no-wait")[1].strip()
    request = client.job(job_id).request
    assert request["path_to_img"] == str(data.root / "pool")
    assert request["path_to_labels"] == str(data.root / "labels.txt")


def test_a_refusal_tells_every_fault_by_its_option(nextlabel):
    code, out, err = nextlabel("select", "nowhere", "-n", "3", "--backbone", "b9", "--class-quotas", "cat=4")
    assert (code, out) == (3, "")
    assert err.startswith("nextlabel: refused:\n")
    assert {line.split(":")[0].strip() for line in err.splitlines()[1:]} == {"--backbone", "--class-quotas", "POOL"}


def test_every_end_has_its_exit_code(nextlabel, worker, monkeypatch):
    with worker.at_work(lambda job_id: worker.fail(job_id, "empty_pool")):
        code, out, err = nextlabel(*SELECT)
    assert (code, out) == (1, "")
    assert err.endswith("nextlabel: empty_pool: it went wrong\n")
    with worker.at_work(worker.store.cancel):
        assert nextlabel(*SELECT)[0] == 4
    assert nextlabel("select", "pool")[0] == 2
    assert nextlabel("nonsense")[0] == 2
    code, out, err = nextlabel("jobs", "--url", f"127.0.0.1:{free_port()}")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert err.startswith("nextlabel: no answer from http://127.0.0.1:")


def test_weights_that_are_not_there_are_told_with_what_needs_none(nextlabel, worker):
    with worker.at_work(lambda job_id: worker.fail(job_id, "weights_unavailable")):
        assert "`--backbone descriptor` needs no weights" in nextlabel(*SELECT)[2]


@pytest.mark.parametrize(
    "asked",
    [
        ("similar", "pool", "-n", "1", "--like-text", "a cat", "--backbone", "siglip"),
        ("predict", "pool", "--task", "detection", "--detector", "large"),
        (*SELECT, "--backbone", "descriptor"),
    ],
)
def test_a_backbone_without_weights_is_not_named_where_it_would_not_help(nextlabel, worker, asked):
    with worker.at_work(lambda job_id: worker.fail(job_id, "weights_unavailable")):
        code, _, err = nextlabel(*asked)
    assert code == 1
    assert "weights_unavailable: it went wrong" in err
    assert "for a first try" not in err


@pytest.mark.parametrize(("more", "state"), [((), "queued"), (("--cancel-on-interrupt",), "cancelled")])
def test_ctrl_c_leaves_the_job_unless_told_otherwise(nextlabel, client, monkeypatch, more, state):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "wait", interrupted)
    code, out, err = nextlabel(*SELECT, *more)
    (job,) = client.jobs()
    assert (code, out, job.state) == (130, "", state)
    if more:
        assert f"job {job.id} is cancelled" in err
    else:
        assert f"Follow it: nextlabel watch {job.id}   End it: nextlabel cancel {job.id}" in err


def test_on_a_terminal_a_person_gets_a_table(nextlabel, worker, monkeypatch):
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
    with worker.carrying_out(RESULTS["label_check"]):
        code, out, _ = nextlabel(*COMMANDS["label_check"])
    assert code == 0
    assert "1 of 200 labels looks wrong; about 10 are expected to be (5.0 %)." in out
    assert "suggested" in out


# --- jobs -------------------------------------------------------------------------------------------------------


def test_a_job_that_was_left_is_watched_fetched_listed_and_deleted(nextlabel, worker, client):
    job_id = nextlabel(*SELECT, "--no-wait")[1].strip()
    with worker.carrying_out(RESULTS["selection"]):
        assert nextlabel("watch", job_id, "--json")[:2] == (0, RESULTS["selection"].model_dump_json() + "\n")
    assert nextlabel("result", job_id, "--format", "tsv")[:2] == (0, "a.png\tcat\nb.png\tdog\n")
    code, listed, _ = nextlabel("jobs")
    assert (code, job_id in listed, "succeeded" in listed) == (0, True, True)
    assert [one["id"] for one in json.loads(nextlabel("jobs", "--json", "--kind", "selection")[1])] == [job_id]
    assert json.loads(nextlabel("jobs", job_id)[1])["request"]["add"] == 1
    assert nextlabel("delete", job_id)[:2] == (0, f"{job_id} deleted\n")
    assert nextlabel("result", job_id)[::2] == (3, f"nextlabel: there is no job {job_id}\n")
    assert client.jobs() == []


def test_a_job_is_cancelled_and_retried(nextlabel, worker):
    job_id = nextlabel(*SELECT, "--no-wait")[1].strip()
    assert nextlabel("cancel", job_id)[:2] == (0, f"{job_id} cancelled\n")
    assert nextlabel("watch", job_id)[0] == 4
    again = nextlabel("retry", job_id, "--no-wait")[1].strip()
    assert again != job_id
    with worker.carrying_out(RESULTS["selection"]):
        assert nextlabel("watch", again)[0] == 0
        assert nextlabel("retry", again)[0] == 3  # it has succeeded
        assert nextlabel("retry", job_id, "--json")[:2] == (0, RESULTS["selection"].model_dump_json() + "\n")


def test_what_the_service_can_do_is_shown(nextlabel, data):
    code, out, _ = nextlabel("capabilities")
    assert code == 0
    assert all(f"\n{row}" in out for row in ("backbone,mobilenet,", "method,uherding,", "head,linear_alone,"))
    assert json.loads(nextlabel("capabilities", "--json")[1])["data_roots"] == [str(data.root)]

"""What all kinds of jobs hold to: a part that was forgotten fails here."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from nextlabel.core.kinds.registry import KINDS, JobResult, form_of, parse_request
from nextlabel.core.kinds.results import Result
from nextlabel.core.pipelines.registry import PIPELINES
from nextlabel.core.tasks.registry import TASKS
from tests.canned_results import RESULTS

ROOT = Path(__file__).resolve().parents[3]


def test_every_file_of_a_kind_is_registered():
    shared = {"__init__", "admission", "base", "projects", "registry", "requests", "results", "showing"}
    assert {path.stem for path in (ROOT / "core" / "kinds").glob("*.py")} - shared == set(KINDS)


def test_every_kind_has_a_pipeline_for_each_of_its_tasks_and_every_pipeline_a_kind():
    files = [path for path in (ROOT / "core" / "pipelines").rglob("*.py") if path.stem != "registry"]
    pipelines = {name_of(path) for path in files if "\ndef carry_out(" in path.read_text()}
    assert {name_of(Path(inspect.getfile(pipeline))) for pipeline in PIPELINES.values()} == pipelines
    assert PIPELINES.keys() == {(kind.name, task) for kind in KINDS.values() for task in kind.tasks}


def name_of(path: Path) -> str:
    return path.resolve().relative_to(ROOT / "core" / "pipelines").as_posix()


@pytest.mark.parametrize(("kind", "task"), PIPELINES)
def test_a_pipeline_leads_from_the_request_of_its_kind_to_the_result_of_its_task(kind, task):
    hints = get_type_hints(PIPELINES[kind, task])
    assert (hints["request"], hints["return"]) == (KINDS[kind].request, KINDS[kind].result_of(task))


def test_the_union_of_results_is_of_all_kinds_and_tasks():
    members = [get_args(member) for member in get_args(JobResult)]
    every = {kind.result_of(task) for kind in KINDS.values() for task in kind.tasks}
    assert {result for result, _ in members} == every
    assert all(set(kind.results) < set(kind.tasks) for kind in KINDS.values())
    for result, tag in members:
        assert form_of(result.model_construct()) == form_of(result.model_construct().model_dump()) == tag.tag


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_request_and_the_result_of_a_kind_bear_its_name(kind):
    assert kind.request.model_fields["kind"].default == kind.result.model_fields["kind"].default == kind.name
    assert KINDS[kind.name] is kind
    assert next(iter(kind.result.model_fields)) == "kind"


@pytest.mark.parametrize("words", ["name", "title", "question", "call", "command"])
def test_no_two_kinds_are_called_alike(words):
    assert len({getattr(kind, words) for kind in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_says_all_that_is_shown_of_it(kind):
    assert all((kind.title, kind.answer, kind.usage, kind.about, kind.shell_examples, kind.stages))
    assert kind.question.endswith("?")
    assert kind.summary.endswith(".")
    assert all(example.startswith(f"nextlabel {kind.command} ") for example in kind.shell_examples)
    assert (ROOT / "docs" / f"{kind.more}.md").exists()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_example_of_a_kind_is_a_request_for_it(kind):
    assert type(parse_request(dict(kind.example))) is kind.request


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_proposes_labels_if_its_result_ever_gives_some(kind):
    assert kind.proposes_labels == (RESULTS[kind.name].labels_file() is not None)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_stages_that_a_job_has_no_need_of_are_left_out_and_the_rest_keep_their_order(kind):
    first, *rest = kind.stages
    assert kind.planned() == kind.stages
    assert kind.planned(leave_out=[first]) == tuple(rest)
    with pytest.raises(AssertionError):
        kind.planned(leave_out=["rest"])


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_serves_the_task_that_requests_have_by_default(kind):
    assert kind.tasks[0] == kind.request.model_fields["task"].default


def test_the_tasks_that_kinds_serve_are_those_that_there_are():
    assert {task for kind in KINDS.values() for task in kind.tasks} == set(TASKS)


def test_a_result_has_to_say_what_its_rows_and_sentences_are():
    class Half(Result):
        columns = ()

    with pytest.raises(TypeError, match="abstract"):
        Half(kind="half")

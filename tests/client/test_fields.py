"""What editors are told of requests is what requests are."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Literal, Required, get_args, get_origin, get_overloads, get_type_hints

import pytest

from nextlabel.api.views import JobView
from nextlabel.client import fields, http
from nextlabel.client.job import Job
from nextlabel.core.kinds.registry import KINDS, result_adapter
from tests.canned_results import RESULTS

ROOT = Path(__file__).resolve().parents[2]
#: By kind, the client's call and what it is told to take.
CALLS = {
    "selection": ("select", fields.SelectionFields),
    "prediction": ("predict", fields.PredictionFields),
    "f1": ("f1", fields.F1Fields),
    "learning_curve": ("learning_curve", fields.LearningCurveFields),
    "audit": ("audit", fields.AuditFields),
    "label_check": ("label_check", fields.LabelCheckFields),
    "agreement": ("agreement", fields.AgreementFields),
    "similar": ("similar", fields.SimilarFields),
    "map": ("map", fields.MapFields),
    "embedding": ("embed", fields.EmbeddingFields),
}


def test_what_is_made_from_the_kinds_is_as_it_would_be_made_now():
    """`make kinds` mends it: client/fields.py and the table in README.md."""
    told = subprocess.run(
        [sys.executable, "-m", "tools.kinds", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")


def test_every_kind_has_a_call_and_a_result_to_try_it_with():
    assert set(CALLS) == set(KINDS) == set(RESULTS)
    every = {kind.result_of(task) for kind in KINDS.values() for task in kind.tasks}
    assert set(get_type_hints(http.Client.run)["return"].__args__) == every
    assert all(type(RESULTS[name]) is kind.result for name, kind in KINDS.items())


@pytest.mark.parametrize("kind", KINDS)
def test_help_spells_out_every_field_with_its_default(kind):
    shown = inspect.signature(getattr(http.Client, CALLS[kind][0])).parameters
    fields = {name: info for name, info in KINDS[kind].request.model_fields.items() if name != "kind"}
    assert shown.keys() == fields.keys() | {"self", "on_change", "timeout_s"}
    given = {
        name: info.get_default(call_default_factory=True) for name, info in fields.items() if not info.is_required()
    }
    assert {name: shown[name].default for name in given} == given


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", [http.Client, http.AsyncClient])
def test_help_says_what_every_field_is(kind, client):
    call = getattr(client, CALLS[kind][0])
    told = inspect.getdoc(call)
    assert told.startswith(KINDS[kind].request.__doc__.split("\n")[0])
    lines = [line.split(": ", 1) for line in told.splitlines()[2:] if not line.startswith(" ")]
    assert [name for name, _ in lines] == list(inspect.signature(call).parameters)[1:]
    assert all(words for _, words in lines)


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_takes_all_fields_of_its_request_and_no_others(kind):
    request, (name, told) = KINDS[kind].request.model_fields, CALLS[kind]
    hints = get_type_hints(told, include_extras=True)
    assert hints.keys() == request.keys() - {"kind"}
    needed = {field for field, hint in hints.items() if get_origin(hint) is Required}
    assert needed == {field for field, info in request.items() if info.is_required()}
    for client in (http.Client, http.AsyncClient):
        hints = get_type_hints(getattr(client, name))
        assert hints["request"].__args__ == (told,)
        results = {KINDS[kind].result_of(task) for task in KINDS[kind].tasks}
        assert set(get_args(hints["return"]) or [hints["return"]]) == results


@pytest.mark.parametrize("client", [http.Client, http.AsyncClient])
def test_a_call_is_overloaded_by_the_task_where_answers_differ(client):
    multilabel, boxes, one = (
        getattr(fields, f"{task}F1Fields") for task in ("Multilabel", "Detection", "Classification")
    )
    assert get_type_hints(multilabel, include_extras=True)["task"] == Required[Literal["multilabel"]]
    assert get_type_hints(one)["task"] == Literal["classification"]
    overloads = get_overloads(vars(client.__mro__[1])["f1"])
    told = [(get_type_hints(call)["request"].__args__, get_type_hints(call)["return"]) for call in overloads]
    results = KINDS["f1"].results
    assert told[:2] == [((one,), KINDS["f1"].result), ((multilabel,), results["multilabel"])]
    assert told[2:] == [((boxes,), results["detection"])]


def test_a_job_is_read_as_the_api_writes_it():
    assert Job.model_fields.keys() == JobView.model_fields.keys()


@pytest.mark.parametrize("kind", RESULTS)
def test_the_hand_made_results_are_such_as_the_wire_has(kind):
    assert result_adapter.validate_json(RESULTS[kind].model_dump_json()) == RESULTS[kind]

"""Every answer is as the OpenAPI document says: schemathesis makes requests from it, good ones and bad ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis import Case

from nextlabel.api.app import create_app
from nextlabel.api.document import EXAMPLES
from nextlabel.api.routes.jobs import MAX_WAIT_S
from nextlabel.core.data.classes import change_class
from nextlabel.core.data.projects import NamedProject, keep_project
from nextlabel.core.jobs.record import JobState, new_job_id
from nextlabel.core.keys import KeyFile, Scope
from nextlabel.core.kinds.registry import KINDS, parse_request
from nextlabel.core.settings import Settings
from tests.api.support import Data, Worker, settings_for
from tests.canned_results import RESULTS
from tests.pools import draw

#: Deterministic: neither chance nor what earlier answers held decides what is asked.
CONFIG = schemathesis.Config.from_dict(
    {
        "seed": 1,
        # What a schema can't say: which paths, methods and cursors exist.
        "checks": {
            "positive_data_acceptance": {"enabled": False},
            # Lists that are too long may be too large, too.
            "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "406", "413", "415", "422"]},
        },
        "generation": {"deterministic": True, "max-examples": 12, "database": "none", "no-shrink": True},
        "phases": {
            "coverage": {"extra-data-sources": {"responses": False}},
            "fuzzing": {"extra-data-sources": {"responses": False}, "error-feedback": {"enabled": False}},
        },
    }
)
DOCUMENT = schemathesis.openapi.from_dict(create_app(Settings()).openapi(), config=CONFIG)


@DOCUMENT.hook
def filter_query(_: schemathesis.HookContext, query: dict[str, Any] | None) -> bool:
    """Anything in an address is a text, one alone is a list of one, and of several the last counts: of texts, what is
    of another type in a document is no fault there."""
    query = query or {}
    of = query.get("of", [])
    texts = isinstance(of, list) and all(isinstance(name, str) for name in of)
    return texts and isinstance(query.get("class", ""), str)


#: They write into a folder of labels, which is made.
INTO_A_FOLDER = ("POST /labels", "POST /labels/notes", "POST /labels/validation")
MOST_OF_A_NAME = 64  # of a project


class Stock:
    """Jobs in any state, and meanwhile a worker for those that came over HTTP."""

    def __init__(self, worker: Worker, data: Data, state: Path) -> None:
        self._worker, self._data, self._state = worker, data, state
        (image,) = draw(data.root / "pool", red=1)
        self._there = {**data.selection, **data.f1, "method": "margin", "name": image, "path": "pool"}
        self._given = {**self._there, "path_to_labels": str(data.root / "given")}
        self._of_class = {"path_to_labels": str(data.root / "classes"), "class": "cat"}
        self._drawn = {"path_to_labels": str(data.root / "boxes"), "path_to_img": str(data.root / "pool")}
        self._ours: set[str] = set()
        self._states = cycle([*JobState, None])
        self._kinds = cycle(RESULTS)
        self._furnished = cycle([True, True, False])

    def job(self, state: JobState, kind: str = "selection") -> str:
        job_id, store = new_job_id(), self._worker.store
        self._ours.add(job_id)
        store.submit(job_id, kind, parse_request(getattr(self._data, kind)).model_dump_json())
        if state is JobState.SUCCEEDED:
            self._worker.succeed(job_id, RESULTS[kind])
        elif state is JobState.FAILED:
            self._worker.fail(job_id, "out_of_memory")
        elif state in (JobState.RUNNING, JobState.CANCELLING):
            self._worker.report(self._worker.claim(job_id), 1)
        if state in (JobState.CANCELLING, JobState.CANCELLED):
            store.cancel(job_id)
        return job_id

    def furnish(self, case: Case) -> None:
        """Makes most of what the case names exist, and its waiting short."""
        if "job_id" in case.path_parameters and (state := next(self._states)):
            case.path_parameters["job_id"] = self.job(_that_ends(state, case), next(self._kinds))
        if re.fullmatch(r"[0-9.]+", str(case.query.get("wait"))) and float(case.query["wait"]) <= MAX_WAIT_S:
            case.query["wait"] = float(case.query["wait"]) / 1000
        for given in (case.body, case.query):
            if isinstance(given, dict) and next(self._furnished):
                there = self._given if case.operation.label in INTO_A_FOLDER else self._there
                if case.operation.path.startswith("/labels/boxes"):
                    there = self._drawn
                    self._name_images(given)
                if case.operation.path.startswith("/projects"):
                    there = {**there, "name": self._keep_a_project()}
                    if len(str(given.get("name"))) > MOST_OF_A_NAME:
                        del there["name"]
                if case.operation.path.startswith("/labels/classes/"):
                    self._label_a_class(changed=case.operation.path.endswith("undo"))
                    there = self._of_class
                given |= {name: there[name] for name in given.keys() & there if _is_name(given[name])}

    def _keep_a_project(self) -> str:
        one = NamedProject("cards", str(self._data.root / "pool"), str(self._data.root / "labels.txt"))
        keep_project(self._state, one, was=None, roots=[self._data.root])
        return one.name

    def _label_a_class(self, *, changed: bool) -> None:
        folder = self._data.root / "classes"
        folder.mkdir(exist_ok=True)
        (folder / "anna.txt").write_text("a.png\tcat\n")
        if changed:
            change_class(folder, "cat", "dog", roots=[self._data.root])

    def _name_images(self, given: dict[str, Any]) -> None:
        (self._data.root / "boxes").mkdir(exist_ok=True)
        images = given.get("images")
        for one in images if isinstance(images, list) else ():
            if isinstance(one, dict) and _is_name(one.get("name")):
                one["name"] = self._there["name"]

    def carry_out(self, job_id: str) -> None:
        """Of a job that came over HTTP; ours are to stay as they are."""
        if job_id not in self._ours:
            self._worker.succeed(job_id, RESULTS[self._worker.store.get(job_id).kind])


def _that_ends(state: JobState, case: Case) -> JobState:
    """The events of a job that nobody ends would never end, either."""
    return state if state.is_final or not case.operation.path.endswith("/events") else JobState.CANCELLED


def _is_name(value: Any) -> bool:
    """As far as the document says. What it forbids is left alone: it has to be refused."""
    return isinstance(value, str) and 1 <= len(value) <= 1000 and value not in KINDS


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture
def key(keys: KeyFile) -> dict[str, str]:
    """The header of one who may do everything with all jobs."""
    return {"Authorization": f"Bearer {keys.create('ada', (Scope.ADMIN, Scope.WRITE))}"}


@pytest.fixture
def settings(data: Data, tmp_path: Path, empty_redis: str, key: dict[str, str], keys: KeyFile) -> Settings:
    no_limits = {"submits_per_minute": 0, "reads_per_minute": 0}
    return settings_for(data, tmp_path, empty_redis, api_keys_file=keys.path, **no_limits)


@pytest.fixture
def stock(worker: Worker, data: Data, settings: Settings) -> Iterator[Stock]:
    stock = Stock(worker, data, settings.state_dir)
    with worker.at_work(stock.carry_out):
        yield stock


@pytest.fixture
def statuses() -> Iterator[set[int]]:
    """Of the answers to one call; some must be good ones, or refusals alone were tested."""
    statuses: set[int] = set()
    yield statuses
    assert {status for status in statuses if status < 300}


@hypothesis.settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@DOCUMENT.parametrize()
def test_every_answer_is_as_documented(case: Case, url: str, key: dict[str, str], stock: Stock, statuses: set[int]):
    stock.furnish(case)
    answer = case.call(base_url=url, headers=key)
    statuses.add(answer.status_code)
    case.validate_response(answer)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_every_request_that_the_document_shows_is_accepted(client, data, key, example):
    data.pool("photos/train", "a.png", "b.png")
    data.pool("photos/val", "c.png")
    (data.root / "photos" / "labels").mkdir()
    data.labels("photos/labels/1.txt", "a.png\tcat\nb.png\tdog\n")
    data.labels("photos/labels_val.txt", "c.png\tcat\n")
    assert client.post("/jobs", json=example["value"], headers=key).status_code == 202

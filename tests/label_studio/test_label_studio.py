"""What a person does with Label Studio beside nextlabel, done over Label Studio's own API."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nextlabel.client.http import Client
from nextlabel.client.main import cli
from nextlabel.client.stack import Stack
from nextlabel.core.exchange.label_studio import Control, config
from nextlabel.core.tasks.classification import read_labels
from nextlabel.core.tasks.registry import CLASSIFICATION, MULTILABEL
from tests.e2e.test_faults import until
from tests.label_studio.conftest import EMAIL, PASSWORD, LabelStudio
from tests.pools import class_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CLASSES = ("red", "green", "blue")
BATCH = 9
PREFIX = "/data/local-files/?d=photos/"
HIDDEN = (
    "inner_id completed_at cancelled_annotations total_predictions annotators annotations_results annotations_ids "
    "predictions_model_versions file_upload storage_filename created_at updated_at updated_by avg_lead_time "
    "draft_exists"
)
ASCENDING = {
    "ordering": ["tasks:predictions_score"],
    "hiddenColumns": {"explore": [f"tasks:{name}" for name in HIDDEN.split()], "labeling": []},
}


class Project:
    """One in Label Studio, with the photos as its tasks and nextlabel as its model."""

    def __init__(self, studio: LabelStudio, stack: Stack, data: Path, api_key: str, *, several: bool = False) -> None:
        self.studio, self.data = studio, data
        self.folder, self.task = ("several", MULTILABEL) if several else ("labels", CLASSIFICATION)
        (data / self.folder).mkdir(exist_ok=True)
        view = config((*CLASSES, "stripes") if several else CLASSES, Control(), several=several)
        made = studio.ask("POST", "/api/projects", json={"title": "Stripes", "label_config": view})
        self.id = made["id"]
        self._take_photos(data / "photos")
        self.url = (
            f"{stack.url}/label-studio/path_to_img=photos&path_to_labels={self.folder}&task={self.task.name}&backbone=descriptor&add={BATCH}"
            "&image_prefix=/data/local-files/%3Fd=photos"
        )
        self._connect(api_key)
        self.view = studio.ask("POST", "/api/dm/views", json={"project": self.id, "data": ASCENDING})["id"]

    def _take_photos(self, folder: Path) -> None:
        storage = {"project": self.id, "path": str(folder), "regex_filter": r".*\.png", "use_blob_urls": True}
        made = self.studio.ask("POST", "/api/storages/localfiles", json={**storage, "recursive_scan": True})
        self.studio.ask("POST", f"/api/storages/localfiles/{made['id']}/sync")

    def _connect(self, api_key: str) -> None:
        """The password reaches the model's calls; the webhook, which Label Studio makes by itself, needs a header."""
        model = {"project": self.id, "url": self.url, "title": "nextlabel"}
        password = {"auth_method": "BASIC_AUTH", "basic_auth_user": "nextlabel", "basic_auth_pass": api_key}
        self.model = self.studio.ask("POST", "/api/ml", json={**model, **password})["id"]
        (webhook,) = self.studio.ask("GET", "/api/webhooks/", params={"project": self.id})
        assert webhook["url"] == f"{self.url}/webhook"
        headers = {"headers": {"Authorization": f"Bearer {api_key}"}}
        self.studio.ask("PATCH", f"/api/webhooks/{webhook['id']}/", json=headers)

    def predict(self) -> None:
        self.studio.ask(
            "POST",
            "/api/dm/actions",
            params={"id": "retrieve_tasks_predictions", "project": self.id, "tabID": self.view},
            json={"selectedItems": {"all": True, "excluded": []}},
        )

    def sorted_tasks(self) -> list[dict[str, Any]]:
        return self.studio.tasks(self.view)

    def next_task(self) -> dict[str, Any]:
        """What `Label Tasks As Displayed` opens."""
        where = {"id": "next_task", "project": self.id, "tabID": self.view}
        return self.studio.ask("POST", "/api/dm/actions", params=where, json={"ordering": ASCENDING["ordering"]})

    def annotate(self, task: dict[str, Any], *classes: str, **more: Any) -> int:
        body = {"result": Control().result(*classes), **more}
        return self.studio.ask("POST", f"/api/tasks/{task['id']}/annotations/", json=body)["id"]

    def export(self, kind: str, file: Path) -> Path:
        answer = self.studio.http.get(f"/api/projects/{self.id}/export", params={"exportType": kind})
        assert answer.is_success
        file.write_bytes(answer.content)
        return file

    def labels(self) -> dict[str, Any]:
        """In the labels folder."""
        return dict(self.task.read(self.data / self.folder).classes_by_name)


def name_of(task: dict[str, Any]) -> str:
    return task["data"]["image"].partition("photos/")[2].replace("%20", " ")


@pytest.fixture(scope="module")
def project(label_studio, stack, data, api_key):
    return Project(label_studio, stack, data, api_key)


@pytest.fixture(scope="module")
def client(stack, api_key):
    with Client(stack.url, api_key) as client:
        yield client


def newest(client, kind):
    return client.wait(client.jobs(kind=kind, limit=1)[0].id).result


def test_a_person_goes_round_the_loop_in_label_studio(project, client, tmp_path):
    project.predict()
    batch = list(newest(client, "selection").data)
    tasks = project.sorted_tasks()
    assert len(tasks) == 36
    assert [name_of(task) for task in tasks[:BATCH]] == batch, "without labels, the batch comes first, in rank order"
    assert all(task["predictions_score"] is None for task in tasks[BATCH:])
    assert project.next_task()["id"] == tasks[0]["id"]
    said = {name_of(task): class_of(name_of(task)) for task in tasks[:BATCH]}
    annotations = {name_of(task): project.annotate(task, said[name_of(task)]) for task in tasks[:BATCH]}
    until(lambda: project.labels() == said)

    project.predict()
    batch = list(newest(client, "selection").data)
    tasks = project.sorted_tasks()
    assert [name_of(task) for task in tasks[:BATCH]] == batch
    assert {name_of(task) for task in tasks[-BATCH:]} == set(said), "what is labelled comes last"
    assert all(task["predictions_score"] is not None for task in tasks)
    guesses = {name_of(task): _predicted(project, task) for task in tasks}
    assert sum(guess == class_of(name) for name, guess in guesses.items()) > 30, guesses
    screenshot(project)

    first, second = list(annotations)[:2]
    project.studio.ask("PATCH", f"/api/annotations/{annotations[first]}/", json={"result": Control().result("blue")})
    until(lambda: project.labels() == {**said, first: "blue"})
    project.studio.ask("DELETE", f"/api/annotations/{annotations[second]}/")
    until(lambda: project.labels() == {name: c for name, c in {**said, first: "blue"}.items() if name != second})
    skipped = tasks[0]
    project.annotate(skipped, "red", was_cancelled=True)

    for kind, suffix in (("JSON", "json"), ("JSON_MIN", "json"), ("CSV", "csv")):
        file = project.export(kind, tmp_path / f"{kind}.{suffix}")
        labels = tmp_path / f"{kind}.txt"
        arguments = ["import", "label-studio", str(file), "--labels", str(labels), "--image-prefix", PREFIX]
        ran = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert ran.exit_code == 0, ran.output
        assert dict(read_labels(labels).classes_by_name) == project.labels(), kind


def test_several_classes_go_round_the_loop_too(label_studio, stack, data, api_key, client, tmp_path):
    project = Project(label_studio, stack, data, api_key, several=True)
    project.predict()
    tasks = project.sorted_tasks()
    assert [name_of(task) for task in tasks[:BATCH]] == list(newest(client, "selection").data)
    said = {name_of(task): (class_of(name_of(task)), "stripes")[: 1 + at % 2] for at, task in enumerate(tasks[:BATCH])}
    for task in tasks[:BATCH]:
        project.annotate(task, *said[name_of(task)])
    until(lambda: project.labels() == said)

    project.predict()
    guesses = {name_of(task): _all_predicted(project, task) for task in project.sorted_tasks()}
    assert {name: guesses[name] for name in said} == said
    rest = [name for name in guesses if name not in said]
    assert sum(class_of(name) in guesses[name] for name in rest) > len(rest) / 2, guesses

    file, labels = project.export("JSON", tmp_path / "several.json"), tmp_path / "several.txt"
    arguments = ["import", "label-studio", str(file), "--labels", str(labels), "--image-prefix", PREFIX]
    ran = CliRunner().invoke(cli, [*arguments, "--task", "multilabel"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    assert dict(MULTILABEL.read(labels).classes_by_name) == said

    tasks_file = tmp_path / "tasks.json"
    arguments = ["export", "label-studio", "--labels", str(labels), "--task", "multilabel", "--out", str(tasks_file)]
    ran = CliRunner().invoke(cli, [*arguments, "--image-prefix", PREFIX], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output


def _all_predicted(project, task):
    whole = project.studio.ask("GET", f"/api/tasks/{task['id']}")
    (newest, *_) = sorted(whole["predictions"], key=lambda one: -one["id"])
    return tuple(choice for region in newest["result"] for choice in region["value"]["choices"])


def _predicted(project, task):
    whole = project.studio.ask("GET", f"/api/tasks/{task['id']}")
    (newest, *_) = sorted(whole["predictions"], key=lambda one: -one["id"])
    return newest["result"][0]["value"]["choices"][0]


def screenshot(project):
    """Of the task list, where Playwright and a browser are (SCREENSHOT=file)."""
    file = os.environ.get("SCREENSHOT")
    if not file:
        return
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - in no extra of ours

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{project.studio.url}/user/login")
        page.fill("input[name=email]", EMAIL)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.goto(f"{project.studio.url}/projects/{project.id}/data?tab={project.view}")
        page.wait_for_timeout(8000)
        page.screenshot(path=file)
        browser.close()


def test_a_batch_is_exported_with_predictions_and_its_answers_come_back(label_studio, project, client, stack, tmp_path):
    job = client.jobs(kind="selection", limit=1)[0]
    tasks, view = tmp_path / "tasks.json", tmp_path / "config.xml"
    arguments = ["export", "label-studio", "--job", job.id, "--url", stack.url, "--api-key", client_key(client)]
    more = ["--out", str(tasks), "--config", str(view), "--image-prefix", PREFIX]
    ran = CliRunner().invoke(cli, [*arguments, *more, *(f"--class={name}" for name in CLASSES)], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    made = label_studio.ask("POST", "/api/projects", json={"title": "Batch", "label_config": view.read_text()})
    label_studio.http.post(
        f"/api/projects/{made['id']}/import", content=tasks.read_bytes(), headers={"Content-Type": "application/json"}
    ).raise_for_status()
    tab = label_studio.ask("POST", "/api/dm/views", json={"project": made["id"], "data": ASCENDING})["id"]
    listed = label_studio.tasks(tab)
    assert [name_of(task) for task in listed] == list(client.wait(job.id).result.data)


def client_key(client):
    return client._http.headers["Authorization"].removeprefix("Bearer ")

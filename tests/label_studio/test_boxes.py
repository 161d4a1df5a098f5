"""Boxes and Label Studio's `<RectangleLabels>`: into a project, drawn there, and back, over its own API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from nextlabel.client.main import cli
from nextlabel.core.data.boxes import Box, BoxedImage, write_lines
from nextlabel.core.kinds.prediction import BoxesOfImage, DetectionPredictionResult
from nextlabel.core.kinds.results import DetectorSummary, PredictedBox
from nextlabel.core.tasks.registry import DETECTION
from tests.api.support import MANIFEST
from tests.label_studio.conftest import LabelStudio

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
PREFIX = "/data/local-files/?d=photos/"
SIZE = (641, 367)  # sides of which no pixel is a whole percent
NUT, SCREW = Box("nut", 10, 20, 31, 25), Box("ace of spades", 0.5, 0, 640.25, 367)
IMAGES = {
    "a.png": BoxedImage(*SIZE, (NUT, SCREW)),
    "day one/b c.png": BoxedImage(*SIZE, (Box("nut", 639, 365, 2, 2),)),
    "empty.png": BoxedImage(*SIZE),
}
DETECTOR = DetectorSummary(
    name="yolox_nano", classes=("nut",), images=4, boxes=4, held_out=1, passes=8, image_size=320, map50=0.5,
    thresholds={"nut": 0.4},
)  # fmt: skip


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    for name in IMAGES:
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", SIZE).save(folder / name)
    return folder


def run(*arguments: object) -> str:
    said = [*map(str, arguments), "--task", "detection", "--image-prefix", PREFIX]
    ran = CliRunner().invoke(cli, said, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.output


def project(studio: LabelStudio, tasks: Path, config: Path) -> int:
    made = studio.ask("POST", "/api/projects", json={"title": "Boxes", "label_config": config.read_text()})
    taken = json.loads(tasks.read_text())
    told = studio.ask("POST", f"/api/projects/{made['id']}/import", json=taken)
    assert told["task_count"] == len(taken)
    return made["id"]


def came_back(studio: LabelStudio, of: int, kind: str, pool: Path, folder: Path, *more: str) -> dict[str, BoxedImage]:
    answer = studio.http.get(f"/api/projects/{of}/export", params={"exportType": kind, "download_all_tasks": "true"})
    assert answer.is_success
    (folder / f"{kind}.json").write_bytes(answer.content)
    labels = folder / f"{kind}.jsonl"
    run("import", "label-studio", folder / f"{kind}.json", "--pool", pool, "--labels", labels, *more)
    return dict(DETECTION.read(labels).images)


def assert_same(got: Mapping[str, BoxedImage], wanted: Mapping[str, BoxedImage]) -> None:
    """Percents are kept to the last digit, so that pixels are the same to a hundredth."""
    assert got.keys() == wanted.keys()
    for name, image in got.items():
        assert (image.width, image.height) == (wanted[name].width, wanted[name].height)
        for one, other in zip(sorted(image.boxes), sorted(wanted[name].boxes), strict=True):
            assert one.class_name == other.class_name
            assert one[1:5] == pytest.approx(other[1:5], abs=0.01)


@pytest.mark.parametrize("kind", ["JSON", "JSON_MIN"])
def test_drawn_boxes_go_into_a_project_and_come_back_to_the_pixel(label_studio, pool, tmp_path, kind):
    (tmp_path / "boxes.jsonl").write_text(write_lines(IMAGES.items()))
    tasks, view = tmp_path / "tasks.json", tmp_path / "config.xml"
    run("export", "label-studio", "--labels", tmp_path / "boxes.jsonl", "--out", tasks, "--config", view)
    made = project(label_studio, tasks, view)
    assert_same(came_back(label_studio, made, kind, pool, tmp_path), IMAGES)


def test_proposals_have_a_score_a_region_and_a_task_and_count_once_a_person_took_them(label_studio, pool, tmp_path):
    sure, unsure = (PredictedBox(box=NUT[1:5], class_name="nut", score=score, draft=True) for score in (0.75, 0.5))
    items = tuple(
        BoxesOfImage(name=name, width=SIZE[0], height=SIZE[1], boxes=boxes)
        for name, boxes in {"a.png": (sure,), "day one/b c.png": (unsure,), "empty.png": ()}.items()
    )
    result = DetectionPredictionResult(items=items, detector=DETECTOR, skipped=(), manifest=MANIFEST)
    (tmp_path / "result.json").write_text(result.model_dump_json(by_alias=True))
    tasks, view = tmp_path / "tasks.json", tmp_path / "config.xml"
    run("export", "label-studio", "--result", tmp_path / "result.json", "--out", tasks, "--config", view)
    made = project(label_studio, tasks, view)
    listed = {_name(one): one for one in label_studio.ask("GET", "/api/tasks", params={"project": made})["tasks"]}
    scores = {name: _prediction(label_studio, task)["score"] for name, task in listed.items()}
    assert scores["a.png"] == 0.75
    assert scores["day one/b c.png"] == 0.5
    regions = _prediction(label_studio, listed["a.png"])["result"]
    assert [region["score"] for region in regions] == [0.75]

    drawn = {**regions[0], "value": {**regions[0]["value"], "rectanglelabels": ["nut"]}}
    for name, result_ in {"a.png": [drawn], "empty.png": []}.items():
        label_studio.ask("POST", f"/api/tasks/{listed[name]['id']}/annotations/", json={"result": result_})
    told = came_back(label_studio, made, "JSON", pool, tmp_path)
    assert_same(told, {"a.png": BoxedImage(*SIZE, (NUT,)), "empty.png": BoxedImage(*SIZE)})


def _name(task: Mapping[str, Any]) -> str:
    return task["data"]["image"].partition("photos/")[2].replace("%20", " ")


def _prediction(studio: LabelStudio, task: Mapping[str, Any]) -> dict[str, Any]:
    (prediction,) = studio.ask("GET", f"/api/tasks/{task['id']}")["predictions"]
    return prediction

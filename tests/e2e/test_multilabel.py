"""The loop where an image may have several classes: over HTTP, from Python and from the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from nextlabel.client.errors import Refused
from nextlabel.core.kinds.prediction import MultilabelPredictionResult
from nextlabel.core.kinds.selection import MultilabelSelectionResult
from nextlabel.core.tasks.registry import MULTILABEL
from tests.core.pipelines.test_multilabel import write

pytestmark = pytest.mark.e2e


def test_from_no_labels_to_a_score_and_predictions(client, data, stack, said):
    asked = {"backbone": "descriptor", "path_to_img": "several", "task": "multilabel"}
    first = client.select(add=16, **asked)
    assert isinstance(first, MultilabelSelectionResult)
    assert first.method.name == "maxherding"
    labels = Path(write(data / "several.txt", {name: said[name] for name in first.data}))

    second = client.select(add=8, path_to_labels="several.txt", **asked)
    assert second.method.name == "uherding"
    assert not {*first.data} & {*second.data}
    write(labels, {name: said[name] for name in (*first.data, *second.data)})

    score = client.f1(
        task="multilabel",
        backbone="descriptor",
        path_to_img_train="several",
        path_to_labels_train="several.txt",
        path_to_img_val="several_val",
        path_to_labels_val="several_val.txt",
    )
    assert score.mean_average_precision > 0.9

    job = client.submit({"kind": "prediction", "path_to_labels": "several.txt", **asked})
    result = client.wait(job.id, timeout_s=60).result
    assert isinstance(result, MultilabelPredictionResult)
    (data / "told.txt").write_bytes(client.download(job.id, "tsv"))
    assert MULTILABEL.read(data / "told.txt").names == said.keys() - {*first.data, *second.data}
    sent = httpx.get(f"{stack.url}/jobs/{job.id}/result", headers={"Accept": "text/csv"}).text
    assert sent.startswith("name,predicted,confidence\r\n")


def test_the_command_line_takes_the_task(data, stack, said):
    write(data / "some.txt", dict(list(said.items())[:24]))
    command = [sys.executable, "-m", "nextlabel.client.main", "predict", "several", "--labels", "some.txt"]
    options = ["--backbone", "descriptor", "--task", "multilabel", "--url", stack.url, "-o", str(data / "out.txt")]
    ran = subprocess.run([*command, *options], cwd=data, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert len(MULTILABEL.read(data / "out.txt")) == 36


def test_labels_of_several_classes_are_refused_where_an_image_has_one_with_the_task_that_takes_them(client, data, said):
    write(data / "mixed.txt", dict(list(said.items())[:8]))
    with pytest.raises(Refused, match='"task": "multilabel"'):
        client.predict(backbone="descriptor", path_to_img="several", path_to_labels="mixed.txt")

"""The loop a labelling team goes round, over HTTP, against real processes."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import httpx
import pytest

from nextlabel.client.errors import JobFailed, Refused
from nextlabel.core.data.labels import write_labels
from nextlabel.core.kinds.selection import MethodUsed
from nextlabel.core.methods.reasons import MethodReason
from nextlabel.core.methods.registry import methods_of
from nextlabel.core.tasks.classification import read_labels

pytestmark = pytest.mark.e2e


@pytest.fixture
def ask(client, data):
    """Submits, waits, returns the result."""

    def ask(kind, **fields):
        return client.run({"kind": kind, "backbone": "descriptor", **fields}, timeout_s=60)

    return ask


def test_from_no_labels_to_a_score_and_back_to_the_next_batch(ask, data):
    answers = read_labels(data / "answers.txt").classes_by_name
    labels = data / "loop.txt"

    first = ask("selection", add=30, path_to_img="pool")
    assert len(first.data) == 30
    assert first.method.name == "maxherding"
    assert first.method.why.startswith("nothing is labelled yet")
    assert first.items[0].reason == "stands for a region of the pool without labels"
    write_labels(labels, [(name, answers[name]) for name in first.data])

    second = ask("selection", add=20, path_to_img="pool", path_to_labels="loop.txt", method="margin")
    assert len(second.data) == 20
    assert not set(first.data) & set(second.data)
    item = second.items[0]
    assert item.rank == 1
    assert item.predicted == item.top[0].class_name
    assert item.reason.startswith("uncertain: ")
    assert [one.score for one in second.items] == sorted((one.score for one in second.items), reverse=True)
    write_labels(labels, [(name, answers[name]) for name in first.data + second.data])

    scores = ask(
        "f1",
        path_to_img_train="pool",
        path_to_labels_train="loop.txt",
        path_to_img_val="val",
        path_to_labels_val="labels_val.txt",
    )
    assert 0.5 < scores.f1_macro <= 1
    assert scores.f1_macro_interval[0] <= scores.f1_macro <= scores.f1_macro_interval[1]
    assert scores.validation_images == 100 == sum(map(sum, scores.confusion.matrix))


def test_predictions_come_for_every_unlabelled_image_and_can_be_read_back(client, ask, data):
    answers = read_labels(data / "answers.txt").classes_by_name
    known = dict(list(answers.items())[:80])
    write_labels(data / "known.txt", known.items())

    job = client.submit(
        {"kind": "prediction", "backbone": "descriptor", "path_to_img": "pool", "path_to_labels": "known.txt"}
    )
    result = client.wait(job.id, timeout_s=60).result
    assert {item.name for item in result.items} == set(answers) - set(known)

    (data / "predicted.txt").write_bytes(client.download(job.id, "tsv"))
    predicted = read_labels(data / "predicted.txt").classes_by_name
    right = sum(answers[name] == class_name for name, class_name in predicted.items())
    assert right / len(predicted) > 0.6
    everything_labelled = ask(
        "selection", add=5, near_copies="allow", path_to_img="pool", path_to_labels="predicted.txt"
    )
    assert set(everything_labelled.data) <= set(known)

    rows = list(csv.DictReader(io.StringIO(client.download(job.id, "csv").decode())))
    assert rows[0].keys() == {"name", "predicted", "confidence", "second", "second_probability"}
    assert len(rows) == len(result.items)


def test_the_same_request_gives_the_same_bytes(client, data):
    write_labels(data / "same.txt", list(read_labels(data / "answers.txt").classes_by_name.items())[:50])
    request = {
        "kind": "selection",
        "backbone": "descriptor",
        "add": 10,
        "path_to_img": "pool",
        "path_to_labels": "same.txt",
        "method": "entropy",
        "seed": 3,
    }
    ids = [client.submit(request).id for _ in range(2)]
    for job_id in ids:
        client.wait(job_id, timeout_s=60)
    assert client.download(ids[0]) == client.download(ids[1])


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_every_head_runs_end_to_end(ask, data, head):
    write_labels(data / "some.txt", list(read_labels(data / "answers.txt").classes_by_name.items())[:40])
    result = ask("selection", add=7, path_to_img="pool", path_to_labels="some.txt", method="margin", head=head)
    assert len(set(result.data)) == 7
    because = MethodReason(code="asked")
    assert result.method == MethodUsed(asked="margin", name="margin", why="as asked", because=because)
    assert result.head.name == head


@pytest.fixture(scope="module")
def photos(data, real_data):
    """Photos of clothes below the data root of these tests, half of them labelled."""
    folder = data / "photos of every method"
    shutil.copytree(real_data / "clothing" / "val", folder / "clothes")
    pairs = list(read_labels(real_data / "clothing" / "labels_val.txt").classes_by_name.items())
    write_labels(folder / "clothes.txt", pairs[::2])
    yield {"path_to_img": str(folder / "clothes"), "path_to_labels": str(folder / "clothes.txt")}
    shutil.rmtree(folder)


@pytest.mark.real_data
@pytest.mark.parametrize("method", [*sorted({*methods_of("classification")} - {"vae"}), "vae2", "mixture1"])
def test_every_method_selects_among_real_photos(client, photos, method):
    request = {"kind": "selection", "backbone": "descriptor", "add": 20, "method": method, **photos}
    job = client.wait(client.submit(request).id, timeout_s=100)
    result = job.result
    labelled = read_labels(Path(photos["path_to_labels"])).classes_by_name
    assert len(set(result.data) - set(labelled)) == 20
    assert all(item.reason and len(item.top) == 3 for item in result.items)
    assert result.method.asked == method.rstrip("0123456789")


def test_the_first_versions_query_strings_get_its_answers(stack, data):
    labels = data / "метки (копия)"
    labels.mkdir(exist_ok=True)
    pairs = list(read_labels(data / "answers.txt").classes_by_name.items())
    write_labels(labels / "one.txt", pairs[:30])
    write_labels(labels / "two.txt", pairs[30:60])
    query = {
        "backbone": "descriptor",
        "add": 10,
        "method": "margin",
        "path_to_labels": str(labels),
        "path_to_img": str(data / "pool"),
    }
    answer = httpx.get(f"{stack.url}/active_learning", params=query, timeout=60)
    names = answer.json()["data"]
    assert answer.json().keys() == {"data"}
    assert len(names) == 10
    assert names == sorted(names)

    job = httpx.get(f"{stack.url}/jobs/{answer.headers['X-Job-ID']}").json()
    assert sorted(job["result"]["data"]) == names

    query = {
        "backbone": "descriptor",
        "path_to_labels_train": str(labels),
        "path_to_img_train": str(data / "pool"),
        "path_to_labels_val": str(data / "labels_val.txt"),
        "path_to_img_val": str(data / "val"),
    }
    answer = httpx.get(f"{stack.url}/f1", params=query, timeout=60).json()
    assert answer.keys() == {"f1_macro"}
    assert 0.3 < answer["f1_macro"] <= 1


def test_unreachable_weights_fail_the_job_and_name_both_remedies(client):
    job = client.submit({"kind": "selection", "backbone": "b0", "add": 1, "path_to_img": "pool"})
    with pytest.raises(JobFailed, match=r"efficientnet_b0\.safetensors into NEXTLABEL_WEIGHTS_DIR.*Hugging Face"):
        client.wait(job.id, timeout_s=60)
    failed = client.job(job.id)
    assert failed.error.code == "weights_unavailable"
    assert failed.error.stage == "read"
    assert failed.error.retryable is True


def test_an_untrained_network_runs_only_when_asked_for_and_says_so(client):
    request = {"kind": "selection", "backbone": "test_vit", "weights": "random", "add": 1, "path_to_img": "pool"}
    job = client.wait(client.submit(request).id, timeout_s=60)
    assert [warning.code for warning in job.warnings] == ["random_weights"]


def test_a_refused_request_tells_all_its_faults(client):
    with pytest.raises(Refused) as refused:
        client.submit({"kind": "selection", "backbone": "b9", "add": 0, "path_to_img": "/etc", "colour": "red"})
    faults = {fault["pointer"]: fault["code"] for fault in refused.value.problem["errors"]}
    assert faults == {
        "/backbone": "unknown_backbone",
        "/add": "invalid_value",
        "/path_to_img": "path_not_allowed",
        "/colour": "unknown_field",
    }


def test_the_second_job_loads_nothing_and_embeds_nothing(client, data):
    write_labels(data / "warm.txt", list(read_labels(data / "answers.txt").classes_by_name.items())[:30])
    request = {
        "kind": "selection", "backbone": "descriptor", "add": 3, "path_to_img": "pool", "path_to_labels": "warm.txt"
    }  # fmt: skip
    client.wait(client.submit(request).id, timeout_s=60)
    job = client.submit(request)
    with httpx.stream("GET", f"{client.url}/jobs/{job.id}/events", timeout=60) as events:
        lines = [line.removeprefix("data: ") for line in events.iter_lines() if line.startswith("data: ")]
    told = [json.loads(line) for line in lines]
    embedding = next(one for one in told if one.get("stage") == "embed")
    assert embedding["done"] == embedding["total"] == 200
    assert told[-1] == {"state": "succeeded"}
